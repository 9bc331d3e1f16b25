"""A type that failed, in the terminal and beside other records."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from edgeval.cli.terminal.comparison import print_comparison
from edgeval.cli.terminal.comparison import table as comparison_table
from edgeval.cli.terminal.verdict import print_verdicts
from edgeval.records import Failure
from edgeval.records.comparison import Comparison
from edgeval.report import pages, record_files
from edgeval.report.compare.compare import require_agreement
from edgeval.report.compare.sentences import sentences
from edgeval.report.conclusion import conclusion
from edgeval.report.failures import failure_sentences
from edgeval.report.record_view import RecordView
from tests.helpers.command import edgeval
from tests.helpers.failures import (
    DASH,
    NO_REFERENCE,
    NOT_JUDGED,
    SOME,
    compare,
    evaluation,
    printed,
)
from tests.helpers.pages import Page, tables
from tests.helpers.reports import (
    HOSTILE,
    example_report,
    failed_report,
    stopped_report,
    with_plain_kernels,
)

ATTACK = f"\x1b[2J\x1b]0;owned\x07 [bold]loud[/bold] \r{HOSTILE}"


def row_of(shown: str, name: str) -> list[str]:
    """Return the cells of the row that begins with a name."""
    rows = ([cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines())
    return next(cells for cells in rows if cells and cells[0] == name)


# The terminal


def test_the_ladder_of_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(SOME, capsys)
    assert row_of(shown, "Q2_K") == ["Q2_K", DASH, DASH, "failed", *[DASH] * 5]
    lines = shown.splitlines()
    end = next(index for index, line in enumerate(lines) if line.startswith("└"))
    first, second = failure_sentences(SOME.failures)
    assert lines[end + 1 : end + 4] == [first, second, conclusion(RecordView.of(SOME))]
    shown = printed(NO_REFERENCE, capsys)
    assert row_of(shown, "F16")[3] == "failed"
    # Nothing is compared, so no column says so of each type.
    assert [len(row_of(shown, name)) for name in ("F16", "Q8_0")] == [6, 6]
    assert "difference" not in shown
    assert shown.splitlines()[-2] == f"{NOT_JUDGED} Q2_K failed too."


def test_a_ladder_with_a_column_of_items(capsys: pytest.CaptureFixture[str]) -> None:
    record = stopped_report()
    failed = Failure.of("Q6_K", "q6.gguf", doing="scoring", reason="It ended.")
    record = record.model_copy(update={"failures": [failed]})
    cells = row_of(printed(record, capsys), "Q6_K")
    assert cells == ["Q6_K", DASH, DASH, DASH, "failed", *[DASH] * 4]
    (row,) = (row for row in tables(pages.markdown_page(record))[1] if row["type"] == "Q6_K")
    assert (row["items"], row["acc_norm"]) == (DASH, "failed")


def test_the_table_of_an_evaluation(capsys: pytest.CaptureFixture[str]) -> None:
    result = evaluation(SOME)
    shown = printed(result, capsys)
    assert row_of(shown, "tinyllama-3t-Q4_0.gguf") == [
        "tinyllama-3t-Q4_0.gguf",
        "Q4_0",
        "failed",
        *[DASH] * 6,
    ]
    assert shown.splitlines()[-3:-1] == failure_sentences(SOME.failures)
    none = result.model_copy(update={"runs": []})
    shown = printed(none, capsys)
    assert row_of(shown, "tinyllama-3t-Q2_K.gguf")[1:] == ["Q2_K", "failed", *[DASH] * 3]
    data = result.data.model_copy(update={"n_items": 60})
    shown = printed(none.model_copy(update={"data": data}), capsys)
    assert "a slice: 60 of 10,042 items" in shown


@pytest.mark.parametrize("name", ["some", "no reference"])
def test_a_report_is_rendered_again(name: str, tmp_path: Path) -> None:
    record_files.save(SOME if name == "some" else NO_REFERENCE, tmp_path)
    found = edgeval("report", tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert "failed while scoring (" in found.stdout
    assert ("verdict.json" in found.stdout) == (name == "some")


# Foreign text


def test_hostile_failures_are_text_everywhere(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for types in (("Q4_0", "Q2_K"), ("F16", "Q2_K")):
        record = failed_report(*types, reason=ATTACK, file=ATTACK)
        record = with_plain_kernels(record, {"Q8_0": ATTACK})
        failures = [each.model_copy(update={"doing": ATTACK}) for each in record.failures]
        record = record.model_copy(update={"failures": failures})
        html, markdown = pages.html_page(record), pages.markdown_page(record)
        assert "<script>alert" not in html
        assert HOSTILE in Page(html).text
        outside_code = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
        assert not re.search(r"(?<!\\)<(?!/?(details|summary)>)", outside_code)
        assert r"\<script\>alert(1)\</script\> \| \`x\`" in markdown
        print_verdicts(record, record.verdicts)
        shown = capsys.readouterr().out
        shown += printed(record, capsys) + printed(evaluation(record), capsys)
        found = compare(record, record)
        print_comparison(found)
        shown += capsys.readouterr().out
        assert not [char for char in shown if not char.isprintable() and char != "\n"]
        assert r"\x1b[2J\x1b]0;owned\x07 [bold]loud[/bold] \r<script>" in shown


def test_hostile_types_are_text_in_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    failures = [each.model_copy(update={"type": "\x1b[2J[b]"}) for each in SOME.failures[:1]]
    record = SOME.model_copy(update={"failures": failures})
    print_comparison(compare(record, record))
    shown = capsys.readouterr().out + printed(record, capsys) + printed(evaluation(record), capsys)
    assert "\x1b" not in shown
    # Four rows of the comparison, and one of each other table.
    assert shown.count(r"│ \x1b[2J[b]") == 6


def compared_cells(found: Comparison) -> dict[str, list[str]]:
    console = Console(file=io.StringIO(), width=120)
    console.print(comparison_table(found))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    lines = re.split("[├└]", text.split("right, acc_norm")[1])[0].splitlines()
    rows = ([cell.strip() for cell in line.split("│")[1:-1]] for line in lines[1:])
    return {cells[0]: cells[1:] for cells in rows if cells and cells[0]}


def test_what_failed_on_one_machine_is_named_as_failed_there() -> None:
    whole = example_report(status=None)
    found = compare(whole, failed_report("Q4_0", status=None), SOME)
    cells = compared_cells(found)
    assert list(cells) == [run.label for run in whole.runs]
    assert cells["Q4_0"] == ["5,868", "failed", "failed"]
    assert cells["Q2_K"] == ["5,320", "5,320 equal", "failed"]
    row = next(row for row in found.types if row.name == "Q4_0")
    assert [failure is None for failure in row.failures] == [True, False, False]
    assert row.runs[1] is row.runs[2] is None
    assert list(sentences(found))[:2] == [
        f"1: {failure_sentences(SOME.failures)[0]}",
        f"2: {failure_sentences(SOME.failures)[0]}",
    ]
    assert "1: right items by every metric: 7 equal." in sentences(found)
    require_agreement(found)


def test_what_failed_on_the_first_machine_is_not_called_missing_there() -> None:
    found = compare(SOME, example_report(), failed_report("Q2_K"))
    cells = compared_cells(found)
    assert cells["Q4_0"] == ["failed", "not compared", "not compared"]
    assert cells["Q2_K"] == ["failed", "not compared", "failed"]
    texts = list(sentences(found))
    assert "1: Q4_0 and Q2_K not compared: failed on the first machine." in texts
    assert "2: Q4_0 not compared: failed on the first machine." in texts
    assert len([text for text in texts if text.startswith("0: ")]) == 2
    apart = compare(NO_REFERENCE, NO_REFERENCE)
    assert compared_cells(apart)["F16"] == ["failed", "failed"]
    require_agreement(apart)


def test_failed_files_of_one_type_are_told_apart() -> None:
    result = evaluation(example_report(status=None))
    failures = [
        Failure.of("Q8_0", f"{name}.gguf", doing="scoring", reason="It ended.") for name in "aab"
    ]
    failed = result.model_copy(update={"failures": failures})
    cells = compared_cells(compare(result, failed))
    names = ["Q8_0 a.gguf", "Q8_0 a.gguf (2)", "Q8_0 b.gguf"]
    assert list(cells)[-3:] == names
    assert cells["Q8_0"] == ["5,941", "5,941 equal"]
    assert [cells[name] for name in names] == [[DASH, "failed"]] * 3
