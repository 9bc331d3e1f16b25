"""Pages of several tasks: one of all, and each task's own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from edgeval.records import Suite
from edgeval.report.charts import drift_image
from edgeval.report.charts.images import images
from edgeval.report.page_files import page_files
from edgeval.report.pages import drawn_page, html_page, markdown_page, template
from edgeval.report.suite import answer, charts, explanations, sentences
from edgeval.report.suite.view import SuiteView


def pages_of_suite(record: Suite, name: str) -> Iterator[tuple[str, str | bytes]]:
    """Yield the pages of all tasks and of each, and the images they show, with their file names.

    Args:
        record: The record.
        name: What the files of all tasks are called, without their ends.
    """
    view = SuiteView.of(record)
    drawn, *of_each = images([charts.tasks_image(view), *map(drift_image, view.views)])
    yield from page_files(name, drawn, partial(suite_markdown, record), partial(suite_html, record))
    for report, own, of_task in zip(record.reports, view.page_names, of_each, strict=True):
        yield from page_files(
            own, of_task, partial(markdown_page, report), partial(html_page, report)
        )


def suite_markdown(record: Suite, image: str | None = None) -> str:
    """Return the page of all tasks as GitHub-flavoured Markdown without HTML.

    Args:
        record: The record.
        image: The file that shows the differences by task, beside the page; None for none.
    """
    return template("suite.md.j2").render(
        _parts(record), image=image, image_title=charts.image_title
    )


def suite_html(record: Suite) -> str:
    """Return the page of all tasks as one HTML file that loads nothing."""
    chart = charts.tasks_chart(SuiteView.of(record))
    return drawn_page("suite.html.j2", chart=chart, **_parts(record))


def _parts(record: Suite) -> dict[str, object]:
    # These modules stand for those of one task that are called the same.
    return {
        "view": SuiteView.of(record),
        "answer": answer,
        "sentences": sentences,
        "explanations": explanations,
    }
