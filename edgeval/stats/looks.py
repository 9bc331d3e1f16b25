"""Looks: what was known at each step of an evaluation that stops early."""

from __future__ import annotations

from edgeval.records.stopping import InterimLook

_GROWTH = 1.1
"""The next look that is kept has so many times the items of the one before."""


class Looks:
    """The looks of an evaluation: some on the way, and the last."""

    def __init__(self) -> None:
        """Begin before the first."""
        self._kept: list[InterimLook] = []
        self.last: InterimLook | None = None

    def add(self, n_items: int, means: tuple[float, float, float]) -> None:
        """Take in what is known now.

        Args:
            n_items: Number of items so far.
            means: The estimate and the ends of its interval, as fractions.
        """
        value, low, high = (100 * mean for mean in means)
        self.last = InterimLook(
            n_items=n_items, value_points=value, low_points=low, high_points=high
        )
        if not self._kept or n_items >= _GROWTH * self._kept[-1].n_items:
            self._kept.append(self.last)

    @property
    def all(self) -> list[InterimLook]:
        """Those that were kept, with the last."""
        is_kept = self.last is None or self.last in self._kept[-1:]
        return self._kept if is_kept or self.last is None else [*self._kept, self.last]
