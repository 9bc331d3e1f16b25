"""Answers of a page: sentences that are held word by word, for a reader may see no more."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from tests.helpers.numbers.printed import Cell, Num, Size, says, told
from tests.helpers.numbers.raw import Raw
from tests.helpers.numbers.tables import count, percent, split_interval, together

_STATUS = {
    "reproduced": "Reproduced",
    "partial": "Partial",
    "not_reproduced": "Not reproduced",
    "inconclusive": "Inconclusive",
}


def answers(raw: Raw) -> Iterator[Cell]:
    """Yield what some sentence of a page has to be, as far as it goes."""
    run, first = raw.recommended(), raw.runs[0]
    if raw.outcome(first) == "not compared" and not raw.failures:
        yield [f"{raw.reference} answers ", percent(raw.accuracy(first)["value"]), "% correctly."]
    if run is not None:
        drift = raw.drift_of[raw.label(run)]
        share = Fraction(run["file_bytes"], first["file_bytes"])
        sizes = [Size(run["file_bytes"]), " instead of ", Size(first["file_bytes"])]
        points = Num(drift["difference_points"], 2, signed=True)
        interval: Cell = ["counted on all items"]
        if not raw.is_exact(drift):
            interval = [*together(raw), " ", *split_interval(raw, drift)]
        yield [f"Take {raw.label(run)}."]
        yield [
            *("It takes ", *sizes, " (", Num(100 * share, 0), "%). Its accuracy is ", points),
            *(f" points from {raw.reference}, ", *interval, "."),
        ]
    for claim, verdict in zip(raw.content["claims"], raw.content["verdicts"], strict=False):
        column = claim["citation"]["column"]
        yield [
            *(f"{_STATUS[verdict['status']]}: measured ", percent(verdict["score"])),
            *(f", published {claim['metric']} ", Num(claim["value"], claim["decimals"])),
            f", {column}",
        ]
    for failure in raw.failures:
        yield [
            f"{raw.label(failure)} failed while {failure['doing']} ({failure['file']}): ",
            *(f"{failure['reason']} The scores of ", count(failure["n_items"])),
            " of its items are kept.",
        ]


def wrong_answers(raw: Raw, texts: list[tuple[str, str]]) -> Iterator[str]:
    """Yield which sentences are not on a page.

    Args:
        raw: The record.
        texts: The texts of its page, each with the section that it is in.
    """
    known = {text.partition(" Measured on ")[0] for _, text in texts}
    for cell in answers(raw):
        if not any(says(text, cell) for text in known):
            yield f"no sentence says {told(cell)}"
