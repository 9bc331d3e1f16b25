"""Hardware: cores and limits of a machine, and the conditions that it computed under."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from edgeval.records.base import Record


class SparseRecord(Record):
    """A record that is written without what nobody knows: absent is not zero."""

    @model_serializer(mode="wrap")
    def _what_is_known(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value not in (None, [])}


class CoreGroup(SparseRecord):
    """Cores of one kind.

    Attributes:
        count: How many there are.
        name: What their maker calls them, for example ``Cortex-A76``.
        kind: What they are for, where a machine has several kinds.
        max_mhz: The largest clock of any of them.
    """

    count: int = Field(ge=1)
    name: str | None = None
    kind: Literal["performance", "efficiency"] | None = None
    max_mhz: int | None = Field(default=None, ge=1)


class Limits(SparseRecord):
    """What a container, a service or a batch job leaves of a machine, where it is less than all.

    Attributes:
        cpus: So many logical CPUs' worth of time.
        memory_bytes: So much memory.
    """

    cpus: float | None = Field(default=None, gt=0)
    memory_bytes: int | None = Field(default=None, ge=1)


class Conditions(SparseRecord):
    """What may be another the next time on the same machine, and what that does to a speed.

    Attributes:
        governors: The governors of the clocks, each once; none where the system tells of none.
        clock_driver: What they ask for a clock, for example ``intel_pstate``.
        energy_preference: What the CPU is told to prefer where it chooses the clock.
        power: Where the power comes from; None for a machine that does not know.
        is_discharging: Whether the battery gives some of it; None without one.
        is_under_voltage: Whether the voltage is too low; None if nothing looks at it.
        swap_used_bytes: How much of the memory's content is in swap.
        memory_pressure_percent: For which share of the last ten seconds something waited for
            memory.
        storage: What the folder that is written to is on, for example ``SD card``.
        cooling: What cools the machine, as it was typed in.
    """

    governors: list[str] = Field(default_factory=list)
    clock_driver: str | None = None
    energy_preference: str | None = None
    power: Literal["mains", "battery"] | None = None
    is_discharging: bool | None = None
    is_under_voltage: bool | None = None
    swap_used_bytes: int | None = Field(default=None, ge=0)
    memory_pressure_percent: float | None = Field(default=None, ge=0, le=100)
    storage: str | None = None
    cooling: str | None = Field(default=None, max_length=200)
