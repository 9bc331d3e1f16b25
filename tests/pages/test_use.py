"""Use of a report's page: what a reader sees first, and sorts with a mouse or a keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeval.benchmark.columns import UNKNOWN
from edgeval.report.formatting import MINUS
from tests.helpers.browser import HEIGHT, Visit, visit
from tests.helpers.shown_pages import write_page

ORDERS = {"ascending", "descending"}
NUMBER = re.compile(rf"[-+{MINUS}]?[\d,]+(\.\d+)?")


@pytest.fixture
def seen(browser: Any, tmp_path: Path) -> Iterator[Visit]:
    with visit(browser, write_page("full", tmp_path)) as seen:
        yield seen


def test_the_first_screen_holds_a_chart(seen: Visit) -> None:
    if not seen.page.locator(".chart").count():
        pytest.skip("the page has no .chart")
    box = seen.page.locator(".chart svg").first.bounding_box()
    assert box["y"] + box["height"] <= HEIGHT


def column(table: Any, index: int) -> list[str]:
    """Return the cells of a column from top to bottom; what is not known stands last always."""
    cells: list[str] = table.evaluate(
        "(table, index) => [...table.tBodies[0].rows].map(row => row.cells[index].innerText)", index
    )
    return [cell for cell in cells if cell.strip(f"{UNKNOWN}\n ")]


def is_sorted(cells: list[str]) -> bool:
    """Say whether numbers stand in order; other cells have an order of their own."""
    if not all(NUMBER.fullmatch(cell) for cell in cells):
        return True
    numbers = [float(cell.replace(MINUS, "-").replace(",", "")) for cell in cells]
    return numbers == sorted(numbers)


@pytest.mark.parametrize("key", ["click", "Enter", "Space"])
def test_a_table_is_sorted(seen: Visit, key: str) -> None:
    tables = seen.page.locator("table.sortable").all()
    if not tables:
        pytest.skip("the page has no table.sortable")
    for table in tables:
        buttons = table.locator("thead th button").all()
        assert buttons
        for button in buttons:
            header = button.locator("xpath=ancestor::th")
            index = header.evaluate("cell => cell.cellIndex")
            found = {}
            for _ in ORDERS:
                button.click() if key == "click" else button.press(key)
                found[header.get_attribute("aria-sort")] = column(table, index)
                sorted_headers = table.locator("th[aria-sort=ascending], th[aria-sort=descending]")
                assert sorted_headers.count() == 1
            assert set(found) == ORDERS
            assert found["ascending"] == found["descending"][::-1]
            assert is_sorted(found["ascending"])
            assert button.evaluate("button => button.tabIndex") == 0
    assert (seen.complaints, seen.requests) == ([], [])
