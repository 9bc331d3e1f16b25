"""LaTeX: a table that compiles, whatever its texts hold."""

from __future__ import annotations

import re

import pytest

from edgeval.records import Report, Suite
from edgeval.report.exports.export import exported
from edgeval.report.exports.latex import escaped
from edgeval.report.ladder import ladder_rows
from edgeval.report.record_view import RecordView
from tests.helpers.failures import NO_REFERENCE, SOME
from tests.helpers.gates import kl_report
from tests.helpers.hostile import TEXTS
from tests.helpers.reports import example_report, stopped_report
from tests.helpers.suites import example_suite

RECORDS: dict[str, Report | Suite] = {
    "whole": example_report(),
    "slice": example_report(n_items=1000),
    "stopped": stopped_report(),
    "alone": example_report(alone=True),
    "kl": kl_report(Q2_K=0.06),
    "failed": SOME,
    "no reference": NO_REFERENCE,
    "suite": example_suite(),
    "slices": example_suite(200),
}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Q4_K_M & 5% #1 $x$", r"Q4\_K\_M \& 5\% \#1 \$x\$"),
        (r"\input{a}", r"\textbackslash{}input\{a\}"),
        (
            "a~b^c <d> |e|",
            r"a\textasciitilde{}b\textasciicircum{}c \textless{}d\textgreater{} "
            r"\textbar{}e\textbar{}",
        ),
        ("a--b---c-d", "a-{}-b-{}-{}-c-d"),
        ("\N{MINUS SIGN}0.5 \N{PLUS-MINUS SIGN} 0.1", r"$-$0.5 $\pm$ 0.1"),
        ("\N{EN DASH}", "--"),
        ("a\x1b[31m", r"a\textbackslash{}x1b[31m"),
    ],
)
def test_a_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert escaped(text) == shown


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_nothing_hostile_is_a_command(text: str) -> None:
    made = escaped(text)
    plain = re.sub(r"\\text[a-z]+\{\}|\\[{}$&#%_]|-\{\}|\$(?:-|\\pm|\\times)\$", "", made)
    assert not re.search(r"[\\{}$&#%_^~]", plain)
    assert made.isprintable()


@pytest.mark.parametrize("name", RECORDS)
def test_a_table_is_whole(name: str) -> None:
    lines = exported(RECORDS[name], "latex").splitlines()
    (columns,) = [found[1] for line in lines if (found := re.search(r"tabular\}\{([lr]+)\}", line))]
    rows = [line for line in lines if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}
    for begin, end in (("begin", "end"), ("toprule", "bottomrule")):
        assert sum(rf"\{begin}" in line for line in lines) == sum(
            rf"\{end}" in line for line in lines
        )
    without = re.sub(r"\\[{}]", "", "\n".join(lines))
    assert without.count("{") == without.count("}")


def test_its_numbers_are_those_of_the_ladder() -> None:
    record = example_report(n_items=1000)
    text = exported(record, "latex")
    for row in ladder_rows(RecordView.of(record)):
        (line,) = [each for each in text.splitlines() if each.startswith(escaped(row.type) + " &")]
        cells = line.removesuffix(r" \\").split(" & ")
        assert cells[1:5] == [row.bits_per_weight, row.size, row.accuracy, escaped(row.interval)]
        assert cells[-2:] == [row.counts.replace("\N{EN DASH}", "--"), escaped(row.tokens_per_s)]
    assert r"1,000 of 10,042 items" in text


def test_a_row_may_begin_with_a_bracket() -> None:
    first, *rest = example_report(alone=True).runs
    record = example_report(alone=True).model_copy(
        update={"runs": [first.model_copy(update={"type": "[1]"}), *rest]}
    )
    assert "\n{}[1] & " in exported(record, "latex")
