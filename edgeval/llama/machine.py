"""Machine that computes: its name, CPU, cores and memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil

from edgeval.records import Machine


def physical_cores() -> int:
    """Return the number of physical cores this process may use, at least 1."""
    physical = psutil.cpu_count(logical=False) or 1
    if hasattr(os, "sched_getaffinity"):
        return max(1, min(physical, len(os.sched_getaffinity(0))))
    return physical


def describe() -> Machine:
    """Return this machine's description for a record; no name of host or user is in it."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        cpu=cpu_name(),
        physical_cores=physical_cores(),
        logical_cores=psutil.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
    )


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


def cpu_name() -> str:
    """Return what the CPU calls itself."""
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.strip() or platform.machine()
    for path, prefix in (("/proc/cpuinfo", "model name"), ("/proc/device-tree/model", "")):
        if name := _line_with(Path(path), prefix):
            return name
    return platform.processor() or platform.machine()


def _line_with(path: Path, prefix: str) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    line = next((line for line in lines if line.startswith(prefix)), "")
    return line.rpartition(":")[2].strip(" \t\x00")
