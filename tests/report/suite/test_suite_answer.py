"""First screen of several tasks: the question, the answer and the verdict on the mean."""

from __future__ import annotations

import html

import pytest

from edgeval.records import Suite
from edgeval.report.suite import answer, sentences
from edgeval.report.suite.pages import suite_html
from edgeval.report.suite.view import SuiteView
from tests.helpers.suites import example_suite


def _alone(suite: Suite) -> Suite:
    """Return a record of the reference alone."""
    reports = [
        report.model_copy(update={"runs": report.runs[:1], "drift": []}) for report in suite.reports
    ]
    update = {"reports": reports, "pooled": [], "averages": suite.averages[:1]}
    return suite.model_copy(update=update)


def test_a_type_is_taken_with_what_it_costs() -> None:
    view = SuiteView.of(example_suite())
    pair = sentences.recommended(view)
    assert pair is not None
    (run, drift), reference = pair, view.first.record.runs[0]
    assert answer.question(view) == "Which type stays within 1 point of F16 over 3 tasks?"
    assert answer.answer(view) == f"Take {run.label}."
    points = drift.by_items.difference_points
    told = f"{points:+.2f}".replace("-", "\N{MINUS SIGN}")
    assert f"its accuracy is {told} points from F16" in answer.cost(view)
    assert answer.cost(view).endswith("Measured on all 11,809 items.")
    share = 100 * run.file_bytes / reference.file_bytes
    assert f" ({share:.0f}%). Over all items" in answer.cost(view)


def test_a_slice_that_shows_nothing_says_so() -> None:
    view = SuiteView.of(example_suite(n_items=200))
    assert sentences.recommended(view) is None
    assert answer.answer(view) == "With these items, none is shown to."
    assert answer.cost(view) == "Measured on 600 of 11,809 items."


def test_a_reference_alone_answers_so_many() -> None:
    view = SuiteView.of(_alone(example_suite()))
    mean = view.record.averages[0]
    assert answer.question(view) == "How many items of 3 tasks does it answer correctly?"
    assert answer.answer(view) == (
        f"F16 answers {100 * mean.value:.2f}% correctly, the mean of the tasks."
    )


@pytest.mark.parametrize("n_items", [None, 200])
def test_the_page_begins_with_them(n_items: int | None) -> None:
    suite = example_suite(n_items=n_items)
    view, page = SuiteView.of(suite), html.unescape(suite_html(suite).partition("<body>")[2])
    (claim,), (verdict,) = suite.average_claims, suite.average_verdicts
    begins = [
        *(answer.question(view), answer.answer(view), answer.cost(view)),
        answer.verdict_in_short(claim, verdict),
        sentences.conclusion(view),
    ]
    places = [page.find(each) for each in begins]
    assert min(places) > 0
    assert places == sorted(places)
    assert sentences.average_sentences(view)[0] in page


def test_where_the_reference_failed_nothing_is_answered() -> None:
    suite = example_suite()
    first, *others = suite.reports
    failed = first.model_copy(update={"runs": first.runs[1:], "drift": []})
    update = {"reports": [failed, *others], "pooled": [], "averages": []}
    view = SuiteView.of(suite.model_copy(update=update))
    assert not answer.is_answered(view)
    assert answer.is_answered(SuiteView.of(suite))
