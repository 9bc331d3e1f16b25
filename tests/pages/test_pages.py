"""Pages as a browser shows them: of each record, in each width and scheme, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.browser import CHARTS, PHONE, SCHEMES, WIDTHS, Visit, visit
from tests.helpers.shown_pages import PAGES, write_page

WITHOUT_CHARTS = {"one type", "one type, no claim", "reference failed"}
# axe-core takes a second for a page, and would look at the same elements again.
MADE_OF_THE_SAME = {"slice", "imatrix", "no claim", "one type, no claim", "long words", "40 types"}


@pytest.fixture(scope="module", params=PAGES)
def shown(request: pytest.FixtureRequest) -> str:
    """What the page shows."""
    return str(request.param)


@pytest.fixture(scope="module")
def seen(browser: Any, shown: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """A page, all of whose details are open."""
    path = write_page(shown, tmp_path_factory.mktemp("page"))
    with visit(browser, path, reduced_motion="reduce") as seen:
        seen.open_details()
        yield seen


def test_it_says_nothing_and_asks_for_nothing(seen: Visit) -> None:
    for width, scheme in zip(WIDTHS, ("dark", "light", "dark"), strict=True):
        seen.show(width, scheme)
    assert (seen.complaints, seen.requests) == ([], [])


def test_it_is_as_wide_as_its_window(seen: Visit) -> None:
    overflow = {}
    for width in WIDTHS:
        seen.show(width)
        overflow[width] = seen.overflow
    assert overflow == dict.fromkeys(WIDTHS, 0)


@pytest.mark.parametrize("shown", sorted(PAGES.keys() - MADE_OF_THE_SAME), indirect=True)
def test_nobody_is_kept_from_reading_it(seen: Visit) -> None:
    seen.show()
    assert seen.violations() == []
    seen.show(scheme="dark")
    assert seen.violations(runOnly=["color-contrast"]) == []
    seen.show(PHONE)
    assert seen.violations(runOnly=["scrollable-region-focusable"]) == []


def test_each_chart_is_drawn(seen: Visit, shown: str) -> None:
    for width in WIDTHS:
        seen.show(width)
        boxes = [chart.bounding_box() for chart in seen.page.locator(CHARTS).all()]
        assert bool(boxes) == (shown not in WITHOUT_CHARTS)
        assert all(box and box["width"] > 100 and box["height"] > 30 for box in boxes)
        empty = seen.page.locator("figure:not(:has(svg)), .chart:not(script):not(:has(svg))")
        assert empty.count() == 0
        assert seen.cut_texts() == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("forced", [False, True], ids=["own", "forced"])
def test_texts_of_charts_stand_out(seen: Visit, scheme: str, forced: bool) -> None:
    seen.show(scheme=scheme, forced=forced)
    assert seen.faint_texts() == []


def test_nothing_moves_for_those_who_want_no_motion(seen: Visit) -> None:
    seen.show()
    assert seen.moving() == 0


def test_paper_cuts_no_chart(seen: Visit) -> None:
    seen.show()
    n_sheets, faults = seen.printed()
    assert n_sheets > 0
    assert faults == []
