"""Samples: what each file says of each item, a row an item and file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgeval.errors import EdgevalError, closest
from edgeval.evaluation.setup import EvalSetup
from edgeval.records import ModelRun
from edgeval.stats import metrics
from edgeval.system.exports import Columns, Format, write_rows
from edgeval.system.files import is_stream, require_writable
from edgeval.tasks.item import ItemScore
from edgeval.tasks.protocol import Protocol

Scores = Mapping[int, ItemScore]
"""What one file says, by the places of the items in the data set."""

_FORMATS: Final[dict[str, Format]] = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}

COLUMNS: Final[Columns] = {
    "task": "text",
    "type": "text",
    "file": "text",
    "index": "count",
    "item": "text",
    "group": "text",
    "gold": "count",
    "logprobs": ("number",),
    "n_tokens": ("count",),
    "n_chars": ("count",),
    "n_bytes": ("count",),
    "is_greedy": ("flag",),
    "picks": dict.fromkeys(metrics.METRICS, "count"),
    "pick": "count",
    "correct": "flag",
}
"""Lists have one entry a choice, and log-probabilities are in nats. ``type`` is what reports call
the file; ``index`` the item's place in the data set; ``picks`` the choice by each metric of the
task, counted from 0; ``pick`` that by the protocol's, and ``correct`` whether it is the right one,
``gold``."""

TEXTS: Final[Columns] = {"contexts": ("text",), "choices": ("text",)}
"""What was scored: one context for all choices, or one for each."""


@dataclass(frozen=True)
class SampleFile:
    """Where samples go.

    Attributes:
        path: The file.
        format: What it is written as.
        has_texts: Whether it has the texts of the items too.
    """

    path: Path
    format: Format
    has_texts: bool

    @classmethod
    def of(cls, path: str | Path | None, texts: bool) -> SampleFile | None:
        """Return the file that is asked for, if it can be written; its folder is made.

        Args:
            path: A ``.jsonl``, ``.csv`` or ``.parquet`` file, or a pipe, which gets JSON lines;
                None for none.
            texts: Whether it has the texts of the items too.

        Raises:
            EdgevalError: If it is called otherwise, cannot be written, or is none and has texts.
        """
        if path is None:
            if texts:
                raise EdgevalError("--texts are columns of --samples; name its file too")
            return None
        path = Path(path)
        kind = _FORMATS.get(path.suffix.casefold())
        if kind is None and not is_stream(path):
            raise EdgevalError(
                f"--samples {path}: {path.suffix or 'no ending'}{closest(path.suffix, _FORMATS)} "
                f"says no format; use {', '.join(_FORMATS)}"
            )
        require_writable(path)
        return cls(path, kind or "jsonl", texts)

    def write(self, found: Iterable[tuple[EvalSetup, Iterable[tuple[ModelRun, Scores]]]]) -> None:
        """Write a row for each item of each run.

        Args:
            found: What was evaluated on each task, and the runs with their scores.

        Raises:
            EdgevalError: If the file cannot be written.
        """
        rows = (
            row
            for setup, runs in found
            for run, scores in runs
            for row in self._rows(setup, run, scores)
        )
        columns = {**COLUMNS, **(TEXTS if self.has_texts else {})}
        write_rows(self.path, self.format, columns, rows)

    def _rows(self, setup: EvalSetup, run: ModelRun, scores: Scores) -> Iterator[dict[str, Any]]:
        of_run = {"task": setup.data.task, "type": run.label, "file": run.file}
        for index, score in scores.items():
            row = {**of_run, "index": index, **sample_row(score, setup.protocol)}
            if self.has_texts:
                row |= {"contexts": list(score.item.contexts), "choices": list(score.item.choices)}
            yield row


def sample_row(score: ItemScore, protocol: Protocol) -> dict[str, Any]:
    """Return what one file says of one item, as plain values: see ``COLUMNS``."""
    item, picks = score.item, metrics.picks(score, protocol.metrics)
    return {
        "item": item.id,
        "group": item.group,
        "gold": item.gold,
        "logprobs": list(score.logprobs),
        "n_tokens": list(score.n_tokens),
        "n_chars": list(score.n_chars),
        "n_bytes": list(score.n_bytes),
        "is_greedy": list(score.is_greedy),
        "picks": picks,
        "pick": picks[protocol.metric],
        "correct": picks[protocol.metric] == item.gold,
    }
