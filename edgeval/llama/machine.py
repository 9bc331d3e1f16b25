"""Machine that computes: what it is, what it computes under, and how much of it may be used."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Literal

import psutil

from edgeval.records import Conditions, CoreGroup, Limits, Machine
from edgeval.system.board import cores, identity, limits, memory, power, storage
from edgeval.system.board.reading import ROOT
from edgeval.system.sharing import shareable_text


def physical_cores(root: Path = ROOT) -> int:
    """Return the physical cores that this process should compute with, at least 1.

    Slow cores do not count where a machine has fast ones. All threads wait for the last one after
    each operation: on an Orange Pi 5 four threads are twice as fast as eight (llama.cpp's issue
    7176), and llama.cpp's own programs leave out Intel's and Apple's efficiency cores. Of a share
    of CPU time, more threads than whole CPUs would stand still together.
    """
    allowed, count = _allowed_cpus(), _cores_here()
    groups = cores.cores(root)
    fast = sum(each.n_within(allowed) for each in groups if each.kind == "performance")
    count = min(count, fast) if fast else count
    share = limits.limits(root).cpus
    return max(1, count if share is None else min(count, math.ceil(share)))


def describe(root: Path = ROOT) -> Machine:
    """Return this machine's description for a record; no name of host or user is in it.

    Args:
        root: Where the system's files are.
    """
    modules = memory.modules(root)
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        cpu=cpu_name(root),
        physical_cores=_cores_here(),
        logical_cores=_n_cpus(),
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        board=identity.board(root),
        soc=identity.soc(root),
        os=identity.operating_system(root),
        cores=[
            CoreGroup(count=each.count, name=each.name, kind=each.kind, max_mhz=each.max_mhz)
            for each in cores.cores(root)
        ],
        memory_type=modules.type,
        memory_mts=modules.mts,
        memory_channels=modules.channels,
        limits=_limits(root),
    )


def conditions(
    written_to: Path | None, cooling: str | None = None, root: Path = ROOT
) -> Conditions:
    """Return what this machine computes under now.

    Args:
        written_to: The file or folder that is written to, which need not exist yet; None for none.
        cooling: What cools the machine, if somebody says so.
        root: Where the system's files are.
    """
    clocks, supply = power.clocks(root), power.supply(root)
    return Conditions(
        governors=list(clocks.governors),
        clock_driver=clocks.driver,
        energy_preference=clocks.preference,
        power=supply.source or _plugged(),
        is_discharging=supply.is_discharging,
        is_under_voltage=supply.is_under_voltage,
        swap_used_bytes=_swap_used(root),
        memory_pressure_percent=memory.pressure_percent(root),
        storage=None if written_to is None else storage.storage_kind(written_to, root),
        cooling=None if cooling is None else shareable_text(cooling),
    )


def _allowed_cpus() -> set[int] | None:
    """Return the CPUs that this process may use; None for all."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def _cores_here() -> int:
    # Where no file tells which CPUs share a core, each is taken for one.
    allowed, physical = _allowed_cpus(), psutil.cpu_count(logical=False) or _n_cpus()
    return physical if allowed is None else max(1, min(physical, len(allowed)))


def _n_cpus() -> int:
    return psutil.cpu_count() or 1


def _limits(root: Path) -> Limits | None:
    """Return the limits that bind: a share of more CPUs than there are is none."""
    allowed, found = _allowed_cpus(), limits.limits(root)
    shares = [share for share in (found.cpus, allowed and len(allowed)) if share]
    cpus = min((share for share in shares if share < _n_cpus()), default=None)
    if cpus is None and found.memory_bytes is None:
        return None
    return Limits(cpus=cpus, memory_bytes=found.memory_bytes)


def _swap_used(root: Path) -> int | None:
    """Return the bytes in swap; Windows counts what it might put there, which tells nothing."""
    if sys.platform == "darwin":
        return int(psutil.swap_memory().used)
    return memory.swap_used_bytes(root)


def _plugged() -> Literal["mains", "battery"] | None:
    """Return where the power comes from on a system that has no files about it."""
    if sys.platform == "linux":
        return None
    battery = psutil.sensors_battery()
    if battery is None or battery.power_plugged is None:
        return None
    return "mains" if battery.power_plugged else "battery"


def peak_rss_bytes() -> int:
    """Return the most memory this process has held, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    if sys.platform == "linux":
        # What getrusage says includes what the parent held when it started this process.
        held = _line_with(Path("/proc/self/status"), "VmHWM").split()
        if held:
            return int(held[0]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak if sys.platform == "darwin" else peak * 1024


def cpu_name(root: Path = ROOT) -> str:
    """Return what the CPU calls itself; of Arm's, which do not, the board's or the cores' name."""
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.strip() or platform.machine()
    for path, prefix in (("proc/cpuinfo", "model name"), ("proc/device-tree/model", "")):
        if name := _line_with(root / path, prefix):
            return name
    named = dict.fromkeys(each.name for each in cores.cores(root) if each.name)
    return " + ".join(named) or platform.processor() or platform.machine()


def _line_with(path: Path, prefix: str) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    line = next((line for line in lines if line.startswith(prefix)), "")
    return line.rpartition(":")[2].strip(" \t\x00")
