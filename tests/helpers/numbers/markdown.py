"""Markdown of a report: its tables cell by cell, and its facts, from the record."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.helpers.numbers.measured import wrong_facts, wrong_tables
from tests.helpers.numbers.page import Grid
from tests.helpers.numbers.printed import DASH, Cell
from tests.helpers.numbers.raw import Raw
from tests.helpers.numbers.tables import Expected, ladder_row, level_of, percent, wrong_cells
from tests.helpers.pages import tables

_FLIPS = 5
"""Of each type, in ``report.md``."""


def grids_of(markdown: str) -> list[Grid]:
    """Return the tables of a text."""
    return [
        Grid("of Markdown", list(rows[0]), [list(row.values()) for row in rows])
        for rows in tables(markdown)
    ]


def _brief(raw: Raw) -> Expected:
    """Return the ladder in a few columns, which fit a pull request."""
    rows: list[list[Cell]] = []
    for run in raw.runs:
        row = ladder_row(raw, run)
        accuracy = [*row["accuracy"], *([" ", *row["interval"]] if raw.is_slice else [])]
        split = [" ", *row["split"]] if row["split"] else []
        of_drift = [[*row["difference"], *split], row["outcome"], row["counts"]]
        cells = [[raw.label(run)], row["size"], accuracy, *(of_drift if raw.drifts else [])]
        rows.append([*cells, row["speed"]])
    names = ["type", "size", raw.metric]
    names += ["difference", "outcome", "lost / gained"] if raw.drifts else []
    header: list[Cell] = [[name] for name in [*names, "tokens/s"]]
    return _with_failures(raw, header, rows, accuracy=2)


def _ladder(raw: Raw) -> Expected:
    """Return the whole ladder, for a model card."""
    agrees = any(drift["pick_agreement"] is not None for drift in raw.drifts)
    is_new = any(drift["new_items"] for drift in raw.drifts)
    rows: list[list[Cell]] = []
    for run in raw.runs:
        row = ladder_row(raw, run)
        source = f", from {run['from_reference']['file']}" if run["from_reference"] else ""
        cells: list[Cell] = [[raw.label(run), source], row["size"], row["bits"]]
        cells += [row["items"]] if raw.is_uneven else []
        cells += [row["accuracy"], *([row["interval"]] if raw.is_slice else [])]
        if raw.drifts:
            split = [" ", *row["split"]] if row["split"] else []
            cells += [[*row["difference"], *split], row["outcome"]]
            cells += [*([row["new"]] if is_new else []), row["flips"]]
            cells += [row["agreement"]] if agrees else []
        rows.append([*cells, row["speed"]])
    chance = raw.data["chance"]
    head: list[Cell] = [["type"], ["size"], ["bits/weight"]]
    head += [["items"]] if raw.is_uneven else []
    known: Cell = [] if chance is None else [" (chance ", percent(chance), ")"]
    head.append([raw.metric, *known])
    level = level_of(raw.accuracy(raw.runs[0])["split_interval"]) if raw.is_sample else ["certain"]
    head += [level] if raw.is_slice else []
    if raw.drifts:
        head += [["difference"], ["outcome"], *([["new items"]] if is_new else []), ["flips"]]
        head += [["agreement %"]] if agrees else []
    return _with_failures(raw, [*head, ["tokens/s"]], rows, accuracy=3 + raw.is_uneven)


def _with_failures(
    raw: Raw, header: list[Cell], rows: list[list[Cell]], *, accuracy: int
) -> Expected:
    for each in raw.failures:
        cells: list[Cell] = [[DASH] for _ in header]
        cells[0], cells[accuracy] = [raw.label(each)], ["failed"]
        rows.append(cells)
    return Expected(header, rows)


def wrong_ladder(raw: Raw, markdown: str) -> Iterator[str]:
    """Yield where the ladder for a model card is another than the record's."""
    found = grids_of(markdown + "\n")
    if len(found) != 1:
        yield f"the ladder as Markdown is no table: {markdown!r}"
    for grid in found:
        yield from wrong_cells(grid, _ladder(raw))


def wrong_markdown(raw: Raw, markdown: str) -> Iterator[str]:
    """Yield where tables and facts of ``report.md`` say otherwise than the record."""
    brief, *grids = grids_of(markdown)
    yield from wrong_cells(brief, _brief(raw))
    for grid in grids:
        if "bits/weight" in grid.header and "size" in grid.header:
            yield from wrong_cells(grid, _ladder(raw))
        else:
            yield from wrong_tables(raw, [grid], _FLIPS)
    facts = re.findall(r"^- \*\*(.*?):\*\* (.*)$", markdown, flags=re.MULTILINE)
    yield from wrong_facts(raw, [(label, re.sub(r"\\(.)", r"\1", text)) for label, text in facts])
