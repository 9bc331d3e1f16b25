"""Samples: rows of items that give the report's numbers again, in each format."""

from __future__ import annotations

import csv
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

import edgeval
from edgeval.errors import EdgevalError
from edgeval.quantization.quantize import quantize
from edgeval.records import Report
from tests.helpers.references import measure_reference

TYPES = ("F16", "Q8_0", "Q4_0")
OPTIONS: dict[str, Any] = {"limit": 12, "kernels": "plain", "check": False, "kl_items": 0}
Rows = list[dict[str, Any]]


def read(path: Path) -> Rows:
    """Return the rows of a file as plain values."""
    if path.suffix == ".parquet":
        found: Rows = parquet.read_table(path).to_pylist()
        return found
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]
    with path.open(encoding="utf-8", newline="") as file:
        # Of these columns JSON is in all cells but those with a text.
        texts = ("task", "type", "file", "item", "group")
        return [
            {name: cell if name in texts else json.loads(cell) for name, cell in row.items()}
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def ladder(
    tiny_f16: Path, tiny_items: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Report, dict[str, Path]]:
    """Return a report, and the samples of its run in each format, with texts."""
    folder = tmp_path_factory.mktemp("samples")
    options = edgeval.Options(data=tiny_items, store=folder / "a.db", **OPTIONS)
    paths = {name: folder / f"samples.{name}" for name in ("jsonl", "csv", "parquet")}
    reports = [
        edgeval.run(
            tiny_f16, options, types=TYPES, out=folder / name, samples=path, texts=True
        ).report
        for name, path in paths.items()
    ]
    return reports[0], paths


def test_each_format_holds_the_same(ladder: tuple[Report, dict[str, Path]]) -> None:
    lines, table, columns = (read(path) for path in ladder[1].values())
    assert lines == table == columns
    assert len(lines) == 3 * 12


def test_they_give_the_reports_numbers_again(ladder: tuple[Report, dict[str, Path]]) -> None:
    report, paths = ladder
    rows = read(paths["parquet"])
    by_type = {name: {row["index"]: row for row in rows if row["type"] == name} for name in TYPES}
    for run in report.runs:
        found = by_type[run.label].values()
        assert {row["file"] for row in found} == {run.file}
        for name, metric in run.metrics.items():
            assert sum(row["picks"][name] == row["gold"] for row in found) == metric.correct
        assert sum(row["correct"] for row in found) == run.metrics["acc_norm"].correct
    for drift in report.drift:
        ours, theirs = by_type[drift.label], by_type["F16"]
        assert ours.keys() == theirs.keys()
        flips = {row["item"] for at, row in ours.items() if row["correct"] != theirs[at]["correct"]}
        assert flips == {flip.item for flip in drift.flips}
        same = sum(ours[at]["pick"] == theirs[at]["pick"] for at in ours)
        assert drift.pick_agreement == same / len(ours)
        changes = [
            new - old
            for at in ours
            for new, old in zip(ours[at]["logprobs"], theirs[at]["logprobs"], strict=True)
        ]
        assert drift.mean_logprob_change == pytest.approx(sum(changes) / len(changes))


def test_lengths_are_those_of_the_texts(ladder: tuple[Report, dict[str, Path]]) -> None:
    for row in read(ladder[1]["jsonl"]):
        assert row["n_chars"] == [len(choice) for choice in row["choices"]]
        assert row["n_bytes"] == [len(choice.encode()) for choice in row["choices"]]
        assert len(row["contexts"]) == 1
        assert row["contexts"][0]
        assert row["pick"] == row["picks"]["acc_norm"]
        best = [each / n for each, n in zip(row["logprobs"], row["n_chars"], strict=True)]
        assert row["pick"] == best.index(max(best))


def test_several_files_of_an_evaluation_are_in_one(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    (small,) = quantize(tiny_f16, ["Q8_0"], tmp_path)
    options = edgeval.Options(data=tiny_items, **OPTIONS)
    samples = tmp_path / "samples.csv"
    found = edgeval.evaluate([tiny_f16, small], options, samples=samples)
    rows = read(samples)
    assert "choices" not in rows[0]
    for run in found.runs:
        of_run = [row for row in rows if row["file"] == run.file]
        assert {row["type"] for row in of_run} == {run.label}
        assert sum(row["correct"] for row in of_run) == run.metrics["acc_norm"].correct
    assert len(rows) == 2 * 12


def test_a_reference_that_is_read_from_a_file_is_in_them(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, ladder: tuple[Report, dict[str, Path]]
) -> None:
    known = measure_reference(tiny_f16, tiny_items, tmp_path)
    options = edgeval.Options(data=tiny_items, **OPTIONS)
    samples = tmp_path / "samples.jsonl"
    found = edgeval.run(
        tiny_f16, options, types=["Q4_0"], reference=known, out=tmp_path / "out", samples=samples
    )
    rows = {(row["type"], row["index"]): row for row in read(samples)}
    assert {name for name, _ in rows} == {run.label for run in found.report.runs} == {"F16", "Q4_0"}
    # The file has all items of the data, of which some were asked for.
    assert sum(name == "F16" for name, _ in rows) == found.report.runs[0].metrics["acc"].total
    for row in read(ladder[1]["jsonl"]):
        if row["type"] == "F16":
            same = rows["F16", row["index"]]
            assert same["item"] == row["item"]
            # Items of other batches: F16 rounds.
            assert same["logprobs"] == pytest.approx(row["logprobs"], abs=0.05)


@pytest.mark.parametrize(
    ("name", "texts", "words"),
    [
        ("samples.txt", False, r"\.txt says no format; use \.jsonl, \.csv, \.parquet"),
        ("samples.json", False, r"\.json \(did you mean '\.jsonl'\?\) says no format"),
        ("samples", False, "no ending says no format"),
        (None, True, "--texts are columns of --samples; name its file too"),
    ],
)
def test_a_file_of_another_kind_is_refused_before_any_work(
    name: str | None, texts: bool, words: str, tmp_path: Path
) -> None:
    # There is no such model: who looks for it says so.
    missing = tmp_path / "none.gguf"
    samples = None if name is None else tmp_path / "new" / name
    with pytest.raises(EdgevalError, match=words):
        edgeval.evaluate([missing], samples=samples, texts=texts)
    with pytest.raises(EdgevalError, match=words):
        edgeval.run(missing, samples=samples, texts=texts)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_pipe_gets_json_lines(tiny_f16: Path, tiny_items: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(pipe.read_text().splitlines()))
    reader.start()
    edgeval.evaluate([tiny_f16], edgeval.Options(data=tiny_items, **OPTIONS), samples=pipe)
    reader.join(10)
    assert [json.loads(line)["type"] for line in lines] == ["F16"] * 12
