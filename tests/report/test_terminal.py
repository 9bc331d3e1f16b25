"""The ladder of a report in the terminal."""

from __future__ import annotations

import re

import pytest

from edgeval.cli.terminal import report as terminal
from edgeval.records import Evaluation
from edgeval.report import conclusion
from edgeval.report.record_view import RecordView
from tests.helpers.pages import SPLIT_VARIANTS, with_minus


def test_the_terminal_shows_the_items_and_the_reference_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal.print_report(SPLIT_VARIANTS["weighted"])
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if "Q4_K_M " in line)
    assert [cell.strip() for cell in re.split("[│|]", row)[1:-1]] == [
        "Q4_K_M",
        "638 MiB",
        "4.85",
        "1,040",
        "58.52",
        with_minus("-0.65 [-0.9, +0.4]"),
        "equivalent",
        "31 / 22",
        "136",
    ]
    assert any("│ from ref.npz " in line for line in lines)
    assert max(map(len, lines[:12])) <= 120
    assert conclusion.interval_sentence(RecordView.of(SPLIT_VARIANTS["weighted"])) in lines


def test_the_terminal_shows_where_each_file_of_an_evaluation_stopped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = SPLIT_VARIANTS["old"]
    q2_k = record.runs[0].model_copy(
        update={
            "type": "Q2_K",
            "metrics": {
                name: found.model_copy(update={"total": 1408})
                for name, found in record.runs[0].metrics.items()
            },
        }
    )
    result = Evaluation(
        edgeval_version=record.edgeval_version,
        created_at=record.created_at,
        data=record.data,
        protocol=record.protocol,
        engine=record.engine,
        device=record.device,
        runs=[record.runs[0], q2_k],
    )
    terminal.print_evaluation(result)
    shown = capsys.readouterr().out
    assert "slices: 1,408 to 2,432 of 10,042 items of Rowan/hellaswag validation" in shown
    assert "acc_norm 95 %" in shown
    assert "[58.3, 60.1]" in shown
    assert (
        "Stopped as soon as decided to ±1 point, after 1,408 to 2,432 of 10,042 items a file. "
        f"{conclusion.EVERY_LOOK}\n"
    ) in shown
