"""Speeds: their error over the parts of the time, worked out by hand."""

from __future__ import annotations

import pytest

from edgeval.records import Speed, by_command
from edgeval.records.speeds import Parts
from edgeval.report.record_view import RecordView
from edgeval.report.speeds import in_short, sentences
from edgeval.scoring.timing import Timing
from edgeval.tasks.requests import Work
from tests.helpers.reports import DEVICE, MADE_AT, example_report

SLOW, FAST = (100, 1.0), (200, 1.0)


def speed(*parts: tuple[int, float], keeps: bool = True) -> Speed:
    varied = None
    for each in parts if keeps else ():
        varied = Parts.of(*each) if varied is None else varied + Parts.of(*each)
    return Speed(
        device=DEVICE,
        threads=2,
        measured_at=MADE_AT,
        n_items=len(parts),
        tokens_decoded=sum(tokens for tokens, _ in parts),
        logit_rows=0,
        elapsed_s=sum(seconds for _, seconds in parts),
        parts=varied,
    )


def test_the_error_is_that_of_a_ratio() -> None:
    # 600 tokens in 5 s are 120 a second: parts miss it by -20 four times and by 80 once, whose
    # squares are 8,000 together; the error is the root of 5/4 * 8,000, over 5 s.
    found = speed(SLOW, SLOW, SLOW, SLOW, FAST)
    assert (found.tokens_per_s, found.tokens_per_s_error) == (120.0, pytest.approx(20.0))
    assert in_short(found) == "120 ± 20"


def test_longer_parts_of_the_same_speed_vary_in_nothing() -> None:
    found = speed((100, 1.0), (200, 2.0), (50, 0.5), (300, 3.0), (100, 1.0), (1, 0.01))
    assert found.tokens_per_s_error == pytest.approx(0.0, abs=1e-4)


def test_of_fewer_than_five_parts_there_is_none() -> None:
    assert speed(SLOW, SLOW, FAST, FAST).tokens_per_s_error is None
    assert in_short(speed(SLOW, SLOW, FAST, FAST)) == "150"
    assert speed(*[SLOW] * 9, keeps=False).tokens_per_s_error is None


def test_work_in_two_plans_varies_as_all_of_its_parts_do() -> None:
    (found,) = by_command([speed(SLOW, SLOW, SLOW), speed(SLOW, FAST)])
    assert found == speed(SLOW, SLOW, SLOW, SLOW, FAST).model_copy(update={"load_s": None})
    assert found.tokens_per_s_error == pytest.approx(20.0)


def test_what_was_partly_kept_says_nothing_of_the_whole() -> None:
    known, unknown = speed(*[SLOW] * 6), speed(SLOW, FAST, keeps=False)
    (found,) = by_command([known, unknown])
    assert (found.tokens_decoded, found.parts, found.tokens_per_s_error) == (900, None, None)
    # What decoded nothing is no part of it.
    (found,) = by_command([known, speed(keeps=False)])
    assert found.parts == known.parts


def test_nobody_can_write_another_error() -> None:
    found = speed(SLOW, SLOW, SLOW, SLOW, FAST)
    forged = found.model_dump() | {"tokens_per_s_error": 0.001}
    assert Speed.model_validate(forged).tokens_per_s_error == pytest.approx(20.0)
    without = {"parts", "tokens_per_s_error"}
    older = Speed.model_validate_json(found.model_dump_json(exclude=without))
    assert (older.tokens_per_s, older.tokens_per_s_error) == (120.0, None)


def test_a_stint_keeps_its_parts_as_they_come() -> None:
    stint = Timing(threads=2).stint(1, load_s=0.5)
    for tokens, seconds in (SLOW, SLOW, SLOW, (0, 0.0), SLOW, FAST):
        stint.add(Work(tokens, 0, seconds), n_items=1)
    found = stint.speed
    assert found.parts == speed(SLOW, SLOW, SLOW, SLOW, FAST).parts
    assert found.tokens_per_s_error == pytest.approx(20.0)


def test_one_sentence_says_what_the_sign_means() -> None:
    def told(measured: Speed) -> list[str]:
        record = example_report()
        first = record.runs[0].model_copy(update={"speed": measured})
        runs = [first, *record.runs[1:]]
        return sentences(RecordView.of(record.model_copy(update={"runs": runs})))

    assert "± is the standard error" in told(speed(SLOW, SLOW, SLOW, SLOW, FAST))[0]
    assert not any("±" in each for each in told(speed(SLOW, FAST)))


def test_small_errors_keep_a_digit() -> None:
    tokens = (100, 101, 99, 100, 102)
    found = speed(*[(each, 10.0) for each in tokens])
    assert in_short(found) == "10.0 ± 0.05"
