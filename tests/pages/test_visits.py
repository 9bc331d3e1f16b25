"""Visits: each fault that the tests of pages look for is seen where it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.browser import PHONE, visit

SOUND = """<!DOCTYPE html><html lang="en"><head><title>Sound</title>
<meta name="viewport" content="width=device-width">
<style>@media (prefers-color-scheme: dark) {{ body {{ background: black; color: white }} }}</style>
</head><body><main><h1>Sound</h1>{}</main></body></html>"""
CHART = """<figure><svg viewBox="0 0 100 50" role="img" aria-label="A chart" {}>
<text x="9" y="20" fill="{}">text</text></svg></figure>"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Write a page and return its path."""

    def written(body: str) -> Path:
        path = tmp_path / "page with ünusual name.html"
        path.write_text(SOUND.format(body), encoding="utf-8")
        return path

    return written


def test_a_sound_page_has_no_fault(browser: Any, write: Any) -> None:
    page = write(CHART.format("width=300 height=150", "black") + '<a href="#x" id="x">here</a>')
    with visit(browser, page) as seen:
        seen.page.click("a")
        assert (seen.complaints, seen.requests) == ([], [])
        assert (seen.overflow, seen.violations(), seen.faint_texts()) == (0, [], [])
        assert (seen.moving(), seen.printed()) == (0, (1, []))


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<script>console.error('said')</script>", "said"),
        ("<script>console.warn('said')</script>", "said"),
        ("<script>throw new Error('thrown')</script>", "thrown"),
        ("<script>Promise.reject(new Error('late'))</script>", "late"),
        ("<script>alert(1)</script>", "alert"),
        (
            "<meta http-equiv='Content-Security-Policy' content=\"img-src 'none'\">"
            "<img alt='x' src='https://a.invalid/x.png'>",
            "Content Security Policy",
        ),
    ],
)
def test_what_it_says_is_heard(browser: Any, write: Any, body: str, complaint: str) -> None:
    with visit(browser, write(body)) as seen:
        seen.show()
        assert any(complaint in each for each in seen.complaints)


@pytest.mark.parametrize(
    "body",
    [
        "<img alt='x' src='https://a.invalid/x'>",
        "<img alt='x' src='neighbour.png'>",
        "<script>fetch('https://a.invalid/x').catch(() => 0)</script>",
        "<style>@font-face { font-family: x; src: url(https://a.invalid/x) } "
        "h1 { font: 1em x }</style>",
    ],
)
def test_what_it_asks_for_is_seen_and_stopped(browser: Any, write: Any, body: str) -> None:
    with visit(browser, write(body)) as seen:
        seen.show()
        (address,) = seen.requests
        assert address.endswith(("/x", "neighbour.png"))


def test_what_a_reader_sees_go_wrong_is_found(browser: Any, write: Any) -> None:
    wide = "<p style='width: 500px; transition: all 1s'>wide</p>"
    faint = "<p style='color: #bbb; background: white'>faint</p><svg role='img'></svg>"
    with visit(browser, write(wide + faint + CHART.format("", "#999"))) as seen:
        assert seen.overflow == 0
        seen.show(PHONE)
        assert seen.overflow > 100
        rules = [each.partition(":")[0] for each in seen.violations()]
        assert rules == ["color-contrast", "svg-img-alt"]
        assert seen.faint_texts() == ["text: 2.85"]
        assert seen.moving() == 1


def test_colours_that_a_system_forces_are_those_it_is_held_to(browser: Any, write: Any) -> None:
    with visit(browser, write(CHART.format("width=300 height=150", "black"))) as seen:
        seen.show(scheme="dark")
        assert seen.faint_texts() == ["text: 1.00"]
        seen.show(scheme="light", forced=True)
        assert seen.faint_texts() == []


@pytest.mark.parametrize(
    ("size", "fault"),
    [
        (
            "width=300 height=1500 preserveAspectRatio=none",
            "chart 0 begins on sheet 1 and ends on sheet 2",
        ),
        ("width=1500 height=300", "chart 0 begins on sheet 0 and ends on sheet None"),
        ("style='display: none'", "chart 0 begins on sheet None and ends on sheet None"),
    ],
)
def test_paper_that_cuts_a_chart_is_seen(browser: Any, write: Any, size: str, fault: str) -> None:
    with visit(browser, write(CHART.format(size, "black"))) as seen:
        assert seen.printed()[1] == [fault]
