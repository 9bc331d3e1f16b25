"""Hold-ups: what keeps a machine from computing as fast as it could, with what helps."""

from __future__ import annotations

from collections.abc import Iterator

from edgeval.records import Conditions, Finding, Machine
from edgeval.report import formatting as fmt

_HARDWARE_CHOOSES = frozenset({"intel_pstate", "amd-pstate-epp"})
"""Drivers that leave the clock to the CPU: their ``powersave`` does not hold it down (the kernel's
``intel_pstate.rst``, active mode, and ``amd-pstate.rst``)."""

_SWAP_SHARE = 0.05
"""Share of the memory. Any system puts away what nobody has used for days."""

_PRESSURE_PERCENT = 5.0
"""Waiting for memory for more of the time than that can be seen in a speed."""


def held_back(device: Machine, conditions: Conditions) -> list[Finding]:
    """Return what holds a machine back, the worst first; nothing of what is not known."""
    sentences = [
        *_of_power(conditions),
        *_of_clocks(conditions),
        *_of_limits(device),
        *_of_memory(device, conditions),
    ]
    return [Finding(kind="advice", sentence=each) for each in sentences]


def _of_power(conditions: Conditions) -> Iterator[str]:
    if conditions.is_under_voltage:
        yield (
            "the supply's voltage is too low, and the board lowers its clocks for it; use the "
            "supply that its maker names and a short cable"
        )
    if conditions.power == "battery":
        yield "the machine runs on its battery, which may lower its clocks; plug it in"
    elif conditions.is_discharging:
        yield (
            "the battery discharges though the machine is plugged in: the supply gives less than "
            "it takes; use a stronger one"
        )


def _of_clocks(conditions: Conditions) -> Iterator[str]:
    chooses = conditions.clock_driver in _HARDWARE_CHOOSES
    if "powersave" in conditions.governors and not chooses:
        yield (
            "the governor powersave keeps the CPU at its lowest clock; choose another: "
            "sudo cpupower frequency-set -g performance"
        )
    elif chooses and conditions.energy_preference == "power":
        yield (
            "the CPU is told to save energy (energy preference power); choose the power mode "
            "for performance in the system's settings"
        )


def _of_limits(device: Machine) -> Iterator[str]:
    limits = device.limits
    if limits is None:
        return
    if limits.cpus is not None and limits.cpus < device.physical_cores:
        yield (
            f"this container or service may use {limits.cpus:g} of {device.physical_cores} cores; "
            "raise its CPU limit to use all"
        )
    elif limits.cpus is not None and limits.cpus < sum(each.count for each in device.cores):
        yield (
            f"this process may use {limits.cpus:g} of {device.logical_cores} logical CPUs; "
            "its CPU set (taskset, cpuset) allows no more"
        )
    if limits.memory_bytes is not None:
        yield (
            f"this container or service may use {fmt.size(limits.memory_bytes)} of "
            f"{fmt.size(device.memory_bytes)} of memory; raise its limit for larger models"
        )


def _of_memory(device: Machine, conditions: Conditions) -> Iterator[str]:
    swapped = conditions.swap_used_bytes or 0
    if swapped > _SWAP_SHARE * device.memory_bytes:
        yield f"{fmt.size(swapped)} of memory are in swap; close other programs, or add memory"
    pressure = conditions.memory_pressure_percent or 0.0
    if pressure > _PRESSURE_PERCENT:
        yield (
            f"programs waited for memory for {pressure:.0f}% of the last ten seconds; close other "
            "programs, or add memory"
        )
    if device.memory_channels == 1:
        yield (
            "one memory channel has memory; generation reads all weights for each token, so a "
            "module in a second channel speeds it up, if the board has one"
        )
