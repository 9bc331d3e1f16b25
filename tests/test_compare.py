"""Saved records of several machines side by side."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_example import example_report, stopped_report
from rich.console import Console
from test_cli import assert_one_sentence, edgeval
from tiny import make_items, write_items

from edgeval.cli.terminal.comparison import table
from edgeval.errors import EdgevalError
from edgeval.records import (
    Evaluation,
    Flip,
    ImatrixInfo,
    Interval,
    Machine,
    OffloadInfo,
    Report,
    ShotPool,
    SplitDifference,
)
from edgeval.records.comparison import Beside, ComparedRun, Comparison
from edgeval.report.compare.agreement import OFFLOADED_SHARE, QUANTIZED_SHARE, SHARE
from edgeval.report.compare.chance import MOST_ITEMS, probability, tolerance
from edgeval.report.compare.compare import compare, compare_records, require_agreement
from edgeval.report.compare.labels import labels
from edgeval.report.compare.outcomes import beside_reference, contradict
from edgeval.report.compare.sentences import alarms, sentences
from edgeval.report.derived import renewed
from edgeval.stats.paired import judged

N_ITEMS = 2009
LIMIT = 12
HERE, THERE = "Intel Xeon Platinum 8481C", "Raspberry Pi 5 Model B"
OTHER_SHA256 = "ff" * 32
DIFFERENCES = (
    "Differences are those of each machine's types to its own reference on the whole split, in "
    "points, held to a margin of 1 point."
)
TYPES = ["F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K"]


def machine(cpu: str = f"{THERE} Rev 1.0", *, n_items: int = N_ITEMS) -> Report:
    """Return the example's report, made on another machine."""
    record = example_report(n_items=n_items, status=None)
    device = changed(record.device, cpu=cpu)
    runs = [changed(run, speed=changed(run.speed, device=device)) for run in record.runs]
    return changed(record, device=device, runs=runs)


def changed(record: Any, **values: object) -> Any:
    """Return a record with other values, which are checked as those of a file are."""
    content = json.loads(record.model_dump_json())
    for name, value in values.items():
        content[name] = json.loads(
            json.dumps(value, default=lambda each: each.model_dump(mode="json"))
        )
    return type(record).model_validate_json(json.dumps(content))


def with_run(record: Report, index: int, **values: object) -> Report:
    runs = list(record.runs)
    runs[index] = changed(runs[index], **values)
    return changed(record, runs=runs)


def with_right(record: Report, index: int, extra: int, metric: str = "acc_norm") -> Report:
    """Return a report in which one run has more items right."""
    metrics = dict(record.runs[index].metrics)
    metrics[metric] = changed(metrics[metric], correct=metrics[metric].correct + extra)
    return with_run(record, index, metrics=metrics)


def evaluation(record: Report) -> Evaluation:
    """Return what ``edgeval eval --json`` would have printed."""
    names = Evaluation.model_fields
    return Evaluation(**{name: getattr(record, name) for name in names})


def side_by_side(*others: Report | Evaluation, first: Report | Evaluation | None = None) -> Any:
    records = [first or example_report(n_items=N_ITEMS, status=None), *others]
    return compare_records(records, [Path(f"{index}.json") for index in range(len(records))])


def column(found: Comparison, index: int = 1) -> dict[str, ComparedRun | None]:
    return {row.name: row.runs[index] for row in found.types}


def printed(found: Comparison, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table(found))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


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


SHARES = (SHARE, OFFLOADED_SHARE, QUANTIZED_SHARE)
LEVEL = 0.01 / 32
"""Of each of four metrics of eight types."""


def enumerated(n_items: int, share: float) -> np.ndarray:
    """Return the probability of each net change from -n to n, by adding one item at a time."""
    found = np.ones(1)
    for _ in range(n_items):
        found = np.convolve(found, [share / 2, 1 - share, share / 2])
    return found


@pytest.mark.parametrize("share", [*SHARES, 0.4])
@pytest.mark.parametrize("n_items", [1, 2, 7, 64, 401])
def test_the_distribution_is_that_of_items_that_turn_one_by_one(n_items: int, share: float) -> None:
    expected = enumerated(n_items, share)
    distances = np.abs(np.arange(-n_items, n_items + 1))
    for distance in {0, 1, 2, 3, n_items // 2, n_items}:
        tail = expected[distances >= distance].sum()
        assert probability(distance, n_items, share) == pytest.approx(tail, rel=1e-9, abs=1e-200)
    assert probability(n_items + 1, n_items, share) == 0


SOME = (*range(1, 200), *range(200, 10_042, 211), 10_042)


@pytest.mark.parametrize(
    "sizes", [SOME, pytest.param(range(1, 10_043), marks=pytest.mark.slow)], ids=["some", "all"]
)
@pytest.mark.parametrize("share", SHARES)
def test_no_size_is_above_what_is_said(share: float, sizes: Sequence[int]) -> None:
    last = 0
    for n_items in sizes:
        limit = tolerance(n_items, share, LEVEL)
        assert limit >= last
        assert probability(limit + 1, n_items, share) <= LEVEL
        assert limit == 0 or probability(limit, n_items, share) > LEVEL
        last = limit


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("n_items", [1, 20, 276, 2009, 10_042])
def test_where_fewer_items_turn_no_size_is_greater(n_items: int, share: float) -> None:
    limit = tolerance(n_items, share, LEVEL)
    sizes = [probability(limit + 1, n_items, share * less) for less in (0.01, 0.5, 0.9, 1)]
    assert sizes == sorted(sizes)
    assert sizes[-1] <= LEVEL


@pytest.mark.parametrize(
    ("total", "expected"),
    [(1, (1, 1, 1)), (100, (3, 4, 7)), (1000, (9, 12, 20)), (10_042, (26, 36, 63))],
)
def test_the_tolerance_grows_with_the_root_of_the_items(
    total: int, expected: tuple[int, int, int]
) -> None:
    assert tuple(tolerance(total, share, LEVEL) for share in SHARES) == expected


def test_of_very_many_items_the_tail_is_bounded() -> None:
    for distance in (1, 100, 200, 1000):
        exact = probability(distance, MOST_ITEMS, SHARE)
        assert exact <= probability(distance, MOST_ITEMS + 1, SHARE)
    assert probability(10**6, 10**15, SHARE) == 1
    assert 0 < tolerance(10**15, SHARE, LEVEL) < 10**8


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


# What each says beside its own reference


def whole(record: Report, points: dict[str, float]) -> Report:
    """Return a report of its whole split in which types have these differences, all one way."""
    n_items = record.data.n_items
    record = changed(record, data=changed(record.data, n_total=n_items))
    drifts = []
    for drift in record.drift:
        n_flips = round(abs(points.get(drift.label, 0.0)) * n_items / 100)
        is_lost = points.get(drift.label, 0.0) < 0
        flip = Flip(item="1", group="g", gold=0, reference_pick=0, pick=1)
        flips = [changed(flip, item=str(index)) for index in range(n_flips)]
        drifts.append(
            changed(
                drift,
                difference_points=100 * (-n_flips if is_lost else n_flips) / n_items,
                right_to_wrong=n_flips if is_lost else 0,
                wrong_to_right=0 if is_lost else n_flips,
                mcnemar_p=1.0,
                flips=flips,
            )
        )
    return changed(record, drift=drifts)


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


# What may not be compared


def data(**values: object) -> Callable[[Report], Report]:
    return lambda record: changed(record, data=changed(record.data, **values))


def protocol(**values: object) -> Callable[[Report], Report]:
    return lambda record: changed(record, protocol=changed(record.protocol, **values))


POOL = ShotPool(name="solved.jsonl", fingerprint="ab" * 32, n_items=9)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            data(fingerprint="00", name="fifth.jsonl"),
            "other data (fifth.jsonl, not Rowan/hellaswag validation)",
        ),
        (data(fingerprint="00"), "other data (both called Rowan/hellaswag validation)"),
        (data(n_items=2000), "other items (2,000, not 2,009)"),
        (data(seed=1), "other items (seed 1, not seed 0)"),
        (data(order="file"), "other items (in the file's order, not seed 0)"),
        (data(order="simple"), "other items (seed 0 without groups, not seed 0)"),
        (protocol(name="llama.cpp"), "other protocol (llama.cpp, not lm-eval)"),
        (protocol(version=2), "other version of the protocol (2, not 1)"),
        (protocol(shots=5), "other number of shots (5, not 0)"),
        (data(shot_pool=POOL), "shots of other data"),
    ],
)
def test_records_of_another_setting_are_not_compared(
    change: Callable[[Report], Report], reason: str
) -> None:
    found = side_by_side(change(machine()))
    for run in column(found).values():
        assert run is not None
        assert (run.standing, run.reasons) == ("not comparable", [reason])
        assert (run.metrics, run.speed_ratio, run.matched_by) == ({}, None, None)
    assert list(sentences(found)) == [DIFFERENCES, f"{THERE}: nothing compared: {reason}."]
    with pytest.raises(EdgevalError, match="nothing could be compared") as error:
        require_agreement(found)
    assert f"({reason}); evaluate the same GGUFs" in str(error.value)


def test_all_reasons_are_said() -> None:
    found = side_by_side(protocol(version=2, shots=5)(data(fingerprint="0", name="x")(machine())))
    run = column(found)["F16"]
    assert run is not None
    assert [reason.partition(" (")[0] for reason in run.reasons] == [
        "other data",
        "other version of the protocol",
        "other number of shots",
    ]


def test_the_whole_data_set_is_the_same_items_in_any_order() -> None:
    whole = {"n_total": N_ITEMS}
    first = data(**whole)(example_report(n_items=N_ITEMS, status=None))
    found = side_by_side(data(**whole, order="file")(machine()), first=first)
    assert {run.standing for run in column(found).values() if run} == {"equal"}
    assert found.machines[1].differences == ["items in another order"]


def test_a_seed_means_nothing_in_the_files_order() -> None:
    first = data(order="file")(example_report(n_items=N_ITEMS, status=None))
    found = side_by_side(data(order="file", seed=7)(machine()), first=first)
    assert {run.standing for run in column(found).values() if run} == {"equal"}


def test_files_that_each_machine_made_itself_are_matched_by_model_and_type() -> None:
    found = side_by_side(with_run(machine(), 4, sha256=OTHER_SHA256))
    run = column(found)["Q4_K_M"]
    assert run is not None
    assert (run.standing, run.matched_by) == ("equal", "model and type")
    said = f"{THERE}: Q4_K_M is another file of the same model and type."
    assert said in list(sentences(found))


def test_a_file_is_known_by_its_hash_whatever_it_is_called() -> None:
    renamed = with_run(machine(), 4, file="model.gguf", type="Q4_K_S")
    run = column(side_by_side(renamed))["Q4_K_M"]
    assert run is not None
    assert (run.standing, run.matched_by, run.run.file) == ("equal", "file", "model.gguf")


def other_model(record: Report) -> Report:
    return changed(record, model=changed(record.model, fingerprint="00"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_model, "other model"),
        (evaluation, "other file, and a record of edgeval eval does not say of which model"),
    ],
)
def test_another_file_of_an_unknown_or_another_model_is_not_compared(
    change: Callable[[Report], Report | Evaluation], reason: str
) -> None:
    found = side_by_side(change(with_run(machine(), 4, sha256=OTHER_SHA256)))
    run = column(found)["Q4_K_M"]
    assert run is not None
    assert (run.standing, run.reasons) == ("not comparable", [reason])
    # The same files are the same measurement, whatever the records say of their origin.
    assert [each.standing for each in column(found).values() if each].count("equal") == 7
    require_agreement(found)
    assert f"{THERE}: Q4_K_M not compared: {reason}." in list(sentences(found))


def test_another_importance_matrix_makes_another_model() -> None:
    def quantized(sha256: str | None, file_sha256: str, record: Report) -> Report:
        matrix = ImatrixInfo(file="im.gguf", sha256=sha256)
        return with_run(record, 4, imatrix=matrix, sha256=file_sha256)

    first = quantized("aa", "01" * 32, example_report(n_items=N_ITEMS, status=None))
    same = column(side_by_side(quantized("aa", "02" * 32, machine()), first=first))
    assert [run.matched_by for run in same.values() if run] == [
        *["file"] * 4,
        "model and type",
        *["file"] * 3,
    ]
    for sha256 in ("bb", None):
        found = side_by_side(quantized(sha256, "02" * 32, machine()), first=first)
        run = column(found)["Q4_K_M +imatrix"]
        assert run is not None
        assert run.reasons == ["other importance matrix"]
    without = side_by_side(machine(), first=first)
    assert column(without)["Q4_K_M +imatrix"] is None
    alone = column(without)["Q4_K_M"]
    assert alone is not None
    assert alone.reasons == ["not evaluated on the first machine"]


def test_runs_without_a_common_metric_or_number_of_items_are_not_compared() -> None:
    (accuracy,) = {example_report(n_items=N_ITEMS).runs[0].metrics["acc"]}
    other = machine()
    evaluated = [
        other.runs[0].model_copy(update={"metrics": {"new": accuracy}}),
        other.runs[1].model_copy(update={"metrics": {"acc": changed(accuracy, total=2000)}}),
    ]
    found = side_by_side(other.model_copy(update={"runs": [*evaluated, *other.runs[2:]]}))
    runs = column(found)
    assert runs["F16"] is not None and runs["Q8_0"] is not None
    assert runs["F16"].reasons == ["no metric that both records have"]
    assert runs["Q8_0"].reasons == ["other number of scored items"]


def test_items_drawn_for_what_they_can_tell_are_not_compared() -> None:
    record = stopped_report()
    found = side_by_side(record, first=record)
    runs = column(found)
    assert runs["F16"] is not None and runs["Q4_K_M"] is not None
    assert runs["F16"].standing == "equal"
    assert runs["Q4_K_M"].reasons == [
        "items drawn for what they can tell, whose number of right ones says nothing"
    ]
    shown = printed(found, width=120)
    (counts,) = (line for line in shown if "Q4_K_M" in line and "not compared" in line)
    assert "416" not in counts


def test_runs_that_stopped_at_other_items_are_not_compared() -> None:
    record = stopped_report(design="random order")
    assert {run.standing for run in column(side_by_side(record, first=record)).values() if run} == {
        "equal"
    }
    metrics = {
        name: changed(found, total=found.total + 64)
        for name, found in record.runs[2].metrics.items()
    }
    runs = column(side_by_side(with_run(record, 2, metrics=metrics), first=record))
    assert runs["Q4_K_M"] is not None and runs["Q2_K"] is not None
    assert runs["Q4_K_M"].reasons == ["other number of scored items"]
    assert runs["Q2_K"].standing == "equal"
    # Of a whole reference the order is no matter, of a type with fewer items it is.
    whole = data(n_items=record.data.n_total)
    other = side_by_side(data(seed=1)(whole(record)), first=whole(record))
    reasons = {run.reasons[0] for run in column(other).values() if run and run.reasons}
    assert reasons == {"other items (seed 1 without groups, not seed 0 without groups)"}


def test_what_is_from_a_reference_file_has_no_speed() -> None:
    record = stopped_report()
    first, *rest = [each for each in column(side_by_side(record, first=record)).values() if each]
    assert (first.items_per_s, first.speed_ratio) == (None, None)
    speed = record.runs[1].speed
    assert speed is not None
    assert rest[0].items_per_s == pytest.approx(256 / speed.elapsed_s)


def test_runs_of_one_machine_alone_are_shown_and_not_compared() -> None:
    first = example_report(n_items=N_ITEMS, status=None)
    other = machine()
    found = side_by_side(
        changed(other, runs=other.runs[3:]), first=changed(first, runs=first.runs[:5])
    )
    assert [row.name for row in found.types] == TYPES
    runs = column(found)
    assert [runs[name] is None for name in TYPES] == [True] * 3 + [False] * 5
    assert [run.standing for run in runs.values() if run] == ["equal"] * 2 + ["not comparable"] * 3
    assert column(found, 0)["Q2_K"] is None
    require_agreement(found)
    apart = side_by_side(
        changed(other, runs=other.runs[3:]), first=changed(first, runs=first.runs[:3])
    )
    with pytest.raises(EdgevalError, match=r"\(not evaluated on the first machine\)"):
        require_agreement(apart)
    with pytest.raises(EdgevalError, match=r"\(no run has a partner\)"):
        require_agreement(side_by_side(other.model_copy(update={"runs": []})))


def test_files_of_the_same_type_are_told_apart() -> None:
    first = evaluation(example_report(n_items=N_ITEMS, status=None))
    reference = first.runs[4]
    twins = [
        changed(reference, sha256=str(index) * 64, file=f"{name}.gguf")
        for index, name in enumerate("aba")
    ]
    first = changed(first, runs=twins)
    reverse = changed(first, runs=[*reversed(twins), reference])
    found = side_by_side(reverse, first=first)
    names = ["Q4_K_M a.gguf", "Q4_K_M b.gguf", "Q4_K_M a.gguf (2)"]
    assert [row.name for row in found.types] == [*names, "Q4_K_M"]
    for row, twin in zip(found.types, twins, strict=False):
        assert row.runs[1] is not None
        assert (row.runs[1].run, row.runs[1].matched_by) == (twin, "file")
    more = side_by_side(changed(first, runs=twins), first=changed(first, runs=twins[:1]))
    assert [row.name for row in more.types] == ["Q4_K_M", *names[1:2], "Q4_K_M a.gguf"]


# What may differ


def test_allowed_differences_are_named() -> None:
    other = machine()
    features = "CPU : NEON = 1 | AVX = 1 | SSE3 = 1 | AVX2 = 0 | OPENMP = 1 | REPACK = 1 | "
    engine = changed(
        other.engine,
        version="llama-cpp-python 0.3.35",
        backend="metal",
        threads=4,
        features=features,
    )
    other = changed(other, engine=engine, edgeval_version="0.2.0")
    for index in range(len(other.runs)):
        other = with_run(other, index, cache_type="f32")
    other = with_run(other, 1, batch_tokens=1024, flash_attention=False)
    found = side_by_side(other)
    assert found.machines[0].differences == []
    assert found.machines[1].differences == [
        "edgeval 0.2.0, not 0.1.0",
        "llama-cpp-python 0.3.35, not llama-cpp-python 0.3.36",
        "backend metal, not cpu",
        "threads 4, not 2",
        "features +NEON +AVX2 +REPACK \N{MINUS SIGN}AVX512",
    ]
    run = column(found)["Q8_0"]
    assert run is not None
    assert run.standing == "equal"
    assert run.differences == [
        "batch size 1,024, not 256",
        "cache f32, not f16",
        "attention plain, not flash",
    ]
    *_, last, ratios = sentences(found)
    assert ratios.endswith("no ratio of speeds: another device.")
    assert last.endswith(
        "cache f32, not f16; batch size 1,024, not 256 (Q8_0); attention plain, not flash (Q8_0)."
    )


def with_speed(record: Report, index: int, **values: object) -> Report:
    return with_run(record, index, speed=changed(record.runs[index].speed, **values))


def here() -> Report:
    return example_report(n_items=N_ITEMS, status=None)


def test_speed_is_relative_to_the_first_record_on_the_same_device() -> None:
    assert here().runs[0].speed is not None
    found = side_by_side(with_speed(here(), 0, elapsed_s=10 * here().runs[0].speed.elapsed_s))
    run, reference = column(found)["F16"], column(found, 0)["F16"]
    assert run is not None and reference is not None
    assert (run.speed_ratio, run.no_speed_ratio) == (pytest.approx(0.1), None)
    assert run.items_per_s == pytest.approx(0.1 * (reference.items_per_s or 0))
    assert (reference.speed_ratio, reference.no_speed_ratio) == (None, None)
    (line,) = (line for line in printed(found, 120) if "(\N{MULTIPLICATION SIGN}0.10)" in line)
    assert "82.4" in line and "8.2 (" in line


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"threads": 1}, "other threads (1, not 2)"),
        ({"n_items": 7}, "of other items (7, not 2,009)"),
        ({"cpu_load": 1.5}, "measured under load"),
    ],
)
def test_speeds_of_other_work_have_no_ratio(values: dict[str, Any], reason: str) -> None:
    found = side_by_side(with_speed(here(), 0, **values))
    run = column(found)["F16"]
    assert run is not None
    assert (run.standing, run.speed_ratio, run.no_speed_ratio) == ("equal", None, reason)
    assert f"1: no ratio of speeds of F16: {reason}." in [
        each.replace(found.machines[1].label, "1", 1) for each in sentences(found)
    ]


def test_a_speed_of_a_part_of_the_items_is_marked() -> None:
    other = with_run(here(), 0, n_from_store=2000)
    found = side_by_side(with_speed(other, 0, n_items=9))
    row = next(line for line in printed(found, 120) if "82.4*" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["F16", "82.4", "82.4*"]
    assert any("* measured on a part of the items: F16 (9)." in each for each in sentences(found))


def test_a_gpu_is_another_device() -> None:
    offload = {"devices": ["NVIDIA H200"], "layers": 23, "n_layers": 23}
    run = column(side_by_side(with_run(here(), 0, offload=offload)))["F16"]
    assert run is not None
    assert (run.speed_ratio, run.no_speed_ratio) == (None, "another device")


def test_scores_of_the_store_have_no_speed_and_no_ratio() -> None:
    speed = here().runs[0].speed
    stored = with_run(here(), 0, speed=None, n_from_store=N_ITEMS, stored=[speed])
    found = side_by_side(stored)
    run = column(found)["F16"]
    assert run is not None
    assert (run.standing, run.speed_ratio, run.items_per_s) == ("equal", None, None)
    assert run.no_speed_ratio is None
    assert any("scores of F16 were in the store" in each for each in sentences(found))
    row = next(line for line in printed(found, 120) if "82.4" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["F16", "82.4", "\N{EN DASH}"]


# How it looks


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_and_flags_what_differs(width: int) -> None:
    other = with_right(with_right(machine(), 4, -20), 0, 3)
    third = protocol(shots=5)(machine("Apple M2"))
    lines = printed(side_by_side(other, third), width)
    assert max(map(len, lines)) <= width
    (row,) = (line for line in lines if line.startswith("│ Q4_K_M") and "not compared" in line)
    assert "1,159 (\N{MINUS SIGN}20)" in row
    assert sum("DIFFERS" in line for line in lines) == 1
    speed = next(line for line in lines if line.startswith("│ F16") and "82.4" in line)
    assert [cell.strip() for cell in speed.split("│")[1:-1]] == [
        "F16",
        "82.4",
        "82.4",
        "82.4",
    ]


def test_markup_in_a_record_is_text() -> None:
    found = side_by_side(machine("[red]CPU[/red]"))
    assert any("[red] [/red]" in line for line in printed(found, 120))


@pytest.mark.parametrize(
    ("cpu", "label"),
    [
        ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "Intel Xeon Platinum 8481C"),
        ("AMD EPYC 7B13 64-Core Processor", "AMD EPYC 7B13"),
        ("13th Gen Intel(R) Core(TM) i7-1360P", "13th Gen Intel Core i7-1360P"),
        ("Raspberry Pi 4 Model B Rev 1.4", "Raspberry Pi 4 Model B"),
        ("Apple M2", "Apple M2"),
        ("", "x86_64"),
    ],
)
def test_a_cpu_is_called_by_its_short_name(cpu: str, label: str) -> None:
    device = changed(example_report().device, cpu=cpu)
    other = changed(device, cpu="another")
    assert labels([device, other], [Path("a.json"), Path("b.json")]) == [label, "another"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["x/a.json", "b.json"], ["a", "b"]),
        (["pi/report.json", "server/report.json"], ["pi", "server"]),
        (["a.json", "a.json"], ["a (1)", "a (2)"]),
    ],
)
def test_equal_cpus_are_called_by_their_files(paths: list[str], expected: list[str]) -> None:
    device = example_report().device
    other = Machine(**device.model_dump() | {"cpu": "another"})
    found = labels([device, other, device], [Path(paths[0]), Path("c.json"), Path(paths[1])])
    assert found == [expected[0], "another", expected[1].replace("(2)", "(3)")]


# Files


def test_files_folders_and_evaluations_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    text = machine("Apple M2").model_dump_json()
    (folder / "report.json").write_text(text, encoding="utf-8")
    printed_by_eval = tmp_path / "eval.json"
    # What a redirection in Windows PowerShell writes.
    content = evaluation(example_report(n_items=N_ITEMS)).model_dump_json(indent=2)
    printed_by_eval.write_text(content, encoding="utf-16")
    found = compare([printed_by_eval, folder, folder / "report.json"])
    assert [each.label for each in found.machines] == [HERE, "folder (2)", "folder (3)"]
    assert found.machines[0].elapsed_s is found.machines[0].peak_rss_bytes is None
    assert found.machines[1].peak_rss_bytes == 2_871_394_304
    require_agreement(found)
    assert Comparison.model_validate_json(found.model_dump_json()) == found


def test_records_of_the_first_version_are_read(tmp_path: Path) -> None:
    record = machine()
    content = json.loads(record.model_dump_json())
    del content["protocol"]["shots"], content["data"]["shot_pool"]
    for run in content["runs"]:
        del run["imatrix"]
    (tmp_path / "old.json").write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "new.json").write_text(record.model_dump_json(), encoding="utf-8")
    found = compare([tmp_path / "old.json", tmp_path / "new.json"])
    assert {run.standing for run in column(found).values() if run} == {"equal"}


def test_one_record_is_not_enough() -> None:
    with pytest.raises(EdgevalError, match="needs two records"):
        compare_records([machine()], [Path("a.json")])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "b.json is not JSON"),
        ("[1]", "b.json is not a report: the whole file"),
        ('{"schema_version": 2}', "b.json is not a report: edgeval_version: Field required"),
        ('{"schema_version": 6}', "newer edgeval (schema 6, this one reads 2 to 5)"),
        ('{"schema_version": 0, "runs": []}', "b.json is not a report: schema_version"),
    ],
)
def test_a_bad_record_is_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(machine().model_dump_json(), encoding="utf-8")
    (tmp_path / "b.json").write_text(text, encoding="utf-8")
    with pytest.raises(EdgevalError) as error:
        compare([tmp_path / "a.json", tmp_path / "b.json"])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_comparing_imports_no_model_library() -> None:
    code = (
        "import sys, edgeval.report.compare.compare; "
        "print([n for n in ('llama_cpp', 'scipy') if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def _without_load(text: str) -> list[str]:
    return [line for line in text.splitlines() if "other processes computed" not in line]


def test_the_command_compares_real_runs(tiny_f32: Path, tiny_items: Path, tmp_path: Path) -> None:
    others = write_items(tmp_path / "others.jsonl", make_items(40, seed=1))
    slice_of = ["--limit", "20", "--data"]
    evaluated = edgeval("eval", tiny_f32, *slice_of, tiny_items, "--threads", "1", "--json")
    (tmp_path / "one.json").write_text(evaluated.stdout, encoding="utf-8")
    options = ["--threads", "2", "--batch-tokens", "64", "--out", tmp_path / "two"]
    ran = edgeval("run", tiny_f32, "--quant", "F32", *slice_of, tiny_items, *options)
    assert ran.returncode == 0, ran.stderr
    foreign = edgeval("eval", tiny_f32, *slice_of, others, "--json")
    (tmp_path / "foreign.json").write_text(foreign.stdout, encoding="utf-8")

    agreed = edgeval("compare", "one.json", "two", cwd=tmp_path)
    assert (agreed.returncode, agreed.stderr) == (0, "")
    assert agreed.stdout.startswith("a slice: 20 of 40 items of items.jsonl, protocol lm-eval\n")
    # Whatever else the machine computes meanwhile is said too, where it is.
    assert _without_load(agreed.stdout)[-3:] == [
        "two: right items by every metric: 1 equal.",
        "two: threads 2, not 1; batch size 64, not 256.",
        "two: no ratio of speeds: other threads (2, not 1).",
    ]
    three = edgeval("compare", "one.json", "two", "foreign.json", "--json", cwd=tmp_path)
    assert (three.returncode, three.stderr) == (0, "")
    (row,) = Comparison.model_validate_json(three.stdout).types
    assert [run.standing for run in row.runs if run] == ["reference", "equal", "not comparable"]
    report = Report.model_validate_json((tmp_path / "two" / "report.json").read_text("utf-8"))
    assert row.runs[1] is not None
    assert row.runs[1].run == report.runs[0]

    reason = "other data (others.jsonl, not items.jsonl)"
    refused = edgeval("compare", "one.json", "foreign.json", cwd=tmp_path)
    assert _without_load(refused.stdout)[-1] == f"foreign: nothing compared: {reason}."
    refused.stdout = ""
    assert_one_sentence(refused, [f"error: nothing could be compared ({reason}); evaluate"])

    content = json.loads(evaluated.stdout)
    content["runs"][0]["metrics"]["acc"]["correct"] += 3
    (tmp_path / "wrong.json").write_text(json.dumps(content), encoding="utf-8")
    differs = edgeval("compare", "one.json", "wrong.json", cwd=tmp_path)
    assert "wrong: F32 DIFFERS in its right items: acc " in differs.stdout
    differs.stdout = ""
    assert_one_sentence(differs, ["more items differ than rounding explains (F32 on wrong)"])


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
