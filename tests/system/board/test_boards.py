"""What each board is, from its own files; what they do not tell is not known, and not zero."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeval.system.board import cores, identity, limits, memory, power, reading, sysctl
from edgeval.system.board.cores import Cores
from edgeval.system.board.limits import Limits
from edgeval.system.board.memory import Modules
from edgeval.system.board.power import Clocks, Supply
from tests.helpers import boards
from tests.helpers.boards import GIB, write

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems have no such files, and forbid their names"
)

Board = Callable[[Path], None]
NOTHING: Board = lambda root: None  # noqa: E731


@pytest.mark.parametrize(
    ("board", "name", "soc", "system"),
    [
        (
            boards.pi_4,
            "Raspberry Pi 4 Model B Rev 1.5",
            "BCM2711",
            "Debian GNU/Linux 12 (bookworm)",
        ),
        (
            boards.pi_5,
            "Raspberry Pi 5 Model B Rev 1.0",
            "BCM2712",
            "Debian GNU/Linux 12 (bookworm)",
        ),
        (boards.orange_pi_5, "Orange Pi 5", "RK3588", "Armbian 24.5.1 bookworm"),
        (
            boards.jetson_orin,
            "NVIDIA Jetson Orin Nano Developer Kit",
            "TEGRA234",
            "Ubuntu 22.04.4 LTS",
        ),
        (boards.n100, None, None, None),
        (
            boards.ryzen_laptop,
            "Framework Laptop 13 (AMD Ryzen 7040Series)",
            None,
            "Fedora Linux 40",
        ),
        (NOTHING, None, None, None),
    ],
)
def test_a_board_is_called_what_its_maker_calls_it(
    board: Board, name: str | None, soc: str | None, system: str | None, tmp_path: Path
) -> None:
    board(tmp_path)
    found = (identity.board(tmp_path), identity.soc(tmp_path), identity.operating_system(tmp_path))
    assert found == (name, soc, system)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (
            {
                "sys_vendor": "LENOVO",
                "product_name": "21CQCTO1WW",
                "product_version": "ThinkPad T14s Gen 3",
            },
            "LENOVO ThinkPad T14s Gen 3",
        ),
        (
            {
                "sys_vendor": "Default string",
                "product_name": "System Product Name",
                "board_name": "X99-F8",
            },
            "X99-F8",
        ),
        (
            {"sys_vendor": "Google", "product_name": "Google Compute Engine"},
            "Google Compute Engine",
        ),
        (
            {"sys_vendor": "Evil\x1b[2J", "product_name": "x" * 400},
            f"Evil\\x1b[2J {'x' * 100}…",
        ),
        ({"sys_vendor": "Acme", "product_name": "123456"}, None),
    ],
)
def test_a_pc_is_called_what_its_firmware_says(
    fields: dict[str, str], name: str | None, tmp_path: Path
) -> None:
    write(tmp_path / "sys/class/dmi/id", fields)
    assert identity.board(tmp_path) == name


@pytest.mark.parametrize(
    ("compatible", "soc"),
    [
        ("linux,dummy-virt", None),
        ("apple,j274\0apple,t8103\0apple,arm-platform", "T8103"),
        ("xunlong,orangepi-5\0rockchip,rk3588s", "RK3588S"),
        ("", None),
    ],
)
def test_the_chip_is_the_last_name_with_a_number(
    compatible: str, soc: str | None, tmp_path: Path
) -> None:
    write(tmp_path, {"proc/device-tree/compatible": compatible})
    assert identity.soc(tmp_path) == soc


@pytest.mark.parametrize(
    ("board", "expected"),
    [
        (boards.pi_4, [(4, "Cortex-A72", None, 1800)]),
        (boards.pi_5, [(4, "Cortex-A76", None, 2400)]),
        (
            boards.orange_pi_5,
            [(4, "Cortex-A76", "performance", 2352), (4, "Cortex-A55", "efficiency", 1800)],
        ),
        (boards.jetson_orin, [(6, "Cortex-A78AE", None, 1510)]),
        (boards.n100, [(4, None, None, 3400)]),
        (boards.ryzen_laptop, [(8, None, None, 5132)]),
        (boards.hybrid, [(4, None, "performance", 4400), (8, None, "efficiency", 3300)]),
        (NOTHING, []),
    ],
)
def test_cores_are_counted_by_kind(board: Board, expected: object, tmp_path: Path) -> None:
    board(tmp_path)
    found = cores.cores(tmp_path)
    assert [(each.count, each.name, each.kind, each.max_mhz) for each in found] == expected


def test_a_core_that_is_switched_off_is_not_there(tmp_path: Path) -> None:
    boards.orange_pi_5(tmp_path)
    write(tmp_path, {"sys/devices/system/cpu/online": "0-5"})
    assert [each.count for each in cores.cores(tmp_path)] == [2, 4]


def test_large_cores_of_two_sizes_are_all_for_performance(tmp_path: Path) -> None:
    """Capacities as of an X3 beside A715 and A510."""
    parts, capacities = ("0xd4e", "0xd4d", "0xd46"), (1024, 802, 326)
    blocks = (
        f"processor: {n}\nCPU implementer: 0x41\nCPU part: {part}" for n, part in enumerate(parts)
    )
    write(tmp_path, {"proc/cpuinfo": "\n\n".join(blocks), "sys/devices/system/cpu/online": "0-2"})
    for n, capacity in enumerate(capacities):
        write(tmp_path, {f"sys/devices/system/cpu/cpu{n}/cpu_capacity": capacity})
    assert {each.name: each.kind for each in cores.cores(tmp_path)} == {
        "Cortex-X3": "performance",
        "Cortex-A715": "performance",
        "Cortex-A510": "efficiency",
    }


def test_macos_tells_its_levels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (
        "hw.model: Mac14,2\nhw.nperflevels: 2\nhw.perflevel0.name: Performance\n"
        "hw.perflevel0.physicalcpu: 4\nhw.perflevel1.name: Efficiency\n"
        "hw.perflevel1.physicalcpu: 4\n"
    )
    monkeypatch.setattr(sysctl, "values", lambda: sysctl.parsed(text))
    assert identity.board(tmp_path) == "Mac14,2"
    assert cores.cores(tmp_path) == (
        Cores(4, "Performance", "performance"),
        Cores(4, "Efficiency", "efficiency"),
    )


@pytest.mark.parametrize(
    ("board", "expected"),
    [
        (boards.n100, Modules("DDR4", 3200, 1)),
        (boards.ryzen_laptop, Modules("DDR5", 5600, 2)),
        (boards.pi_5, Modules()),
        (NOTHING, Modules()),
    ],
)
def test_memory_is_told_where_udev_knows_it(
    board: Board, expected: Modules, tmp_path: Path
) -> None:
    board(tmp_path)
    assert memory.modules(tmp_path) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # Two modules in one channel, and an empty slot in the other.
        (
            [
                "0_SIZE=8", "0_LOCATOR=ChannelA-DIMM0", "1_SIZE=8", "1_LOCATOR=ChannelA-DIMM1",
                "2_PRESENT=0", "2_LOCATOR=ChannelB-DIMM0",
            ],
            Modules(None, None, 1),
        ),
        (["0_SIZE=8", "0_LOCATOR=DIMM 0", "0_BANK_LOCATOR=BANK 0"], Modules()),
        (["0_SIZE=8", "0_TYPE=<OUT OF SPEC>", "0_CONFIGURED_SPEED_MTS=x"], Modules()),
        (
            ["0_SIZE=8", "0_TYPE=DDR4", "0_CONFIGURED_SPEED_MTS=3200", "1_SIZE=8", "1_TYPE=DDR4",
             "1_CONFIGURED_SPEED_MTS=2666"],
            Modules("DDR4", 2666, None),
        ),
    ],
)  # fmt: skip
def test_modules_tell_only_what_all_of_them_say(
    lines: list[str], expected: Modules, tmp_path: Path
) -> None:
    text = "\n".join(f"E:MEMORY_DEVICE_{line}" for line in lines)
    write(tmp_path, {"run/udev/data/+dmi:id": text})
    assert memory.modules(tmp_path) == expected


def test_swap_and_pressure_are_read_or_unknown(tmp_path: Path) -> None:
    assert (memory.total_bytes(tmp_path), memory.swap_used_bytes(tmp_path)) == (None, None)
    assert memory.pressure_percent(tmp_path) is None
    boards.pi_5(tmp_path)
    boards.ryzen_laptop(tmp_path)
    assert memory.total_bytes(tmp_path) == 8245696 * 1024
    assert memory.swap_used_bytes(tmp_path) == 500_000 * 1024
    assert memory.pressure_percent(tmp_path) == 12.5


@pytest.mark.parametrize(
    ("board", "clocks", "supply"),
    [
        (boards.pi_4, Clocks(("ondemand",), "cpufreq-dt"), Supply(None, None, True)),
        (boards.pi_5, Clocks(("ondemand",), "cpufreq-dt"), Supply(None, None, False)),
        (boards.orange_pi_5, Clocks(("ondemand",), "cpufreq-dt"), Supply()),
        (
            boards.n100,
            Clocks(("powersave",), "intel_pstate", "balance_performance"),
            Supply(),
        ),
        (
            boards.ryzen_laptop,
            Clocks(("powersave",), "amd-pstate-epp", "power"),
            Supply("battery", True),
        ),
        (NOTHING, Clocks(), Supply()),
    ],
)
def test_power_is_what_sysfs_tells(
    board: Board, clocks: Clocks, supply: Supply, tmp_path: Path
) -> None:
    board(tmp_path)
    assert (power.clocks(tmp_path), power.supply(tmp_path)) == (clocks, supply)


@pytest.mark.parametrize(
    ("status", "expected"),
    [("Charging", Supply("mains", False)), ("Discharging", Supply("mains", True))],
)
def test_a_laptop_that_is_plugged_in_is_on_mains(
    status: str, expected: Supply, tmp_path: Path
) -> None:
    boards.ryzen_laptop(tmp_path)
    supplies = tmp_path / "sys/class/power_supply"
    write(supplies, {"ACAD/online": 1, "BAT1/status": status})
    assert power.supply(tmp_path) == expected


@pytest.mark.parametrize(
    ("board", "expected"),
    [
        (boards.container_v2, Limits(1.5, 2 * GIB)),
        (boards.container_v1, Limits(0.5, GIB)),
        (boards.pi_5, Limits()),
        (NOTHING, Limits()),
    ],
)
def test_limits_bind_from_above(board: Board, expected: Limits, tmp_path: Path) -> None:
    board(tmp_path)
    assert limits.limits(tmp_path) == expected


def test_a_limit_above_all_memory_is_none(tmp_path: Path) -> None:
    boards.container_v2(tmp_path, "max 100000", f"{64 * GIB}")
    assert limits.limits(tmp_path) == Limits(4.0, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0-2,5", {0, 1, 2, 5}),
        ("", set()),
        (None, set()),
        ("a-b,3-", {3}),
        ("7-99999999999", set(range(7, 8192))),
    ],
)
def test_lists_of_cpus_are_bounded(text: str | None, expected: set[int]) -> None:
    assert reading.cpus(text) == expected


def test_odd_files_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    write(tmp_path, {"words": "12 kHz", "long": "9" * 50, "minus": "-5", "empty": ""})
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\0\0")
    files = ("folder", "words", "long", "minus", "empty", "bytes", "missing")
    assert [reading.number(tmp_path / each) for each in files] == [
        *(None, None, None, -5, None, None, None),
    ]
    assert reading.text(tmp_path / "folder") is None
    assert reading.text(tmp_path / "empty") is None
