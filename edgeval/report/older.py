"""Records as they are in files: those of an older schema, and what they say otherwise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from edgeval.foreign import printable
from edgeval.records import SCHEMA_VERSION

OLDEST: int = 2
"""The oldest schema that is read."""

_TIMES = ("elapsed_s", "load_s", "tokens_per_s")
"""Of a run in schema 2: sums over whoever worked on it, with whatever threads and on whatever
machine. They are no speed of anything, and are not read."""

_WORDS = ("status", "protocol_match", "reference")
"""Texts that follow from numbers. Others are sentences, which every version may word otherwise."""

_MOST_SHOWN = 3


def current(content: Any) -> Any:
    """Return the content of a record in this schema; what is none is returned as it is."""
    if not isinstance(content, dict) or content.get("schema_version") != OLDEST:
        return content
    content = {**content, "schema_version": SCHEMA_VERSION}
    runs = content.get("runs")
    if isinstance(runs, list):
        content["runs"] = [_timeless(run) if isinstance(run, dict) else run for run in runs]
    return content


def _timeless(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name not in _TIMES}


def corrections(file: str, content: Any, record: Mapping[str, Any]) -> list[str]:
    """Return what a file says otherwise than its numbers, as a sentence; nothing as a rule.

    Args:
        file: What the file is called.
        content: What it holds, in this schema.
        record: The record with what follows from its numbers.
    """
    # A verdict counts for more than the digits behind it.
    found = sorted(
        _changes(content, record),
        key=lambda text: (not text.startswith("verdicts."), ".status " not in text),
    )
    if not found:
        return []
    places = "one place" if len(found) == 1 else f"{len(found):,} places"
    more = len(found) - _MOST_SHOWN
    shown = "; ".join(found[:_MOST_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
    return [
        f"{file} says otherwise than its own numbers in {places}, for an older edgeval wrote it or "
        f"it was edited: {shown}. Shown is what the numbers give."
    ]


def _changes(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield each value that differs, with its path; values that are not in both are left out."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in (each for each in new if each in old):
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
