"""Explanations of new items: accuracies, differences and p-values beside those of the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeval.errors import counted
from edgeval.records import Drift, Report
from edgeval.records.suite import N_POOLED
from edgeval.report import formatting as fmt
from edgeval.report.record_view import RecordView


@dataclass(frozen=True)
class Explanation:
    """One subject, with its citation where it has one."""

    subject: str
    text: str
    citation: str = ""
    url: str = ""


def explanations(view: RecordView[Report]) -> list[Explanation]:
    """Return the paragraphs that a report needs on what it says of new items."""
    paragraphs = []
    if any(run.accuracy.interval for run in view.runs):
        paragraphs.append(_new_items())
    if view.has_new_items:
        n_types, holm = len(view.drifts), _holm(len(view.drifts), view.record.n_together)
        paragraphs += [_paired(n_types), *_sources(view.drifts), _mcnemar(), holm]
    return paragraphs


def _new_items() -> Explanation:
    return Explanation(
        "Accuracy on new items",
        "The score interval of an accuracy. It speaks about other items of the same kind, as if "
        "these had been drawn from an endless supply.",
        "Wilson 1927, Journal of the American Statistical Association 22:209",
        "https://doi.org/10.1080/01621459.1927.10502953",
    )


def _paired(n_types: int) -> Explanation:
    wide = ", wide enough that those of all types hold together with 95%"
    return Explanation(
        "Difference on new items",
        "The paired interval of the difference for other items of the same kind"
        f"{wide if n_types > 1 else ''}. Nothing is called equivalent or worse by it.",
        "Bonett and Price 2012, Journal of Educational and Behavioral Statistics 37:479",
        "https://doi.org/10.3102/1076998611411915",
    )


def _sources(drifts: Sequence[Drift]) -> list[Explanation]:
    """Return what items of one source change, where some have one in common."""
    known = [(drift, clustered) for drift in drifts if (clustered := drift.new_items_clustered)]
    if not known:
        return []
    widest, clustered = max(known, key=lambda pair: pair[1].design_effect)
    effects = (min(other.design_effect for _, other in known), clustered.design_effect)
    shares = list(dict.fromkeys(f"{effect:.2f}" for effect in effects))
    interval = fmt.difference_interval(clustered.interval_points, widest.split.margin_points)
    return [
        Explanation(
            "Items of one source",
            f"The items are from {clustered.n_clusters:,} sources, such as videos or passages, and "
            "those of one may flip together. "
            "With the source as the unit, the variance of the difference is "
            f"{' to '.join(shares)} times as large (design effect), and the interval for new "
            f"items of {widest.label}, where it is largest, is {interval}. At 1 nothing changes.",
            "Kish 1965, Survey Sampling, section 8.2; Liang and Zeger 1986, Biometrika 73:13",
            "https://doi.org/10.1093/biomet/73.1.13",
        )
    ]


def _mcnemar() -> Explanation:
    return Explanation(
        "McNemar p",
        "How often a fair coin, thrown once for each flip, would fall as unevenly as lost and "
        "gained did (exact, two-sided). A large p does not show that two models are equal; the "
        "interval does, if it is narrow.",
        "McNemar 1947, Psychometrika 12:153",
        "https://doi.org/10.1007/BF02295996",
    )


def _holm(n_types: int, n_together: int) -> Explanation:
    number = f"the number of types compared, here {n_types}"
    if n_together > 1:
        n_tasks = n_together - N_POOLED
        number = f"all that is tested: {counted(n_types, 'type')} on {n_tasks} tasks, and on all"
    return Explanation(
        "Holm p",
        f"McNemar's p adjusted for {number}. If no type differed, one "
        f"{'ladder' if n_together == 1 else 'run'} in twenty at most would have any below 0.05.",
        "Holm 1979, Scandinavian Journal of Statistics 6:65",
    )
