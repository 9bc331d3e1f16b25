"""Identity of a machine: its board or model, its SoC, and the system that runs on it."""

from __future__ import annotations

import platform
import shlex
import sys
from pathlib import Path

from edgeval.system.board import reading, sysctl

_PLACEHOLDERS = frozenset(
    {
        *("to be filled by o.e.m.", "default string", "system product name", "system version"),
        *("system manufacturer", "not specified", "not applicable", "none", "o.e.m.", "oem"),
        *("unknown", "invalid", "undefined", "empty", "type1productconfigid"),
    }
)
"""What makers of PCs leave in the fields that they should have filled in, in small letters."""


def board(root: Path = reading.ROOT) -> str | None:
    """Return what a machine is called by its maker: ``Raspberry Pi 5 Model B Rev 1.0``."""
    return (
        reading.name(root / "proc/device-tree/model")
        or _of_dmi(root / "sys/class/dmi/id")
        or reading.shown(sysctl.values().get("hw.model", ""))
    )


def soc(root: Path = reading.ROOT) -> str | None:
    """Return the chip that a device tree is of: ``BCM2712``.

    The names in ``compatible`` go from the board to the chip (the Devicetree Specification, 2.3.1).
    Those without a digit are of no chip: ``apple,arm-platform``, ``linux,dummy-virt``.
    """
    found = reading.text(root / "proc/device-tree/compatible") or ""
    chips = (each.partition(",")[2] for each in reversed(found.split("\0")))
    chip = next((each for each in chips if any(map(str.isdigit, each))), "")
    return reading.shown(chip.upper())


def operating_system(root: Path = reading.ROOT) -> str | None:
    """Return what a system calls itself: ``Debian GNU/Linux 12 (bookworm)``."""
    # Where the file is, and which of the two holds: os-release(5).
    for path in (root / "etc/os-release", root / "usr/lib/os-release"):
        for line in (reading.text(path) or "").splitlines():
            name, _, value = line.partition("=")
            if name == "PRETTY_NAME":
                return reading.shown(_unquoted(value))
    version = platform.mac_ver()[0] if sys.platform == "darwin" else ""
    return f"macOS {version}" if version else None


def _of_dmi(folder: Path) -> str | None:
    """Return the name in a PC's firmware: what sells it, or else its main board."""
    vendor, product, version, main_board = (
        _filled_in(folder / name)
        for name in ("sys_vendor", "product_name", "product_version", "board_name")
    )
    # Lenovo keeps a number where others have the name, and the name where they have a version.
    name = version if vendor == "LENOVO" and version else product or main_board
    if name is None or vendor is None or name.lower().startswith(vendor.lower()):
        return name
    return f"{vendor} {name}"


def _filled_in(path: Path) -> str | None:
    found = reading.name(path)
    if found is None or found.lower() in _PLACEHOLDERS or not any(map(str.isalpha, found)):
        return None
    return found


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value
