"""How reports tell of next-token distributions, and of items of one source."""

from __future__ import annotations

import pytest

from edgeval.records import ClusteredInterval, Interval, Report
from edgeval.report import charts, divergences, explanations, pages
from edgeval.report.record_view import RecordView
from tests.helpers.reports import example_report, stopped_report


def _with_minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def test_divergences_are_a_table_with_their_bounds_and_the_flips() -> None:
    record = stopped_report(status="partial")
    found = divergences.divergence_table(RecordView.of(record))
    assert found is not None
    assert dict(zip(found.header, found.rows[0], strict=True)) == {
        "type": "Q8_0",
        "KL, nats": "0.00488",
        "standard error": "0.000469",
        "lower bound": "0.00391",
        "upper estimate": "0.00496",
        "remainder, %": "14.03",
        "same top token, %": "95.15",
        "lost": f"{record.drift[0].right_to_wrong:,}",
        "gained": f"{record.drift[0].wrong_to_right:,}",
        "difference": "+0.10",
        "items": "100",
        "positions": "4,205",
    }
    for page in (pages.markdown_page(record), pages.html_page(record)):
        assert "its lower bound from the 32 most likely tokens and all others as one" in page
        assert "on items drawn at random. It has no direction; the flips and the " in page
        assert "which were drawn by what they can tell and are no sample." in page
        assert "data processing inequality" in page
        assert "Displacement Is Not Direction" in page
        assert "0.00391" in page
    assert divergences.divergence_table(RecordView.of(example_report())) is None
    assert "KL" not in pages.markdown_page(example_report())


def _diverging(**changes: object) -> Report:
    """Return a report of whose first type's divergence something else is known."""
    record = stopped_report(design="random order", status="partial")
    first = record.drift[0]
    assert first.divergence is not None
    update = {"divergence": first.divergence.model_copy(update=changes)}
    return record.model_copy(update={"drift": [first.model_copy(update=update)]})


def test_an_older_record_has_the_bound_alone_and_says_no_more() -> None:
    names = ("kl_full_nats", "kl_full_error_nats", "kl_upper_nats", "remainder_mass", "drawn")
    record = _diverging(**dict.fromkeys(names), by_position=[])
    found = divergences.divergence_table(RecordView.of(record))
    assert found is not None
    dash = "\N{EN DASH}"
    assert found.rows[0][:7] == ["Q8_0", dash, "0.000391", "0.00391", dash, dash, "95.15"]
    caption = found.caption
    assert "a lower bound of the KL divergence, from the 32 most likely tokens" in caption
    assert "estimate" not in caption
    assert "random" not in caption


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        ("random", "on items drawn at random"),
        ("file order", "on items of the beginning of a file, which are no sample of the data set"),
        ("unknown", "items that were drawn nobody knows how, and may be no sample of the data set"),
    ],
)
def test_items_that_are_no_sample_are_said_to_be_none(drawn: str, words: str) -> None:
    for page in (pages.markdown_page, pages.html_page):
        assert words in page(_diverging(drawn=drawn))


def test_items_of_one_source_are_explained_with_their_design_effect() -> None:
    record = example_report(n_items=1000, status=None)
    interval = Interval(low=-9.04, high=-3.0, level=0.95)
    drifts = [
        each.model_copy(
            update={
                "new_items_clustered": ClusteredInterval(
                    n_clusters=800, design_effect=effect, interval_points=interval
                )
            }
        )
        for each, effect in zip(record.drift[-2:], (0.984, 1.236), strict=True)
    ]
    record = record.model_copy(update={"drift": [*record.drift[:-2], *drifts]})
    for page in (pages.markdown_page(record), pages.html_page(record)):
        assert "800 sources, such as videos or passages" in page
        assert "is 0.98 to 1.24 times as large" in page
    (found,) = [
        each
        for each in explanations.explanations(RecordView.of(record))
        if each.subject == "Items of one source"
    ]
    ends = _with_minus("items of Q2_K, where it is largest, is [-9.0, -3.0].")
    assert ends in found.text


def test_divergences_by_position_are_a_chart_and_a_table() -> None:
    view = RecordView.of(stopped_report(status="partial"))
    found, drawn = divergences.position_table(view), charts.position_chart(view)
    assert found is not None
    assert drawn is not None
    known = view.drifts[1].divergence
    assert known is not None
    assert found.header == ["token", *(drift.label for drift in view.drifts)]
    assert [row[0] for row in found.rows] == ["1", "2", "3", "4", "5 to 6"]
    assert found.rows[0][2] == "0.00240 ± 0.000462"
    (choice,) = drawn.choices
    points = [row for row in choice.spec["data"]["values"] if row["series"] == view.drifts[1].label]
    assert [row["kl"] for row in points] == [each.kl_full_nats for each in known.by_position]
    assert points[-1]["tokens"] == "5 to 6"
    assert f"{view.drifts[1].label}: 0.0024 ± 0.00046 nats at token 1" in drawn.description


def test_one_position_or_none_is_neither_chart_nor_table() -> None:
    known = stopped_report(status="partial").drift[0].divergence
    assert known is not None
    first = known.by_position[0].model_copy(update={"n_positions": known.n_positions})
    for by_position in ([], [first]):
        view = RecordView.of(_diverging(by_position=by_position))
        assert (divergences.position_table(view), charts.position_chart(view)) == (None, None)
        assert "by the token of a choice" not in pages.html_page(view.record)


def test_the_lines_of_many_types_are_drawn_eight_at_a_time() -> None:
    record = stopped_report(status="partial")
    first = record.drift[0]
    drifts = [first.model_copy(update={"name": f"maker-{number}"}) for number in range(20)]
    view = RecordView.of(record.model_copy(update={"drift": [first, *drifts]}))
    drawn = charts.position_chart(view)
    assert drawn is not None
    series = [{row["series"] for row in each.spec["data"]["values"]} for each in drawn.choices]
    assert set().union(*series) == {drift.label for drift in view.drifts}
    assert [len(each) for each in series] == [8] * (len(view.drifts) // 8) + [len(view.drifts) % 8]


def test_what_one_item_says_stands_in_the_table_alone() -> None:
    known = stopped_report(status="partial").drift[0].divergence
    assert known is not None
    *others, last = known.by_position
    alone = last.model_copy(update={"n_items": 1, "kl_full_error_nats": None})
    view = RecordView.of(_diverging(by_position=[*others, alone]))
    found, drawn = divergences.position_table(view), charts.position_chart(view)
    assert found is not None
    assert drawn is not None
    assert "±" in found.rows[-2][1]
    assert "±" not in found.rows[-1][1]
    rows = drawn.choices[0].spec["data"]["values"]
    assert [row["first"] for row in rows] == [1, 2, 3, 4]
