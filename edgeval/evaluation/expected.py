"""Expectation: what a run will say something of, known before anything is downloaded or scored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgeval.evaluation.ladder_files import Wanted
from edgeval.quantization.rungs import LadderRung
from edgeval.records import UNQUANTIZED, Claim, run_label
from edgeval.report.gate.conditions import Condition
from edgeval.report.gate.subject import Row, Subject


def require_made(
    conditions: Sequence[Condition],
    types: Sequence[str],
    wanted: Wanted,
    kl_items: int,
    claims: Sequence[Claim],
) -> None:
    """Refuse conditions of which nothing will be said, before a model is downloaded or converted.

    Args:
        conditions: The conditions.
        types: The types that are made; some may still prove to be alike.
        wanted: The ladder that was asked for.
        kl_items: Items on which whole distributions are compared.
        claims: Published numbers on the task.

    Raises:
        EdgevalError: If there is one.
    """
    rows = [Row(name, name) for name in types]
    if wanted.imatrix is not None:
        rows += [Row(run_label(name, True), name) for name in types if name not in UNQUANTIZED]
    _subject(rows, wanted, kl_items, claims).require(conditions)


def require_rungs(
    conditions: Sequence[Condition],
    rungs: Iterable[LadderRung],
    wanted: Wanted,
    kl_items: int,
    claims: Sequence[Claim],
) -> None:
    """Refuse conditions of which nothing will be said, before anything is scored.

    Args:
        conditions: The conditions.
        rungs: The files of the ladder.
        wanted: The ladder that was asked for.
        kl_items: Items on which whole distributions are compared.
        claims: Published numbers on the task.

    Raises:
        EdgevalError: If there is one.
    """
    rows = [Row(rung.label, rung.name) for rung in rungs]
    _subject(rows, wanted, kl_items, claims).require(conditions)


def _subject(rows: list[Row], wanted: Wanted, kl_items: int, claims: Sequence[Claim]) -> Subject:
    known = wanted.known
    if known is not None:
        rows = [Row(known.header.type, known.header.type), *rows]
    return Subject(
        rows=rows,
        reference=rows[0].label,
        has_divergences=kl_items > 0 and (known is None or bool(known.sketches)),
        has_claims=bool(claims),
    )
