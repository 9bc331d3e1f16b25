"""Reports whose types took energy, by sources that are named, and became hot."""

from __future__ import annotations

from edgeval.records import Report
from edgeval.records.sensors import Energy, Heat, HeldBack


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


def hot(
    celsius: float | None = None,
    gpu_celsius: float | None = None,
    told_s: float = 100.0,
    **held_s: float,
) -> Heat:
    """Return the heat of 100 s, and for how long each reason held clocks back."""
    return Heat(
        hottest_c=celsius,
        gpu_hottest_c=gpu_celsius,
        seconds=100.0,
        told_s=told_s,
        held_s=max(held_s.values(), default=0.0),
        held_back=[HeldBack(reason=name, seconds=each) for name, each in held_s.items()],
    )


def with_heat(record: Report, **of_types: Heat) -> Report:
    """Return a report whose types became as hot as is given by their names."""
    runs = [
        each
        if each.speed is None or each.type not in of_types
        else each.model_copy(
            update={"speed": each.speed.model_copy(update={"heat": of_types[each.type]})}
        )
        for each in record.runs
    ]
    return record.model_copy(update={"runs": runs})
