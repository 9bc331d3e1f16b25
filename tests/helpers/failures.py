"""Records of ladders of which some types failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.cli.terminal import report as terminal
from edgeval.records import Evaluation, Report
from edgeval.records.comparison import Comparison
from edgeval.report.compare.compare import compare_records
from tests.helpers.reports import (
    failed_report,
)

DASH = "\N{EN DASH}"
SOME = failed_report("Q4_0", "Q2_K")
NO_REFERENCE = failed_report("F16", "Q2_K", status="partial", n_items=1000)
NOT_JUDGED = "The reference, F16, failed, so nothing is compared and the claim is not judged."


def evaluation(record: Report) -> Evaluation:
    return Evaluation(**{name: getattr(record, name) for name in Evaluation.model_fields})


def printed(record: Report | Evaluation, capsys: pytest.CaptureFixture[str]) -> str:
    if isinstance(record, Report):
        terminal.print_report(record)
    else:
        terminal.print_evaluation(record)
    return capsys.readouterr().out


# Records beside each other


def compare(*records: Report | Evaluation) -> Comparison:
    return compare_records(records, [Path(f"{index}.json") for index in range(len(records))])
