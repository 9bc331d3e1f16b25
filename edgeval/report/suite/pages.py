"""Pages of several tasks: one of all, and each task's own."""

from __future__ import annotations

from collections.abc import Iterator

from edgeval.records import Suite
from edgeval.report.pages import drawn_page, pages_of, template
from edgeval.report.suite import explanations, sentences
from edgeval.report.suite.charts import tasks_chart
from edgeval.report.suite.view import SuiteView, page_names


def suite_markdown(record: Suite) -> str:
    """Return the page of all tasks as GitHub-flavoured Markdown without HTML."""
    return template("suite.md.j2").render(_parts(record))


def suite_html(record: Suite) -> str:
    """Return the page of all tasks as one HTML file that loads nothing."""
    return drawn_page("suite.html.j2", chart=tasks_chart(SuiteView.of(record)), **_parts(record))


def task_pages(record: Suite) -> Iterator[tuple[str, str | bytes]]:
    """Yield the pages of each task, and their images, with their file names."""
    return pages_of(record.reports, page_names(record.tasks))


def _parts(record: Suite) -> dict[str, object]:
    # These modules stand for those of one task that are called the same.
    return {"view": SuiteView.of(record), "sentences": sentences, "explanations": explanations}
