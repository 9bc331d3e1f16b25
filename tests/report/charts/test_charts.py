"""Charts: their numbers are the record's, and the line of quality joins what nothing beats."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.records import Report
from edgeval.report import charts, pages
from edgeval.report.charts import images as drawing
from edgeval.report.charts.axes import SIZE, SPEED
from edgeval.report.charts.images import PNG, SVG, images
from edgeval.report.charts.quality import KL, Worth, unbeaten
from edgeval.report.conclusion import recommended
from edgeval.report.record_view import RecordView
from tests.helpers.evidence import with_evidence
from tests.helpers.pages import PAGES, VARIANTS, every_page
from tests.helpers.reports import HOSTILE, example_report

ACCURACY = Worth("accuracy", "accuracy", "acc, %")


def rows_of(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["type"]: row for row in spec["data"]["values"]}


@every_page
def test_the_chart_of_drift_holds_the_differences_of_the_record(record: Report) -> None:
    view = RecordView.of(record)
    chart = charts.drift_chart(view)
    if not view.drifts:
        assert chart is None
        return
    assert chart is not None
    rows = rows_of(chart.choices[0].spec)
    named = recommended(view)
    assert [row["type"] for row in rows.values() if row["is_recommended"]] == (
        [named[0].label] if named else []
    )
    for drift in view.drifts:
        row, split = rows[drift.label], drift.split
        assert row["difference"] == drift.difference_points
        ends = None if split.is_exact else (split.interval_points.low, split.interval_points.high)
        assert (row.get("low"), row.get("high")) == (ends or (None, None))
        assert row["outcome"] == split.outcome


@every_page
def test_each_chart_can_be_written_as_json(record: Report) -> None:
    is_whole = {each.n_items for each in record.drift} == {record.data.n_items}
    view = RecordView.of(with_evidence(record) if is_whole else record)
    for make in (
        charts.drift_chart,
        charts.quality_chart,
        charts.changes_chart,
        charts.divergence_chart,
        charts.groups_chart,
        charts.looks_chart,
        charts.position_chart,
    ):
        chart = make(view)
        if chart is not None:
            assert chart.description
            assert chart.choices
            for choice in chart.choices:
                json.dumps(choice.spec, allow_nan=False)


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12
    )
)
def test_nothing_beats_what_the_line_joins(drawn: list[tuple[int, int, int]]) -> None:
    rows = [
        {"type": f"{at}", "mebibytes": size, "tokens_per_s": speed, "accuracy": right, "kl": right}
        for at, (size, speed, right) in enumerate(drawn)
    ]
    for axis, worth in itertools.product((SIZE, SPEED), (ACCURACY, KL)):
        cost = -1 if axis.more_is_better else 1
        value = -1 if worth.less_is_better else 1
        places = [(cost * row[axis.field], -value * row[worth.field]) for row in rows]
        front = {
            here
            for here in places
            if not any(a <= here[0] and b <= here[1] and (a, b) != here for a, b in places)
        }
        found = [
            (cost * row[axis.field], -value * row[worth.field])
            for row in unbeaten(rows, axis, worth)
        ]
        assert found == sorted(front)


def test_a_published_number_of_another_metric_is_not_drawn_beside_these() -> None:
    record = VARIANTS["full"]
    shown = charts.quality_chart(RecordView.of(record))
    assert "published 59.20" in json.dumps(shown.choices[0].spec) if shown else False
    claims = [record.claims[0].model_copy(update={"metric": "acc"})]
    shown = charts.quality_chart(RecordView.of(record.model_copy(update={"claims": claims})))
    assert shown is not None
    assert "published" not in json.dumps(shown.choices[0].spec)


def test_the_histogram_and_the_groups_are_those_of_the_evidence() -> None:
    record = with_evidence(example_report())
    assert record.evidence is not None
    changes = charts.changes_chart(RecordView.of(record))
    assert changes is not None
    for choice, known in zip(changes.choices, record.evidence.changes, strict=True):
        assert choice.label == known.label
        assert [row["choices"] for row in choice.spec["data"]["values"]] == known.counts
    groups = charts.groups_chart(RecordView.of(record))
    assert groups is not None
    for choice, counted in zip(groups.choices, record.evidence.groups, strict=True):
        rows = choice.spec["data"]["values"]
        assert sum(row["items"] for row in rows) == sum(
            each.gained - each.lost for each in counted.groups
        )


@pytest.mark.images
def test_images_show_the_types_and_what_others_wrote_as_text() -> None:
    name = "\u202e<script>alert(1)</script>"
    record = VARIANTS["slice"]
    runs = [record.runs[0], *record.runs[1:]]
    runs[1] = runs[1].model_copy(update={"name": name})
    drift = [record.drift[0].model_copy(update={"name": name}), *record.drift[1:]]
    record = record.model_copy(update={"runs": runs, "drift": drift})
    spec = charts.drift_image(RecordView.of(record))
    assert spec is not None
    (files,) = images([spec])
    text = files[SVG].decode()
    assert text.startswith("<svg")
    assert "Q4_K_M" in text
    assert "<script" not in text
    assert "\u202e" not in text
    assert files[PNG].startswith(b"\x89PNG")


@pytest.mark.images
def test_pages_have_images_beside_them_and_show_them() -> None:
    made = dict(pages.pages_of(VARIANTS["full"], "one")) | dict(
        pages.pages_of(VARIANTS["alone"], "two")
    )
    assert set(made) == {"one.md", "one.html", "one.svg", "one.png", "two.md", "two.html"}
    assert "](one.svg)" in str(made["one.md"])
    assert "](two.svg)" not in str(made["two.md"])


def test_where_nothing_can_be_drawn_there_is_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing.sys, "executable", "/nowhere/python")
    assert images([{}, None]) == [{}, {}]


def test_hostile_titles_are_text_in_islands() -> None:
    html = pages.html_page(PAGES["hostile"])
    assert HOSTILE not in html
