"""Pages of a report, Markdown and HTML: templates that ask the modules of the report for its parts.

A template has the view of the record, and these modules by their names.
"""

from __future__ import annotations

import functools

import jinja2

from edgeval.records import Report
from edgeval.report import (
    cautions,
    conclusion,
    details,
    divergences,
    explanations,
    facts,
    failures,
    figures,
    formatting,
    items,
    ladder,
    machines,
    measurements,
    reasoning,
    speeds,
    verdicts,
)
from edgeval.report.record_view import RecordView
from edgeval.system import escapes

_PARTS = (
    cautions,
    conclusion,
    details,
    divergences,
    explanations,
    facts,
    failures,
    figures,
    formatting,
    items,
    ladder,
    machines,
    measurements,
    reasoning,
    speeds,
    verdicts,
)


def markdown_page(report: Report) -> str:
    """Return the report as GitHub-flavoured Markdown without HTML."""
    return template("report.md.j2").render(view=RecordView.of(report))


def html_page(report: Report) -> str:
    """Return the report as one HTML file that loads nothing."""
    return template("report.html.j2").render(view=RecordView.of(report))


@functools.cache
def template(name: str) -> jinja2.Template:
    """Return a template of this package, which escapes what it shows."""
    is_html = name.endswith(".html.j2")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edgeval.report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=is_html,
        finalize=escapes.html if is_html else escapes.markdown,
    )
    environment.filters |= {"fenced": escapes.fenced, "link_text": escapes.link_text, "zip": zip}
    environment.globals |= {part.__name__.rpartition(".")[2]: part for part in _PARTS}
    return environment.get_template(name)
