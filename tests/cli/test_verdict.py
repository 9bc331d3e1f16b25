"""``edgeval verdict``: what a saved run shows about the published numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeval.records import Evaluation, Report
from edgeval.report import record_files
from edgeval.report.reasoning import reasoning
from edgeval.report.record_view import RecordView
from edgeval.report.verdicts import NO_CLAIM
from edgeval.stats.verdict import judged
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.reports import example_claim, example_report


@pytest.fixture
def run(tmp_path: Path) -> tuple[Report, Path]:
    """A saved run with a claim that it judges, and one of another task."""
    other = example_claim(59.12, task="winogrande", data="WinoGrande XL validation")
    record = example_report(n_items=8000, status="partial")
    record = record.model_copy(update={"other_claims": [other]})
    record_files.save(record, tmp_path / "run")
    return record, tmp_path / "run"


def test_a_folder_or_its_record_is_explained(run: tuple[Report, Path]) -> None:
    record, folder = run
    printed = edgeval("verdict", folder)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout.splitlines() == [
        "Partial: acc_norm 59.20, HellaSwag 0-shot",
        reasoning(RecordView.of(record), record.claims[0]),
        "Not measured here: WinoGrande XL validation 59.12.",
    ]
    assert edgeval("verdict", folder / "report.json").stdout == printed.stdout


def test_the_verdicts_as_json_are_those_of_the_run(run: tuple[Report, Path]) -> None:
    record, folder = run
    printed = edgeval("verdict", folder, "--json")
    assert printed.returncode == 0
    (found,) = json.loads(printed.stdout)
    assert found == json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    assert found == json.loads(record.verdicts[0].model_dump_json())


def test_what_the_record_says_of_its_verdict_does_not_count(run: tuple[Report, Path]) -> None:
    record, folder = run
    path = folder / "report.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["verdicts"][0] |= {"status": "reproduced", "confidence": 1.0}
    path.write_text(json.dumps(content), encoding="utf-8")
    (found,) = json.loads(edgeval("verdict", folder, "--json").stdout)
    assert found == json.loads(record.verdicts[0].model_dump_json())
    assert edgeval("verdict", folder).stdout.startswith("Partial: ")


def test_each_claim_is_judged(tmp_path: Path) -> None:
    claims = [example_claim(59.2), example_claim(70.0)]
    record_files.save(judged(example_report(status=None), claims), tmp_path)
    lines = edgeval("verdict", tmp_path).stdout.splitlines()
    assert [line.split(",")[0] for line in lines[::2]] == [
        "Reproduced: acc_norm 59.20",
        "Not reproduced: acc_norm 70.00",
    ]
    assert len(json.loads(edgeval("verdict", tmp_path, "--json").stdout)) == 2


@pytest.mark.parametrize(("points", "status"), [("0.05", "reproduced"), ("0.02", "not_reproduced")])
def test_another_tolerance_may_be_asked_for(points: str, status: str, tmp_path: Path) -> None:
    # 59.17 was measured, and 59.20 published.
    record = example_report()
    record_files.save(record, tmp_path)
    saved = (tmp_path / "report.json").read_bytes()
    lines = edgeval("verdict", tmp_path, "--margin", points).stdout.splitlines()
    assert lines[0].lower().startswith(f"{status.replace('_', ' ')}: ")
    side = "within" if status == "reproduced" else "outside"
    assert f"lies {side} the tolerance of ±{points} points, " in lines[1]
    assert lines[2] == (
        f"Judged by ±{points} points, as --margin says, not by the claims' own tolerance."
    )
    (found,) = json.loads(edgeval("verdict", tmp_path, "--margin", points, "--json").stdout)
    assert found["status"] == status
    notes = f"tolerance ±{points} points by --margin instead of ±1"
    assert notes in found["claim_citation"]["notes"]
    assert found["id"] != record.verdicts[0].id
    assert (tmp_path / "report.json").read_bytes() == saved


@pytest.mark.parametrize("points", ["0", "-1", "100.5", "nan", "inf", "1e-400"])
def test_a_tolerance_that_is_none_is_refused(points: str, tmp_path: Path) -> None:
    record_files.save(example_report(), tmp_path)
    ran = edgeval("verdict", tmp_path, "--margin", points)
    assert_one_sentence(ran, ["--margin is ", "give points above 0, at most 100"])


def test_a_run_without_claims_says_so(tmp_path: Path) -> None:
    record_files.save(example_report(status=None), tmp_path)
    printed = edgeval("verdict", tmp_path)
    assert (printed.returncode, printed.stdout.strip()) == (0, NO_CLAIM)
    as_json = edgeval("verdict", tmp_path, "--json")
    assert (as_json.returncode, json.loads(as_json.stdout)) == (0, [])


def test_what_is_no_saved_run_is_refused(run: tuple[Report, Path], tmp_path: Path) -> None:
    record, folder = run
    assert_one_sentence(edgeval("verdict", tmp_path / "absent"), ["no record at", "check the path"])
    assert_one_sentence(edgeval("verdict", tmp_path), ["holds no report.json; name the folder"])
    evaluation = tmp_path / "eval.json"
    fields = {name: getattr(record, name) for name in Evaluation.model_fields}
    evaluation.write_text(Evaluation(**fields).model_dump_json(), encoding="utf-8")
    assert_one_sentence(edgeval("verdict", evaluation), ["is of edgeval eval", "edgeval run wrote"])
    path = folder / "report.json"
    path.write_text(path.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    assert_one_sentence(edgeval("verdict", folder), ["is not JSON"])
