"""Stopping rules: what an evaluation is to find out, as statements that an interval decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class StoppingRule(Protocol):
    """Something about a mean; all numbers are means."""

    def is_decided(self, low: float, high: float) -> bool:
        """Return whether an interval of the mean decides it."""

    def to_exclude(self, estimate: float, low: float, high: float) -> tuple[float, float]:
        """Return the mean below, and the one above, that bets should be made against.

        Args:
            estimate: The estimated mean.
            low: Lower end of its interval.
            high: Upper end.
        """


@dataclass(frozen=True)
class RangeRule:
    """Whether the mean lies within a range; decided by an interval inside it, or outside.

    Attributes:
        low: Lower end of the range.
        high: Upper end.
    """

    low: float
    high: float

    def is_decided(self, low: float, high: float) -> bool:
        """Return whether an interval of the mean decides it."""
        inside = self.low <= low and high <= self.high
        return inside or high < self.low or self.high < low

    def to_exclude(self, estimate: float, low: float, high: float) -> tuple[float, float]:
        """Return the ends of the range; or the nearer one, and what is as far beyond."""
        if estimate > self.high:
            return self.high, 2 * estimate - self.high
        if estimate < self.low:
            return 2 * estimate - self.low, self.low
        return self.low, self.high


@dataclass(frozen=True)
class PrecisionRule:
    """What the mean is, to within a margin; decided by an interval no wider than twice that.

    Attributes:
        margin: Half the width that is wanted.
    """

    margin: float

    def is_decided(self, low: float, high: float) -> bool:
        """Return whether an interval of the mean decides it."""
        return high - low <= 2 * self.margin

    def to_exclude(self, estimate: float, low: float, high: float) -> tuple[float, float]:
        """Return the ends of an interval around the estimate that would decide it."""
        return estimate - self.margin, estimate + self.margin
