"""This machine and others in records, and how many threads they compute with."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from edgeval.llama import machine
from edgeval.records import Conditions, CoreGroup, Limits, Machine
from tests.helpers import boards
from tests.helpers.boards import GIB, SECRET

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems have no such files, and forbid their names"
)
Board = Callable[[Path], None]
OLD = {
    "system": "Linux 6.8.0",
    "machine": "x86_64",
    "cpu": "Some CPU",
    "physical_cores": 1,
    "logical_cores": 2,
    "memory_bytes": 8 * GIB,
    "python": "3.11.9",
}


def with_cpus(monkeypatch: pytest.MonkeyPatch, logical: int, physical: int) -> None:
    """Let this process be on a machine with so many CPUs, all of which it may use."""
    counts = {True: logical, False: physical}
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: counts[logical])
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(logical)), raising=False)


def test_this_machine_is_told() -> None:
    found = machine.describe()
    assert found.logical_cores == psutil.cpu_count()
    assert 1 <= machine.physical_cores() <= found.physical_cores <= found.logical_cores
    assert sum(each.count for each in found.cores) in (0, psutil.cpu_count(logical=False))
    assert Machine.model_validate_json(found.model_dump_json()) == found


def test_an_older_record_is_read_and_written_as_it_was() -> None:
    found = Machine.model_validate(OLD)
    assert (found.board, found.cores, found.limits) == (None, [], None)
    assert found.model_dump(mode="json") == OLD


@on_linux
@pytest.mark.parametrize(
    "board",
    [boards.pi_4, boards.pi_5, boards.n100, boards.ryzen_laptop, boards.jetson_orin],
)
def test_no_serial_number_and_no_host_is_in_a_record(board: Board, tmp_path: Path) -> None:
    board(tmp_path)
    records = (machine.describe(tmp_path), machine.conditions(None, None, tmp_path))
    assert SECRET in "".join(
        each.read_text("utf-8") for each in tmp_path.rglob("*") if each.is_file()
    )
    assert SECRET not in "".join(each.model_dump_json() for each in records)


@on_linux
def test_a_board_is_in_the_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_cpus(monkeypatch, 8, 8)
    boards.orange_pi_5(tmp_path)
    boards.nvme(tmp_path, tmp_path)
    found = machine.describe(tmp_path)
    assert (found.board, found.soc, found.limits) == ("Orange Pi 5", "RK3588", None)
    assert found.cores == [
        CoreGroup(count=4, name="Cortex-A76", kind="performance", max_mhz=2352),
        CoreGroup(count=4, name="Cortex-A55", kind="efficiency", max_mhz=1800),
    ]
    assert machine.conditions(tmp_path / "edgeval.db", "fan", tmp_path) == Conditions(
        governors=["ondemand"], clock_driver="cpufreq-dt", storage="NVMe SSD", cooling="fan"
    )


@on_linux
def test_of_a_machine_that_tells_nothing_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_cpus(monkeypatch, 2, 2)
    assert machine.describe(tmp_path).model_dump(mode="json").keys() == OLD.keys()
    assert machine.conditions(None, None, tmp_path).model_dump(mode="json") == {}


@on_linux
def test_what_changes_is_not_in_the_description(tmp_path: Path) -> None:
    boards.ryzen_laptop(tmp_path)
    before = machine.describe(tmp_path)
    policy = tmp_path / "sys/devices/system/cpu/cpufreq/policy0/scaling_governor"
    policy.write_text("performance")
    (tmp_path / "sys/class/power_supply/ACAD/online").write_text("1")
    assert machine.describe(tmp_path) == before
    found = machine.conditions(None, None, tmp_path)
    assert (found.governors, found.power) == (["performance"], "mains")


@on_linux
@pytest.mark.parametrize(
    ("board", "cpus", "limits"),
    [
        (boards.container_v2, 8, Limits(cpus=1.5, memory_bytes=2 * GIB)),
        (boards.container_v2, 1, Limits(memory_bytes=2 * GIB)),
        (boards.container_v1, 8, Limits(cpus=0.5, memory_bytes=GIB)),
        (boards.pi_5, 4, None),
    ],
)
def test_limits_are_told_where_they_bind(
    board: Board,
    cpus: int,
    limits: Limits | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with_cpus(monkeypatch, cpus, cpus)
    board(tmp_path)
    assert machine.describe(tmp_path).limits == limits


@on_linux
def test_a_cpu_set_is_a_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_cpus(monkeypatch, 8, 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {2, 3})
    assert machine.describe(tmp_path).limits == Limits(cpus=2)
    assert machine.physical_cores(tmp_path) == 2


@on_linux
@pytest.mark.parametrize(
    ("board", "logical", "physical", "threads"),
    [
        (boards.pi_5, 4, 4, 4),
        (boards.ryzen_laptop, 16, 8, 8),
        (boards.orange_pi_5, 8, 8, 4),  # Its four small cores would hold the others up.
        (boards.hybrid, 16, 12, 4),
        (boards.container_v2, 8, 8, 2),  # Of 1.5 CPUs.
        (boards.container_v1, 8, 8, 1),  # Of half a CPU.
        (lambda root: None, 3, 3, 3),
    ],
)
def test_threads_are_for_the_fast_cores_within_the_limits(
    board: Board,
    logical: int,
    physical: int,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with_cpus(monkeypatch, logical, physical)
    board(tmp_path)
    assert machine.physical_cores(tmp_path) == threads
    assert machine.describe(tmp_path).physical_cores == physical


@on_linux
@pytest.mark.parametrize(("allowed", "threads"), [({0, 1, 2, 3}, 4), ({3, 4, 5}, 2), ({6}, 1)])
def test_who_may_use_only_small_cores_uses_them(
    allowed: set[int], threads: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_cpus(monkeypatch, 8, 8)
    boards.orange_pi_5(tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: allowed)
    assert machine.physical_cores(tmp_path) == threads


@on_linux
@pytest.mark.parametrize(
    ("board", "name"),
    [
        (boards.n100, "Intel(R) N100"),
        (boards.pi_4, "Raspberry Pi 4 Model B Rev 1.5"),
        (boards.arm_server, "Neoverse-V1"),
        (lambda root: None, platform.processor() or platform.machine()),
    ],
)
def test_a_cpu_that_does_not_say_its_name_has_that_of_its_cores(
    board: Board, name: str, tmp_path: Path
) -> None:
    board(tmp_path)
    assert machine.describe(tmp_path).cpu == name


@on_linux
def test_where_no_file_tells_of_cores_each_cpu_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 4 if logical else None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    assert machine.physical_cores(tmp_path) == 4
    assert machine.describe(tmp_path).physical_cores == 4
