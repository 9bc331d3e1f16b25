"""Heat in words and columns: worked out by hand, and nothing where nothing is known."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from edgeval.records import Report, Speed, by_command
from edgeval.records.sensors import Energy, Heat, HeldBack
from edgeval.report import footnotes, heat, measurements, pages
from edgeval.report.record_view import RecordView
from tests.helpers.energies import hot, told, with_energy, with_heat
from tests.helpers.reports import HOSTILE, example_report
from tests.helpers.speeds import DASH, changed, printed


def record_with(**of_types: Heat) -> Report:
    return with_heat(example_report(n_items=1000, status="partial"), **of_types)


def sentences(record: Report) -> list[str]:
    return heat.sentences(RecordView.of(record).named)


def test_one_sentence_says_how_hot_and_what_held_back(capsys: pytest.CaptureFixture[str]) -> None:
    record = record_with(F16=hot(71.4, thermal=20.0), Q8_0=hot(80.0, thermal=4.0), Q4_K_M=hot(83.6))
    # 24 of 200 s.
    expected = (
        "Heat: CPU up to 84 °C with Q4_K_M; clocks were held back for 12% of the time (thermal) "
        "with F16 and Q8_0, so these speeds are lower than the machine's."
    )
    assert sentences(record) == [expected] == footnotes.sentences(RecordView.of(record))[-1:]
    assert expected in " ".join(printed(record, capsys).split())
    assert expected.replace("'", "&#39;") in pages.html_page(record)
    assert expected in pages.markdown_page(record).replace("\\", "")
    table = measurements.speeds_table(RecordView.of(record))
    assert table is not None
    assert table.header[-3:] == ["hottest CPU, °C", "held back, %", "device"]
    cells = {row[0]: row[-3:-1] for row in table.rows}
    assert cells["F16"] == ["71", "20.0"]
    assert cells["Q4_K_M"] == ["84", "0.0"]
    assert cells["Q6_K"] == [DASH, DASH]
    rows = {row["type"]: row for row in record.rows()}
    names = ("hottest_c", "gpu_hottest_c", "held_back_share")
    assert [rows["F16"][name] for name in names] == [71.4, None, 0.2]
    assert [rows["Q6_K"][name] for name in names] == [None] * 3


@pytest.mark.parametrize(
    ("of_types", "expected"),
    [
        ({}, []),
        ({"F16": hot()}, []),
        ({"F16": hot(50.0)}, ["Heat: CPU up to 50 °C."]),
        (
            {"F16": hot(50.0, 71.2), "Q8_0": hot(50.3, 64.0)},
            ["Heat: CPU up to 50 °C and GPU up to 71 °C with F16."],
        ),
        # Less than one in a hundred changes no speed.
        ({"F16": hot(50.0, weak=0.9)}, ["Heat: CPU up to 50 °C."]),
        (
            {"F16": hot(weak=100.0, hot=20.0)},
            [
                "Heat: clocks were held back for 100% of the time (weak, hot), so this speed is "
                "lower than the machine's."
            ],
        ),
        # Nobody tells the rest of the time, which one reason is known of.
        (
            {"F16": hot(told_s=0.0, weak=10.0)},
            [
                "Heat: clocks were held back for 10% of the time (weak), so this speed is lower "
                "than the machine's."
            ],
        ),
    ],
)
def test_no_more_is_said_than_is_known(of_types: dict[str, Heat], expected: list[str]) -> None:
    assert sentences(record_with(**of_types)) == expected


def test_many_types_are_counted() -> None:
    cold = dict.fromkeys(("Q6_K", "Q8_0"), hot(40.0))
    held = dict.fromkeys(("F16", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K"), hot(90.0, hot=50.0))
    (sentence,) = sentences(record_with(**held, **cold))
    assert sentence.count("F16, Q5_K_M, Q4_K_M, Q4_0 and 2 more") == 2


def test_several_tasks_are_summed_by_type() -> None:
    one = RecordView.of(record_with(F16=hot(60.0, hot=50.0))).named
    other = RecordView.of(record_with(F16=hot(70.0))).named
    assert heat.sentences([*one, *other]) == [
        "Heat: CPU up to 70 °C; clocks were held back for 25% of the time (hot), so this speed is "
        "lower than the machine's."
    ]


def test_less_than_a_second_and_no_items_tell_nothing() -> None:
    short = hot(90.0).model_copy(update={"seconds": 0.9})
    record = record_with(F16=short)
    assert sentences(record) == []
    assert measurements.speeds_table(RecordView.of(record)) is None
    speed = record_with(F16=hot(90.0)).runs[0].speed
    assert speed is not None and speed.told_heat is not None
    assert changed(speed, n_items=0).told_heat is None


def test_reasons_are_escaped() -> None:
    reason = HeldBack(reason=HOSTILE[:60], seconds=50.0)
    held = hot(90.0, hot=50.0).model_copy(update={"held_back": [reason]})
    record = record_with(F16=held)
    assert "<script>alert(1)" not in pages.html_page(record)
    (sentence,) = sentences(record)
    assert "\x1b" not in sentence


def test_parts_of_a_command_are_summed_by_their_seconds() -> None:
    first = record_with(F16=hot(70.0, 55.0, hot=30.0)).runs[0].speed
    assert first is not None
    part = Heat(
        hottest_c=80.0,
        seconds=300.0,
        told_s=200.0,
        held_s=30.0,
        held_back=[HeldBack(reason="weak", seconds=20.0), HeldBack(reason="hot", seconds=15.0)],
    )
    (whole,) = by_command([first, changed(first, heat=part.model_dump())])
    assert whole.heat == Heat(
        hottest_c=80.0,
        gpu_hottest_c=55.0,
        seconds=400.0,
        told_s=300.0,
        held_s=60.0,
        held_back=[HeldBack(reason="hot", seconds=45.0), HeldBack(reason="weak", seconds=20.0)],
    )
    assert whole.heat.held_share == 0.2
    # One that does not tell it changes nothing of what the other does.
    (same,) = by_command([first, changed(first, heat=None)])
    assert same.heat == first.heat


def test_it_is_written_and_read_again_and_what_is_none_is_refused() -> None:
    speed = record_with(F16=hot(70.0, hot=30.0)).runs[0].speed
    assert speed is not None
    assert Speed.model_validate_json(speed.model_dump_json()) == speed
    assert "heat" not in json.loads(changed(speed, heat=None).model_dump_json())
    good = hot(70.0, hot=30.0).model_dump()
    for wrong in (
        {"hottest_c": 1e6},
        {"seconds": 0.0},
        {"held_s": -1.0},
        {"held_back": [{"reason": "a" * 61, "seconds": 1.0}]},
        {"held_back": [{"reason": "a", "seconds": 1.0}] * 21},
    ):
        with pytest.raises(ValidationError):
            changed(speed, heat=good | wrong)


def test_sums_of_the_largest_numbers_are_still_a_record() -> None:
    most = 1e15
    huge = Heat(seconds=most, held_s=most, held_back=[HeldBack(reason="hot", seconds=most)])
    assert (huge + huge).held_share == 1.0
    energy = Energy(source="RAPL", joules=most, idle_joules=most, seconds=most, known_share=1.0)
    assert (energy + energy).joules == most
    record = with_energy(record_with(F16=huge, Q8_0=huge), F16=[energy], Q8_0=[told("RAPL", most)])
    assert len(footnotes.sentences(RecordView.of(record))) > 2


def test_a_share_is_never_above_one() -> None:
    assert Heat(seconds=1.0, told_s=1e-300, held_s=5.0).held_share == 1.0
    assert hot().held_share == 0.0
    assert hot(50.0, told_s=0.0).held_share is None
