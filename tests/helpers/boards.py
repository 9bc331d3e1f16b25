"""File systems of machines, as far as anybody asks them what they are.

Each board has the values that its kernel shows: from the makers' device trees and data sheets, and
what their owners post. ``SECRET`` stands wherever a board keeps what nobody else may know.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SECRET = "SECRET1234"
GIB = 1024**3

_CPU = "sys/devices/system/cpu"


def write(root: Path, files: Mapping[str, object]) -> None:
    """Write files below a root."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n", encoding="utf-8", newline="")


def disk(root: Path, of: Path, place: str, files: Mapping[str, object]) -> None:
    """Let a path be on a disk.

    Args:
        root: The file system.
        of: The path.
        place: The disk or its part, below ``sys/devices``.
        files: What is known of it, by names below the folder of the disk.
    """
    folder = root / "sys/devices" / place
    write(folder, files)
    device = of.stat().st_dev
    link = root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
    link.parent.mkdir(parents=True)
    link.symlink_to(folder, target_is_directory=True)


def sd_card(root: Path, of: Path) -> None:
    """Let a path be on the second partition of an SD card."""
    place = "platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0"
    (root / "sys/devices" / place / "mmcblk0p2").mkdir(parents=True)
    files = {"partition": 2, "../device/type": "SD", "../queue/rotational": 0}
    disk(root, of, f"{place}/mmcblk0p2", files)


def nvme(root: Path, of: Path) -> None:
    """Let a path be on a partition of an NVMe SSD."""
    place = "pci0000:00/0000:00:06.0/0000:01:00.0/nvme/nvme0/nvme0n1"
    (root / "sys/devices" / place / "nvme0n1p2").mkdir(parents=True)
    disk(root, of, f"{place}/nvme0n1p2", {"partition": 2, "../queue/rotational": 0})


def pi_4(root: Path) -> None:
    """Raspberry Pi 4 with 4 GB, whose voltage is too low."""
    _pi(root, "4 Model B Rev 1.5", "raspberrypi,4-model-b\0brcm,bcm2711", "0xd08", 1_800_000)
    write(
        root, {"proc/meminfo": "MemTotal:  3884480 kB\nSwapTotal: 102396 kB\nSwapFree: 102396 kB"}
    )
    write(root, {"sys/class/hwmon/hwmon1/name": "rpi_volt", _ALARM: 1})


def pi_5(root: Path) -> None:
    """Raspberry Pi 5 with 8 GB."""
    _pi(root, "5 Model B Rev 1.0", "raspberrypi,5-model-b\0brcm,bcm2712", "0xd0b", 2_400_000)
    write(root, {"proc/meminfo": "MemTotal:  8245696 kB\nSwapTotal: 524272 kB\nSwapFree: 24272 kB"})
    write(root, {"sys/class/hwmon/hwmon1/name": "rpi_volt", _ALARM: 0})


def orange_pi_5(root: Path) -> None:
    """Orange Pi 5: four small and four large cores."""
    write(
        root,
        {
            "proc/device-tree/model": "Orange Pi 5\0",
            "proc/device-tree/compatible": "rockchip,rk3588s-orangepi-5\0rockchip,rk3588\0",
            "proc/cpuinfo": "\n\n".join(
                [
                    *(_arm(cpu, "0xd05") for cpu in range(4)),
                    *(_arm(cpu, "0xd0b") for cpu in range(4, 8)),
                ]
            ),
            "etc/os-release": 'PRETTY_NAME="Armbian 24.5.1 bookworm"',
            f"{_CPU}/online": "0-7",
        },
    )
    for cpu in range(8):
        is_large, clock = cpu > 3, 2_352_000 if cpu > 5 else 2_304_000
        _cpu(root, cpu, f"{cpu}", clock if is_large else 1_800_000, 1024 if is_large else 414)
    for first in (0, 4, 6):
        _policy(root, first, "ondemand", "cpufreq-dt")


def jetson_orin(root: Path) -> None:
    """Jetson Orin Nano with its six cores alike."""
    names = ("p3768-0000+p3767-0005", "p3767-0005", "tegra234")
    write(
        root,
        {
            "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
            "proc/device-tree/compatible": "\0".join(f"nvidia,{name}" for name in names),
            "proc/device-tree/serial-number": SECRET,
            "proc/cpuinfo": "\n\n".join(_arm(cpu, "0xd42") for cpu in range(6)),
            "etc/os-release": 'PRETTY_NAME="Ubuntu 22.04.4 LTS"',
            f"{_CPU}/online": "0-5",
        },
    )
    for cpu in range(6):
        _cpu(root, cpu, f"{cpu}", 1_510_400, 1024)
    _policy(root, 0, "schedutil", "tegra194")


def arm_server(root: Path) -> None:
    """A server with Graviton 3, whose firmware has ACPI's tables and no device tree."""
    write(root / "sys/class/dmi/id", {"sys_vendor": "Amazon EC2", "product_name": "c7g.large"})
    write(
        root,
        {
            "proc/cpuinfo": "\n\n".join(_arm(cpu, "0xd40") for cpu in range(2)),
            f"{_CPU}/online": "0-1",
        },
    )
    for cpu in range(2):
        write(root / _CPU / f"cpu{cpu}", {"topology/core_cpus_list": cpu})


def n100(root: Path) -> None:
    """A mini PC with an N100, whose maker filled in no name; it has one channel of memory."""
    dmi = dict.fromkeys(("sys_vendor", "product_name", "board_name"), "Default string")
    write(root / "sys/class/dmi/id", dmi | {"product_serial": SECRET})
    write(
        root,
        {
            "run/udev/data/+dmi:id": _module(
                0, "Controller0-ChannelA-DIMM0", "BANK 0", "DDR4", 3200
            ),
            "proc/cpuinfo": "\n\n".join(
                f"processor\t: {cpu}\nmodel name\t: Intel(R) N100" for cpu in range(4)
            ),
            f"{_CPU}/online": "0-3",
        },
    )
    for cpu in range(4):
        _cpu(root, cpu, f"{cpu}", 3_400_000)
    _policy(root, 0, "powersave", "intel_pstate", "balance_performance")


def ryzen_laptop(root: Path) -> None:
    """A laptop with a Ryzen 7 7840U, on its battery."""
    dmi = {"sys_vendor": "Framework", "product_name": "Laptop 13 (AMD Ryzen 7040Series)"}
    write(root / "sys/class/dmi/id", dmi | {"product_uuid": SECRET, "product_version": "A7"})
    modules = (_module(n, "DIMM 0", f"P0 CHANNEL {'AB'[n]}", "DDR5", 5600) for n in range(2))
    supplies = root / "sys/class/power_supply"
    write(supplies / "ACAD", {"type": "Mains", "online": 0})
    write(supplies / "BAT1", {"type": "Battery", "status": "Discharging", "serial_number": SECRET})
    write(supplies / "hid-mouse", {"type": "Battery", "status": "Discharging", "scope": "Device"})
    write(
        root,
        {
            "run/udev/data/+dmi:id": "\n".join([*modules, "E:MEMORY_DEVICE_2_PRESENT=0"]),
            "usr/lib/os-release": "NAME=Fedora\nPRETTY_NAME='Fedora Linux 40'",
            "etc/hostname": SECRET,
            "proc/pressure/memory": "some avg10=12.50 avg60=1.00 total=1\nfull avg10=1.00",
            f"{_CPU}/online": "0-15",
        },
    )
    for cpu in range(16):
        _cpu(root, cpu, f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}", 5_132_000)
    _policy(root, 0, "powersave", "amd-pstate-epp", "power")


def hybrid(root: Path) -> None:
    """A laptop with an i5-1240P: four performance cores of two threads and eight others."""
    write(root, {f"{_CPU}/online": "0-15"})
    write(root / "sys/devices", {"cpu_core/cpus": "0-7", "cpu_atom/cpus": "8-15"})
    for cpu in range(16):
        pair = f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}"
        _cpu(root, cpu, pair if cpu < 8 else f"{cpu}", 4_400_000 if cpu < 8 else 3_300_000)


def container_v2(
    root: Path, cpu_max: str = "150000 100000", memory_max: str = f"{2 * GIB}"
) -> None:
    """A container whose pod may use so much, with cgroups of version 2."""
    mounted = root / "sys/fs/cgroup"
    write(
        root,
        {
            "proc/self/cgroup": "0::/pod/app",
            "proc/self/mountinfo": "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
            "proc/meminfo": "MemTotal:  32768000 kB",
        },
    )
    write(mounted / "pod/app", {"cpu.max": "400000 100000", "memory.max": "max"})
    write(mounted / "pod", {"cpu.max": cpu_max, "memory.max": memory_max})


def container_v1(root: Path) -> None:
    """A container that may use half a CPU and 1 GiB, with cgroups of version 1."""
    mounts = (
        f"31 23 0:28 / /cg/{each} rw - cgroup cgroup rw,{each}"
        for each in ("cpu,cpuacct", "memory")
    )
    write(
        root,
        {
            "proc/self/cgroup": "4:memory:/app\n3:cpu,cpuacct:/app\n0::/",
            "proc/self/mountinfo": "\n".join(mounts),
            "proc/meminfo": "MemTotal:  32768000 kB",
            "cg/cpu,cpuacct/app/cpu.cfs_quota_us": 50000,
            "cg/cpu,cpuacct/app/cpu.cfs_period_us": 100000,
            "cg/cpu,cpuacct/cpu.cfs_quota_us": -1,
            "cg/cpu,cpuacct/cpu.cfs_period_us": 100000,
            "cg/memory/app/memory.limit_in_bytes": GIB,
            "cg/memory/memory.limit_in_bytes": 9223372036854771712,
        },
    )


_ALARM = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"


def _pi(root: Path, model: str, compatible: str, part: str, khz: int) -> None:
    board = f"Serial\t\t: {SECRET}\nModel\t\t: Raspberry Pi {model}"
    write(
        root,
        {
            "proc/device-tree/model": f"Raspberry Pi {model}\0",
            "proc/device-tree/compatible": f"{compatible}\0",
            "proc/device-tree/serial-number": SECRET,
            "proc/cpuinfo": "\n\n".join([*(_arm(cpu, part) for cpu in range(4)), board]),
            "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian"',
            f"{_CPU}/online": "0-3",
        },
    )
    for cpu in range(4):
        _cpu(root, cpu, f"{cpu}", khz)
    _policy(root, 0, "ondemand", "cpufreq-dt")


def _arm(cpu: int, part: str) -> str:
    return f"processor\t: {cpu}\nCPU implementer\t: 0x41\nCPU part\t: {part}\nCPU revision\t: 1"


def _cpu(root: Path, cpu: int, siblings: str, khz: int, capacity: int | None = None) -> None:
    files: dict[str, object] = {
        "topology/core_cpus_list": siblings,
        "cpufreq/cpuinfo_max_freq": khz,
    }
    write(root / _CPU / f"cpu{cpu}", files | ({"cpu_capacity": capacity} if capacity else {}))


def _policy(root: Path, first: int, governor: str, driver: str, preference: str = "") -> None:
    files = {"scaling_governor": governor, "scaling_driver": driver}
    if preference:
        files["energy_performance_preference"] = preference
    write(root / _CPU / f"cpufreq/policy{first}", files)


def _module(slot: int, locator: str, bank: str, kind: str, mts: int) -> str:
    values = {
        "SIZE": 16 * GIB,
        "LOCATOR": locator,
        "BANK_LOCATOR": bank,
        "TYPE": kind,
        "SPEED_MTS": 6400,
        "SERIAL_NUMBER": SECRET,
        "CONFIGURED_SPEED_MTS": mts,
    }
    return "\n".join(f"E:MEMORY_DEVICE_{slot}_{name}={value}" for name, value in values.items())
