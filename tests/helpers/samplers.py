"""Surveys followed to their end, drawn in a given order, and with what they say kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeval.stats.confidence_sequence import Bets, ConfidenceSequence, Draws
from edgeval.stats.samplers import Sampler
from edgeval.stats.weighted_sampler import WeightedSampler


class Recorded(ConfidenceSequence):
    """Keeps what is added."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.added: list[tuple[Draws, Bets, tuple[float, float]]] = []

    def add(self, draws: Draws, bets: Bets, certain: tuple[float, float]) -> None:
        self.added.append((draws, bets, certain))
        super().add(draws, bets, certain)


def record(survey: Sampler) -> Recorded:
    """Let a survey, of which nothing was drawn, keep what it adds."""
    found = survey.sequence
    survey.sequence = Recorded(found.size, found.low / found.size, found.high / found.size)
    return survey.sequence


def follow(survey: Sampler, values: Sequence[int], changes: Sequence[float] = ()) -> list[int]:
    """Follow a survey to its end and return the places in the order in which they were drawn."""
    drawn = []
    while not survey.is_over:
        places = survey.next_block()
        survey.add([values[at] for at in places], [changes[at] for at in places if changes])
        drawn += places
    return drawn


class ForcedRaces:
    """Stands in for the random generator of a weighted survey: one order, whatever the weights.

    ``of`` computes how probable the order was.
    """

    def __init__(self, order: Sequence[int]) -> None:
        self._ranks = np.argsort(order)
        self._undrawn = np.ones(len(order), dtype=bool)

    def exponential(self, size: int) -> NDArray[np.float64]:
        ranks = self._ranks[self._undrawn]
        assert len(ranks) == size
        return 1e12 ** ranks.astype(float)

    def took(self, places: Sequence[int]) -> None:
        self._undrawn[list(places)] = False


def follow_in_order(
    survey: WeightedSampler, order: Sequence[int], values: Sequence[int], truth: float
) -> tuple[float, list[tuple[float, float]]]:
    """Draw a whole population in an order.

    Returns:
        The probability of the order under the survey's own weights, and after every block the
        capitals, not their logarithms, of bets against the true total.
    """
    races = ForcedRaces(order)
    survey._rng = races
    probability, capitals, n = 1.0, [], 0
    while not survey.is_over:
        places = survey.next_block()
        assert places == list(order[n : n + len(places)])
        left = dict(zip(survey._allocation.indices, survey._allocation.weights, strict=True))
        for place in places:
            probability *= left[place] / sum(left.values())
            del left[place]
        races.took(places)
        survey.add([values[at] for at in places], [0.1 * abs(values[at]) for at in places])
        above, below = np.exp(survey.sequence.capital(truth))
        capitals.append((float(above), float(below)))
        n += len(places)
    return probability, capitals
