"""Arm's cores by the numbers that ``/proc/cpuinfo`` has of them."""

from __future__ import annotations

from typing import Final

_NAMES: Final[dict[int, dict[int, str]]] = {
    0x41: {
        0xC07: "Cortex-A7",
        0xC08: "Cortex-A8",
        0xC09: "Cortex-A9",
        0xC0E: "Cortex-A17",
        0xC0F: "Cortex-A15",
        0xD03: "Cortex-A53",
        0xD04: "Cortex-A35",
        0xD05: "Cortex-A55",
        0xD06: "Cortex-A65",
        0xD07: "Cortex-A57",
        0xD08: "Cortex-A72",
        0xD09: "Cortex-A73",
        0xD0A: "Cortex-A75",
        0xD0B: "Cortex-A76",
        0xD0C: "Neoverse-N1",
        0xD0D: "Cortex-A77",
        0xD0E: "Cortex-A76AE",
        0xD40: "Neoverse-V1",
        0xD41: "Cortex-A78",
        0xD42: "Cortex-A78AE",
        0xD43: "Cortex-A65AE",
        0xD44: "Cortex-X1",
        0xD46: "Cortex-A510",
        0xD47: "Cortex-A710",
        0xD48: "Cortex-X2",
        0xD49: "Neoverse-N2",
        0xD4A: "Neoverse-E1",
        0xD4B: "Cortex-A78C",
        0xD4C: "Cortex-X1C",
        0xD4D: "Cortex-A715",
        0xD4E: "Cortex-X3",
        0xD4F: "Neoverse-V2",
        0xD80: "Cortex-A520",
        0xD81: "Cortex-A720",
        0xD82: "Cortex-X4",
        0xD84: "Neoverse-V3",
        0xD85: "Cortex-X925",
        0xD87: "Cortex-A725",
        0xD8E: "Neoverse-N3",
    },
    0x4E: {0x003: "Denver 2", 0x004: "Carmel"},
    0x51: {
        0x001: "Oryon",
        0x802: "Kryo 3xx Gold",
        0x803: "Kryo 3xx Silver",
        0x804: "Kryo 4xx Gold",
        0x805: "Kryo 4xx Silver",
    },
    0x61: {
        0x022: "Icestorm",
        0x023: "Firestorm",
        0x024: "Icestorm",
        0x025: "Firestorm",
        0x028: "Icestorm",
        0x029: "Firestorm",
        0x032: "Blizzard",
        0x033: "Avalanche",
    },
    0xC0: {0xAC3: "Ampere-1", 0xAC4: "Ampere-1a"},
}
"""By implementer and part: the main ID register, as Linux names its values in
``arch/arm64/include/asm/cputype.h``; those of 32 bits as ``lscpu`` of util-linux does."""


def core_name(implementer: str, part: str) -> str | None:
    """Return the name of a core: ``Cortex-A76`` for ``0x41`` and ``0xd0b``."""
    try:
        return _NAMES.get(int(implementer, 16), {}).get(int(part, 16))
    except ValueError:
        return None
