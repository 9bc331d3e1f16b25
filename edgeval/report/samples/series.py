"""Series: the values of one metric by two models over the same items, and what they show."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edgeval.records import ClusteredInterval, Interval
from edgeval.records.paired_samples import Kind, PairedMetric, SampleFlip
from edgeval.report.samples.sample import Ratio, Sample
from edgeval.stats import means
from edgeval.stats.clusters import by_source, clustered
from edgeval.stats.intervals import LEVEL, bonett_price
from edgeval.stats.mcnemar import mcnemar

_BITS: Final = "bits_per_byte"

Pair = tuple[Sample, Sample]
"""The first model's sample of an item, and the other's."""


@dataclass(frozen=True)
class Series:
    """The values of one metric of one task.

    Attributes:
        task: The task.
        metric: Its name.
        filter: The filter of answers.
        kind: What the values are.
        pairs: The samples that both have a value of.
        n_not_finite: Number of items that one has no finite value of.
    """

    task: str
    metric: str
    filter: str
    kind: Kind
    pairs: Sequence[Pair]
    n_not_finite: int

    def values(self, which: int) -> list[float]:
        """Return a model's values: of texts the sums of minus log p, in nats or bits."""
        found = [pair[which].values[self.metric] for pair in self.pairs]
        unit = math.log(2) if self.kind == "bits" else 1.0
        return [
            -each.loglikelihood / unit if isinstance(each, Ratio) else float(each or 0)
            for each in found
        ]

    @property
    def weights(self) -> list[float]:
        """What the values are sums over: of texts words or bytes, otherwise one item."""
        found = [first.values[self.metric] for first, _ in self.pairs]
        return [each.weight if isinstance(each, Ratio) else 1.0 for each in found]

    @property
    def gains(self) -> list[float]:
        """What each item gained: the other's value minus the first's."""
        return [b - a for a, b in zip(self.values(0), self.values(1), strict=True)]

    @property
    def flips(self) -> list[SampleFlip]:
        """The items that one of the two has right, if each is right or wrong."""
        gains = self.gains if self.kind == "share" else []
        return [
            SampleFlip(
                task=self.task,
                doc_id=first.doc_id,
                target=first.answers.right,
                reference_answer=first.answers.said(self.metric, gain < 0),
                answer=other.answers.said(self.metric, gain > 0),
                is_gained=gain > 0,
            )
            for (first, other), gain in zip(self.pairs, gains, strict=False)
            if gain
        ]


def series_of(task: str, name: str, filtered: str, pairs: Sequence[Pair]) -> Series | None:
    """Return the values of a metric; None where no item has one of both models."""
    usable = [pair for pair in pairs if _is_usable(pair, name)]
    if not usable:
        return None
    kind: Kind = "mean"
    values = [sample.values[name] for pair in usable for sample in pair]
    if isinstance(values[0], Ratio):
        kind = "bits" if name == _BITS else "perplexity"
    elif all(value in (0, 1) for value in values):
        kind = "share"
    return Series(task, name, filtered, kind, usable, len(pairs) - len(usable))


def _is_usable(pair: Pair, name: str) -> bool:
    ours, theirs = (sample.values.get(name) for sample in pair)
    if isinstance(ours, Ratio) and isinstance(theirs, Ratio):
        return ours.weight == theirs.weight  # Otherwise they are of two texts.
    return isinstance(ours, float) and isinstance(theirs, float)


def compared(parts: Sequence[Series]) -> PairedMetric:
    """Return one metric of two models over the items of a task, or of several.

    What it shows depends on all that is tested; ``judged`` says it.
    """
    first, kind = parts[0], _kind_of(parts)
    weights = [part.weights for part in parts]

    def estimate(value: Callable[[Series], Sequence[float]]) -> means.Estimate:
        values = [value(part) for part in parts]
        return means.ratio(values, weights) if kind in _OF_TEXTS else means.mean(values)

    ours, theirs = estimate(lambda part: part.values(0)), estimate(lambda part: part.values(1))
    difference = estimate(lambda part: part.gains)
    scale = 100 if kind == "share" else 1
    p_value, interval = difference.p_value, difference.interval()
    lost = gained = None
    if kind == "share":
        gains = [gain for part in parts for gain in part.gains]
        lost, gained = gains.count(-1), gains.count(1)
        p_value, interval = mcnemar(gained, lost), bonett_price(gained, lost, len(gains))
    return PairedMetric(
        tasks=[part.task for part in parts],
        metric=first.metric,
        filter=first.filter,
        kind=kind,
        n_items=sum(len(part.pairs) for part in parts),
        n_not_finite=sum(part.n_not_finite for part in parts),
        reference_value=_aggregated(ours.value, kind),
        value=_aggregated(theirs.value, kind),
        reference_error=ours.error,
        error=theirs.error,
        difference=scale * difference.value,
        interval=interval,
        clustered=_by_source(parts, interval) if kind == "share" else None,
        paired_error=None if difference.error is None else scale * difference.error,
        unpaired_error=(
            None
            if ours.error is None or theirs.error is None
            else scale * math.hypot(ours.error, theirs.error)
        ),
        lost=lost,
        gained=gained,
        p_value=p_value,
        flips=first.flips if len(parts) == 1 else [],
    )


_OF_TEXTS: Final = ("perplexity", "bits")


def _kind_of(parts: Sequence[Series]) -> Kind:
    """Return what the values of several tasks are together."""
    kinds = {part.kind for part in parts}
    return "mean" if kinds == {"share", "mean"} else parts[0].kind


def _aggregated(value: float, kind: Kind) -> float:
    """Return what the harness makes of a mean."""
    if kind != "perplexity":
        return value
    return math.exp(min(value, _LARGEST_EXPONENT))


_LARGEST_EXPONENT: Final = 700.0


def _by_source(parts: Sequence[Series], interval: Interval | None) -> ClusteredInterval | None:
    gains = [int(gain) for part in parts for gain in part.gains]
    sources = [first.source for part in parts for first, _ in part.pairs]
    return by_source(clustered(gains, sources), interval, (1 - LEVEL) / 2)
