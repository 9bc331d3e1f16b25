"""Comparisons as tables, as files, and as a command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgeval.errors import EdgevalError
from edgeval.records import Machine, Report
from edgeval.records.comparison import Comparison
from edgeval.report.compare.compare import compare, compare_records, require_agreement
from edgeval.report.compare.labels import labels
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.comparisons import (
    HERE,
    N_ITEMS,
    changed,
    column,
    evaluation,
    machine,
    printed,
    protocol,
    side_by_side,
    with_right,
)
from tests.helpers.reports import example_report
from tests.helpers.tiny import make_items, write_items

# How it looks


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_and_flags_what_differs(width: int) -> None:
    other = with_right(with_right(machine(), 4, -20), 0, 3)
    third = protocol(shots=5)(machine("Apple M2"))
    lines = printed(side_by_side(other, third), width)
    assert max(map(len, lines)) <= width
    (row,) = (line for line in lines if line.startswith("│ Q4_K_M") and "not compared" in line)
    assert "1,159 (\N{MINUS SIGN}20)" in row
    assert sum("DIFFERS" in line for line in lines) == 1
    speed = next(line for line in lines if line.startswith("│ F16") and "82.4" in line)
    assert [cell.strip() for cell in speed.split("│")[1:-1]] == [
        "F16",
        "82.4",
        "82.4",
        "82.4",
    ]


def test_markup_in_a_record_is_text() -> None:
    found = side_by_side(machine("[red]CPU[/red]"))
    assert any("[red] [/red]" in line for line in printed(found, 120))


@pytest.mark.parametrize(
    ("cpu", "label"),
    [
        ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "Intel Xeon Platinum 8481C"),
        ("AMD EPYC 7B13 64-Core Processor", "AMD EPYC 7B13"),
        ("13th Gen Intel(R) Core(TM) i7-1360P", "13th Gen Intel Core i7-1360P"),
        ("Raspberry Pi 4 Model B Rev 1.4", "Raspberry Pi 4 Model B"),
        ("Apple M2", "Apple M2"),
        ("", "x86_64"),
    ],
)
def test_a_cpu_is_called_by_its_short_name(cpu: str, label: str) -> None:
    device = changed(example_report().device, cpu=cpu)
    other = changed(device, cpu="another")
    assert labels([device, other], [Path("a.json"), Path("b.json")]) == [label, "another"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["x/a.json", "b.json"], ["a", "b"]),
        (["pi/report.json", "server/report.json"], ["pi", "server"]),
        (["a.json", "a.json"], ["a (1)", "a (2)"]),
    ],
)
def test_equal_cpus_are_called_by_their_files(paths: list[str], expected: list[str]) -> None:
    device = example_report().device
    other = Machine(**device.model_dump() | {"cpu": "another"})
    found = labels([device, other, device], [Path(paths[0]), Path("c.json"), Path(paths[1])])
    assert found == [expected[0], "another", expected[1].replace("(2)", "(3)")]


# Files


def test_files_folders_and_evaluations_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    text = machine("Apple M2").model_dump_json()
    (folder / "report.json").write_text(text, encoding="utf-8")
    printed_by_eval = tmp_path / "eval.json"
    # What a redirection in Windows PowerShell writes.
    content = evaluation(example_report(n_items=N_ITEMS)).model_dump_json(indent=2)
    printed_by_eval.write_text(content, encoding="utf-16")
    found = compare([printed_by_eval, folder, folder / "report.json"])
    assert [each.label for each in found.machines] == [HERE, "folder (2)", "folder (3)"]
    assert found.machines[0].elapsed_s is found.machines[0].peak_rss_bytes is None
    assert found.machines[1].peak_rss_bytes == 2_871_394_304
    require_agreement(found)
    assert Comparison.model_validate_json(found.model_dump_json()) == found


def test_records_of_the_first_version_are_read(tmp_path: Path) -> None:
    record = machine()
    content = json.loads(record.model_dump_json())
    del content["protocol"]["shots"], content["data"]["shot_pool"]
    for run in content["runs"]:
        del run["imatrix"]
    (tmp_path / "old.json").write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "new.json").write_text(record.model_dump_json(), encoding="utf-8")
    found = compare([tmp_path / "old.json", tmp_path / "new.json"])
    assert {run.standing for run in column(found).values() if run} == {"equal"}


def test_one_record_is_not_enough() -> None:
    with pytest.raises(EdgevalError, match="needs two records"):
        compare_records([machine()], [Path("a.json")])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "b.json is not JSON"),
        ("[1]", "b.json is not a report: the whole file"),
        ('{"schema_version": 2}', "b.json is not a report: edgeval_version: Field required"),
        ('{"schema_version": 8}', "newer edgeval (schema 8, this one reads 2 to 7)"),
        ('{"schema_version": 0, "runs": []}', "b.json is not a report: schema_version"),
    ],
)
def test_a_bad_record_is_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(machine().model_dump_json(), encoding="utf-8")
    (tmp_path / "b.json").write_text(text, encoding="utf-8")
    with pytest.raises(EdgevalError) as error:
        compare([tmp_path / "a.json", tmp_path / "b.json"])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.process
def test_comparing_imports_no_model_library() -> None:
    code = (
        "import sys, edgeval.report.compare.compare; "
        "print([n for n in ('llama_cpp', 'scipy') if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def _without_load(text: str) -> list[str]:
    return [line for line in text.splitlines() if "other processes computed" not in line]


def test_the_command_compares_real_runs(tiny_f32: Path, tiny_items: Path, tmp_path: Path) -> None:
    others = write_items(tmp_path / "others.jsonl", make_items(40, seed=1))
    slice_of = ["--limit", "20", "--data"]
    evaluated = edgeval("eval", tiny_f32, *slice_of, tiny_items, "--threads", "1", "--json")
    (tmp_path / "one.json").write_text(evaluated.stdout, encoding="utf-8")
    options = ["--threads", "2", "--batch-tokens", "64", "--out", tmp_path / "two"]
    ran = edgeval("run", tiny_f32, "--quant", "F32", *slice_of, tiny_items, *options)
    assert ran.returncode == 0, ran.stderr
    foreign = edgeval("eval", tiny_f32, *slice_of, others, "--json")
    (tmp_path / "foreign.json").write_text(foreign.stdout, encoding="utf-8")

    agreed = edgeval("compare", "one.json", "two", cwd=tmp_path)
    assert (agreed.returncode, agreed.stderr) == (0, "")
    assert agreed.stdout.startswith(
        "a slice: 20 of 40 items of items.jsonl, protocol lm-eval-bos\n"
    )
    # Whatever else the machine computes meanwhile is said too, where it is.
    assert _without_load(agreed.stdout)[-3:] == [
        "two: right items by every metric: 1 equal.",
        "two: threads 2, not 1; batch size 64, not 256.",
        "two: no ratio of speeds: other threads (2, not 1).",
    ]
    three = edgeval("compare", "one.json", "two", "foreign.json", "--json", cwd=tmp_path)
    assert (three.returncode, three.stderr) == (0, "")
    (row,) = Comparison.model_validate_json(three.stdout).types
    assert [run.standing for run in row.runs if run] == ["reference", "equal", "not comparable"]
    report = Report.model_validate_json((tmp_path / "two" / "report.json").read_text("utf-8"))
    assert row.runs[1] is not None
    assert row.runs[1].run == report.runs[0]

    reason = "other data (others.jsonl, not items.jsonl)"
    refused = edgeval("compare", "one.json", "foreign.json", cwd=tmp_path)
    assert _without_load(refused.stdout)[-1] == f"foreign: nothing compared: {reason}."
    refused.stdout = ""
    assert_one_sentence(refused, [f"error: nothing could be compared ({reason}); evaluate"])

    content = json.loads(evaluated.stdout)
    content["runs"][0]["metrics"]["acc"]["correct"] += 3
    (tmp_path / "wrong.json").write_text(json.dumps(content), encoding="utf-8")
    differs = edgeval("compare", "one.json", "wrong.json", cwd=tmp_path)
    assert "wrong: F32 DIFFERS in its right items: acc " in differs.stdout
    differs.stdout = ""
    assert_one_sentence(differs, ["more items differ than rounding explains (F32 on wrong)"])
