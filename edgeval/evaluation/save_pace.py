"""Pace of saving: often at first, later as rarely as loses no more than a hundredth of the time."""

from __future__ import annotations

import time
from collections.abc import Callable

_STEADY_S = 100.0
"""From here on the time between two saves is a hundredth of the time so far: an evaluation of hours
would write hundreds of times what the store keeps, and memory cards wear out."""


class SavePace:
    """When scores that were computed are to be saved.

    Who is killed computes again what was not saved: as much as an interval at first, and at most a
    hundredth of what the evaluation had taken.
    """

    def __init__(self, interval_s: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begin now.

        Args:
            interval_s: Seconds between two saves at first; 0 for a save after each batch.
            clock: What tells the time, in seconds.
        """
        self._interval_s, self._clock = interval_s, clock
        self._began_s = self._last_s = clock()

    def is_due(self) -> bool:
        """Return whether the next save is due; its interval begins with this call then."""
        now_s = self._clock()
        slower = max(1.0, (now_s - self._began_s) / _STEADY_S)
        if now_s - self._last_s <= self._interval_s * slower:
            return False
        self._last_s = now_s
        return True
