"""Values of sysctl, with which macOS tells what machine it runs on."""

from __future__ import annotations

import functools
import subprocess
import sys

_NAMES = (
    "hw.model",
    "hw.nperflevels",
    *(f"hw.perflevel{level}.{name}" for level in range(3) for name in ("name", "physicalcpu")),
)


@functools.cache
def values() -> dict[str, str]:
    """Return what macOS says of itself by its names; nothing on other systems."""
    if sys.platform != "darwin":
        return {}
    command = ["/usr/sbin/sysctl", *_NAMES]
    # It fails where one name is unknown, and has printed the others.
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return parsed(found.stdout)


def parsed(text: str) -> dict[str, str]:
    """Return names and values of lines like ``hw.model: Mac14,2``."""
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs if value.strip()}
