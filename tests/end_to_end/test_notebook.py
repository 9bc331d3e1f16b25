"""Notebooks: what records show of themselves, their rows, and bars below a cell."""

from __future__ import annotations

import io
import math
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

import edgeval
from edgeval import Evaluation, Report
from edgeval.report import record_files
from edgeval.system import progress
from edgeval.system.bars import TerminalProgress
from edgeval.system.bars_on_demand import BarsOnDemand
from edgeval.system.screen import Console
from tests.helpers.reports import (
    HOSTILE,
    example_report,
    failed_report,
    sliced_report,
    stopped_report,
)


def evaluation_of(report: Report) -> Evaluation:
    shared = {name: getattr(report, name) for name in Evaluation.model_fields}
    return Evaluation(**shared)


def comparison_of(report: Report, folder: Path) -> edgeval.Comparison:
    for name in ("here", "there"):
        (folder / name).mkdir()
        record_files.save(report, folder / name)
    return edgeval.compare([folder / "here", folder / "there"])


class Page(HTMLParser):
    """Counts elements, and refuses one that is never closed or loads something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "iframe", "link", "img", "body", "html")
        assert not {"href", "src", "onload", "onclick"} & {name for name, _ in attrs}
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


@pytest.mark.images
@pytest.mark.parametrize("make", [example_report, stopped_report, sliced_report, failed_report])
def test_a_report_shows_its_ladder_and_its_chart(make: Callable[[], Report]) -> None:
    report = make()
    html = report._repr_html_()
    assert html is not None and len(html) < 40_000
    page = Page(html)
    n_types = len(report.runs) + len(report.failures)
    assert page.counts["tr"] == 1 + n_types
    assert page.counts.get("svg", 0) == (1 if report.drift else 0)
    for run in report.runs:
        assert run.label in page.text
        accuracy = report.rows()[report.runs.index(run)]["accuracy"]
        assert f"{100 * accuracy:.2f}" in page.text
    for failure in report.failures:
        assert failure.label in page.text and "failed" in page.text


def test_styles_are_of_nothing_else_in_the_notebook() -> None:
    html = example_report()._repr_html_() or ""
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    style = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    selectors = [each for rule in re.findall(r"([^{}]+)\{", style) for each in rule.split(",")]
    assert len(selectors) > 9
    assert all(each.strip().startswith(".edgeval") for each in selectors)
    assert "url(" not in style and "@import" not in style


def test_what_records_say_is_text(tmp_path: Path) -> None:
    report = example_report()
    model = report.model.model_copy(update={"title": HOSTILE})
    runs = [run.model_copy(update={"file": HOSTILE}) for run in report.runs]
    report = report.model_copy(update={"model": model, "runs": runs})
    for record in (report, evaluation_of(report)):
        page = Page(record._repr_html_() or "")
        assert "<script>" in page.text


def test_evaluations_and_comparisons_show_a_table(tmp_path: Path) -> None:
    report = example_report()
    evaluation = Page(evaluation_of(report)._repr_html_() or "")
    assert evaluation.counts["tr"] == 1 + len(report.runs)
    assert all(f"{name}, %" in evaluation.text for name in report.runs[0].metrics)
    both = comparison_of(report, tmp_path)
    page = Page(both._repr_html_() or "")
    assert page.counts["tr"] == 1 + 2 * len(report.runs)
    assert "here" in page.text and "equal" in page.text


def test_records_by_themselves_are_shown_as_text() -> None:
    # They lie below what draws them.
    code = (
        "import sys\n"
        "from edgeval.records import Report\n"
        "record = Report.model_validate_json(sys.stdin.read())\n"
        "print(record._repr_html_(), repr(record))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        input=example_report().model_dump_json(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    labels = ", ".join(run.label for run in example_report().runs)
    assert result.stdout == f"None <Report: {labels}>\n"


@pytest.mark.images
@pytest.mark.parametrize("make", [example_report, stopped_report, sliced_report, failed_report])
def test_rows_are_a_record_in_plain_values(make: Callable[[], Report]) -> None:
    report = make()
    rows = report.rows()
    assert [row["type"] for row in rows] == [
        each.label for each in (*report.runs, *report.failures)
    ]
    for row in rows:
        assert list(row) == list(rows[0])
        assert all(value is None or type(value) in (str, int, float) for value in row.values())
    for row, run in zip(rows, report.runs, strict=False):
        metric = run.metrics[report.protocol.metric]
        assert (row["file"], row["size_bytes"], row["n_items"]) == (
            run.file,
            run.file_bytes,
            metric.total,
        )
        assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]
    drifts = {drift.label: drift for drift in report.drift}
    for row in rows[1:]:
        drift = drifts.get(row["type"])
        if drift is None:
            assert row["difference_points"] is None
            continue
        assert row["outcome"] == drift.split.outcome
        assert row["difference_points"] == drift.difference_points
        assert row["difference_low_points"] <= row["difference_high_points"]
        assert (row["lost"], row["gained"]) == (drift.right_to_wrong, drift.wrong_to_right)
        expected = None if drift.divergence is None else drift.divergence.kl_nats
        assert row["kl_nats"] == expected
    for row in rows[len(report.runs) :]:
        assert row["outcome"] == "failed" and row["accuracy"] is None
    first = rows[0]
    assert first["outcome"] == ("not compared" if report.reference is None else "reference")


def test_rows_of_an_evaluation_have_all_metrics() -> None:
    record = evaluation_of(example_report())
    for row, run in zip(record.rows(), record.runs, strict=True):
        assert {name: row[name] for name in run.metrics} == {
            name: metric.value for name, metric in run.metrics.items()
        }
        assert row["outcome"] == "not compared"


def test_rows_of_a_comparison_are_a_type_and_a_machine(tmp_path: Path) -> None:
    report = example_report()
    rows = comparison_of(report, tmp_path).rows()
    assert [(row["type"], row["machine"]) for row in rows] == [
        (run.label, name) for run in report.runs for name in ("here", "there")
    ]
    assert [row["standing"] for row in rows] == ["reference", "equal"] * len(report.runs)
    twice = [row for row in report.rows() for _ in range(2)]
    for row, of in zip(rows, twice, strict=True):
        assert row["accuracy"] == of["accuracy"]
        assert row["difference_points"] == of["difference_points"]
        assert math.isclose(row["correct"] / row["n_items"], of["accuracy"])


class Output:
    """The place of a cell's output that IPython shows pictures in."""

    shown: ClassVar[list[tuple[str, dict[str, str]]]]

    def display(self, picture: dict[str, str], *, raw: bool) -> None:
        self.shown.append(("display", picture))

    def update(self, picture: dict[str, str], *, raw: bool) -> None:
        self.shown.append(("update", picture))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Output:
    """A stand-in for IPython as a kernel loads it."""
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    display.DisplayHandle = Output  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(Output, "shown", [], raising=False)
    return Output()


def test_bars_of_a_notebook_are_gone_at_the_end(
    kernel: Output, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = progress.progress_of("auto")
    with bars.task("score <Q8_0>", None, "items") as task:
        task.resize(40)
        with bars.task("hash", 5_000_000, "bytes") as inner:
            inner.advance(2_500_000, "model.gguf")
        task.advance(10)
        task.resize(40)
        bars.log("a line\x1b[2J that stays")
    ways = [way for way, _ in kernel.shown]
    assert ways == ["display", *["update"] * (len(ways) - 1)]
    pictures = [picture["text/html"] for _, picture in kernel.shown]
    assert pictures[0] == "<progress></progress> <small>score &lt;Q8_0&gt; 0/? items</small>"
    assert '<progress value="0" max="40">' in pictures[1]
    assert "hash 0.0/5.0 MB" in pictures[2] and pictures[2].count("<progress") == 2
    assert '<progress value="10" max="40"></progress>' in pictures[-2]
    assert kernel.shown[-1][1] == {"text/html": "", "text/plain": ""}
    assert "\x1b" not in capsys.readouterr().out


def test_bars_are_shown_where_someone_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(progress.progress_of(None), progress.NoProgress)
    # Nobody watches a test, nor what has no stderr.
    assert isinstance(progress.progress_of("auto"), progress.NoProgress)
    monkeypatch.setattr(sys, "stderr", None)
    assert isinstance(progress.progress_of("auto"), progress.NoProgress)
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    assert isinstance(progress.progress_of("auto"), BarsOnDemand)
    own = TerminalProgress(Console(file=io.StringIO()))
    assert progress.progress_of(own) is own


def test_bars_on_demand_begin_and_end_with_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=100)
    monkeypatch.setattr("edgeval.system.bars_on_demand.stderr_console", lambda: console)
    bars: Any = BarsOnDemand()
    bars.log("before")
    for number in range(2):
        with bars.task(f"score {number}", 4, "items") as task, bars.task("hash", 2, "bytes"):
            task.advance(4)
            bars.log("between")
    with pytest.raises(ValueError, match="stop"), bars.task("third", 4, "items"):
        raise ValueError("stop")
    text = written.getvalue()
    for words in ("before", "between", "score 0", "score 1", "4/4", "third"):
        assert words in text
    # The cursor is hidden while bars are there, and is back after each.
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 3
