"""Pages of several tasks: one of all, and each task's own."""

from __future__ import annotations

from collections.abc import Iterator

from edgeval.records import Suite
from edgeval.report.pages import html_page, markdown_page, template
from edgeval.report.suite import explanations, sentences
from edgeval.report.suite.view import SuiteView, page_names

PAGE_ENDS = (".md", ".html")


def suite_markdown(record: Suite) -> str:
    """Return the page of all tasks as GitHub-flavoured Markdown without HTML."""
    return _rendered("suite.md.j2", record)


def suite_html(record: Suite) -> str:
    """Return the page of all tasks as one HTML file that loads nothing."""
    return _rendered("suite.html.j2", record)


def task_pages(record: Suite) -> Iterator[tuple[str, str]]:
    """Yield the pages of each task with their file names."""
    for report, name in zip(record.reports, page_names(record.tasks), strict=True):
        for end, page in zip(PAGE_ENDS, (markdown_page, html_page), strict=True):
            yield f"{name}{end}", page(report)


def _rendered(name: str, record: Suite) -> str:
    # These modules stand for those of one task that are called the same.
    return template(name).render(
        view=SuiteView.of(record), sentences=sentences, explanations=explanations
    )
