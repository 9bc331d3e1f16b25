"""A split whose every item is known for a reference and some types, and records of parts of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgeval.records import Drift, Metric, Report
from edgeval.report.derived import renewed
from edgeval.stats import sampling
from edgeval.stats.drift import drift
from edgeval.stats.metrics import metrics_of
from edgeval.stats.paired import limit_items, stopped
from edgeval.stats.sequential_drift import SequentialDrift
from edgeval.tasks.item import ItemScore
from edgeval.tasks.names import ACCURACIES
from tests.helpers.fakes import make_item, make_score
from tests.helpers.reports import example_report, from_file

NAMES = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")
N_FIRST = 20


@dataclass(frozen=True)
class Split:
    """What every item is for a reference and for each type.

    Attributes:
        flips: Items that a type gains and loses, by its name, the largest file first.
        size: Number of items.
        right: Number of items that the reference has right.
        seed: Seed of which items those are.
    """

    flips: Mapping[str, tuple[int, int]]
    size: int = 1000
    right: int = 730
    seed: int = 0

    def difference(self, name: str) -> int:
        """Return the true difference of a type, in items."""
        gained, lost = self.flips[name]
        return gained - lost

    @functools.cached_property
    def leads(self) -> dict[str, np.ndarray]:
        """By how much each model prefers the gold choice, an array of the items' size a model.

        Items that the reference decides by a hair flip first, as they do in models.
        """
        # Another stream than that of the orders in which items are evaluated.
        rng = np.random.default_rng([self.seed, 20_261_126])
        order = rng.permutation(self.size)
        reference = np.empty(self.size)
        reference[order[: self.right]] = rng.exponential(2.0, self.right) + 0.01
        reference[order[self.right :]] = -rng.exponential(2.0, self.size - self.right) - 0.01
        near = np.argsort(np.abs(reference) + rng.exponential(1.0, self.size))
        found = {"F16": reference}
        for name, (gained, lost) in self.flips.items():
            lead = reference.copy()
            lead[near[reference[near] > 0][:lost]] = -0.005
            lead[near[reference[near] < 0][:gained]] = 0.005
            found[name] = lead
        return found

    @functools.lru_cache(maxsize=64)  # noqa: B019 - splits are few, and live as long as the tests
    def scores(self, name: str) -> list[ItemScore]:
        """Return a model's scores of all items."""
        return [
            make_score([lead, 0.0], make_item(choices=["a", "b"], name=str(place), group="all"))
            for place, lead in enumerate(self.leads[name])
        ]

    def __hash__(self) -> int:
        return id(self)


Order = Literal["random", "simple", "file"]


@dataclass(frozen=True)
class Asked:
    """What is evaluated of a split.

    Attributes:
        limit: Most items of each type; None for all.
        order: Their order.
        until: Whether each type stops when it is decided.
        margin: The margin in points.
        known: Whether a file knows the reference on all items.
        seed: Seed of the order.
    """

    limit: int | None = None
    order: Order = "random"
    until: bool = False
    margin: float = 1.0
    known: bool = False
    seed: int = 0


def record_of(split: Split, asked: Asked) -> Report:
    """Return the record of an evaluation, as ``edgeval run`` makes it."""
    size = split.size
    order = (
        sampling.simple_order(size, asked.seed)
        if asked.until
        else sampling.order_items(["all"] * size, asked.order, asked.seed)
    )
    places = order[: asked.limit]
    ours = order if asked.known else places
    base = example_report(status=None)
    by_type = {run.type: run for run in base.runs}
    is_random = asked.order != "file"
    reference = by_type["F16"].model_copy(
        update={"metrics": _metrics(split, "F16", ours, is_random)}
    )
    runs, drifts = [from_file(reference) if asked.known else reference], []
    for name in split.flips:
        run, found = _compared(split, name, ours, places, asked)
        runs.append(by_type[name].model_copy(update={"metrics": run, "stopping": found.stopping}))
        drifts.append(found)
    data = base.data.model_copy(
        update={
            "n_total": size,
            "n_items": len(ours),
            "groups": {"all": len(ours)},
            "order": "simple" if asked.until else asked.order,
        }
    )
    return renewed(base.model_copy(update={"runs": runs, "drift": drifts, "data": data}))


def _metrics(split: Split, name: str, places: Sequence[int], is_random: bool) -> dict[str, Metric]:
    scores = split.scores(name)
    return metrics_of(
        [scores[place] for place in places], split.size, ACCURACIES, is_random=is_random
    )


def _compared(
    split: Split, name: str, ours: Sequence[int], places: Sequence[int], asked: Asked
) -> tuple[dict[str, Metric], Drift]:
    """Return the accuracies of a type, and its comparison."""
    theirs, scores = split.scores("F16"), split.scores(name)
    pursuit = None
    if asked.until:
        pursuit = SequentialDrift(
            {place: theirs[place] for place in ours},
            split.size,
            "acc_norm",
            asked.margin,
            ACCURACIES,
            seed=asked.seed,
            first=ours[:N_FIRST],
            limit=len(places),
            n_compared=len(split.flips),
        )
        places = _followed(pursuit, scores)
    found = drift(
        name,
        [scores[place] for place in places],
        "F16",
        [theirs[place] for place in places],
        "acc_norm",
        margin_points=asked.margin,
    )
    if pursuit is not None:
        return pursuit.metrics(), stopped(found, pursuit.stopping(), *pursuit.difference)
    return _metrics(split, name, places, asked.order != "file"), found


def _followed(pursuit: SequentialDrift, scores: Sequence[ItemScore]) -> list[int]:
    """Return the places that a pursuit needs, in its order."""
    places: list[int] = []
    while not pursuit.is_over:
        block = pursuit.next_block()
        pursuit.add([scores[place] for place in block])
        places += block
    return places


def is_true(split: Split, found: Drift) -> bool:
    """Return whether what is said of a type is true of the split."""
    difference = split.difference(found.label)
    limit = limit_items(found.split.margin_points, split.size)
    interval = found.split.interval_points
    true = {
        "equivalent": abs(difference) <= limit,
        "worse": difference < -limit,
        "different": difference != 0 and (difference > 0) == (interval.low > 0),
        "open": True,
    }
    points = 100 * difference / split.size
    return (
        true[found.split.outcome]
        and (difference >= -limit or not found.split.non_inferior)
        and interval.low - 1e-9 <= points <= interval.high + 1e-9
    )
