"""Reports whose types took energy, by sources that are named."""

from __future__ import annotations

from edgeval.records import Report
from edgeval.records.sensors import Energy


def told(source: str, joules: float, idle: float | None = None, seconds: float = 100.0) -> Energy:
    return Energy(source=source, joules=joules, idle_joules=idle, seconds=seconds, known_share=1.0)


def with_energy(record: Report, **of_types: list[Energy]) -> Report:
    """Return a report whose types took what is given by their names, and others nothing."""
    runs = [
        each
        if each.speed is None
        else each.model_copy(
            update={"speed": each.speed.model_copy(update={"energy": of_types.get(each.type, [])})}
        )
        for each in record.runs
    ]
    return record.model_copy(update={"runs": runs})
