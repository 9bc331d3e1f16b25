"""Gates: each condition shown, excluded and open, by numbers that are counted or have intervals."""

from __future__ import annotations

import pytest

import edgeval
from edgeval.errors import EdgevalError
from edgeval.records import Report
from edgeval.records.contents import SameFile
from edgeval.report.gate.gate import Check, Gate, gate
from tests.helpers.failures import evaluation
from tests.helpers.gates import kl_report, make_kl, with_divergences
from tests.helpers.report_parts import N_SPLIT
from tests.helpers.reports import example_report, failed_report, stopped_report

WHOLE = example_report()
SLICE = example_report(n_items=1000)
STOPPED = stopped_report()


def outcomes(report: Report, *conditions: str, strict: bool = False) -> dict[str, str]:
    found = gate(report, conditions, strict=strict)
    return {each.about: each.outcome for each in found.checks}


def check(report: Report, condition: str) -> Check:
    (found,) = gate(report, [condition]).checks
    return found


@pytest.mark.parametrize(
    ("report", "condition", "outcome", "reason"),
    [
        # 49 of 10,042 items are fewer right, and 84 lost and 71 gained.
        (WHOLE, "Q4_K_M:drift>0.48", "broken", "0.49 points lost, counted"),
        (WHOLE, "Q4_K_M:drift>0.49", "held", "0.488 points lost, counted"),
        (WHOLE, "Q4_K_M:drift<0.49", "broken", "0.488 points lost, counted"),
        (WHOLE, "Q2_K:drift>6.19", "broken", "6.194 points lost, counted"),
        (SLICE, "Q2_K:drift>3", "broken", "6.20 points lost, 3.20 to 9.32 together with 95%"),
        (SLICE, "Q2_K:drift>4", "open", "6.20 points lost, 3.20 to 9.32 together with 95%"),
        (
            SLICE,
            "Q8_0:drift>0.75",
            "held",
            "0.00 points lost, \N{MINUS SIGN}0.75 to 0.747 together with 95%",
        ),
        (
            SLICE,
            "Q8_0:drift>0.5",
            "open",
            "0.00 points lost, \N{MINUS SIGN}0.75 to 0.75 together with 95%",
        ),
        (STOPPED, "Q2_K:drift>2", "broken", "8.30 points lost, 2.20 to 14.09 together with 95%"),
        (
            STOPPED,
            "Q4_0:drift>1",
            "open",
            "0.80 points lost, \N{MINUS SIGN}0.20 to 1.59 together with 95%",
        ),
        (WHOLE, "Q5_K_M:flips>1.5", "broken", "1.54% of the items flip, counted"),
        (WHOLE, "Q5_K_M:flips>1.6", "held", "1.54% of the items flip, counted"),
        (SLICE, "Q2_K:flips>10", "broken", "14.40% of the items flip, 11.70 to 17.46 together"),
        (SLICE, "Q2_K:flips>15", "open", "together with 95%"),
        (SLICE, "Q8_0:flips>2", "held", "0.40% of the items flip, 0.08 to 1.25 together with 95%"),
        # Items that were drawn for what they can tell are no sample: what is certain is little.
        (STOPPED, "Q2_K:flips>1", "broken", "40.33% of the items flip, 1.20 to 98.22 for certain"),
        (STOPPED, "Q2_K:flips>2", "open", "1.20 to 98.22 for certain"),
        (STOPPED, "Q2_K:flips>98.3", "held", "1.20 to 98.22 for certain"),
        (WHOLE, "F16:accuracy<59.2", "broken", "59.17% right, counted"),
        (WHOLE, "F16:accuracy<59", "held", "59.17% right, counted"),
        (SLICE, "Q2_K:accuracy<56", "broken", "53.00% right, 50.01 to 55.96 with 95%"),
        (SLICE, "Q2_K:accuracy<55", "open", "53.00% right, 50.01 to 55.96 with 95%"),
        (SLICE, "Q2_K:accuracy<50", "held", "53.00% right, 50.01 to 55.96 with 95%"),
        (STOPPED, "Q8_0:accuracy<59", "open", "59.27% right, 58.57 to 59.97 together with 95%"),
        (WHOLE, "Q4_0:undecided", "held", "0.74 points lost, counted; the margin is 1 point"),
        (WHOLE, "Q2_K:undecided", "held", "6.19 points lost, counted; the margin is 1 point"),
        (
            SLICE,
            "Q4_K_M:undecided",
            "broken",
            "\N{MINUS SIGN}0.95 to 2.02 together with 95%; the margin is",
        ),
        (SLICE, "Q2_K:undecided", "held", "3.20 to 9.32"),
    ],
)
def test_each_outcome_of_a_number(
    report: Report, condition: str, outcome: str, reason: str
) -> None:
    found = check(report, condition)
    assert (found.outcome, found.about) == (outcome, condition.split(":")[0])
    assert reason in found.reason
    assert str(found) == f"{outcome}: {found.about}: {found.condition} ({found.reason})"


def test_a_gain_is_a_negative_drift() -> None:
    record = example_report(flips={"Q8_0": (10, 220)})
    assert check(record, "Q8_0:drift>1").outcome == "held"
    gained = check(record, "Q8_0:drift<-2")
    assert (gained.outcome, gained.reason) == ("broken", "\N{MINUS SIGN}2.09 points lost, counted")


def test_a_number_on_the_bound_is_not_beyond_it() -> None:
    # The share of items is no binary fraction, and neither is the bound.
    record = example_report(n_items=N_SPLIT, flips={"Q2_K": (571, 0)})
    points = f"{100 * 571 / N_SPLIT:.9f}"
    assert check(record, f"Q2_K:drift>{points}").outcome == "held"
    assert check(record, f"Q2_K:drift>={points}").outcome == "broken"
    assert check(record, f"Q2_K:flips<={points}").outcome == "broken"
    assert check(record, f"Q2_K:flips<{points}").outcome == "held"


@pytest.mark.parametrize("report", [WHOLE, SLICE, STOPPED], ids=["whole", "slice", "stopped"])
def test_the_gate_at_the_margin_says_what_the_table_says(report: Report) -> None:
    found = outcomes(report, "drift>1")
    for drift in report.drift:
        split = drift.split
        expected = (
            "held" if split.non_inferior else "broken" if split.outcome == "worse" else "open"
        )
        assert found[drift.label] == expected


# Divergences


@pytest.mark.parametrize(
    ("condition", "outcome", "reason"),
    [
        ("Q2_K:kl>0.05", "broken", "0.06000 nats a position, 0.05761 to 0.06254 together with abo"),
        ("Q2_K:kl>0.06", "open", "0.06000 nats a position"),
        ("Q2_K:kl>0.064", "held", "0.06000 nats a position"),
        (
            "Q8_0:kl>0.0001",
            "open",
            "0.00100 nats a position, 0.00009 or more together with about 95%",
        ),
    ],
)
def test_each_outcome_of_a_divergence(condition: str, outcome: str, reason: str) -> None:
    found = check(kl_report(Q2_K=0.06, Q4_0=0.01, Q8_0=0.001), condition)
    assert found.outcome == outcome
    assert reason in found.reason


def test_a_divergence_on_all_items_is_open_only_as_far_as_its_tokens_are() -> None:
    known = {"Q2_K": make_kl(0.06, n_items=N_SPLIT)}
    record = with_divergences(WHOLE, known)
    found = [check(record, f"Q2_K:kl>{bound}").outcome for bound in ("0.0593", "0.06", "0.0607")]
    assert found == ["broken", "open", "held"]


def test_without_an_estimate_a_divergence_has_no_upper_end() -> None:
    bound = {"kl_full_nats": None, "kl_full_error_nats": None, "kl_upper_nats": None}
    record = with_divergences(WHOLE, {"Q2_K": make_kl(0.06, **bound)})
    assert check(record, "Q2_K:kl>0.05").outcome == "broken"
    found = check(record, "Q2_K:kl>0.5")
    assert found.outcome == "open"
    assert "or more with about 95%" in found.reason


@pytest.mark.parametrize("drawn", ["file order", "unknown", None])
def test_items_that_are_no_sample_tell_nothing_of_the_split(drawn: str | None) -> None:
    record = with_divergences(WHOLE, {"Q2_K": make_kl(0.06, drawn=drawn)})
    found = check(record, "Q2_K:kl>0.001")
    assert (found.outcome, found.reason) == (
        "open",
        "0.06000 nats a position, on items that tell nothing of the split",
    )


def test_of_a_type_that_has_no_divergence_it_is_open() -> None:
    found = gate(kl_report(Q2_K=0.06), ["kl>0.01"])
    assert {each.outcome for each in found.checks if each.about == "Q2_K"} == {"broken"}
    rest = [each for each in found.checks if each.about != "Q2_K"]
    assert {(each.outcome, each.reason) for each in rest} == {("open", "it was not measured")}


# Verdicts


@pytest.mark.parametrize(
    ("status", "n_items", "condition", "outcome"),
    [
        ("reproduced", N_SPLIT, "verdict!=reproduced", "held"),
        ("reproduced", N_SPLIT, "verdict==reproduced", "broken"),
        ("reproduced", N_SPLIT, "verdict==not_reproduced", "held"),
        ("reproduced", N_SPLIT, "verdict==inconclusive", "held"),
        ("not_reproduced", N_SPLIT, "verdict!=reproduced", "broken"),
        ("not_reproduced", N_SPLIT, "verdict==not_reproduced", "broken"),
        ("not_reproduced", N_SPLIT, "verdict!=not_reproduced", "held"),
        ("partial", 8000, "verdict!=reproduced", "open"),
        ("partial", 8000, "verdict==not_reproduced", "open"),
        ("partial", 8000, "verdict!=partial", "held"),
        ("partial", 8000, "verdict==partial", "broken"),
        ("inconclusive", 1000, "verdict!=reproduced", "open"),
        ("inconclusive", 1000, "verdict==not_reproduced", "open"),
        ("inconclusive", 1000, "verdict==inconclusive", "broken"),
        ("inconclusive", 1000, "verdict!=partial", "broken"),
    ],
)
def test_each_outcome_of_a_verdict(status: str, n_items: int, condition: str, outcome: str) -> None:
    record = example_report(status=status, n_items=n_items)  # type: ignore[arg-type]
    found = check(record, condition)
    assert [each.status for each in record.verdicts] == [status]
    assert found.outcome == outcome
    assert found.about.startswith("acc_norm ")
    assert found.reason == f"the verdict is {status.replace('_', ' ')}"


# What a condition is about


def test_without_a_type_it_is_about_all_that_are_compared() -> None:
    compared = [drift.label for drift in WHOLE.drift]
    for condition in ("drift>1", "flips>1", "undecided"):
        assert list(outcomes(WHOLE, condition)) == compared
    assert list(outcomes(WHOLE, "accuracy<50")) == ["F16", *compared]


def test_a_label_goes_before_a_type_and_case_means_nothing() -> None:
    runs = [
        run.model_copy(update={"name": "mine"}) if run.type == "Q4_0" else run for run in WHOLE.runs
    ]
    drift = [
        each.model_copy(update={"name": "mine"}) if each.type == "Q4_0" else each
        for each in WHOLE.drift
    ]
    record = WHOLE.model_copy(update={"runs": runs, "drift": drift})
    assert list(outcomes(record, "Q4_0:drift>1")) == ["Q4_0 (mine)"]
    assert list(outcomes(record, "q4_0 (Mine):drift>1")) == ["Q4_0 (mine)"]
    twice = [
        run.model_copy(update={"type": "Q4_0", "name": "other"}) if run.type == "Q4_K_M" else run
        for run in runs
    ]
    record = record.model_copy(update={"runs": twice})
    assert list(outcomes(record, "Q4_0:accuracy<50")) == ["Q4_0 (other)", "Q4_0 (mine)"]


def test_a_file_that_was_left_out_is_the_one_that_it_would_be() -> None:
    same = [SameFile(type="Q4_K_S", has_imatrix=False, same_as="Q4_0")]
    record = WHOLE.model_copy(update={"same_files": same})
    assert outcomes(record, "q4_k_s:drift>0.7") == {"Q4_0": "broken"}
    with pytest.raises(EdgevalError, match=r"is about Q4_K_L"):
        gate(record, ["Q4_K_L:drift>1"])


def test_what_two_conditions_say_of_a_type_is_said_once() -> None:
    found = gate(WHOLE, ["drift>1", "Q2_K:drift>1.0", "Q2_K:drift>2"])
    assert [each.about for each in found.checks].count("Q2_K") == 2


def test_one_file_alone_has_an_accuracy() -> None:
    alone = example_report(alone=True)
    assert outcomes(alone, "accuracy<50") == {"F16": "held"}
    with pytest.raises(EdgevalError, match=r"and F16 is all that is evaluated"):
        gate(alone, ["drift>1"])
    with pytest.raises(EdgevalError, match=r"and F16 is all that is evaluated"):
        gate(alone, ["F16:undecided"])
    with pytest.raises(EdgevalError, match=r"is about Q9, and evaluated are F16; name one"):
        gate(alone, ["Q9:accuracy<50"])


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("Q4_K:drift>1", r"about Q4_K \(did you mean 'Q4_K_M'\?\), and evaluated are F16, Q8_0"),
        ("Q9:accuracy<50", "is about Q9"),
        ("F16:drift>1", "is about F16, which the others are compared with"),
        ("f16:undecided", "which the others are compared with"),
        ("kl>0.1", "about whole distributions, and none are compared; leave out --kl-items 0"),
        ("verdict!=reproduced", "none is known of this model on this task"),
    ],
)
def test_what_a_record_says_nothing_of_is_refused(condition: str, words: str) -> None:
    with pytest.raises(EdgevalError, match=words) as refused:
        gate(example_report(status=None), [condition])
    assert len(str(refused.value).splitlines()) == 1


# Failures, and exit codes


def test_of_a_type_that_failed_nothing_is_shown() -> None:
    record = failed_report("Q4_0")
    for condition in ("drift>1", "accuracy<40", "undecided"):
        assert outcomes(record, condition)["Q4_0"] == "failed"
    found = gate(record, ["Q4_0:drift>1"])
    assert (found.exit_code, found.lines) == (
        1,
        ["failed: Q4_0: drift>1 (it was not evaluated, as the report says)"],
    )
    assert gate(record, ["Q8_0:drift>1"]).exit_code == 0


def test_without_the_reference_only_accuracies_are_known() -> None:
    record = failed_report("F16")
    for condition in ("drift>1", "kl>1", "flips>1", "undecided", "verdict!=reproduced"):
        found = gate(record, [condition])
        assert {each.outcome for each in found.checks} == {"failed"}
        assert found.exit_code == 1
    accuracies = outcomes(record, "accuracy<40")
    assert accuracies.pop("F16") == "failed"
    assert set(accuracies.values()) == {"held"}


@pytest.mark.parametrize(
    ("report", "conditions", "code", "strict"),
    [
        (WHOLE, ["Q4_0:drift>1"], 0, 0),
        (WHOLE, ["drift>1"], 3, 3),
        (SLICE, ["Q4_0:drift>1", "Q8_0:drift>1"], 4, 3),
        (SLICE, ["drift>1"], 3, 3),
        (failed_report("Q4_0"), ["drift>9"], 1, 1),
        (failed_report("Q4_0"), ["drift>1"], 3, 3),
        (failed_report("Q8_0", n_items=1000), ["drift>9"], 1, 3),
        (WHOLE, [], 0, 0),
    ],
)
def test_what_is_broken_goes_before_a_failure_and_that_before_what_is_open(
    report: Report, conditions: list[str], code: int, strict: int
) -> None:
    assert gate(report, conditions).exit_code == code
    assert gate(report, conditions, strict=True).exit_code == strict


def test_what_is_held_has_no_line() -> None:
    found = gate(SLICE, ["drift>1"])
    assert [line.split(":")[:2] for line in found.lines] == [
        ["open", " Q4_K_M"],
        ["open", " Q4_0"],
        ["open", " Q3_K_M"],
        ["broken", " Q2_K"],
    ]


def test_it_is_public() -> None:
    found = edgeval.gate(WHOLE, ["drift>1"])
    assert isinstance(found, edgeval.Gate)
    assert found == Gate(found.conditions, found.checks, False)
    with pytest.raises(edgeval.EdgevalError, match="edgeval eval makes no ladder"):
        edgeval.gate(evaluation(WHOLE), ["accuracy<50"])  # type: ignore[arg-type]
    with pytest.raises(edgeval.EdgevalError, match="drfit"):
        edgeval.gate(WHOLE, ["drfit>1"])
