"""Texts of the quality beside a speed: the same in a terminal and on pages."""

from __future__ import annotations

from typing import Final

from edgeval.benchmark.columns import UNKNOWN
from edgeval.errors import listed
from edgeval.records.bench import Bench, FileQuality
from edgeval.records.context import protocol_label
from edgeval.report import formatting as fmt

_NO_MARGIN: Final = 100.0
"""In points: nothing is held to one here, so that ends of intervals are rounded as they come."""


def accuracy(quality: FileQuality | None) -> str:
    """Return an accuracy in percent with its interval, for example ``73.20 [70.4, 75.9]``."""
    if quality is None:
        return UNKNOWN
    return f"{fmt.accuracy(quality.accuracy)} {fmt.accuracy_interval(quality.accuracy_interval)}"


def drift(quality: FileQuality | None) -> str:
    """Return a difference from the reference in points with its interval."""
    if quality is None or quality.drift_points is None:
        return UNKNOWN
    points, interval = fmt.signed(quality.drift_points, 2), quality.drift_interval
    if interval is None:
        return points
    return f"{points} {fmt.difference_interval(interval, _NO_MARGIN)}"


def quality_sentence(bench: Bench) -> str:
    """Return what accuracies and drifts are of; empty if there are none."""
    found = [file.quality for file in bench.files if file.quality is not None]
    if not found:
        return ""
    first = found[0]
    counts = dict.fromkeys(f"{each.n_items:,}" for each in found)
    protocol = protocol_label(first.protocol, first.shots)
    told = (
        f"Accuracy is {first.metric} in percent, of {' or '.join(counts)} of {first.n_total:,} "
        f"items of {first.task} ({first.data}), protocol {protocol}, by scores of the store"
    )
    drifts = [each for each in found if each.drift_reference is not None]
    if drifts:
        references = list(dict.fromkeys(each.drift_reference or "" for each in drifts))
        pairs = sorted({each.drift_items or 0 for each in drifts})
        told += (
            f". Drift is the difference in points from {listed(references)}, on the "
            f"{' or '.join(f'{each:,}' for each in pairs)} items that both have"
        )
    level = fmt.level(first.accuracy_interval)
    return f"{told}. Intervals are for new items of the same kind, {level}."
