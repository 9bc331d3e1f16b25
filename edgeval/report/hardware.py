"""Hardware in words: board, cores, memory and limits of a machine, and what it computed under."""

from __future__ import annotations

from collections.abc import Iterator

from edgeval.errors import plural
from edgeval.records import Conditions, CoreGroup, Machine
from edgeval.report import formatting as fmt


def board(device: Machine) -> str:
    """Return what a machine is called by its maker, with its chip; empty if nobody knows."""
    if device.board is None or device.soc is None:
        return device.board or device.soc or ""
    return f"{device.board} ({device.soc})"


def core_kinds(device: Machine) -> str:
    """Return the cores by kind with their clocks; empty if no more than their number is known."""
    is_told = len(device.cores) > 1 or any(each.name or each.max_mhz for each in device.cores)
    return ", ".join(map(_group, device.cores)) if is_told else ""


def memory_kind(device: Machine) -> str:
    """Return what the memory is, for example ``DDR5, 5,600 MT/s, 2 channels``; empty if unknown."""
    n_channels = device.memory_channels
    parts = [device.memory_type or ""]
    if device.memory_mts:
        parts.append(f"{device.memory_mts:,} MT/s")
    if n_channels:
        parts.append(f"{n_channels} {plural(n_channels, 'channel')}")
    return ", ".join(filter(None, parts))


def limits(device: Machine) -> str:
    """Return what is left of a machine to the process; empty for all of it."""
    found = device.limits
    if found is None:
        return ""
    parts = []
    if found.cpus:
        parts.append(f"{found.cpus:.3g} of {device.logical_cores} logical CPUs")
    if found.memory_bytes:
        parts.append(f"{fmt.size(found.memory_bytes)} of memory")
    return ", ".join(parts)


def conditions(found: Conditions) -> str:
    """Return what a machine computed under, without its storage; empty for nothing."""
    return "; ".join(_conditions(found))


def shortage_sentence(found: Conditions | None) -> str:
    """Return what may show that memory was short, as a sentence; empty where nothing does."""
    told = "; ".join(_shortage(found)) if found else ""
    return f"Memory at the end: {told}." if told else ""


def _conditions(found: Conditions) -> Iterator[str]:
    if found.governors:
        driver = f" ({found.clock_driver})" if found.clock_driver else ""
        yield f"governor {' and '.join(found.governors)}{driver}"
    if found.power:
        yield "on mains" if found.power == "mains" else "on battery"
    if found.is_under_voltage:
        yield "under-voltage"
    yield from _shortage(found)
    if found.cooling:
        yield f"cooling: {found.cooling}"


def _shortage(found: Conditions) -> Iterator[str]:
    if found.swap_used_bytes:
        yield f"{fmt.size(found.swap_used_bytes)} in swap"
    if percent := found.memory_pressure_percent:
        share = "under 1" if percent < 1 else f"{percent:.0f}"
        yield f"waited for memory {share}% of the last 10 s"


def _group(group: CoreGroup) -> str:
    clock = f" up to {fmt.plain(group.max_mhz / 1000, 2)} GHz" if group.max_mhz else ""
    kind = None if group.name else group.kind
    return f"{group.count} {group.name or (f'for {kind}' if kind else 'alike')}{clock}"
