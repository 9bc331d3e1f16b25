"""Use of a report's page: what a reader sees first, and sorts with a mouse or a keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeval.benchmark.columns import UNKNOWN
from edgeval.report.formatting import MINUS
from tests.helpers.browser import HEIGHT, PHONE, TABLET, Visit, visit
from tests.helpers.shown_pages import write_page

ORDERS = {"ascending", "descending"}
NUMBER = re.compile(rf"[-+{MINUS}]?[\d,]+(\.\d+)?")


@pytest.fixture
def seen(browser: Any, tmp_path: Path) -> Iterator[Visit]:
    with visit(browser, write_page("evidence", tmp_path)) as seen:
        yield seen
        assert (seen.complaints, seen.requests) == ([], [])


def test_the_first_screen_holds_a_chart(seen: Visit) -> None:
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
    seen.open_details()
    tables = seen.page.locator("table.sortable").all()
    assert len(tables) > 4
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


def seconds(text: str) -> float:
    """Return how long a duration is, whatever its units."""
    units = {"s": 1, "min": 60, "h": 3600}
    return sum(float(each) * units[unit] for each, unit in re.findall(r"([\d.]+) (s|min|h)", text))


def test_durations_are_sorted_by_all_of_their_units(seen: Visit) -> None:
    table = seen.page.locator("table.sortable").filter(has_text="logit rows")
    names = table.locator("thead th").all_inner_texts()
    index = names.index("scoring")
    table.locator("thead th button").nth(index).click()
    found = column(table, index)
    assert len({cell.partition(" ")[0] for cell in found}) < len(set(found))
    assert [*map(seconds, found)] == sorted(map(seconds, found))


@pytest.mark.parametrize("key", ["click", "ArrowRight"])
def test_a_chart_is_switched(seen: Visit, key: str) -> None:
    figure = seen.page.locator("#chart-drift")
    assert figure.locator("text=file size, MiB").count() == 1
    choices = figure.get_by_role("radio").all()
    assert len(choices) == 3
    choices[1].click() if key == "click" else choices[0].press(key)
    figure.locator("text=bits per weight (logarithmic)").wait_for(state="attached")
    assert figure.locator("svg.marks").count() == 1
    assert choices[1].is_checked()


def test_a_chart_of_many_types_is_switched_in_a_list(seen: Visit) -> None:
    figure = seen.page.locator("#chart-changes")
    before = figure.locator("svg.marks").inner_html()
    figure.get_by_role("combobox").select_option(label="Q2_K")
    seen.page.wait_for_function(
        "before => document.querySelector('#chart-changes svg.marks')?.innerHTML !== before",
        arg=before,
    )
    assert figure.locator("svg.marks").inner_html() != before


def test_flips_are_filtered_and_searched(seen: Visit) -> None:
    form, cards = seen.page.locator("#flips-form"), seen.page.locator("article.flip")
    count = seen.page.locator("#flips-count")
    assert cards.count() == 10
    seen.page.get_by_role("button", name="Show more").press("Enter")
    assert cards.count() == 20
    form.get_by_label("Type").select_option("Q2_K")
    assert count.inner_text() == "8 of 56 match"
    assert cards.count() == 8
    assert all("Q2_K" in text for text in cards.locator("h3").all_inner_texts())
    form.get_by_label("Flip").select_option("gained")
    assert all(text.startswith("gained") for text in cards.locator("h3").all_inner_texts())
    form.get_by_label("Flip").select_option("lost and gained")
    form.get_by_label("Search").fill("NOTHING HAS THIS")
    assert (cards.count(), count.inner_text()) == (0, "0 of 56 match")
    form.get_by_label("Search").fill("a WOMAN reads")
    assert cards.count() == 8


def test_a_phone_shows_both_sides_of_a_flip(seen: Visit) -> None:
    seen.show(PHONE)
    hidden = seen.page.locator("article.flip .scroll").evaluate_all(
        "all => all.map(each => each.scrollWidth - each.clientWidth)"
    )
    assert hidden == [0] * 10
    seen.show()


def test_what_is_copied_is_the_command(seen: Visit) -> None:
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = seen.page.get_by_role("button", name="Copy the command")
    button.press("Enter")
    seen.page.get_by_role("button", name="Copied").wait_for()
    copied = seen.page.evaluate("navigator.clipboard.readText()")
    assert copied == "edgeval run tinyllama-3t --items 10042"


@pytest.fixture
def boards(browser: Any, tmp_path: Path) -> Iterator[Visit]:
    with visit(browser, write_page("boards", tmp_path)) as seen:
        yield seen
        assert (seen.complaints, seen.requests) == ([], [])


def test_sizes_are_sorted_with_their_units(boards: Visit) -> None:
    table = boards.page.locator("table.sortable").first
    names = table.locator("thead th").all_inner_texts()
    button = table.get_by_role("button", name="peak memory")
    button.click()
    assert column(table, names.index("peak memory")) == ["700 MiB", "1.46 GiB"]
    button.click()
    assert column(table, names.index("peak memory")) == ["1.46 GiB", "700 MiB"]


def test_a_moment_of_a_load_tells_its_numbers(boards: Visit) -> None:
    chart = boards.page.locator("#chart-load-1-0")
    # The first points that take the pointer, without being seen; the last machine's is on top.
    chart.locator('.mark-symbol path[opacity="0"]').first.hover(force=True)
    told = boards.page.locator("#vg-tooltip-element")
    told.wait_for()
    cells = [text.split() for text in told.locator("tr").all_inner_texts()]
    assert cells == [["machine", "Yours"], ["minutes", "0.17"], ["tokens/s", "100"]]


def test_paper_has_no_controls(seen: Visit) -> None:
    seen.page.emulate_media(media="print")
    for name in ("#flips-form", ".choices", "button.copy", "#flips-more"):
        controls = seen.page.locator(name)
        assert controls.count() > 0
        assert not any(each.is_visible() for each in controls.all())


@pytest.mark.parametrize("shown", ["evidence", "several tasks"])
def test_a_tablet_shows_the_whole_ladder(browser: Any, shown: str, tmp_path: Path) -> None:
    with visit(browser, write_page(shown, tmp_path)) as seen:
        seen.show(TABLET)
        table = seen.page.locator(".scroll:has(> table.ladder)")
        assert table.evaluate("each => each.scrollWidth - each.clientWidth") == 0
