"""Pages of a report, Markdown and HTML: templates that ask the modules of the report for its parts.

A template has the view of the record, and these modules by their names.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup, escape

from edgeval.records import Report
from edgeval.records.evidence import ToldFlip
from edgeval.report import (
    answer,
    cautions,
    charts,
    conclusion,
    details,
    divergences,
    explanations,
    facts,
    failures,
    footnotes,
    formatting,
    islands,
    items,
    ladder,
    machines,
    measurements,
    reasoning,
    verdicts,
)
from edgeval.report.charts import drift_image, vendored
from edgeval.report.charts.images import images
from edgeval.report.page_files import page_files
from edgeval.report.record_view import RecordView
from edgeval.system import escapes

_PARTS = (
    answer,
    cautions,
    charts,
    conclusion,
    details,
    divergences,
    explanations,
    facts,
    failures,
    footnotes,
    formatting,
    islands,
    items,
    ladder,
    machines,
    measurements,
    reasoning,
    verdicts,
)


MOST_BYTES: Final = 1_990_000
"""Of a page, so that it can be sent: it shows as many flips as have room."""


def pages_of(report: Report, name: str) -> Iterator[tuple[str, str | bytes]]:
    """Yield the pages of a report, and the image that they show, with their file names.

    Args:
        report: The report.
        name: What its files are called, without their ends.
    """
    (drawn,) = images([drift_image(RecordView.of(report))])
    return page_files(
        name, drawn, functools.partial(markdown_page, report), functools.partial(html_page, report)
    )


def markdown_page(report: Report, image: str | None = None) -> str:
    """Return the report as GitHub-flavoured Markdown, whose only HTML folds its details.

    Args:
        report: The report.
        image: The file that shows its drift, beside the page; None for none.
    """
    return template("report.md.j2").render(view=RecordView.of(report), image=image)


def html_page(report: Report) -> str:
    """Return the report as one HTML file that loads nothing, and runs nothing but its own scripts.

    Those are the library that draws its charts, and ``page.js``.
    """
    view = RecordView.of(report)
    flips = () if report.evidence is None else report.evidence.flips
    page = _page(view, flips)
    excess = len(page.encode("utf-8")) - MOST_BYTES
    return page if excess <= 0 else _page(view, islands.without(flips, excess))


def _page(view: RecordView[Report], flips: Sequence[ToldFlip]) -> str:
    return drawn_page(
        "report.html.j2",
        view=view,
        told=flips,
        ladder_markdown=escape(template("ladder.md.j2").render(view=view).strip()),
    )


def drawn_page(name: str, **parts: object) -> str:
    """Return a page of ``page.html.j2``, which runs nothing but its own scripts.

    Args:
        name: The template of the page.
        parts: What it shows.
    """
    scripts = page_scripts()
    return template(name).render(
        **parts,
        vega=Markup(scripts[0]),
        page_script=Markup(scripts[1]),
        script_sources=Markup(" ".join(map(script_source, scripts))),
    )


def page_scripts() -> tuple[str, str]:
    """Return the scripts of a report's page: the library that draws its charts, and its own."""
    return vendored.script(), script_file("page.js")


def script_file(name: str) -> str:
    """Return a script of this package."""
    return Path(__file__).with_name("templates").joinpath(name).read_text(encoding="utf-8")


@functools.lru_cache(maxsize=4)
def script_source(script: str) -> str:
    """Return what a content security policy calls a script (CSP Level 3, 2.3.1)."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


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
    environment.filters["thousands"] = "{:,}".format
    environment.globals |= {part.__name__.rpartition(".")[2]: part for part in _PARTS}
    return environment.get_template(name)
