"""Figures of a report: to scale, and legible."""

from __future__ import annotations

import itertools

import pytest

from edgeval.records import Report
from edgeval.records.claims import NOT_STATED
from edgeval.report import figures, ladder, pages
from edgeval.report.record_view import RecordView
from edgeval.stats.verdict import judged
from tests.helpers.pages import VARIANTS
from tests.helpers.reports import (
    example_report,
)

# The figures


@pytest.mark.parametrize("record", [example_report(), VARIANTS["slice"]], ids=["whole", "slice"])
def test_the_drift_figure_is_to_scale(record: Report) -> None:
    drawn = figures.drift_figure(RecordView.of(record))
    assert drawn is not None
    points_a_pixel = 2.0 / (drawn.band_bottom - drawn.band_top)
    for mark, found in zip(drawn.marks[1:], record.drift, strict=True):
        shown = (drawn.line_y - mark.y) * points_a_pixel
        assert shown == pytest.approx(found.difference_points, rel=0.005, abs=0.01)
        # Whiskers only where the difference is not known for certain.
        assert (mark.point.ends is None) == found.split.is_exact
        said = found.split.interval_points
        width = (mark.bottom - mark.top) * points_a_pixel
        assert width == pytest.approx(said.high - said.low, rel=0.005, abs=0.01)
    assert drawn.marks[0].y == drawn.line_y
    by_bits = sorted(drawn.marks, key=lambda mark: mark.point.bits)
    assert by_bits == sorted(drawn.marks, key=lambda mark: mark.x)
    texts = dict(drawn.x_ticks[i][::-1] for i in range(len(drawn.x_ticks)))
    assert texts["8"] - texts["4"] == pytest.approx(texts["16"] - texts["8"], abs=0.11)


def test_a_claim_without_a_metric_stands_beside_the_primary_one() -> None:
    record = VARIANTS["full"]
    claim = record.claims[0].model_copy(update={"metric": NOT_STATED})
    drawn = figures.claim_figure(RecordView.of(judged(record, [claim])))
    assert drawn is not None
    assert drawn == figures.claim_figure(RecordView.of(record))


def test_the_claim_figure_holds_the_claim_and_needs_its_metric() -> None:
    record = example_report()
    drawn = figures.claim_figure(RecordView.of(record))
    assert drawn is not None
    assert drawn.line_labels == ["published", "59.20"]
    assert all(mark.point.ends is None for mark in drawn.marks)
    sliced = figures.claim_figure(RecordView.of(VARIANTS["slice"]))
    assert sliced is not None
    assert all(mark.point.ends is not None for mark in sliced.marks)
    assert figures.claim_figure(RecordView.of(VARIANTS["no claim"])) is None
    mismatch = record.verdicts[0].model_copy(update={"protocol_match": "mismatch"})
    assert (
        figures.claim_figure(RecordView.of(record.model_copy(update={"verdicts": [mismatch]})))
        is None
    )
    assert figures.drift_figure(RecordView.of(VARIANTS["alone"])) is None


@pytest.mark.parametrize("n_types", [2, 8, 11, 13, 20, 23, 33])
@pytest.mark.parametrize("spread", [0.0, 0.001, 1.0])
@pytest.mark.parametrize("suffix", ["", " +imatrix"])
def test_labels_never_overlap(n_types: int, spread: float, suffix: str) -> None:
    points = [
        figures.Point(
            f"IQ2_T{index}{suffix}", 4.0 + spread * index / n_types, 0.0, None, "equivalent", ""
        )
        for index in range(n_types)
    ]
    places, n_rows = figures._label_places(points)
    width = figures._label_width(points)
    for row in range(n_rows):
        centres = sorted(x for x, of in places if of == row)
        gaps = [b - a for a, b in itertools.pairwise(centres)]
        assert min(gaps, default=width) >= width - 0.2
    assert all(width / 2 - 0.1 <= x <= figures.WIDTH - width / 2 + 0.1 for x, _ in places)


def test_runs_of_one_type_are_told_apart_by_their_matrix() -> None:
    record = VARIANTS["imatrix"]
    pairs = {run.run.label: run.drift for run in RecordView.of(record).runs}
    assert list(pairs)[4:6] == ["Q4_K_M", "Q4_K_M +imatrix"]
    plain, weighed = pairs["Q4_K_M"], pairs["Q4_K_M +imatrix"]
    assert plain is not None
    assert weighed is not None
    assert (plain.right_to_wrong, weighed.right_to_wrong) == (171, 9)
    rows = {row.type: row for row in ladder.ladder_rows(RecordView.of(record))}
    assert rows["Q4_K_M"].flips == "171 lost / 122 gained"
    assert rows["Q4_K_M +imatrix"].flips == "9 lost / 7 gained"
    for page in (pages.markdown_page(record), pages.html_page(record)):
        assert page.count("Q4_K_M +imatrix") >= 4
        assert "im.gguf, from 120 chunks of wiki.txt" in page
        assert "ab" * 32 in page
    drawn = figures.drift_figure(RecordView.of(record))
    assert drawn is not None
    by_label = {mark.point.label: mark for mark in drawn.marks}
    assert abs(by_label["Q4_K_M"].x - by_label["Q4_K_M +imatrix"].x) >= 10
