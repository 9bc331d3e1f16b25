"""The facts that every view of a record asks for, and the words for counts."""

from __future__ import annotations

import dataclasses

import pytest

from edgeval.errors import counted, plural
from edgeval.records import Evaluation, Report
from edgeval.report.derived import renewed
from edgeval.report.record_view import RecordView, Sureness
from tests.helpers.report_parts import N_SPLIT
from tests.helpers.reports import (
    STOPPED,
    example_report,
    failed_report,
    sliced_report,
    stopped_report,
)

WHOLE = RecordView.of(example_report())


def without_all_but(record: Report, *types: str) -> Report:
    """Return a report in which the other types were not evaluated."""
    runs = [run for run in record.runs if run.type in ("F16", *types)]
    drift = [drift for drift in record.drift if drift.type in types]
    return renewed(record.model_copy(update={"runs": runs, "drift": drift}))


def in_file_order(record: Report) -> Report:
    data = record.data.model_copy(update={"order": "file"})
    return renewed(record.model_copy(update={"data": data}))


def test_a_view_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        WHOLE.runs = ()  # type: ignore[misc]


def test_of_the_whole_split_nothing_is_left_to_sampling() -> None:
    assert not WHOLE.is_slice
    assert not WHOLE.is_uneven
    assert WHOLE.is_sample
    assert WHOLE.sampled == []
    assert WHOLE.stopping is None
    assert (WHOLE.margin, WHOLE.level) == ("1 point", "95%")
    assert WHOLE.fewest_items == WHOLE.most_items == N_SPLIT


def test_the_reference_is_first_and_has_no_drift() -> None:
    first, *others = WHOLE.runs
    assert WHOLE.reference is WHOLE.judged_run is first
    assert (first.drift, first.outcome) == (None, "reference")
    assert [run.drift for run in others] == WHOLE.record.drift == WHOLE.drifts
    assert [run.outcome for run in others] == [
        "equivalent",
        "equivalent",
        "equivalent",
        "equivalent",
        "equivalent",
        "worse",
        "worse",
    ]


def test_runs_of_different_numbers_of_items_are_counted_beside_the_reference() -> None:
    view = RecordView.of(stopped_report())
    counts = [n_items for _, n_items, *_ in STOPPED]
    assert [run.n_items for run in view.runs] == [N_SPLIT, *counts]
    assert (view.fewest_items, view.most_items) == (min(counts), max(counts))
    assert view.is_slice
    assert view.is_uneven
    assert view.is_weighted
    assert view.stopping is not None
    assert view.stopping.points == 1.0


def test_an_estimate_is_the_references_and_a_difference_where_that_is_known() -> None:
    whole, part = WHOLE.runs[1], RecordView.of(sliced_report()).runs[1]
    assert whole.estimate.value == whole.accuracy.value
    assert part.drift is not None
    reference = WHOLE.runs[0].accuracy.value
    assert part.estimate.value == pytest.approx(reference + part.drift.difference_points / 100)
    assert RecordView.of(sliced_report()).is_estimated
    assert not WHOLE.is_estimated


@pytest.mark.parametrize(
    ("record", "in_short", "clause"),
    [
        (example_report(n_items=1000), "95% together", "together with 95%"),
        (without_all_but(example_report(n_items=1000), "Q2_K"), "95%", "with 95%"),
        (stopped_report(), "95% together", "together with 95%"),
        (stopped_report(design="random order", is_old=True), "95% each", "by itself with 95%"),
        (
            in_file_order(example_report(n_items=1000)),
            "certain",
            "for certain, whatever the other items are",
        ),
    ],
    ids=["a slice", "one type", "stopped", "stopped by an older edgeval", "first of a file"],
)
def test_one_rule_says_how_sure_intervals_are(record: Report, in_short: str, clause: str) -> None:
    assert RecordView.of(record).sureness == Sureness(in_short, clause)


def test_without_the_reference_nothing_is_judged_or_compared() -> None:
    view = RecordView.of(failed_report("F16"))
    assert view.reference is None
    assert {run.outcome for run in view.runs} == {"not compared"}
    assert view.drifts == []
    with pytest.raises(ValueError, match="the reference failed"):
        _ = view.judged_run


def test_a_lone_run_is_no_reference_unless_others_failed() -> None:
    (lone,) = RecordView.of(example_report(alone=True)).runs
    assert lone.outcome == "not compared"
    others = [run.type for run in example_report().runs[1:]]
    (left,) = RecordView.of(failed_report(*others)).runs
    assert left.outcome == "reference"


def test_an_evaluation_has_a_view_too() -> None:
    record = stopped_report(design="random order")
    names = ("edgeval_version", "created_at", "data", "protocol", "engine", "device", "runs")
    view = RecordView.of(Evaluation(**{name: getattr(record, name) for name in names}))
    assert view.reference is None
    assert [run.accuracy for run in view.runs] == [run.metrics["acc_norm"] for run in record.runs]
    # Without a reference, its number of items is one of all.
    assert (view.fewest_items, view.most_items) == (256, 2432)
    assert view.named == [(run.type, run) for run in record.runs]


@pytest.mark.parametrize(("count", "words"), [(0, "0 items"), (1, "1 item"), (2432, "2,432 items")])
def test_a_count_has_its_noun(count: int, words: str) -> None:
    assert counted(count, "item") == words


def test_a_word_agrees_with_its_count() -> None:
    assert [plural(count, "is", "are") for count in (0, 1, 2)] == ["are", "is", "are"]
    assert [plural(count, "point") for count in (0.5, 1.0)] == ["points", "point"]
