"""Energy in words, columns and charts: worked out by hand, and each with its source."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from edgeval.records import Report, Speed, by_command
from edgeval.records.sensors import Energy
from edgeval.report import charts, energy, pages
from edgeval.report.record_view import RecordView
from tests.helpers.energies import told, with_energy
from tests.helpers.reports import HOSTILE, example_report
from tests.helpers.speeds import changed, printed

N_ITEMS = 1000


def record_with(**of_types: list[Energy]) -> Report:
    return with_energy(example_report(n_items=N_ITEMS, status="partial"), **of_types)


def test_a_sentence_a_source_has_both_figures(capsys: pytest.CaptureFixture[str]) -> None:
    record = record_with(
        F16=[told("INA219", 7200.0, 3600.0), told("RAPL", 1800.0)],
        Q8_0=[told("INA219", 3600.0, 1800.0)],
    )
    expected = [
        # 7,200 J of 1,000 items; 10,800 J are 3 Wh.
        "Energy of an item by INA219: F16 7.20 J (3.60 above idle) and Q8_0 3.60 J (1.80 above "
        "idle). All that was scored took 3.00 Wh (1.50 above idle).",
        "Energy of an item by RAPL: F16 1.80 J. All that was scored took 0.500 Wh.",
    ]
    assert energy.sentences(RecordView.of(record).named) == expected
    shown = printed(record, capsys)
    for each in expected:
        assert each in shown
        assert each in pages.html_page(record)
        assert each in pages.markdown_page(record).replace("\\", "")
    rows = {row["type"]: row for row in record.rows()}
    assert list(rows["F16"])[-5:-3] == ["joules_per_item", "watt_hours"]
    assert (rows["F16"]["joules_per_item"], rows["F16"]["watt_hours"]) == (7.2, 2.0)
    assert (rows["Q6_K"]["joules_per_item"], rows["Q6_K"]["watt_hours"]) == (None, None)


def test_several_tasks_are_summed_by_type() -> None:
    named = RecordView.of(record_with(F16=[told("RAPL", 7200.0)])).named
    assert energy.sentences([*named, *named]) == [
        "Energy of an item by RAPL: F16 7.20 J. All that was scored took 4.00 Wh."
    ]


def test_what_is_known_of_a_part_of_the_time_says_so_and_names_are_escaped() -> None:
    part = told(HOSTILE[:60], 7200.0).model_copy(update={"known_share": 0.75})
    record = record_with(F16=[part])
    (sentence,) = energy.sentences(RecordView.of(record).named)
    assert ", known for 75% of it: F16" in sentence
    assert "<script>alert(1)" not in pages.html_page(record)


def test_less_than_a_second_and_no_items_tell_nothing() -> None:
    short = record_with(F16=[told("RAPL", 3.0, seconds=0.9)])
    assert energy.sentences(RecordView.of(short).named) == []
    speed = short.runs[0].speed
    assert speed is not None
    assert speed.joules_per_item is None
    none = changed(speed, n_items=0, energy=[told("RAPL", 3.0).model_dump()])
    assert (none.joules_per_item, none.watt_hours) == (None, None)


def axes_of(record: Report) -> set[str]:
    chart = charts.quality_chart(RecordView.of(record))
    assert chart is not None
    return {each.label.partition(" against ")[2] for each in chart.choices}


def test_charts_have_the_axis_where_two_types_have_it_by_one_source() -> None:
    both = record_with(F16=[told("RAPL", 2000.0)], Q8_0=[told("RAPL", 1000.0)])
    assert "joules an item" in axes_of(both)
    assert "joules an item" not in axes_of(record_with(F16=[told("RAPL", 2000.0)]))
    unlike = record_with(F16=[told("RAPL", 2000.0)], Q8_0=[told("battery", 1000.0)])
    assert "joules an item" not in axes_of(unlike)


def test_parts_of_a_command_are_summed_where_each_tells_it() -> None:
    first = record_with(F16=[told("RAPL", 8.0, 2.0, 4.0), told("meter", 1.0)]).runs[0].speed
    assert first is not None
    second = changed(
        first, energy=[told("RAPL", 4.0, 1.0, 2.0).model_copy(update={"known_share": 0.7})]
    )
    (whole,) = by_command([first, second])
    (found,) = whole.energy
    assert found.known_share == pytest.approx((4 + 0.7 * 2) / 6)
    assert found == Energy(
        source="RAPL", joules=12.0, idle_joules=3.0, seconds=6.0, known_share=found.known_share
    )
    (nothing,) = by_command([first, changed(first, energy=[])])
    assert nothing.energy == []


def test_it_is_written_and_read_again_and_what_is_none_is_refused() -> None:
    speed = record_with(F16=[told("RAPL", 8.0, 2.0)]).runs[0].speed
    assert speed is not None
    assert Speed.model_validate_json(speed.model_dump_json()) == speed
    for wrong in ({"joules": -1.0}, {"seconds": 0.0}, {"known_share": 1.1}, {"source": "a" * 61}):
        with pytest.raises(ValidationError):
            changed(speed, energy=[told("RAPL", 8.0).model_dump() | wrong])
