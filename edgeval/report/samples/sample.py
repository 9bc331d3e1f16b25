"""Sample: what lm-evaluation-harness logs of one item, and which item that is."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from edgeval.errors import DataError
from edgeval.records.paired_samples import Reason
from edgeval.report.samples.answers import Answers, answers_of, requests_of
from edgeval.report.samples.rows import Row

OWN: Final = frozenset(
    [
        "doc_id",
        "doc",
        "target",
        "arguments",
        "resps",
        "filtered_resps",
        "filter",
        "metrics",
        "doc_hash",
        "prompt_hash",
        "target_hash",
    ]
)
"""Fields of a row that are no metrics."""

RATIOS: Final = ("word_perplexity", "byte_perplexity", "bits_per_byte")
"""Metrics of a text: its log-likelihood, and what it is divided by."""

PERPLEXITY: Final = "perplexity"
"""The metric of an ending: its log-likelihood, of which the harness makes a perplexity an item."""

_SOURCES: Final = ("source_id", "passage", "article", "story", "context")
"""Fields of documents that several items share: what they were made of, or are asked about."""

_MAX_NAME: Final = 200
_MAX_ID: Final = 2**53


@dataclass(frozen=True)
class Ratio:
    """A log-likelihood in nats, and the words or bytes that it is of."""

    loglikelihood: float
    weight: float


Value = float | Ratio | None
"""What a metric says of an item; None where that is missing or not finite."""


@dataclass(frozen=True)
class Sample:
    """What one model says of one item, after one filter.

    Attributes:
        doc_id: The item.
        filter: The filter; None in files of versions that do not name it.
        hashes: SHA-256 of document, prompt and target, as the harness has them from 0.4.3 on, and
            of what the row holds where it has none; None without either.
        values: What each metric says.
        of_all: Metrics that are no value of an item, but material for one of all.
        answers: What the model said.
        source: What the item was made of; empty where that is not known.
    """

    doc_id: int
    filter: str | None
    hashes: Mapping[Reason, str | None]
    values: Mapping[str, Value]
    of_all: frozenset[str]
    answers: Answers = field(compare=False)
    source: str = field(compare=False)


def sample_of(row: Row, where: str) -> Sample:
    """Return the sample of a row.

    Raises:
        DataError: If it is none.
    """
    doc_id, named = row.get("doc_id"), row.get("filter")
    if not isinstance(doc_id, int) or isinstance(doc_id, bool) or not 0 <= doc_id < _MAX_ID:
        raise DataError(
            f"{where} is no sample of lm-evaluation-harness: it has no doc_id that counts items; "
            "name a samples_TASK_DATE.jsonl"
        )
    if named is not None and (not isinstance(named, str) or len(named) > _MAX_NAME):
        raise DataError(f"{where}: the filter is no name; restore the file")
    said = {name: row[name] for name in _metrics(row)}
    of_all = frozenset(name for name, value in said.items() if _is_of_all(name, value))
    return Sample(
        doc_id=doc_id,
        filter=named,
        hashes=_hashes(row),
        values={name: _value(name, each) for name, each in said.items() if name not in of_all},
        of_all=of_all,
        answers=answers_of(row),
        source=_source(row.get("doc")),
    )


def _metrics(row: Row) -> Sequence[str]:
    """Return the names of the metrics that a row has, as it lists them or as what is left."""
    listed = row.get("metrics")
    names = listed if isinstance(listed, list) else [name for name in row if name not in OWN]
    return [
        name
        for name in names
        if isinstance(name, str) and name in row and name not in OWN and len(name) <= _MAX_NAME
    ]


def _is_of_all(name: str, value: Any) -> bool:
    """Return whether a value says nothing of one item alone, as a pair of target and pick."""
    if isinstance(value, str):
        return not _reads_as_number(value)
    return isinstance(value, (list, dict)) and not (name in RATIOS and isinstance(value, list))


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _value(name: str, value: Any) -> Value:
    if name == PERPLEXITY:
        found = _number(value)
        return None if found is None else Ratio(found, 1.0)
    if name not in RATIOS:
        return _number(value)
    numbers = [_number(each) for each in value] if isinstance(value, list) else []
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None or numbers[1] <= 0:
        return None
    return Ratio(numbers[0], numbers[1])


def _number(value: Any) -> float | None:
    """Return a finite number, which some versions write as text; None for anything else."""
    try:
        number = float(value) if isinstance(value, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _hashes(row: Row) -> dict[Reason, str | None]:
    """Return the hashes that a row has, and those that the harness would make of what it has."""
    contents: dict[Reason, tuple[str, Callable[[Row], str | None]]] = {
        "another document": ("doc_hash", _document),
        "another prompt": ("prompt_hash", _prompt),
        "another target": (
            "target_hash",
            lambda row: str(row["target"]) if "target" in row else None,
        ),
    }
    return {
        reason: given if isinstance(given := row.get(name), str) else _sha256(content(row))
        for reason, (name, content) in contents.items()
    }


def _document(row: Row) -> str | None:
    return json.dumps(row["doc"], indent=2, ensure_ascii=False) if "doc" in row else None


def _prompt(row: Row) -> str | None:
    requests = requests_of(row)
    return str(requests[0][0]) if requests else None


def _sha256(content: str | None) -> str | None:
    return None if content is None else hashlib.sha256(content.encode()).hexdigest()


def _source(doc: Any) -> str:
    if not isinstance(doc, dict):
        return ""
    found = next((doc[name] for name in _SOURCES if isinstance(doc.get(name), str)), "")
    return _sha256(found or None) or ""
