"""Saved records of several machines side by side: what agrees, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError
from edgeval.records import Interval, OffloadInfo, SplitDifference
from edgeval.records.comparison import Beside, Comparison
from edgeval.report.compare.agreement import SHARE
from edgeval.report.compare.chance import probability
from edgeval.report.compare.compare import compare_records, require_agreement
from edgeval.report.compare.outcomes import beside_reference, contradict
from edgeval.report.compare.sentences import alarms, sentences
from edgeval.report.derived import renewed
from edgeval.stats.paired import judged
from tests.helpers.comparisons import (
    DIFFERENCES,
    HERE,
    LEVEL,
    N_ITEMS,
    OTHER_SHA256,
    THERE,
    TYPES,
    changed,
    column,
    here,
    machine,
    other_model,
    printed,
    side_by_side,
    whole,
    with_right,
    with_run,
)
from tests.helpers.reports import example_report, stopped_report

LIMIT = 12


# What agrees


def test_equal_records_of_two_machines_agree() -> None:
    found = side_by_side(machine())
    assert [each.label for each in found.machines] == [HERE, THERE]
    assert [row.name for row in found.types] == TYPES
    for row in found.types:
        reference, run = row.runs
        assert reference is not None and run is not None
        assert (reference.standing, run.standing) == ("reference", "equal")
        assert (run.matched_by, run.reasons, run.differences) == ("file", [], [])
        assert (run.speed_ratio, run.no_speed_ratio) == (None, "another device")
        assert list(run.metrics) == ["acc", "acc_norm", "acc_bytes", "acc_token"]
    require_agreement(found)
    assert list(alarms(found)) == []
    assert list(sentences(found)) == [
        DIFFERENCES,
        f"{THERE}: right items by every metric: 8 equal.",
        f"{THERE}: no ratio of speeds: another device.",
    ]


@pytest.mark.parametrize(
    ("extra", "standing"),
    [
        (0, "equal"),
        (1, "within tolerance"),
        (-LIMIT, "within tolerance"),
        (LIMIT, "within tolerance"),
        (LIMIT + 1, "differs"),
        (-LIMIT - 1, "differs"),
    ],
)
@pytest.mark.parametrize("metric", ["acc_norm", "acc"])
def test_right_items_may_differ_by_the_tolerance(extra: int, standing: str, metric: str) -> None:
    found = side_by_side(with_right(machine(), 4, extra, metric))
    run = column(found)["Q4_K_M"]
    assert run is not None
    assert run.standing == standing
    pair = run.metrics[metric]
    assert pair.correct - pair.reference_correct == extra
    assert (pair.total, pair.tolerance, pair.agreement) == (N_ITEMS, LIMIT, standing)
    assert (pair.share, pair.false_alarm) == (SHARE, LEVEL)
    assert pair.p_value == probability(abs(extra), N_ITEMS, SHARE)
    assert (pair.p_value <= LEVEL) == (standing == "differs")
    others = {each.standing for name, each in column(found).items() if each and name != "Q4_K_M"}
    assert others == {"equal"}
    if standing == "differs":
        with pytest.raises(EdgevalError, match=f"rounding explains \\(Q4_K_M on {THERE}\\); eval"):
            require_agreement(found)
        (alarm,) = alarms(found)
        assert alarm.startswith(f"{THERE}: Q4_K_M DIFFERS in its right items: {metric} ")
        assert alarm.endswith(
            f"{metric} {pair.correct:,}, not {pair.reference_correct:,}, of 2,009; "
            "rounding that turns 0.5 % of the items moves a number by more than 12 in fewer than "
            "0.031 % of cases."
        )
    else:
        require_agreement(found)
        assert list(alarms(found)) == []


@pytest.mark.parametrize(("index", "name", "expected"), [(0, "F16", 16), (4, "Q4_K_M", 28)])
def test_a_gpu_may_differ_more_with_quantized_models(index: int, name: str, expected: int) -> None:
    offload = OffloadInfo(devices=["NVIDIA H200"], layers=23, n_layers=23)
    for extra, standing in ((expected, "within tolerance"), (expected + 1, "differs")):
        there = with_run(with_right(machine(), index, extra), index, offload=offload)
        run = column(side_by_side(there))[name]
        assert run is not None
        assert (run.metrics["acc_norm"].tolerance, run.standing) == (expected, standing)
        # Two alike are held to the bar of two CPUs.
        both = with_run(example_report(n_items=N_ITEMS, status=None), index, offload=offload)
        alike = column(side_by_side(there, first=both))[name]
        assert alike is not None
        assert alike.metrics["acc_norm"].tolerance == LIMIT


def test_one_machine_that_differs_is_enough() -> None:
    found = side_by_side(machine(), with_right(machine("Apple M2"), 0, 99))
    assert {run.standing for run in column(found, 1).values() if run} == {"equal"}
    with pytest.raises(EdgevalError, match=r"\(F16 on Apple M2\)"):
        require_agreement(found)


def outcomes(found: Comparison, index: int = 1) -> dict[str, str]:
    return {
        name: run.beside.split.outcome
        for name, run in column(found, index).items()
        if run and run.beside
    }


def test_each_machine_says_what_its_types_are_beside_its_own_reference() -> None:
    first = whole(here(), {"Q4_K_M": -0.9, "Q3_K_M": -1.2, "Q2_K": -3.0, "Q8_0": 1.5})
    other = whole(machine(), {"Q4_K_M": -0.8, "Q3_K_M": -1.3, "Q2_K": -2.0, "Q8_0": 1.5})
    found = side_by_side(other, first=first)
    expected = {
        "Q8_0": "different",
        "Q6_K": "equivalent",
        "Q5_K_M": "equivalent",
        "Q4_K_M": "equivalent",
        "Q4_0": "equivalent",
        "Q3_K_M": "worse",
        "Q2_K": "worse",
    }
    assert outcomes(found, 0) == outcomes(found, 1) == expected
    assert not any(run.is_contradicted for run in column(found).values() if run)
    reference = column(found)["F16"]
    assert reference is not None and reference.beside is None
    said = column(found)["Q4_K_M"]
    assert said is not None and said.beside is not None
    assert said.beside.reference == "F16"
    assert said.beside.difference_points == pytest.approx(-0.8, abs=0.03)
    assert said.beside.split.margin_points == found.margin_points == 1.0
    wider = compare_records([first, other], [Path("a"), Path("b")], 2.5)
    assert outcomes(wider)["Q3_K_M"] == outcomes(wider)["Q2_K"] == "equivalent"
    assert outcomes(wider, 0)["Q2_K"] == "worse"
    lines = printed(found)
    assert max(map(len, lines)) <= 80
    (row,) = (line for line in lines if line.startswith("│ Q2_K") and "worse" in line)
    assert row.count("worse") == 2 and "\N{MINUS SIGN}2.99" in row


def test_outcomes_that_contradict_each_other_are_said_loudly() -> None:
    first = whole(here(), {"Q4_K_M": -0.9, "Q3_K_M": 1.5, "Q2_K": -3.0})
    other = whole(machine(), {"Q4_K_M": -1.1, "Q3_K_M": -1.5, "Q2_K": -3.0})
    found = side_by_side(other, first=first)
    runs = column(found)
    assert {name for name, run in runs.items() if run and run.is_contradicted} == {
        "Q4_K_M",
        "Q3_K_M",
    }
    said = [each for each in alarms(found) if "contradict" in each]
    assert said[0] == (
        f"{THERE}: Q4_K_M is worse (\N{MINUS SIGN}1.10 points to its F16), and {HERE} says "
        "equivalent (\N{MINUS SIGN}0.90 points to its F16): at a margin of 1 point the two "
        "contradict each other."
    )
    assert len(said) == 2
    # Wide enough a margin holds both of the one; the other's are of opposite signs.
    wider = compare_records([first, other], [Path("a"), Path("b")], 1.2)
    assert [each for each in alarms(wider) if "Q4_K_M is" in each] == []
    # Of another model there is nothing to contradict.
    others = [changed(run, sha256=OTHER_SHA256) for run in other.runs]
    foreign = other_model(changed(other, runs=others))
    found = side_by_side(foreign, first=first)
    assert not any(run.is_contradicted for run in column(found).values() if run)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("equivalent", -0.9, -0.9), ("worse", -1.1, -1.1), True),
        (("equivalent", -0.9, 0.9), ("open", -3, 3), False),
        (("different", 1.5, 1.5), ("worse", -1.1, -1.1), True),
        (("different", 1.5, 1.5), ("equivalent", 0.9, 0.9), True),
        (("different", -1.5, -0.5), ("worse", -2.0, -1.1), False),
        (("different", -1.5, -0.5), ("equivalent", -0.9, -0.2), False),
        (("different", -1.5, -0.5), ("different", 0.5, 1.5), True),
        (("different", 0.5, 1.5), ("different", 0.1, 3.0), False),
        (("open", -3, 3), ("worse", -2.0, -1.1), False),
    ],
)
def test_outcomes_contradict_where_no_difference_is_both(
    one: tuple[Any, float, float], other: tuple[Any, float, float], expected: bool
) -> None:
    first, second = (
        Beside(
            reference="F16",
            difference_points=(low + high) / 2,
            split=SplitDifference(
                interval_points=Interval(low=low, high=high, level=0.95),
                margin_points=1,
                outcome=outcome,
                non_inferior=low >= -1,
            ),
        )
        for outcome, low, high in (one, other)
    )
    assert contradict(first, second) == contradict(second, first) == expected
    assert not contradict(first, None)


@pytest.mark.parametrize("points", [0.0, -1.0, 100.1, float("nan"), float("inf")])
def test_a_margin_that_is_none_is_refused(points: float) -> None:
    with pytest.raises(EdgevalError, match=r"--margin \S+ is no margin; use points above 0 and to"):
        compare_records([here(), machine()], [Path("a"), Path("b")], points)


def test_what_drew_its_items_still_says_what_it_shows() -> None:
    record = stopped_report()
    runs = column(side_by_side(record, first=record))
    weighted = runs["Q4_K_M"]
    assert weighted is not None and weighted.beside is not None
    assert (weighted.standing, weighted.matched_by) == ("not comparable", "file")


def test_outcomes_are_the_report_s_whatever_the_order_of_its_types() -> None:
    # Of a pair, the larger file has half of the error by itself, and the smaller what it hands on.
    flips = {"Q8_0": (3, 3), "Q4_K_M": (28, 22)}
    record = example_report(n_items=2000, status=None, flips=flips)
    kept = [record.runs[0], *(run for run in record.runs if run.type in flips)]
    drift = [each for each in record.drift if each.type in flips]
    pair = {"runs": [kept[0], *kept[:0:-1]], "drift": drift[::-1]}
    backwards = renewed(record.model_copy(update=pair))
    assert [each.type for each in backwards.drift] == ["Q4_K_M", "Q8_0"]
    found = beside_reference(backwards, 1.0)
    assert {name: each.split for name, each in found.items()} == {
        each.label: each.split for each in backwards.drift
    }
    # In the order of the record the sequence would have begun with the smaller file.
    in_order = judged(backwards.drift, backwards.data.n_total, 1.0)
    assert [each.split for each in in_order] != [each.split for each in backwards.drift]
