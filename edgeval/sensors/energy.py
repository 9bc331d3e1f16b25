"""Energy of an interval: by counters where there are some, and else by samples of power.

All times are the monotonic clock's: the wall clock may jump.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgeval.sensors.meter import TYPED
from edgeval.sensors.reading import Reading
from edgeval.sensors.sampler import PERIOD_S, Sample, Sampler

GAP_S: Final = 5 * PERIOD_S
"""Between samples further apart nobody knows what was taken."""


@dataclass(frozen=True)
class Power:
    """Mean power over an interval.

    Attributes:
        source: Where it is from.
        watts: Mean power, in watts.
        known_s: Seconds of the interval that are known.
    """

    source: str
    watts: float
    known_s: float


def mean_power(samples: Sequence[Sample], begin_s: float, end_s: float) -> list[Power]:
    """Return the mean power of each source between two moments, where at least half is known.

    Between samples of power it is taken to change evenly (the trapezoid rule); outside of the first
    and last sample, and in gaps, it is not known. What a counter rose by between the samples next
    to the two moments is spread evenly over the time between those.

    Args:
        samples: The samples, the oldest first.
        begin_s: When the interval begins, by the monotonic clock.
        end_s: When it ends.
    """
    return [
        Power(name, joules / known_s, known_s)
        for name, (joules, known_s) in energy(samples, begin_s, end_s).items()
        if known_s >= (end_s - begin_s) / 2
    ]


def energy(
    samples: Sequence[Sample], begin_s: float, end_s: float
) -> dict[str, tuple[float, float]]:
    """Return each source's joules between two moments, and the seconds of which they are known.

    A meter comes before what parts of the machine count of themselves. See ``mean_power``.

    Args:
        samples: The samples, the oldest first.
        begin_s: When the interval begins, by the monotonic clock.
        end_s: When it ends.
    """
    names = dict.fromkeys(name for each in samples for name in each.reading.watts)
    names |= dict.fromkeys(name for each in samples for name in each.reading.joules)
    found = {name: _energy(name, samples, begin_s, end_s) for name in names}
    return {name: known for name, known in found.items() if known[1] > 0}


def powered(reading: Reading) -> bool:
    """Return whether a source tells a power that changes."""
    return bool({*reading.watts, *reading.joules} - {TYPED})


def idle_power(sampler: Sampler, seconds: float) -> dict[str, float]:
    """Wait, and return the mean power in watts meanwhile, of sources whose power changes.

    Args:
        sampler: Reads them.
        seconds: How long nothing is computed.
    """
    begin_s = sampler.read_now()
    time.sleep(seconds)
    powers = mean_power(sampler.samples, begin_s, sampler.read_now())
    return {each.source: each.watts for each in powers if each.source != TYPED}


def _energy(
    name: str, samples: Sequence[Sample], begin_s: float, end_s: float
) -> tuple[float, float]:
    """Return the energy of a source in joules, and for how many seconds it is known."""
    joules = known_s = 0.0
    for first, second in itertools.pairwise(samples):
        length_s = second.at_s - first.at_s
        begin, end = max(begin_s, first.at_s), min(end_s, second.at_s)
        if not 0 < length_s <= GAP_S or begin >= end:
            continue
        part = _watts_between(name, first, second, begin, end)
        if part is not None:
            joules += part * (end - begin)
            known_s += end - begin
    return joules, known_s


def _watts_between(
    name: str, first: Sample, second: Sample, begin: float, end: float
) -> float | None:
    """Return the mean power between two moments within two samples."""
    length_s = second.at_s - first.at_s
    counted = [each.reading.joules.get(name) for each in (first, second)]
    if counted[0] is not None and counted[1] is not None:
        return (counted[1] - counted[0]) / length_s
    power = [each.reading.watts.get(name) for each in (first, second)]
    if power[0] is None or power[1] is None:
        return None
    middle = ((begin + end) / 2 - first.at_s) / length_s
    return power[0] + middle * (power[1] - power[0])
