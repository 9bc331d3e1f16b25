"""Exports: the files of a format, what is refused, and what a command prints."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from pyarrow import parquet

import edgeval as api
from edgeval.errors import EdgevalError
from edgeval.records import Report, Suite
from edgeval.report import record_files
from edgeval.report.exports.export import FORMATS, exported
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.failures import SOME
from tests.helpers.reports import example_report
from tests.helpers.suites import example_suite

RECORDS: dict[str, Report | Suite] = {
    "slice": example_report(n_items=1000),
    "failed": SOME,
    "suite": example_suite(),
}


@pytest.fixture(params=RECORDS)
def record(request: pytest.FixtureRequest) -> Report | Suite:
    return RECORDS[request.param]


@pytest.fixture
def folder(record: Report | Suite, tmp_path: Path) -> Path:
    record_files.save(record, tmp_path / "run")
    return tmp_path / "run"


def test_rows_come_back_from_each_format(record: Report | Suite, folder: Path) -> None:
    rows = record.rows()
    assert json.loads(exported(record, "json")) == rows
    in_text = [{name: "" if v is None else str(v) for name, v in row.items()} for row in rows]
    assert list(csv.DictReader(io.StringIO(exported(record, "csv")), strict=True)) == in_text
    table = folder / "rows.csv"
    assert api.export(folder, "csv", table) == [table]
    assert list(csv.DictReader(io.StringIO(table.read_text("utf-8")), strict=True)) == in_text
    (frame,) = api.export(str(folder), "parquet", str(folder / "rows.parquet"))
    assert parquet.read_table(frame).to_pylist() == rows


def test_a_row_has_the_speed_with_its_error() -> None:
    names = set(example_report().rows()[0])
    assert {"tokens_per_s", "tokens_per_s_error", "kl_nats", "outcome", "accuracy_low"} <= names
    assert all(name == name.lower() and name.isidentifier() for name in names)


@pytest.mark.parametrize("form", FORMATS)
def test_files_are_written_where_they_are_named(form: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "export"
    before = sorted(folder.iterdir())
    ran = edgeval("report", folder, "--format", form, "--out", out)
    assert (ran.returncode, ran.stderr) == (0, "")
    written = [Path(line) for line in ran.stdout.splitlines()]
    assert written and all(path.is_file() for path in written)
    assert sorted(folder.iterdir()) == before
    again = edgeval("report", folder, "--format", form, "--out", out)
    assert_one_sentence(again, ["exists already", "--overwrite"])
    content = {path: path.read_bytes() for path in written}
    replaced = edgeval("report", folder, "--format", form, "--out", out, "--overwrite")
    assert replaced.stdout == ran.stdout
    if form != "parquet":
        assert {path: path.read_bytes() for path in written} == content


def test_a_model_card_has_its_results_beside_it(tmp_path: Path) -> None:
    record_files.save(example_report(), tmp_path / "run")
    found = api.export(tmp_path / "run", "model-card", tmp_path / "model" / "README.md")
    results = tmp_path / "model" / ".eval_results" / "edgeval-hellaswag.yaml"
    assert found == [tmp_path / "model" / "README.md", results]


@pytest.mark.parametrize("form", ["model-card", "latex", "csv", "json"])
def test_a_text_is_printed(form: str, record: Report | Suite, folder: Path) -> None:
    for more in ((), ("--out", "-")):
        ran = edgeval("report", folder, "--format", form, *more)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout == exported(record, form)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("form", "words"),
    [("parquet", "no text"), ("every-eval-ever", "a file for each type")],
)
def test_what_is_no_text_is_not_printed(form: str, words: str, folder: Path) -> None:
    assert_one_sentence(edgeval("report", folder, "--format", form), [words, "--out"])


def test_bad_inputs_are_one_sentence(tmp_path: Path) -> None:
    record_files.save(example_report(), tmp_path / "run")
    (tmp_path / "empty").mkdir()
    missing = edgeval("report", tmp_path / "empty", "--format", "latex")
    assert_one_sentence(missing, ["holds no report.json"])
    as_folder = edgeval("report", tmp_path / "run", "--format", "latex", "--out", tmp_path)
    assert_one_sentence(as_folder, ["is a folder; name a file"])
    for given in (["--format", "html"], ["--out", "a.csv"], ["--format", "csv", "--json"]):
        assert edgeval("report", tmp_path / "run", *given).returncode == 2
    with pytest.raises(EdgevalError, match=r"unknown format 'latx' \(did you mean 'latex'\?\)"):
        api.export(tmp_path / "run", "latx", tmp_path / "a.tex")  # type: ignore[arg-type]
    with pytest.raises(EdgevalError, match="unknown format"):
        exported(example_report(), "html")  # type: ignore[arg-type]


def test_a_gate_holds_beside_an_export(tmp_path: Path) -> None:
    record_files.save(example_report(), tmp_path)
    ran = edgeval("report", tmp_path, "--format", "json", "--fail-if", "Q2_K:drift>1")
    assert ran.returncode == 3
    assert json.loads(ran.stdout) == example_report().rows()
