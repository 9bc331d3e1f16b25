"""Live pages: the report takes the place of the run, and its links lead on when the run is over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from edgeval.report.live.board import Board
from edgeval.report.live.server import LiveServer
from edgeval.report.pages import html_page
from edgeval.report.suite.pages import suite_html
from edgeval.report.suite.view import page_names
from edgeval.scoring.observer import Part
from tests.helpers.suites import example_suite


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    with contextlib.closing(browser.new_context()) as made:
        made.set_default_timeout(10_000)
        yield made


@pytest.fixture
def complaints(context: Any) -> list[str]:
    """What any of its pages says on the console, or throws."""
    said: list[str] = []
    context.on("console", lambda message: said.append(message.text))
    context.on("weberror", lambda error: said.append(str(error.error)))
    return said


def test_links_to_tasks_lead_to_their_pages_when_the_run_is_over(
    context: Any, complaints: list[str]
) -> None:
    suite = example_suite(n_items=200)
    names = [f"{name}.html" for name in page_names(suite.tasks)]
    served, withheld = names[:2], names[2]
    made = zip(served, map(html_page, suite.reports), strict=False)
    pages = {"": suite_html(suite).encode(), **{name: page.encode() for name, page in made}}
    tab = context.new_page()
    with LiveServer(Board(), "edgeval run") as live:
        tab.goto(live.url)
        tab.get_by_text("The run begins.").wait_for()
        live.end("The run has ended.", pages)
        tab.get_by_role("status").get_by_text("This tab shows a copy of it.").wait_for()
    for task in suite.tasks[:2]:
        with context.expect_page() as opened:
            tab.get_by_role("link", name=task, exact=True).click()
        page = opened.value
        page.locator("#chart-drift svg.marks").wait_for(state="attached")
        assert task in page.locator("header").inner_text()
        page.reload()
        page.locator("#chart-drift svg.marks").wait_for(state="attached")
        assert page.evaluate("opener") is None
        page.close()
    # No page of it was made, or it was too long.
    last = suite.tasks[2]
    assert tab.get_by_role("link", name=last, exact=True).count() == 0
    assert tab.get_by_role("listitem").filter(has_text=last).count() == 1
    assert withheld not in tab.content()
    assert tab.locator("#chart-tasks svg.marks").count() == 1
    outside = tab.get_by_role("link", name="Zou and Donner", include_hidden=True)
    assert outside.get_attribute("href").startswith("https:")
    assert complaints == []


def test_a_task_is_opened_in_a_tab_of_its_own_by_keyboard_too(
    context: Any, complaints: list[str]
) -> None:
    suite = example_suite()
    name = f"{page_names(suite.tasks)[0]}.html"
    pages = {"": suite_html(suite).encode(), name: html_page(suite.reports[0]).encode()}
    tab = context.new_page()
    with LiveServer(Board(), "edgeval run") as live:
        tab.goto(live.url)
        live.end("The run has ended.", pages)
        link = tab.get_by_role("link", name=suite.tasks[0], exact=True)
        link.wait_for()
    before = tab.url
    with context.expect_page() as opened:
        link.press("Enter")
    opened.value.locator("h1").wait_for()
    assert (tab.url, tab.locator("h2#each").count()) == (before, 1)
    assert complaints == []


def test_where_there_is_no_report_the_numbers_stay(context: Any, complaints: list[str]) -> None:
    board = Board()
    tab = context.new_page()
    with LiveServer(board, "edgeval eval") as live:
        tab.goto(live.url)
        tab.get_by_role("heading", name="Run in progress").wait_for()
        board.expect([Part("one.gguf", "some task", "acc", 3)])
        tab.get_by_role("rowheader", name="one.gguf").wait_for()
        live.end("The run has ended.")
        tab.get_by_role("heading", name="Run ended").wait_for()
    assert tab.title() == "edgeval: run ended"
    assert tab.get_by_role("rowheader", name="one.gguf").count() == 1
    assert tab.get_by_role("status").inner_text() == "The run has ended."
    assert complaints == []
