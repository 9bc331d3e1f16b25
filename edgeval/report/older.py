"""Older records: what files of another schema hold, and what they say otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from edgeval.errors import plural
from edgeval.records import SCHEMA_VERSION
from edgeval.system.untrusted import printable
from edgeval.tasks import names

OLDEST: int = 2
"""The oldest schema that is read."""
_SAME_RULES: int = 4
"""The oldest that concluded by today's rules; later ones say more."""
_WITH_TASK: int = 5

_TIMES = ("elapsed_s", "load_s", "tokens_per_s")
"""Of a run in schema 2: sums over whoever worked on it, with whatever threads and on whatever
machine. They are no speed of anything, and are not read."""

_MEASURED = ("interval_points", "margin_points")
_JUDGED = ("split", "new_items", "split_accuracy", "stopping", "mcnemar_p", "mcnemar_p_holm")
_INTERVALS = ("interval", "split_interval")
"""What schema 3 concluded by other rules, or also where nothing is known."""

_WORDS = ("status", "protocol_match", "reference", "outcome")
"""Texts that follow from numbers. Others are sentences, which every version may word otherwise."""

_MOST_SHOWN = 3


def current(content: Any) -> Any:
    """Return the content of a record in this schema; what is none is returned as it is."""
    version: Any = content.get("schema_version") if isinstance(content, dict) else None
    if version not in range(OLDEST, SCHEMA_VERSION):
        return content
    content = {**content, "schema_version": SCHEMA_VERSION}
    if version == OLDEST:
        content = _changed(content, "runs", _timeless)
    if version < _SAME_RULES:
        content = _changed(content, "runs", _without_worth)
        content = _changed(_changed(content, "drift", _without_worth), "drift", _of_split)
    return _with_task(content) if version < _WITH_TASK else content


def _changed(content: dict[str, Any], name: str, change: Callable[..., Any]) -> dict[str, Any]:
    """Return a record with each entry of a list changed."""
    entries = content.get(name)
    if not isinstance(entries, list):
        return content
    changed = [change(entry) if isinstance(entry, dict) else entry for entry in entries]
    return {**content, name: changed}


def _with_task(content: dict[str, Any]) -> dict[str, Any]:
    """Return a record that names its task: there was one when records named none."""
    data = content.get("data")
    if not isinstance(data, dict):
        return content
    task = {"task": names.UNNAMED_TASK, "task_version": names.UNNAMED_TASK_VERSION}
    return {**content, "data": {**data, **task}}


def _timeless(run: dict[str, Any]) -> dict[str, Any]:
    return _without(run, _TIMES)


def _without_worth(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a run, or a comparison, without the items in random order that its own were worth."""
    stopping = entry.get("stopping")
    if not isinstance(stopping, dict):
        return entry
    return {**entry, "stopping": _without(stopping, ("effective_items",))}


def _of_split(drift: dict[str, Any]) -> dict[str, Any]:
    """Return a comparison that says what is measured: schema 3 judged by other rules."""
    split, new_items = drift.get("split"), drift.get("new_items")
    if isinstance(split, dict):
        measured = {name: split[name] for name in _MEASURED if name in split}
        split = {**measured, "outcome": "open", "non_inferior": False}
    if isinstance(new_items, dict):
        new_items = new_items.get("interval_points")
    return {**drift, "split": split, "new_items": new_items}


def comparable(content: Any) -> Any:
    """Return what of a file's content may be held against what its numbers give.

    Older schemas judged by other rules: what they concluded is no contradiction.
    """
    version: Any = content.get("schema_version") if isinstance(content, dict) else None
    if version not in range(OLDEST, SCHEMA_VERSION):
        return content
    kept = _without(content, ("schema_version",))
    if version >= _SAME_RULES:
        return kept
    kept = _without(kept, ("verdicts",))
    return _changed(_changed(kept, "drift", _measured), "runs", _measured)


def _measured(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what of a run, or of a comparison, later schemas say alike."""
    entry, metrics = _without(entry, _JUDGED), entry.get("metrics")
    if not isinstance(metrics, dict):
        return entry
    counted = {
        name: _without(metric, _INTERVALS) if isinstance(metric, dict) else metric
        for name, metric in metrics.items()
    }
    return {**entry, "metrics": counted}


def _without(entry: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in names}


def corrections(file: str, content: Any, record: Mapping[str, Any]) -> list[str]:
    """Return what a file says otherwise than its numbers, as a sentence; nothing as a rule.

    Args:
        file: What the file is called.
        content: What it holds, in this schema.
        record: The record with what follows from its numbers.
    """
    # A verdict counts for more than the digits behind it.
    changes = sorted(
        _changes(content, record),
        key=lambda text: (not text.startswith("verdicts."), ".status " not in text),
    )
    if not changes:
        return []
    places = plural(len(changes), "one place", f"{len(changes):,} places")
    more = len(changes) - _MOST_SHOWN
    shown = "; ".join(changes[:_MOST_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
    return [
        f"{file} says otherwise than its own numbers in {places}, for an older edgeval wrote it or "
        f"it was edited: {shown}. Shown is what the numbers give."
    ]


def _changes(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield each value that differs, with its path; values that are not in both are left out."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in new:
            if name in old:
                yield from _changes(old[name], new[name], f"{path}.{name}" if path else name)
    elif isinstance(old, list) and isinstance(new, list):
        for index, (before, after) in enumerate(zip(old, new, strict=False)):
            yield from _changes(before, after, f"{path}.{index}")
    elif not _is_same(old, new, path.rpartition(".")[2]):
        yield f"{path} is {_text(old)}, not {_text(new)}"


def _is_same(old: Any, new: Any, name: str) -> bool:
    if isinstance(old, str) and isinstance(new, str):
        return name not in _WORDS or old == new
    numbers = (int, float)
    if isinstance(old, numbers) and isinstance(new, numbers):
        # Libraries of other machines may round the last digits otherwise.
        return math.isclose(old, new, rel_tol=1e-6, abs_tol=1e-9)
    return bool(old == new) or isinstance(old, str) != isinstance(new, str)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return (
        "none"
        if value is None
        else "there"
        if isinstance(value, (dict, list))
        else printable(str(value), 60)
    )
