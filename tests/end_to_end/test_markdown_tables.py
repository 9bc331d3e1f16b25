"""Tables of ``report.md``: what Markdown takes for tables."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edgeval.report import record_files

GOLDEN = Path(__file__).parents[1] / "golden" / "schema_3.json"
REPORTS = {
    name: record
    for name, record in json.loads(GOLDEN.read_text(encoding="utf-8")).items()
    if "drift" in record
}


@pytest.mark.parametrize("name", REPORTS)
def test_each_header_has_a_row_of_dashes_below(name: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(REPORTS[name]), encoding="utf-8")
    record_files.render(record_files.load(tmp_path), tmp_path)
    lines = (tmp_path / "report.md").read_text(encoding="utf-8").splitlines()
    headers = [
        number
        for number, line in enumerate(lines)
        if line.startswith("|") and not lines[number - 1].startswith("|")
    ]
    assert headers
    for number in headers:
        assert re.fullmatch(r"\|( -+:? \|)+", lines[number + 1]), lines[number]
