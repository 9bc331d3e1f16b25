"""What the checks run on."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

from edgeval import llama
from edgeval.llama import machine as machines
from scripts.lib.gpu.check import MIB, Check
from scripts.lib.peers.markdown import Section


def measure(check: Check) -> Section:
    """Describe the machine, its devices and what llama.cpp was built with."""
    machine = machines.describe()
    found = check.device
    devices = [describe(each) for each in llama.devices()]
    driver = driver_version()
    result: dict[str, Any] = {
        "machine": machine.model_dump(),
        "checked": describe(found),
        "devices": devices,
        "engine": llama.engine_version(),
        "features": llama.system_info(),
        "driver": driver,
    }
    text = (
        f"{found.description} ({found.name}, {found.memory()[1] / MIB:,.0f} MiB, {found.backend}"
        f"{f', driver {driver}' if driver else ''}) beside {machine.cpu} with {check.threads} "
        f"threads; {llama.engine_version()}."
    )
    return Section("Machine", text, result)


def describe(found: llama.Device) -> dict[str, Any]:
    """Return a device as a JSON object, its memory in bytes."""
    return {
        "name": found.name,
        "description": found.description,
        "backend": found.backend,
        "total_bytes": found.memory()[1],
    }


def driver_version() -> str | None:
    """Return the version of NVIDIA's driver; None where its tool is not."""
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    return lines[0].strip() if done.returncode == 0 and lines else None
