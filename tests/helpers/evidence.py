"""Evidence that fits the comparisons of an example, for tests of the views."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from edgeval.records import (
    ChangeHistogram,
    Drift,
    Evidence,
    Flip,
    GroupCount,
    GroupCounts,
    Report,
    ToldFlip,
)
from edgeval.report.derived import renewed
from edgeval.stats.evidence import lead_change

EDGES_NATS = (-0.5, -0.1, 0.1, 0.5)


def with_evidence(record: Report, *, told: int = 3) -> Report:
    """Return a report with evidence of its comparisons.

    Args:
        record: The report; each of its types has all items of its data.
        told: How many flips of each type are told of.
    """
    flips = [(drift.label, flip) for drift in record.drift for flip in drift.flips[:told]]
    found = Evidence(
        n_flips=sum(len(drift.flips) for drift in record.drift),
        flips=[told_flip(label, flip) for label, flip in flips],
        change_edges_nats=list(EDGES_NATS),
        changes=[ChangeHistogram(label=each.label, counts=_counts(each)) for each in record.drift],
        groups=[
            GroupCounts(label=each.label, groups=_groups(each, record)) for each in record.drift
        ],
    )
    return renewed(record.model_copy(update={"evidence": found}))


def told_flip(label: str, flip: Flip) -> ToldFlip:
    """Return a flip with texts of four choices, and values that give its picks."""
    before, after = (
        [-1.0 if at == pick else -2.0 - at for at in range(4)]
        for pick in (flip.reference_pick, flip.pick)
    )
    return ToldFlip(
        label=label,
        item=flip.item,
        group=flip.group,
        context=f"Baking: A woman reads recipe {flip.item}. She",
        choices=[f"adds {n} eggs and stirs." for n in range(4)],
        gold=flip.gold,
        reference_pick=flip.reference_pick,
        pick=flip.pick,
        reference_logprobs=[20 * each for each in before],
        logprobs=[20 * each for each in after],
        reference_values=before,
        values=after,
    )


def _counts(drift: Drift) -> list[int]:
    """Return counts of four choices an item, of which most hardly change."""
    n_far = 2 * len(drift.flips)
    ends = [n_far // 8, n_far // 4, n_far // 4, n_far // 8]
    return [*ends[:2], 4 * drift.n_items - sum(ends), *ends[2:]]


def _groups(drift: Drift, record: Report) -> list[GroupCount]:
    metric = record.protocol.metric
    flips = Counter((flip.group, flip.reference_pick == flip.gold) for flip in drift.flips)
    left = record.runs[0].metrics[metric].correct - drift.right_to_wrong
    found = []
    for group, n_items in _largest_first(record.data.groups):
        lost, gained = flips[group, True], flips[group, False]
        both = min(left, n_items - lost - gained)
        left -= both
        found.append(
            GroupCount(
                group=group,
                n_items=n_items,
                reference_right=both + lost,
                right=both + gained,
                lost=lost,
                gained=gained,
            )
        )
    return found


def _largest_first(groups: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(groups.items(), key=lambda each: -each[1])


def assert_tells_of_all(record: Report) -> None:
    """Hold a record whose flips have room to tell of each, and to count each item and choice."""
    found = record.evidence
    assert found is not None
    told = Counter(
        (each.label, each.item, each.group, each.gold, each.reference_pick, each.pick)
        for each in found.flips
    )
    assert told == Counter(
        (drift.label, flip.item, flip.group, flip.gold, flip.reference_pick, flip.pick)
        for drift in record.drift
        for flip in drift.flips
    )
    assert found.n_flips == len(found.flips)
    changes = [abs(lead_change(each)) for each in found.flips]
    assert changes == sorted(changes, reverse=True)
    sampled = [
        each for each in record.drift if not each.stopping or each.stopping.design != "weighted"
    ]
    assert [each.label for each in found.changes] == [each.label for each in record.drift]
    assert [each.label for each in found.groups] == [each.label for each in sampled]
    for groups, drift in zip(found.groups, sampled, strict=True):
        for field, total in {
            "n_items": drift.n_items,
            "lost": drift.right_to_wrong,
            "gained": drift.wrong_to_right,
        }.items():
            assert sum(getattr(each, field) for each in groups.groups) == total
