"""Curves of a sustained load: speed, and what sensors told, as means of equal parts of time."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from edgeval.records.sensors import Figure, Sustained

GAP_S = 5.0
"""Between samples further apart nobody knows what was: they are taken once a second."""

Curve = list[tuple[float, float]]
"""Seconds since the load began, and a value, in the order of time."""


def speeds(load: Sustained) -> Curve:
    """Return tokens a second at the end of each test."""
    return _within(load, [(each.at_s, each.tokens_per_s) for each in load.rates])


def temperatures(load: Sustained) -> dict[str, Curve]:
    """Return the temperatures of the CPU and of GPUs in degrees Celsius, of those that tell it."""
    found = {
        "CPU": sensed(load, "temperature_c"),
        "GPU": sensed(load, "gpu_temperature_c"),
    }
    return {name: curve for name, curve in found.items() if curve}


def sensed(load: Sustained, figure: Figure) -> Curve:
    """Return a figure of the sensors; empty where none tells it."""
    found = [(each.at_s, getattr(each, figure)) for each in load.samples]
    return _within(load, [(at_s, value) for at_s, value in found if value is not None])


def held_back(load: Sustained) -> list[tuple[float, float]]:
    """Return when clocks were held back, as seconds from and to; neighbours are one."""
    spans: list[tuple[float, float]] = []
    samples = sorted(load.samples, key=lambda each: each.at_s)
    for at, each in enumerate(samples):
        following = samples[at + 1].at_s if at + 1 < len(samples) else load.duration_s
        begin = max(0.0, each.at_s)
        end = min(following, each.at_s + GAP_S, load.duration_s)
        if not each.throttled or begin >= end:
            continue
        if spans and spans[-1][1] == begin:
            begin = spans.pop()[0]
        spans.append((begin, end))
    return spans


def means(curve: Curve, end_s: float, n_parts: int) -> list[tuple[float, float] | None]:
    """Return the mean moment and value of each of equal parts of the time; None for one of none."""
    parts: list[Curve] = [[] for _ in range(n_parts)]
    for at_s, value in curve:
        parts[min(n_parts - 1, int(at_s / end_s * n_parts))].append((at_s, value))
    return [_mean(each) if each else None for each in parts]


def thinned(curve: Curve, end_s: float, most: int) -> Curve:
    """Return a curve of at most so many points."""
    if len(curve) <= most:
        return curve
    return [each for each in means(curve, end_s, most) if each is not None]


def _within(load: Sustained, curve: Curve) -> Curve:
    return sorted(each for each in curve if 0 <= each[0] <= load.duration_s)


def _mean(curve: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return statistics.fmean(at for at, _ in curve), statistics.fmean(each for _, each in curve)
