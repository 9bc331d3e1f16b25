"""Sample sets: all samples of a file, by filter and item, and those of two files in pairs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeval.errors import DataError
from edgeval.records.paired_samples import MOST_NAMED, ItemsLeft, Reason
from edgeval.report.samples.rows import rows_of
from edgeval.report.samples.sample import Sample, sample_of

_UNNAMED: Final = "none"
"""What the harness calls the filter of a task that names none."""

_MOST_SERIES: Final = 1_000
"""Filters by metrics of a file; tables have a row for each."""

_CHECKED: Final[tuple[Reason, ...]] = ("another document", "another target", "another prompt")


@dataclass(frozen=True)
class SampleSet:
    """The samples of one file.

    Attributes:
        samples: By filter, and by item.
        conflicting: Items that the file has twice after one filter, with different results.
        n_repeated: Number of rows that say again what another has said.
    """

    samples: Mapping[str, Mapping[int, Sample]]
    conflicting: Collection[int]
    n_repeated: int

    @property
    def items(self) -> Mapping[int, Sample]:
        """A sample of each item that the file says one thing of."""
        found: dict[int, Sample] = {}
        for samples in self.samples.values():
            found |= {doc_id: each for doc_id, each in samples.items() if doc_id not in found}
        return {doc_id: found[doc_id] for doc_id in sorted(found.keys() - self.conflicting)}


def read_samples(path: Path) -> SampleSet:
    """Return the samples of a file.

    Versions before 0.4.5 do not name filters and write them one after another: the second sample of
    an item is then of the second filter.

    Raises:
        DataError: If it cannot be read, or is no file of samples.
    """
    samples: dict[str, dict[int, Sample]] = defaultdict(dict)
    passes: Counter[int] = Counter()
    conflicting, n_repeated, series = set(), 0, set()
    for where, row in rows_of(path):
        found = sample_of(row, where)
        name = found.filter
        if name is None:
            passes[found.doc_id] += 1
            number = passes[found.doc_id]
            name = _UNNAMED if number == 1 else f"filter {number}"
        series |= {(name, metric) for metric in found.values}
        if len(series) > _MOST_SERIES:
            raise DataError(f"{where}: more than {_MOST_SERIES:,} metrics; restore the file")
        other = samples[name].setdefault(found.doc_id, found)
        if other is not found:
            n_repeated += 1
            if other != found:
                conflicting.add(found.doc_id)
    return SampleSet(samples, conflicting, n_repeated)


@dataclass(frozen=True)
class Pairs:
    """The items that two files have in common, and those that are left.

    Attributes:
        doc_ids: The items, in order.
        n_unchecked: Number of them of which neither content nor hashes can be compared.
        left: The others, by why.
    """

    doc_ids: Sequence[int]
    n_unchecked: int
    left: Sequence[ItemsLeft]


def pairs_of(first: SampleSet, other: SampleSet, *, any_prompt: bool) -> Pairs:
    """Return which items of two files are the same.

    Args:
        first: One file's samples.
        other: The other's.
        any_prompt: Whether items count as the same whose prompts differ.
    """
    left: dict[Reason, list[int]] = defaultdict(list)
    twice = {*first.conflicting, *other.conflicting}
    left["twice with different results"] += sorted(twice)
    ours, theirs = first.items, other.items
    left["only in the first"] += [each for each in ours if each not in {*theirs, *twice}]
    left["only in the other"] += [each for each in theirs if each not in {*ours, *twice}]
    common = []
    n_unchecked = 0
    ignored = {"another prompt"} if any_prompt else set()
    for doc_id in ours:
        if doc_id not in theirs or doc_id in twice:
            continue
        apart = [each for each in _apart(ours[doc_id], theirs[doc_id]) if each not in ignored]
        if apart:
            left[apart[0]].append(doc_id)
            continue
        common.append(doc_id)
        n_unchecked += not _is_checked(ours[doc_id], theirs[doc_id])
    return Pairs(common, n_unchecked, [_left(*each) for each in left.items() if each[1]])


def _apart(ours: Sample, theirs: Sample) -> Iterator[Reason]:
    for reason in _CHECKED:
        hashes = ours.hashes[reason], theirs.hashes[reason]
        if None not in hashes and hashes[0] != hashes[1]:
            yield reason


def _is_checked(ours: Sample, theirs: Sample) -> bool:
    return None not in (ours.hashes["another document"], theirs.hashes["another document"])


def _left(reason: Reason, doc_ids: Sequence[int]) -> ItemsLeft:
    return ItemsLeft(reason=reason, n_items=len(doc_ids), doc_ids=list(doc_ids[:MOST_NAMED]))
