"""Report files: written whole, read again, and refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeval.errors import EdgevalError
from edgeval.records import Report
from edgeval.report import pages, record_files
from tests.helpers.pages import VARIANTS, every_page
from tests.helpers.paths import SHARED
from tests.helpers.reports import (
    example_report,
)

VERDICT_KEYS = [
    "id",
    "kind",
    "status",
    "score",
    "confidence",
    "agent_version",
    "computed_at",
    "is_current",
    "claim_citation",
    "protocol_match",
]
CITATION_KEYS = [
    "paper_arxiv_id",
    "section",
    "row",
    "column",
    "reported_value",
    "reported_metric",
    "quoted_text",
    "pdf_page",
    "notes",
]
VERDICT_EXAMPLE = SHARED / "verdict_example.json"


# The record


@every_page
def test_a_saved_report_loads_equal(record: Report, tmp_path: Path) -> None:
    record_files.save(record, tmp_path / "new" / "folder")
    assert record_files.load(tmp_path / "new" / "folder") == record
    text = (tmp_path / "new" / "folder" / "report.json").read_text(encoding="utf-8")
    assert text == record.model_dump_json(indent=2) + "\n"


@every_page
def test_rendering_a_loaded_report_gives_the_same_bytes(record: Report, tmp_path: Path) -> None:
    record_files.save(record, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.json", "report.md", "report.html"} | (
        {"verdict.json"} if record.verdicts else set()
    )
    first = {name: (tmp_path / name).read_bytes() for name in names}
    record_files.render(record_files.load(tmp_path), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_a_missing_report_says_which_folder(tmp_path: Path) -> None:
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(EdgevalError, match=r"holds no report\.json; name the folder") as error:
            record_files.load(folder)
        assert str(folder) in str(error.value)


def test_a_report_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(EdgevalError, match=r"cannot read .*report\.json \("):
        record_files.load(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "cut", "not UTF-8", "deep"],
)
def test_a_report_that_is_not_json_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(EdgevalError, match="is not JSON"):
        record_files.load(tmp_path)


def test_a_report_of_another_shape_names_the_first_field(tmp_path: Path) -> None:
    content = json.loads(example_report().model_dump_json())
    content["runs"][1]["metrics"]["acc_norm"]["correct"] = "many"
    (tmp_path / "report.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EdgevalError, match=r"not a report: runs\.1\.metrics\.acc_norm\.correct: "):
        record_files.load(tmp_path)
    (tmp_path / "report.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(EdgevalError, match="not a report: the whole file"):
        record_files.load(tmp_path)


def test_a_report_of_an_older_schema_says_to_evaluate_again(tmp_path: Path) -> None:
    content = json.loads(example_report().model_dump_json()) | {"schema_version": 1}
    (tmp_path / "report.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(
        EdgevalError, match=r"older edgeval \(schema 1, .* 2 to 7\); evaluate again, the"
    ):
        record_files.load(tmp_path)


def test_a_report_of_a_newer_schema_says_to_upgrade(tmp_path: Path) -> None:
    content = json.loads(example_report().model_dump_json()) | {"schema_version": 8, "new": 1}
    (tmp_path / "report.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EdgevalError, match=r"schema 8, this one reads 2 to 7\); upgrade edgeval"):
        record_files.load(tmp_path)


def test_nothing_is_written_when_composing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_files.save(example_report(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(record: Report) -> str:
        raise EdgevalError("no page")

    monkeypatch.setattr(pages, "html_page", fail)
    with pytest.raises(EdgevalError, match="no page"):
        record_files.render(VARIANTS["slice"], tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(EdgevalError, match="no page"):
        record_files.save(VARIANTS["slice"], tmp_path / "new")
    assert record_files.load(tmp_path / "new") == VARIANTS["slice"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "report.json",
        "verdict.json",
    ]


def test_a_report_without_runs_or_without_its_metric_is_refused(tmp_path: Path) -> None:
    content = json.loads(example_report().model_dump_json())
    path = tmp_path / "report.json"
    path.write_text(json.dumps(content | {"runs": []}), encoding="utf-8")
    with pytest.raises(EdgevalError, match="not a report: runs: List should have at least 1 item"):
        record_files.load(tmp_path)
    content["protocol"]["metric"] = "acc_chars"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EdgevalError, match=r"tinyllama-3t-F16\.gguf has no acc_chars"):
        record_files.load(tmp_path)


# The verdict


def test_verdict_json_has_exactly_the_published_fields(tmp_path: Path) -> None:
    record = VARIANTS["slice"]
    record_files.save(record, tmp_path)
    verdict = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))
    assert list(verdict) == VERDICT_KEYS
    assert list(verdict["claim_citation"]) == CITATION_KEYS
    assert verdict == json.loads(record.verdicts[0].model_dump_json())
    assert (verdict["status"], verdict["score"], verdict["protocol_match"]) == (
        "inconclusive",
        0.6,
        "proxy",
    )


@pytest.mark.skipif(not VERDICT_EXAMPLE.exists(), reason="no shared/verdict_example.json here")
def test_the_published_fields_are_those_of_the_example() -> None:
    example = json.loads(VERDICT_EXAMPLE.read_text(encoding="utf-8"))
    assert set(example) == set(VERDICT_KEYS)
    assert set(example["claim_citation"]) == set(CITATION_KEYS)


def test_a_stale_verdict_is_removed(tmp_path: Path) -> None:
    record_files.save(example_report(), tmp_path)
    assert (tmp_path / "verdict.json").exists()
    record_files.save(example_report(status=None), tmp_path)
    assert not (tmp_path / "verdict.json").exists()
