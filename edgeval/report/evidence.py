"""Evidence of a record beside its differences, which it must not contradict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from edgeval.records import Drift, Evidence, Flip, GroupCounts, Report, ToldFlip
from edgeval.records.evidence import in_short


def contradictions(record: Report) -> Iterator[str]:
    """Yield where a record's evidence says otherwise than its comparisons.

    Args:
        record: The record; its comparisons do not contradict its runs.
    """
    found = record.evidence
    if found is None:
        return
    drift_of = {drift.label: drift for drift in record.drift}
    for parts in (found.changes, found.groups):
        labels = [each.label for each in parts]
        if len(set(labels)) < len(labels) or not drift_of.keys() >= set(labels):
            yield "the evidence has a type twice, or one that is not compared"
            return
    yield from _of_flips(found, record)
    for groups in found.groups:
        yield from _of_groups(groups, drift_of[groups.label], record)


def _of_flips(found: Evidence, record: Report) -> Iterator[str]:
    n_flips = sum(len(drift.flips) for drift in record.drift)
    if found.n_flips != n_flips:
        yield f"the evidence is of {found.n_flips:,} flips, and there are {n_flips:,}"
    known = Counter(
        (drift.label, in_short(flip.item), in_short(flip.group), flip.gold, _picks(flip))
        for drift in record.drift
        for flip in drift.flips
    )
    told = Counter(
        (flip.label, flip.item, flip.group, flip.gold, _picks(flip)) for flip in found.flips
    )
    if told - known:
        yield "the evidence tells of flips that no comparison has"


def _picks(flip: Flip | ToldFlip) -> tuple[int, int]:
    return flip.reference_pick, flip.pick


def _of_groups(groups: GroupCounts, drift: Drift, record: Report) -> Iterator[str]:
    flips = Counter(
        (in_short(flip.group), flip.reference_pick == flip.gold) for flip in drift.flips
    )
    names = [each.group for each in groups.groups]
    counted = all(
        (each.lost, each.gained) == (flips[each.group, True], flips[each.group, False])
        for each in groups.groups
    )
    if len(set(names)) < len(names) or not counted:
        yield f"the groups of {drift.label} have other flips than the comparison"
    elif groups.n_more == 0 and not _are_all(groups, drift, record):
        yield f"the groups of {drift.label} have other items than the comparison"


def _are_all(groups: GroupCounts, drift: Drift, record: Report) -> bool:
    """Return whether groups have all items of a comparison, and as many right ones as its runs."""
    counts = groups.groups
    if sum(each.n_items for each in counts) != drift.n_items:
        return False
    metric = record.protocol.metric
    run = next(run for run in record.runs[1:] if run.label == drift.label)
    return all(
        measured.total != drift.n_items or measured.correct == right
        for measured, right in (
            (record.runs[0].metrics[metric], sum(each.reference_right for each in counts)),
            (run.metrics[metric], sum(each.right for each in counts)),
        )
    )
