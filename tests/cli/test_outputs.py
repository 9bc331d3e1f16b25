"""Machine-readable outputs: the record on stdout, and tables for data frames and databases."""

from __future__ import annotations

import csv
import functools
import json
import operator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from edgeval.records import Evaluation, Report
from edgeval.records.rows import columns
from edgeval.records.speeds import Parts, Speed
from edgeval.report import record_files
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.failures import NO_REFERENCE, SOME, evaluation
from tests.helpers.fakes import without_kernels
from tests.helpers.gates import kl_report
from tests.helpers.reports import example_report, stopped_report

RECORDS: dict[str, Report | Evaluation] = {
    "whole": example_report(),
    "slice": example_report(n_items=1000),
    "alone": example_report(alone=True),
    "stopped": stopped_report(),
    "kl": kl_report(Q2_K=0.06),
    "failed": SOME,
    "no reference": NO_REFERENCE,
    "evaluation": evaluation(SOME),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_column_holds_what_it_says(name: str) -> None:
    rows = RECORDS[name].rows()
    kinds: dict[str, Any] = {"text": str, "count": int, "number": (int, float)}
    for row in rows:
        assert list(row) == list(columns(rows[0]))
        for column, kind in columns(rows[0]).items():
            assert row[column] is None or isinstance(row[column], kinds[kind]), column


def in_csv(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in rows
    ]


@pytest.mark.parametrize("name", ["whole", "slice", "failed", "kl"])
def test_a_saved_run_has_its_table(name: str, tmp_path: Path) -> None:
    record = RECORDS[name]
    assert isinstance(record, Report)
    record_files.save(record, tmp_path / "run")
    table, frame = tmp_path / "ladder.csv", tmp_path / "ladder.parquet"
    printed = edgeval("report", tmp_path / "run", "--csv", table, "--parquet", frame)
    assert (printed.returncode, printed.stderr) == (0, "")
    rows = record_files.load(tmp_path / "run").rows()
    assert parquet.read_table(frame).to_pylist() == rows
    with table.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file, strict=True)) == in_csv(rows)
    # What no row has is still a number, and not of another type in another file.
    assert str(parquet.read_schema(frame).field("kl_nats").type) == "double"


def test_a_speed_has_its_standard_error_and_an_older_one_an_empty_cell(tmp_path: Path) -> None:
    record = example_report()
    # Six parts of a second, three of 100 tokens and three of 140: 120 on average, and the root of
    # 6 * 20 ** 2 * 6 / 5 over 6 seconds is 8.94.
    parts = [Parts.of(tokens, 1.0) for tokens in (100, 140) * 3]
    varied = record.runs[0].speed.model_copy(  # type: ignore[union-attr]
        update={
            "tokens_decoded": 720,
            "elapsed_s": 6.0,
            "parts": functools.reduce(operator.add, parts),
        }
    )
    first = record.runs[0].model_copy(update={"speed": Speed.model_validate(varied.model_dump())})
    record = record.model_copy(update={"runs": [first, *record.runs[1:]]})
    record_files.save(record, tmp_path / "run")
    table, frame = tmp_path / "ladder.csv", tmp_path / "ladder.parquet"
    edgeval("report", tmp_path / "run", "--csv", table, "--parquet", frame)
    rows = parquet.read_table(frame).to_pylist()
    assert rows[0]["tokens_per_s"] == 120.0
    assert rows[0]["tokens_per_s_error"] == pytest.approx(8.944, abs=1e-3)
    assert [row["tokens_per_s_error"] for row in rows[1:]] == [None] * (len(rows) - 1)
    assert str(parquet.read_schema(frame).field("tokens_per_s_error").type) == "double"
    head, one, other, *_ = table.read_text("utf-8").splitlines()
    # Behind all that were there before, whose places do not change.
    assert head.endswith(",joules_per_item,watt_hours,hottest_c,gpu_hottest_c,held_back_share")
    assert one.endswith(f",120.0,{rows[0]['tokens_per_s_error']},,,,,")
    assert other.endswith(",,,,,,")


def test_a_run_prints_its_record_alone(tiny_f16: Path, tiny_items: Path, tmp_path: Path) -> None:
    out, folder = tmp_path / "out", tmp_path / "tables"
    ran = edgeval(
        *("run", tiny_f16, "--quant", "F16,Q4_0", "--data", tiny_items, "--out", out, "--json"),
        *("--csv", folder / "l.csv", "--parquet", folder / "l.parquet"),
        *("--samples", folder / "i.parquet", "--texts"),
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (out / "report.json").read_text(encoding="utf-8")
    record = Report.model_validate_json(ran.stdout)
    (said,) = without_kernels(ran.stderr.splitlines())
    assert said == f"{out}: report.html, report.md, report.json"
    assert parquet.read_table(folder / "l.parquet").to_pylist() == record.rows()
    items = parquet.read_table(folder / "i.parquet")
    assert items.num_rows == 2 * 40
    assert {"contexts", "choices"} <= set(items.column_names)
    assert {path.name for path in folder.iterdir()} == {"l.csv", "l.parquet", "i.parquet"}


def test_an_evaluation_has_its_tables(tiny_f16: Path, tiny_items: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy-F16.gguf"
    copy.write_bytes(tiny_f16.read_bytes())
    ran = edgeval(
        *("eval", tiny_f16, copy, "--data", tiny_items, "--limit", "8", "--json"),
        *("--csv", tmp_path / "l.csv", "--parquet", tmp_path / "l.parquet"),
        *("--samples", tmp_path / "i.jsonl"),
    )
    assert ran.returncode == 0, ran.stderr
    record = Evaluation.model_validate_json(ran.stdout)
    rows = parquet.read_table(tmp_path / "l.parquet").to_pylist()
    assert rows == record.rows()
    assert [row["file"] for row in rows] == ["tiny-F16.gguf", "copy-F16.gguf"]
    assert rows[0]["acc_token"] == record.runs[0].metrics["acc_token"].value
    lines = (tmp_path / "i.jsonl").read_text(encoding="ascii").splitlines()
    assert [json.loads(line)["file"] for line in lines] == [
        *["tiny-F16.gguf"] * 8,
        *["copy-F16.gguf"] * 8,
    ]


def test_no_two_outputs_are_one_file(tiny_f16: Path, tmp_path: Path) -> None:
    same = tmp_path / "a.csv"
    for command in ("run", "eval"):
        printed = edgeval(command, tiny_f16, "--csv", same, "--samples", same)
        assert_one_sentence(printed, ["a.csv is to hold two things"])


# What reads them


@pytest.fixture(scope="module")
def files(tiny_f16: Path, tiny_items: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with both tables in every format, under the names of the documents."""
    folder = tmp_path_factory.mktemp("tables")
    shared = ["run", tiny_f16, "--quant", "F16,Q4_0", "--data", tiny_items, "--limit", "20"]
    for kind in ("csv", "parquet"):
        ran = edgeval(
            *(*shared, f"--{kind}", folder / f"ladder.{kind}", "--out", folder / kind),
            *("--samples", folder / f"items.{kind}", "--store", folder / "a.db"),
        )
        assert ran.returncode == 0, ran.stderr
    return folder


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_pandas_reads_them_in_one_line(files: Path, kind: str) -> None:
    pandas = pytest.importorskip("pandas")
    record = record_files.load(files / kind)
    read = pandas.read_csv if kind == "csv" else pandas.read_parquet
    ladder, items = read(files / f"ladder.{kind}"), read(files / f"items.{kind}")
    assert ladder["accuracy"].tolist() == [row["accuracy"] for row in record.rows()]
    assert items["correct"].dtype == bool
    correct = items.groupby("type")["correct"].sum().to_dict()
    assert correct == {run.label: run.metrics["acc_norm"].correct for run in record.runs}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_duckdb_reads_them_in_one_line(files: Path, kind: str) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    record = record_files.load(files / kind)
    question = f"SELECT type, sum(correct::int) FROM '{files}/items.{kind}' GROUP BY type"
    counts = {name: int(count) for name, count in duckdb.sql(question).fetchall()}
    assert counts == {run.label: run.metrics["acc_norm"].correct for run in record.runs}
    if kind == "parquet":
        question = f"SELECT picks.acc_norm = pick, len(logprobs) FROM '{files}/items.parquet'"
        assert set(duckdb.sql(question).fetchall()) == {(True, 4)}
    joined = (
        f"SELECT outcome, count(*) FROM '{files}/ladder.{kind}' JOIN '{files}/items.{kind}' "
        "USING (type) GROUP BY outcome ORDER BY outcome"
    )
    assert [count for _, count in duckdb.sql(joined).fetchall()] == [20, 20]
