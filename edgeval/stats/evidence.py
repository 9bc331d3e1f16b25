"""Evidence: which flips, changes and groups lie behind the differences of a ladder."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edgeval.records import ChangeHistogram, Drift, Evidence, GroupCount, GroupCounts, ToldFlip
from edgeval.records.evidence import (
    ELLIPSIS,
    MOST_CHOICE_CHARS,
    MOST_CHOICES,
    MOST_CONTEXT_CHARS,
    MOST_GROUPS,
    MOST_TOLD,
    cut_after,
    in_short,
)
from edgeval.stats.metrics import lead, pick, values
from edgeval.tasks.item import Item, ItemScore

Scores = Mapping[int, ItemScore]
"""What one file says, by the places of the items in the data set."""

MOST_TOLD_BYTES: Final = 1_000_000
"""Of the flips that are told of, as JSON: texts of some tasks are long."""

_MOST_OF_SUITE: Final = 2_000
"""Flips that are told of, of all tasks of a run."""

_OUTWARDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
EDGES_NATS: Final = [*(-each for each in reversed(_OUTWARDS)), *_OUTWARDS]
"""Edges of all histograms: Q8_0 changes by hundredths of what Q2_K does."""


class _Pair(NamedTuple):
    """What the reference and a type say of one item."""

    label: str
    before: ItemScore
    after: ItemScore
    picks: tuple[int, int]

    @property
    def is_right(self) -> tuple[bool, bool]:
        """Whether the reference has it right, and whether the type has."""
        gold = self.before.item.gold
        return self.picks[0] == gold, self.picks[1] == gold


def most_told(n_tasks: int) -> int:
    """Return the most flips that the report of a task tells of, so that all can be read at once.

    Args:
        n_tasks: Number of tasks of the run.
    """
    return max(1, min(MOST_TOLD, _MOST_OF_SUITE // n_tasks))


def evidence(
    drifts: Sequence[Drift],
    scores: Mapping[str, Scores],
    metric: str,
    *,
    most: int = MOST_TOLD,
) -> Evidence | None:
    """Return what lies behind the differences of a ladder; None where nothing is compared.

    Args:
        drifts: The comparisons, all with the same reference.
        scores: What each file says, by its label: the reference too.
        metric: The metric whose picks are compared.
        most: The most flips to tell of.
    """
    if not drifts:
        return None
    reference = scores[drifts[0].reference]
    known = {index: (score, pick(score, metric)) for index, score in reference.items()}
    pairs = {drift.label: _pairs(drift.label, scores, known, metric) for drift in drifts}
    flips = [_flips(of_type, metric) for of_type in pairs.values()]
    changes = {label: _changes(of_type) for label, of_type in pairs.items()}
    return Evidence(
        n_flips=sum(map(len, flips)),
        flips=_told(flips, metric, most),
        change_edges_nats=EDGES_NATS,
        changes=[_histogram(label, each) for label, each in changes.items()],
        groups=[_groups(drift.label, pairs[drift.label]) for drift in drifts if _is_sample(drift)],
    )


def lead_change(flip: ToldFlip) -> float:
    """Return by how much the gold choice's lead changed, in the unit of the metric.

    It is negative where the type has lost what the reference has right.
    """
    return lead(flip.values, flip.gold) - lead(flip.reference_values, flip.gold)


def _is_sample(drift: Drift) -> bool:
    return drift.stopping is None or drift.stopping.design != "weighted"


def _pairs(
    label: str,
    scores: Mapping[str, Scores],
    reference: Mapping[int, tuple[ItemScore, int]],
    metric: str,
) -> list[_Pair]:
    """Return what is compared, in the order of the type's items."""
    return [
        _Pair(label, reference[index][0], after, (reference[index][1], pick(after, metric)))
        for index, after in scores[label].items()
    ]


def _flips(pairs: Iterable[_Pair], metric: str) -> list[_Pair]:
    """Return the items that flipped, the largest change of the lead first."""

    def change(pair: _Pair) -> float:
        gold = pair.before.item.gold
        return abs(lead(values(pair.after, metric), gold) - lead(values(pair.before, metric), gold))

    return sorted((each for each in pairs if len(set(each.is_right)) > 1), key=change, reverse=True)


def _told(flips: Sequence[Sequence[_Pair]], metric: str, most: int) -> list[ToldFlip]:
    """Return the most telling flips, by turns of each type, as many as have room."""
    found: list[ToldFlip] = []
    n_bytes = 0
    for pair in _by_turns(flips):
        if pair.before.item.n_choices > MOST_CHOICES:
            continue
        told = _told_flip(pair, metric)
        n_bytes += len(told.model_dump_json().encode())
        if len(found) == most or n_bytes > MOST_TOLD_BYTES:
            break
        found.append(told)
    return sorted(found, key=lambda each: abs(lead_change(each)), reverse=True)


def _by_turns(flips: Sequence[Sequence[_Pair]]) -> Iterator[_Pair]:
    """Yield the first of each type, then the second of each that has one, and so on."""
    for place in range(max(map(len, flips))):
        yield from (of_type[place] for of_type in flips if place < len(of_type))


def _told_flip(pair: _Pair, metric: str) -> ToldFlip:
    item = pair.before.item
    context, choices = _texts(item)
    return ToldFlip(
        label=pair.label,
        item=in_short(item.id),
        group=in_short(item.group),
        context=_end(context, MOST_CONTEXT_CHARS),
        choices=[cut_after(choice, MOST_CHOICE_CHARS) for choice in choices],
        gold=item.gold,
        reference_pick=pair.picks[0],
        pick=pair.picks[1],
        reference_logprobs=list(pair.before.logprobs),
        logprobs=list(pair.after.logprobs),
        reference_values=list(values(pair.before, metric)),
        values=list(values(pair.after, metric)),
    )


def _texts(item: Item) -> tuple[str, Sequence[str]]:
    """Return what all choices follow, and how each goes on."""
    if len(item.contexts) == 1:
        return item.contexts[0], item.choices
    # Contexts of their own differ in a word or two, so what is different is shown from there.
    by_place = zip(*item.contexts, strict=False)
    alike = itertools.takewhile(lambda characters: len(set(characters)) == 1, by_place)
    shared = "".join(characters[0] for characters in alike)
    begin = max(shared.rfind(each) for each in " \n") + 1
    return shared[:begin], [text[begin:] for text in item.texts]


def _end(text: str, most: int) -> str:
    """Return the end of a text: what is asked stands behind solved items."""
    return text if len(text) <= most else ELLIPSIS + text[len(text) - most + 1 :]


def _changes(pairs: Sequence[_Pair]) -> npt.NDArray[np.float64]:
    """Return the change of each choice's log-probability, in nats."""
    after = np.concatenate([pair.after.logprobs for pair in pairs])
    before = np.concatenate([pair.before.logprobs for pair in pairs])
    found: npt.NDArray[np.float64] = after - before
    return found


def _histogram(label: str, changes: npt.NDArray[np.float64]) -> ChangeHistogram:
    bins = np.searchsorted(EDGES_NATS, changes, side="right")
    counts = np.bincount(bins, minlength=len(EDGES_NATS) + 1)
    return ChangeHistogram(label=label, counts=counts.tolist())


def _groups(label: str, pairs: Iterable[_Pair]) -> GroupCounts:
    of_group: dict[str, list[tuple[bool, bool]]] = {}
    for pair in pairs:
        of_group.setdefault(in_short(pair.before.item.group), []).append(pair.is_right)
    largest = sorted(of_group, key=lambda group: (-len(of_group[group]), group))
    return GroupCounts(
        label=label,
        groups=[_group_count(group, of_group[group]) for group in largest[:MOST_GROUPS]],
        n_more=max(0, len(largest) - MOST_GROUPS),
    )


def _group_count(group: str, is_right: Sequence[tuple[bool, bool]]) -> GroupCount:
    return GroupCount(
        group=group,
        n_items=len(is_right),
        reference_right=sum(before for before, _ in is_right),
        right=sum(after for _, after in is_right),
        lost=sum(before and not after for before, after in is_right),
        gained=sum(after and not before for before, after in is_right),
    )
