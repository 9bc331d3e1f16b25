"""Heat of parts of a time: how hot it became, and for how long clocks were held back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgeval.sensors.energy import GAP_S
from edgeval.sensors.linux import SANE_C
from edgeval.sensors.reading import Reading
from edgeval.sensors.sampler import Sample


def tells_heat(reading: Reading) -> bool:
    """Return whether a source tells how hot it is, or whether clocks are held back."""
    temperatures = (reading.temperature_c, reading.gpu_temperature_c)
    has_temperature = any(each is not None for each in temperatures)
    return has_temperature or reading.tells_throttling or bool(reading.throttled)


@dataclass
class HeatSum:
    """What samples say of heat; grows with each part, and holds none of them.

    A sample stands for half of the time to the one before and to the one behind it. Between samples
    further apart than ``GAP_S`` nobody knows.

    Attributes:
        hottest_c: The highest temperature of the CPU, in degrees Celsius.
        gpu_hottest_c: That of the GPUs.
        told_s: Seconds of which it is known whether clocks were held back, by anything.
        held_s: Seconds in which they were.
        reasons_s: The same by what held them back; two may at once.
    """

    hottest_c: float | None = None
    gpu_hottest_c: float | None = None
    told_s: float = 0.0
    held_s: float = 0.0
    reasons_s: dict[str, float] = field(default_factory=dict)

    def add(self, samples: Sequence[Sample], begin_s: float, end_s: float) -> None:
        """Add a part that begins and ends with a sample.

        Args:
            samples: The samples, the oldest first.
            begin_s: When the part begins, by the monotonic clock.
            end_s: When it ends.
        """
        within = [each for each in samples if begin_s <= each.at_s <= end_s]
        for sample in within:
            reading = sample.reading
            self.hottest_c = _hotter(self.hottest_c, reading.temperature_c)
            self.gpu_hottest_c = _hotter(self.gpu_hottest_c, reading.gpu_temperature_c)
        for pair in itertools.pairwise(within):
            length_s = pair[1].at_s - pair[0].at_s
            if 0 < length_s <= GAP_S:
                for sample in pair:
                    self._add(sample.reading, length_s / 2)

    def _add(self, reading: Reading, seconds: float) -> None:
        """Add what a reading says of some seconds."""
        if reading.tells_throttling:
            self.told_s += seconds
        if reading.throttled:
            self.held_s += seconds
        for reason in reading.throttled:
            self.reasons_s[reason] = self.reasons_s.get(reason, 0.0) + seconds


def _hotter(one: float | None, other: float | None) -> float | None:
    """Return the higher of two temperatures, of those that a machine can have."""
    known = [each for each in (one, other) if each is not None and SANE_C[0] < each < SANE_C[1]]
    return max(known, default=None)
