"""Demands on the file that is picked: how much worse, how large and how slow it may be."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgeval.errors import EdgevalError
from edgeval.stats.paired import require_margin
from edgeval.system.sizes import n_bytes

MAX_DRIFT_POINTS = 1.0
"""So many points worse than the reference a file may be, if nobody says otherwise."""


@dataclass(frozen=True)
class Demands:
    """What is asked of a file.

    Attributes:
        margin_points: It is shown to be at most so many points worse than the reference.
        most_bytes: It has at most so many bytes; None for any size.
        least_tokens_per_s: It generates at least so many tokens a second; None for any speed.
        is_forced: Whether files are compared that are not shown to be of one model.
    """

    margin_points: float = MAX_DRIFT_POINTS
    most_bytes: int | None = None
    least_tokens_per_s: float | None = None
    is_forced: bool = False

    @classmethod
    def of(
        cls,
        max_drift: float,
        max_size: str | int | None,
        min_speed: float | None,
        force_compare: bool,
    ) -> Demands:
        """Return what was asked for.

        Raises:
            EdgevalError: If something of it cannot be asked for.
        """
        require_margin(max_drift, "--max-drift")
        if min_speed is not None and not (math.isfinite(min_speed) and min_speed > 0):
            raise EdgevalError(f"--min-speed {min_speed:g} is no speed; use tokens a second, as 10")
        try:
            most_bytes = None if max_size is None else n_bytes(str(max_size))
        except EdgevalError as error:
            raise EdgevalError(f"--max-size: {error}") from error
        return cls(float(max_drift), most_bytes, min_speed, force_compare)

    def allows_size(self, size_bytes: int) -> bool:
        """Return whether a file is not too large."""
        return self.most_bytes is None or size_bytes <= self.most_bytes

    def allows_speed(self, tokens_per_s: float) -> bool:
        """Return whether a file is not too slow."""
        return self.least_tokens_per_s is None or tokens_per_s >= self.least_tokens_per_s
