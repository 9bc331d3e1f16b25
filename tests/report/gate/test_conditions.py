"""Conditions of a gate: what is read, what is refused, and with which words."""

from __future__ import annotations

import math
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgeval.records import VerdictStatus
from edgeval.report.gate.conditions import (
    RANGES,
    Condition,
    ConditionError,
    read_condition,
    read_conditions,
)

ORDERS = (">", ">=", "<", "<=")
LABELS = ("Q4_K_M", "Q4_K_M +imatrix", "Q4_K_M (bartowski: v2)", "IQ1_S (a>b)", "drift", "größer")
spaces = st.sampled_from(["", " ", "  ", "\t"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("drift>1.0", Condition("drift", ">", 1.0)),
        (" kl >= 5e-2 ", Condition("kl", ">=", 0.05)),
        ("accuracy<70", Condition("accuracy", "<", 70.0)),
        ("flips<=.5", Condition("flips", "<=", 0.5)),
        ("drift>-0", Condition("drift", ">", 0.0)),
        ("Q4_K_M:drift>+1.", Condition("drift", ">", 1.0, type="Q4_K_M")),
        ("Q4_0 (a:b) : kl<1", Condition("kl", "<", 1.0, type="Q4_0 (a:b)")),
        ("undecided", Condition("undecided")),
        ("Q2_K: undecided", Condition("undecided", type="Q2_K")),
        ("verdict!=reproduced", Condition("verdict", "!=", status="reproduced")),
        ("verdict == Not reproduced", Condition("verdict", "==", status="not_reproduced")),
        ("verdict==not-reproduced", Condition("verdict", "==", status="not_reproduced")),
    ],
)
def test_each_form_is_read(text: str, expected: Condition) -> None:
    assert read_condition(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it names nothing; use drift, kl, accuracy, flips, verdict, undecided"),
        (">1", "it names nothing"),
        ("drfit>1", "'drfit' (did you mean 'drift'?) is unknown"),
        ("accurracy<7", "did you mean 'accuracy'?"),
        ("drift", "has no bound; write it in quotes, as in 'drift>1.0', since a shell takes >"),
        ("drift 1", "has no bound"),
        ("drift=>1", "compares with =>; use >, >=, <, <="),
        ("drift=1", "compares with ="),
        ("drift==1", "compares with =="),
        ("drift!=1", "compares with !="),
        ("drift>", "'' is no number; write drift>1.0"),
        ("drift>one", "'one' is no number"),
        ("drift>1%", "'1%' is no number"),
        ("drift>1_0", "'1_0' is no number"),
        ("drift>nan", "'nan' is no number"),
        ("drift>inf", "'inf' is no number"),
        ("kl>1e999", "'1e999' is no number"),
        ("drift>\N{ARABIC-INDIC DIGIT ONE}", "is no number"),
        ("drift>1>2", "'1>2' is no number"),
        ("accuracy<0.7", "an accuracy is in per cent; write accuracy<70"),
        ("accuracy>1", "an accuracy is in per cent; write accuracy>100"),
        (":drift>1", "names no type before the colon; write Q4_K_M:drift>1"),
        ("  :undecided", "names no type before the colon"),
        ("undecided>1", "write undecided alone"),
        ("undecided yes", "write undecided alone"),
        ("verdict", "compares no verdict; write verdict!=reproduced"),
        ("verdict>reproduced", "compares no verdict"),
        ("verdict!=reproducd", "'reproducd' (did you mean 'reproduced'?) is no verdict"),
        ("verdict==", "'' is no verdict; use reproduced, partial, not_reproduced, inconclusive"),
        ("F16:verdict!=reproduced", "about the reference's number alone; leave out the type"),
        ("drift>100", "is false whatever is measured: drift is from -100 to 100"),
        ("drift>=-100", "is true whatever is measured"),
        ("kl<0", "is false whatever is measured: kl is from 0 to no end"),
        ("kl>=0", "is true whatever is measured"),
        ("accuracy<=100", "is true whatever is measured"),
        ("flips>100", "is false whatever is measured"),
        ("flips<-1", "is false whatever is measured"),
        ("x" * 400, "a condition has 400 characters, and at most 300 are read"),
    ],
)
def test_what_is_no_condition_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ConditionError) as refused:
        read_condition(text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


numbers = st.sampled_from(sorted(RANGES)).flatmap(
    lambda name: st.builds(
        Condition,
        st.just(name),
        st.sampled_from(ORDERS),
        st.floats(2 if name == "accuracy" else RANGES[name][0], min(RANGES[name][1], 1e6)),
        type=st.sampled_from((None, *LABELS)),
    )
)
verdicts = st.builds(
    Condition,
    st.just("verdict"),
    st.sampled_from(("==", "!=")),
    status=st.sampled_from(get_args(VerdictStatus)),
)
words = st.builds(Condition, st.just("undecided"), type=st.sampled_from((None, *LABELS)))


def _can_be_both(condition: Condition) -> bool:
    if condition.bound is None:
        return True
    low, high = RANGES[condition.name]  # type: ignore[index]
    return condition.is_true_of(low) != condition.is_true_of(high)


@given(st.one_of(numbers, verdicts, words))
def test_what_is_shown_of_a_condition_is_read_as_the_same(condition: Condition) -> None:
    if _can_be_both(condition):
        assert read_condition(str(condition)) == condition
    else:
        with pytest.raises(ConditionError, match="whatever is measured"):
            read_condition(str(condition))


@given(numbers, spaces, spaces, spaces, spaces)
def test_spaces_mean_nothing(condition: Condition, a: str, b: str, c: str, d: str) -> None:
    if _can_be_both(condition):
        of = "" if condition.type is None else f"{condition.type}{a}:{b}"
        text = f"{a}{of}{condition.name}{c}{condition.operator}{d}{condition.bound!r}{a}"
        assert read_condition(text) == condition


@given(st.text(max_size=40))
@example(":\x1e0")
@example("a\x1eb:verdict==reproduced")
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        condition = read_condition(text)
    except ConditionError as refused:
        assert len(str(refused).splitlines()) == 1
    else:
        assert condition.bound is None or math.isfinite(condition.bound)
        assert read_condition(str(condition)) == condition


@given(st.floats(-100, 100), st.floats(-100, 100), st.sampled_from(ORDERS))
def test_a_number_is_compared_as_python_compares(value: float, bound: float, order: str) -> None:
    expected = {">": value > bound, ">=": value >= bound, "<": value < bound, "<=": value <= bound}
    assert Condition("drift", order, bound).is_true_of(value) == expected[order]  # type: ignore[arg-type]


def test_what_is_said_twice_counts_once() -> None:
    found = read_conditions(["drift>1", " drift > 1.0 ", Condition("drift", ">", 1.0), "kl>1"])
    assert list(map(str, found)) == ["drift>1", "kl>1"]
