"""``--fail-if``: exit codes and lines, of a run and of what it saved."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edgeval.quantization.quantize import quantize
from edgeval.records import Report
from edgeval.report import record_files
from edgeval.report.gate.gate import gate
from tests.helpers.command import Result, assert_one_sentence, edgeval, edgeval_process
from tests.helpers.fakes import without_kernels
from tests.helpers.gates import kl_report
from tests.helpers.reports import example_report, failed_report


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return folders of saved runs."""
    records = {
        "whole": example_report(),
        "slice": example_report(n_items=1000, status="inconclusive"),
        "refuted": example_report(status="not_reproduced"),
        "kl": kl_report(Q2_K=0.06, Q4_0=0.01),
        "failed": failed_report("Q4_0"),
    }
    parent = tmp_path_factory.mktemp("saved")
    for name, record in records.items():
        record_files.save(record, parent / name)
    return {name: parent / name for name in records}


@pytest.mark.parametrize(
    ("name", "conditions", "code", "lines"),
    [
        ("whole", ["Q4_0:drift>1"], 0, []),
        ("whole", ["Q2_K:drift>1"], 3, ["broken: Q2_K: drift>1 (6.19 points lost, counted)"]),
        (
            "slice",
            ["Q4_0:drift>1"],
            4,
            [
                "open: Q4_0: drift>1 (0.70 points lost, \N{MINUS SIGN}1.00 to 2.47 together with "
                "95%)"
            ],
        ),
        ("kl", ["Q4_0:kl>0.05"], 0, []),
        (
            "kl",
            ["Q2_K:kl>0.05"],
            3,
            [
                "broken: Q2_K: kl>0.05 (0.06000 nats a position, 0.05777 to 0.06237 together with "
                "about 95%)"
            ],
        ),
        ("whole", ["F16:accuracy<59"], 0, []),
        ("whole", ["F16:accuracy<60"], 3, ["broken: F16: accuracy<60 (59.17% right, counted)"]),
        ("slice", ["F16:accuracy<59"], 4, ["open: F16: accuracy<59 (59.20% right, 56.24 to 62."]),
        ("whole", ["Q5_K_M:flips>2"], 0, []),
        ("whole", ["Q5_K_M:flips>1"], 3, ["broken: Q5_K_M: flips>1 (1.54% of the items flip, co"]),
        ("slice", ["Q4_0:flips>5"], 4, ["open: Q4_0: flips>5 (4.10% of the items flip, 2.68 to"]),
        ("whole", ["verdict!=reproduced"], 0, []),
        (
            "refuted",
            ["verdict!=reproduced"],
            3,
            ["broken: acc_norm 66.10, HellaSwag 0-shot: verdict!=reproduced (the verdict is not "],
        ),
        (
            "slice",
            ["verdict==not_reproduced"],
            4,
            ["open: acc_norm 62.50, HellaSwag 0-shot: verdict==not_reproduced (the verdict is inc"],
        ),
        ("whole", ["undecided"], 0, []),
        ("slice", ["Q4_0:undecided"], 3, ["broken: Q4_0: undecided (0.70 points lost, "]),
        (
            "slice",
            ["Q2_K:drift>1", "Q4_0:drift>1"],
            3,
            ["broken: Q2_K: drift>1 (6.20 points", "open: Q4_0: drift>1 (0.70 points"],
        ),
        ("failed", ["Q8_0:drift>1"], 0, []),
        ("failed", ["Q4_0:drift>1"], 1, ["failed: Q4_0: drift>1 (it was not evaluated, as the"]),
        (
            "failed",
            ["Q4_0:drift>1", "Q2_K:drift>1"],
            3,
            ["failed: Q4_0: drift>1", "broken: Q2_K: drift>1 (6.19 points lost, counted)"],
        ),
    ],
)
def test_each_outcome_has_its_exit_code(
    folders: dict[str, Path], name: str, conditions: list[str], code: int, lines: list[str]
) -> None:
    arguments = [part for each in conditions for part in ("--fail-if", each)]
    printed = edgeval("report", folders[name], *arguments)
    assert printed.returncode == code, printed.stderr
    said = printed.stderr.splitlines()
    assert [line[: len(begin)] for line, begin in zip(said, lines, strict=True)] == lines
    held = f"held: {', '.join(conditions)}"
    assert (printed.stdout.splitlines()[-1] == held) == (code == 0)
    strict = edgeval("report", folders[name], *arguments, "--strict")
    assert strict.returncode == (3 if code == 4 else code)
    assert strict.stderr == printed.stderr


def test_json_is_alone_on_stdout(folders: dict[str, Path]) -> None:
    printed = edgeval("report", folders["slice"], "--fail-if", "drift>1", "--json")
    assert printed.returncode == 3
    assert Report.model_validate_json(printed.stdout).data.n_items == 1000
    assert len(printed.stderr.splitlines()) == 4
    held = edgeval("report", folders["whole"], "--fail-if", "Q8_0:drift>1", "--json")
    assert (held.returncode, held.stderr) == (0, "")
    assert json.loads(held.stdout)["data"]["n_items"] == 10_042


def test_its_files_are_written(folders: dict[str, Path], tmp_path: Path) -> None:
    junit, summary = tmp_path / "a" / "junit.xml", tmp_path / "b" / "summary.md"
    summary.parent.mkdir()
    summary.write_text("# Before\n", encoding="utf-8")
    for _ in range(2):
        printed = edgeval(
            *("report", folders["slice"], "--fail-if", "drift>1"),
            *("--junit", junit, "--summary", summary),
        )
        assert printed.returncode == 3
    root = ElementTree.parse(junit).getroot()
    assert (root.attrib["tests"], root.attrib["failures"]) == ("7", "1")
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("# Before\n\n## TinyLlama 1.1B, 3T tokens\n")
    assert text.count("## TinyLlama") == 2
    assert {path.name for path in tmp_path.rglob("*")} == {"a", "b", "junit.xml", "summary.md"}


def test_a_summary_needs_no_conditions(folders: dict[str, Path], tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    printed = edgeval("report", folders["whole"], "--summary", summary)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert "held:" not in printed.stdout
    assert "| Q2_K |" in summary.read_text(encoding="utf-8")


# What is refused


def usage(result: Result) -> str:
    assert result.returncode == 2
    assert result.stdout == ""
    sentence = result.stderr.splitlines()[-1]
    assert sentence.startswith("error: ")
    return sentence


@pytest.mark.parametrize("command", ["run", "report"])
def test_what_cannot_be_read_is_wrong_usage(command: str, tmp_path: Path) -> None:
    # There is no such model or folder: who looks for it says so.
    missing = str(tmp_path / "none")
    for condition, words in (
        ("drfit>1", "did you mean 'drift'?"),
        ("drift", "a shell takes > for a redirection"),
        ("drift>100", "is false whatever is measured"),
        ("verdict!=reproducd", "did you mean 'reproduced'?"),
    ):
        assert words in usage(edgeval(command, missing, "--fail-if", condition))
    for option in (["--strict"], ["--junit", "a.xml"]):
        assert "--fail-if alone" in usage(edgeval(command, missing, *option))
    assert list(tmp_path.iterdir()) == []


def test_what_a_record_says_nothing_of_is_one_sentence(folders: dict[str, Path]) -> None:
    for condition, words in (
        ("Q4_K:drift>1", "did you mean 'Q4_K_M'?"),
        ("kl>1", "none are compared"),
        ("F16:drift>1", "which the others are compared with"),
    ):
        printed = edgeval("report", folders["whole"], "--fail-if", condition)
        assert_one_sentence(printed, [condition, words])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--quant", "F16", "--fail-if", "drift>1"], "F16 is all that is evaluated"),
        (["--quant", "F16,Q4_0", "--fail-if", "Q4_1:drift>1"], "did you mean 'Q4_0'?"),
        (["--quant", "F16,Q4_0", "--fail-if", "F16:flips>1"], "the others are compared with"),
        (["--kl-items", "0", "--fail-if", "kl>1"], "none are compared; leave out --kl-items 0"),
        (["--fail-if", "verdict!=reproduced"], "none is known of this model on this task"),
        (["--fail-if", "Q4_0 +imatrix:drift>1"], "evaluated are F16, Q8_0, Q6_K"),
    ],
)
def test_a_run_refuses_it_before_any_work(
    options: list[str], words: str, tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    out, store = tmp_path / "out", tmp_path / "a.db"
    printed = edgeval(
        *("run", tiny_f16, "--data", tiny_items, "--out", out, "--store", store, *options)
    )
    assert_one_sentence(printed, [options[-1], words])
    assert not out.exists()
    assert not store.exists()


def test_a_file_that_cannot_be_written_is_told_first(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    for option in ("--junit", "--summary", "--csv", "--parquet"):
        printed = edgeval("report", folders["whole"], "--fail-if", "drift>1", option, tmp_path)
        assert_one_sentence(printed, [str(tmp_path)])
    same = tmp_path / "a.csv"
    printed = edgeval("report", folders["whole"], "--csv", same, "--parquet", same)
    assert_one_sentence(printed, ["a.csv is to hold two things; name a file for each"])
    assert list(tmp_path.iterdir()) == []


# Runs


@pytest.mark.parametrize(
    ("condition", "limit", "code"),
    [("Q4_0:drift>99", "40", 0), ("Q4_0:accuracy<99", "40", 3), ("Q4_0:drift>1", "8", 4)],
)
def test_a_run_ends_as_its_record_does(
    condition: str, limit: str, code: int, tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    out, junit = tmp_path / "out", tmp_path / "junit.xml"
    gated = ("--fail-if", condition, "--junit")
    ran = edgeval(
        *("run", tiny_f16, "--quant", "F16,Q4_0", "--data", tiny_items, "--limit", limit),
        *("--out", out, *gated, junit),
    )
    assert ran.returncode == code, ran.stderr
    again = edgeval("report", out, *gated, tmp_path / "again.xml")
    assert again.returncode == code
    said = [line for line in without_kernels(ran.stderr.splitlines()) if "cannot show" not in line]
    assert said == again.stderr.splitlines() == gate(record_files.load(out), [condition]).lines
    assert junit.read_bytes() == (tmp_path / "again.xml").read_bytes()
    assert ran.stdout.splitlines() == again.stdout.splitlines()


def test_ready_files_are_gated_by_label_and_by_type(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    (made,) = quantize(tiny_f16, ["Q4_0"], tmp_path / "ours")
    # The bytes of another file differ, and its numbers do not.
    other = quantize(tiny_f16, ["Q4_0"], tmp_path / "theirs")[0]
    with other.open("ab") as file:
        file.write(bytes(64))
    shared = ("--data", tiny_items, "--limit", "12")
    files = ("run", tiny_f16, made, other, *shared, "--fail-if")
    ran = edgeval(*files, "Q4_0:accuracy<99", "--out", tmp_path / "out")
    assert ran.returncode == 3, ran.stderr
    labels = [run.label for run in record_files.load(tmp_path / "out").runs[1:]]
    said = [line for line in ran.stderr.splitlines() if line.startswith("broken: ")]
    assert len(labels) == len(set(labels)) == len(said) == 2
    for label, line in zip(labels, said, strict=True):
        assert line.startswith(f"broken: {label}: accuracy<99 (")
    one = edgeval(*files, f"{labels[1]}:accuracy<99", "--out", tmp_path / "one")
    assert [line for line in one.stderr.splitlines() if line.startswith("broken: ")] == said[1:]
    refused = edgeval(*files, "Q4_1:drift>1", "--out", tmp_path / "none")
    assert_one_sentence(refused, ["Q4_1:drift>1", f"evaluated are F16, {', '.join(labels)}"])


def test_one_ready_file_has_an_accuracy_and_no_drift(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    (made,) = quantize(tiny_f16, ["Q4_0"], tmp_path)
    alone = ("run", made, "--data", tiny_items, "--out", tmp_path / "out", "--fail-if")
    assert_one_sentence(edgeval(*alone, "drift>1"), ["Q4_0 is all that is evaluated"])
    ran = edgeval(*alone, "accuracy<99")
    assert (ran.returncode, ran.stderr.splitlines()[-1][:7]) == (3, "broken:")


@pytest.mark.process
def test_help_tells_the_exit_codes() -> None:
    for command in ("run", "report"):
        words = " ".join(edgeval_process(command, "--help").stdout.split())
        assert "3: a condition of --fail-if is broken. 4: none is broken, and one is open." in words
