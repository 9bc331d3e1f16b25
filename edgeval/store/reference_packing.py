"""Scores of many items as flat arrays, and back, without a bit lost."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeval.store.stored_run import SCORE_FIELDS
from edgeval.tasks.item import Item, ItemScore
from edgeval.tasks.requests import Int32

Float64 = npt.NDArray[np.float64]

DTYPES = {
    "places": "<i4",
    "n_choices": "<i4",
    "logprobs": "<f8",
    "n_tokens": "<i4",
    "token_means": "<f8",
    "is_greedy": "|b1",
    "sketch_places": "<i4",
    "sketch_sizes": "<i4",
    "sketches": "|u1",
}
"""The arrays of a file, in its order; all have one dimension."""


@dataclass(frozen=True, eq=False)
class Packed:
    """Scores of items, in the order of their indices; those of all choices one after another.

    Attributes:
        places: Indices of the items in the data set, ascending, shape (n_items,), int32.
        n_choices: Number of choices of each, shape (n_items,), int32.
        logprobs: Sum of the log-probabilities of each choice's tokens, in nats, shape
            (n_all_choices,), float64.
        n_tokens: Number of those tokens, shape (n_all_choices,), int32.
        token_means: Mean log-probability a token, after the tokens all choices share, in nats,
            shape (n_all_choices,), float64.
        is_greedy: Whether each token of the choice was a most probable one, shape
            (n_all_choices,), bool.
        sketch_places: Indices of the items that have a sketch, ascending, shape (n_sketches,),
            int32.
        sketch_sizes: Bytes of each sketch, shape (n_sketches,), int32.
        sketches: The sketches, one after another, shape (n_bytes,), uint8.
    """

    places: Int32
    n_choices: Int32
    logprobs: Float64
    n_tokens: Int32
    token_means: Float64
    is_greedy: npt.NDArray[np.bool_]
    sketch_places: Int32
    sketch_sizes: Int32
    sketches: npt.NDArray[np.uint8]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by their names, in the order of the file."""
        return {name: getattr(self, name) for name in DTYPES}

    @functools.cached_property
    def _part_of(self) -> dict[int, slice]:
        """Where the choices of each item are, by its index."""
        ends = self.n_choices.astype(np.int64).cumsum()
        return {
            place: slice(begin, end)
            for place, begin, end in zip(
                self.places.tolist(), (ends - self.n_choices).tolist(), ends.tolist(), strict=True
            )
        }

    def scores(self, items: Mapping[int, Item]) -> dict[int, ItemScore]:
        """Return the scores that are there of some items, by their indices."""
        found = {}
        for place in items.keys() & self._part_of.keys():
            part = self._part_of[place]
            values: list[Any] = [tuple(getattr(self, name)[part].tolist()) for name in SCORE_FIELDS]
            found[place] = ItemScore(items[place], *values)
        return found

    def sketch_of(self) -> dict[int, bytes]:
        """Return the sketches by index."""
        ends = self.sketch_sizes.astype(np.int64).cumsum()
        return {
            place: self.sketches[end - size : end].tobytes()
            for place, size, end in zip(
                self.sketch_places.tolist(), self.sketch_sizes.tolist(), ends.tolist(), strict=True
            )
        }

    def problem(self, n_total: int) -> str | None:
        """Return what keeps the arrays from being scores of items of a data set, or None.

        Args:
            n_total: Number of items in the data set.
        """
        arrays = self.arrays()
        if (reason := problem_of_lengths({name: len(arrays[name]) for name in arrays})) is not None:
            return reason
        if not _is_sorted(self.places, n_total) or not _is_sorted(self.sketch_places, n_total):
            return "its items are not indices of the data set"
        n_scores = int(self.n_choices.sum(dtype=np.int64))
        if (self.n_choices < 1).any() or n_scores != len(self.logprobs):
            return "its items have other numbers of choices than of scores"
        if not (np.isfinite(self.logprobs).all() and np.isfinite(self.token_means).all()):
            return "a log-probability is not finite"
        if (self.n_tokens < 1).any() or (self.is_greedy.view(np.uint8) > 1).any():
            return "a choice has no tokens, or a truth is neither"
        if (self.sketch_sizes < 0).any():
            return "its sketches and their sizes differ in number"
        if self.sketch_sizes.sum(dtype=np.int64) != len(self.sketches):
            return "its sketches have another size than it says"
        return None


def problem_of_lengths(lengths: Mapping[str, int]) -> str | None:
    """Return what keeps arrays of such lengths from being scores of items, or None.

    Args:
        lengths: By the names of the arrays.
    """
    if lengths["n_choices"] != lengths["places"]:
        return "its items and their numbers of choices differ in number"
    n_scores = {lengths[name] for name in SCORE_FIELDS}
    if len(n_scores) > 1 or not 0 < lengths["places"] <= min(n_scores):
        return "its items have other numbers of choices than of scores"
    if lengths["sketch_sizes"] != lengths["sketch_places"]:
        return "its sketches and their sizes differ in number"
    return None


def pack(scores: Mapping[int, str], sketches: Mapping[int, bytes]) -> Packed:
    """Pack scores and sketches.

    Args:
        scores: By index, each as the text of a row of the store.
        sketches: Bytes by index.
    """
    places = sorted(scores)
    values: list[list[Any]] = [json.loads(scores[place]) for place in places]
    fields = {
        name: [each for value in values for each in value[index]]
        for index, name in enumerate(SCORE_FIELDS)
    }
    in_order = sorted(sketches)
    arrays: dict[str, Any] = {
        "places": places,
        "n_choices": [len(value[0]) for value in values],
        **fields,
        "sketch_places": in_order,
        "sketch_sizes": [len(sketches[place]) for place in in_order],
        "sketches": np.frombuffer(b"".join(sketches[place] for place in in_order), np.uint8),
    }
    return Packed(**{name: np.array(arrays[name], dtype) for name, dtype in DTYPES.items()})


def _is_sorted(places: Int32, n_total: int) -> bool:
    """Return whether places ascend and are all in a data set."""
    whole = np.concatenate([[-1], places, [n_total]])
    return bool((np.diff(whole) > 0).all())
