"""Text of a claim: a published number in a line, as ``--claim`` takes it.

``TASK METRIC [N-shot] [PROTOCOL] [these-items] NUMBER SOURCE``: what stands before the number says
how it was measured, and all behind it is where it stands.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from edgeval.errors import EdgevalError, closest
from edgeval.records import Citation, Claim, DataSource
from edgeval.records.claims import MOST_DECIMALS, MOST_SHOTS, NOT_STATED
from edgeval.stats.metrics import METRICS
from edgeval.system.untrusted import printable
from edgeval.tasks import registry
from edgeval.tasks.names import DEFAULT_TASK, FAMILIES

PATTERN: Final = "TASK METRIC [N-shot] [PROTOCOL] [these-items] NUMBER SOURCE"

_EXAMPLE = f"{DEFAULT_TASK} acc_norm 43.0 SOURCE"
_THESE_ITEMS = "these-items"
_MOST_CHARS = 500
_SHOTS = re.compile(r"(\d{1,9})-shot", re.ASCII)
_NUMERIC = re.compile(r"(?!\d+-shot$)[-+.,]?\d", re.ASCII | re.IGNORECASE)
_NUMBER = re.compile(rf"\d{{1,3}}(?:\.(\d{{1,{MOST_DECIMALS}}}))?%?", re.ASCII)


@dataclass(frozen=True)
class GivenClaim:
    """A published number that somebody typed.

    Attributes:
        task: Name of the task.
        metric: The metric.
        value: The number, in percent.
        decimals: How many decimals of it were typed.
        source: Where it stands.
        protocol: How it was measured, or ``NOT_STATED``.
        shots: Number of solved items shown before each item.
        is_of_these_items: Whether it is of the items that are evaluated, not of the task's split.
    """

    task: str
    metric: str
    value: float
    decimals: int
    source: str
    protocol: str = NOT_STATED
    shots: int = 0
    is_of_these_items: bool = False

    def claim(self, data: DataSource | None) -> Claim:
        """Return it as a claim.

        Args:
            data: The items that are evaluated, if that is known by now.
        """
        task = registry.task(self.task)
        claim = Claim(
            task=self.task,
            value=self.value,
            decimals=self.decimals,
            metric=self.metric,
            protocol=self.protocol,
            shots=self.shots,
            data=task.split_name,
            n_items=task.n_items,
            notes="given with --claim",
            citation=Citation(section=self.source, row="", column=""),
        )
        if self.is_of_these_items and data is not None:
            its_own = {"data": data.name, "data_fingerprint": data.fingerprint}
            claim = claim.model_copy(update={**its_own, "n_items": data.n_total})
        counts = claim.counts
        return claim.model_copy(update={"correct": counts[0] if len(counts) == 1 else None})


def parsed(text: str) -> GivenClaim:
    """Return what a claim's text says.

    Args:
        text: It follows ``PATTERN``.

    Raises:
        EdgevalError: If a word of it is not understood.
    """
    try:
        return _parsed(text)
    except EdgevalError as error:
        raise EdgevalError(
            f"the claim '{printable(text, 100)}': {error}; write it like '{_EXAMPLE}'"
        ) from error


def _parsed(text: str) -> GivenClaim:
    if len(text) > _MOST_CHARS:
        raise EdgevalError(f"it has {len(text):,} characters, and {_MOST_CHARS} are the most")
    words = text.split()
    if len(words) < 2:
        raise EdgevalError("it names no task and metric")
    task, metric, *others = words[0].casefold(), words[1].casefold(), *words[2:]
    _require_known("task", task, registry.TASKS)
    _require_known("metric", metric, METRICS)
    before = list(itertools.takewhile(lambda word: _NUMERIC.match(word) is None, others))
    conditions = _conditions(before)
    number, *source = others[len(before) :] or [""]
    value, decimals = _value(number)
    _require_source(source, conditions)
    return GivenClaim(task, metric, value, decimals, _unquoted(" ".join(source)), **conditions)


def _require_known(kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise EdgevalError(
            f"unknown {kind} '{printable(name, 60)}'{closest(name[:200], known)}; edgeval has "
            f"{', '.join(known)}"
        )


def _conditions(words: Iterable[str]) -> dict[str, Any]:
    """Return what the words before the number say of how it was measured, by field."""
    found: dict[str, Any] = {}
    for word in words:
        field, value = _condition(word) or _unknown(word)
        if field in found:
            raise EdgevalError(f"'{printable(word, 60)}' says again what stands before it")
        found[field] = value
    return found


def _condition(word: str) -> tuple[str, object] | None:
    folded = word.casefold()
    if shots := _SHOTS.fullmatch(folded):
        if int(shots[1]) > MOST_SHOTS:
            raise EdgevalError(f"'{word}' is more than {MOST_SHOTS:,} shots")
        return "shots", int(shots[1])
    if folded in FAMILIES:
        return "protocol", folded
    return ("is_of_these_items", True) if folded == _THESE_ITEMS else None


def _unknown(word: str) -> NoReturn:
    known = (*FAMILIES, _THESE_ITEMS)
    raise EdgevalError(
        f"'{printable(word, 60)}' is not understood{closest(word[:200], known)}; between metric "
        f"and number stand N-shot, {', '.join(known[:-1])} or {known[-1]}"
    )


def _value(word: str) -> tuple[float, int]:
    """Return a number in percent, and how many decimals it has."""
    if not word:
        raise EdgevalError("it has no number")
    found = _NUMBER.fullmatch(word)
    value = float(word.rstrip("%")) if found else math.nan
    if found is None or value > 100:
        raise EdgevalError(f"'{printable(word, 60)}' is no percentage like 43.0")
    if 0 < value < 1:
        raise EdgevalError(f"{word} is a fraction or below 1 %; write it in percent, like 43.0")
    return value, len(found[1] or "")


def _unquoted(source: str) -> str:
    """Return a source without the quotes that a shell left around it."""
    is_quoted = len(source) > 2 and source[0] == source[-1] and source[0] in "\"'"
    return source[1:-1] if is_quoted else source


def _require_source(words: Sequence[str], said: Collection[str]) -> None:
    """Raise unless words say where a number stands, and none of how it was measured."""
    if not words:
        raise EdgevalError("it does not say where its number stands")
    condition = _condition(words[0])
    if condition is not None and condition[0] not in said:
        raise EdgevalError(f"{printable(words[0], 60)} stands before the number")
