"""The Markdown and HTML pages, from templates."""

from __future__ import annotations

import functools
from typing import Any

import jinja2

from edgeval.gguf.remarks import remarks
from edgeval.records import Report
from edgeval.report import (
    captions,
    conclusion,
    details,
    divergences,
    explanations,
    facts,
    failures,
    figure,
    formatting,
    reasoning,
    selfchecks,
    speeds,
    timings,
    view,
)
from edgeval.report.comparison import is_counted, margin, primary, readings, sureness
from edgeval.report.items import is_sample, is_slice, is_uneven, items_in_short, slice_sentence
from edgeval.system import escapes

# HTML folds them away; Markdown cannot.
_HTML_FLIPS, _MARKDOWN_FLIPS = 20, 5


def markdown_page(report: Report) -> str:
    """Return the report as GitHub-flavoured Markdown without HTML."""
    return _template("report.md.j2").render(_content(report, _MARKDOWN_FLIPS))


def html_page(report: Report) -> str:
    """Return the report as one HTML file that loads nothing."""
    return _template("report.html.j2").render(_content(report, _HTML_FLIPS))


@functools.cache
def _template(name: str) -> jinja2.Template:
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
    environment.filters |= {"fenced": escapes.fenced, "link_text": escapes.link_text}
    return environment.get_template(name)


def _content(report: Report, flips_shown: int) -> dict[str, Any]:
    rows = view.ladder_rows(report)
    judged = [] if report.reference is None else report.claims
    claims = [
        {
            "status": verdict.status,
            "label": view.STATUS_LABELS[verdict.status],
            "sentence": view.verdict_sentence(report, verdict),
            "reasoning": reasoning.reasoning(report, claim),
            "facts": facts.claim_facts(report, index),
        }
        for index, (claim, verdict) in enumerate(zip(judged, report.verdicts, strict=True))
    ]
    split = primary(report, report.runs[0]).split_interval
    return {
        "report": report,
        "made": formatting.moment(report.created_at),
        "level": formatting.level(split),
        "has_several": len(report.drift) > 1,
        "sure": formatting.level(split) if is_sample(report) else "certain",
        "together": sureness(report) if report.drift else "",
        "is_slice": is_slice(report),
        "is_uneven": is_uneven(report),
        "is_counted": is_counted(report),
        "has_new_items": any(found.new_items is not None for found in report.drift),
        "has_agreement": any(found.pick_agreement is not None for found in report.drift),
        "short_items": items_in_short(report),
        "items": slice_sentence(report),
        "interval_sentence": view.interval_sentence(report),
        "captions": captions.captions(report),
        "failure": selfchecks.failure(report.engine.backend, report.runs),
        "conclusion": conclusion.conclusion(report),
        "reference_failed": failures.reference_failed(report),
        "failures": [(each.label, failures.failure_sentence(each)) for each in report.failures],
        "remarks": remarks(report),
        "rows": rows,
        "readings": readings(report) if report.drift else {},
        "has_drift": bool(report.drift),
        "margin": margin(report) if report.drift else "",
        "claims": claims,
        "unjudged": [] if claims else [facts.unjudged_facts(claim) for claim in report.claims],
        "tolerance": formatting.points(report.claims[0].tolerance_points) if claims else "",
        "not_measured": reasoning.not_measured(report),
        "no_claim": view.NO_CLAIM,
        "figures": [
            drawn for drawn in (figure.drift_figure(report), figure.claim_figure(report)) if drawn
        ],
        "difference_table": details.difference_table(report),
        "stopping_table": details.stopping_table(report),
        "self_check_table": details.self_check_table(report),
        "divergence_table": divergences.divergence_table(report),
        "drift_table": details.drift_table(report),
        "flip_tables": details.flip_tables(report, flips_shown),
        "corrections": report.corrections,
        "speeds_table": timings.speeds_table(report),
        "speed_sentences": speeds.sentences(report),
        "metrics_table": details.metrics_table(report),
        "files_table": details.files_table(report),
        "facts": facts.facts(report),
        "explanations": explanations.explanations(report),
    }
