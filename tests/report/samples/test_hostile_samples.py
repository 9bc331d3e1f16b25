"""Samples that somebody else wrote: bounded on the way in, escaped on every way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import edgeval
from edgeval.cli import main
from edgeval.errors import EdgevalError
from edgeval.report.samples import rows
from edgeval.report.samples.compare import compare_samples
from tests.helpers.logged import DATE, answers, row, write_rows

HOSTILE = "\x1b[2J\u202eevil<script>\n|`[x](y)"


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main([str(each) for each in arguments])
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def test_hostile_text_is_escaped_wherever_it_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for name, right in (("a", 1.0), ("b", 0.0)):
        rows_of = [
            row(n, target=HOSTILE, filter=HOSTILE, metrics=[HOSTILE], **{HOSTILE: right})
            for n in range(3)
        ]
        paths.append(write_rows(tmp_path / name / f"samples_t_{DATE}.jsonl", rows_of))
        results = {"model_name": f"{HOSTILE}{name}", "lm_eval_version": HOSTILE + name}
        (tmp_path / name / f"results_{DATE}.json").write_text(json.dumps(results), "utf-8")
    code, out, err = printed(capsys, "compare", "--lm-eval", *paths)
    assert (code, err) == (0, "")
    assert "evil" in out
    assert not {"\x1b", "\u202e"} & set(out)
    html = edgeval.compare_samples(paths)._repr_html_() or ""
    assert "evil" in html
    assert "<script>" not in html
    assert not {"\x1b", "\u202e"} & set(html)
    code, out, _ = printed(capsys, "compare", "--lm-eval", "--json", *paths)
    assert out.isascii()
    assert json.loads(out)["n_tests"] == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "holds no samples"),
        ("[]", "holds no samples"),
        ("{", "line 1 is not read: it is no JSON"),
        ("[" * 100_000, "is not read: it is nested more than"),
        ('{"a": ' * 100_000, "line 1 is not read: it is nested more than"),
        ("3\n", "line 1 is no sample of lm-evaluation-harness"),
        ('{"doc_id": "one"}', "it has no doc_id that counts items"),
        ('{"doc_id": true}', "it has no doc_id that counts items"),
        ('{"doc_id": -1}', "it has no doc_id that counts items"),
        ('{"results": {}}', "a file of results, without samples"),
        ('{"picks": {}, "logprobs": []}', "edgeval's own --samples"),
        ("<!doctype html>", "is a web page, not a file of samples"),
    ],
    ids=range(12),
)
def test_what_is_no_file_of_samples_is_one_sentence(
    content: str, says: str, tmp_path: Path
) -> None:
    good = write_rows(tmp_path / "good.jsonl", answers([1]))
    bad = tmp_path / "bad.jsonl"
    bad.write_text(content, encoding="utf-8")
    for paths in ((good, bad), (bad, good)):
        with pytest.raises(EdgevalError, match=says) as raised:
            compare_samples(paths)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "odd",
    [
        {"arguments": 3},
        {"arguments": [[]]},
        {"arguments": {"gen_args_0": {}}},
        {"filtered_resps": [[], {}]},
        {"filtered_resps": [["x", None], [None]]},
        {"doc": [1, {"a": None}]},
        {"doc": {"passage": 3, "context": None}},
        {"target": {"a": []}},
        {"target": "9" * 5000},
        {"metrics": 3},
        {"metrics": [[], {"a": 1}, "missing"]},
        {"doc_hash": 3, "prompt_hash": None},
        {"acc": 10**80},
        {"acc": "1e999"},
    ],
    ids=str,
)
def test_odd_fields_are_no_reason_to_stop(odd: dict[str, Any], tmp_path: Path) -> None:
    first = write_rows(tmp_path / "a.jsonl", [*answers([1, 0]), row(2, **odd)])
    other = write_rows(tmp_path / "b.jsonl", [*answers([0, 0]), row(2, **odd)])
    found = compare_samples([first, other])
    assert found.comparisons[0].metrics
    found.model_validate_json(found.model_dump_json())


def test_a_row_beyond_the_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROW", 100)
    path = write_rows(tmp_path / "a.jsonl", answers([1]))
    with pytest.raises(EdgevalError, match="line 1 has more than 100 bytes"):
        compare_samples([path, path])


def test_paths_that_hold_no_samples_are_one_sentence(tmp_path: Path) -> None:
    good = write_rows(tmp_path / "a" / f"samples_t_{DATE}.jsonl", answers([1]))
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, says in (
        (tmp_path / "none", "check the path"),
        (empty, "holds no samples_TASK_DATE.jsonl"),
    ):
        with pytest.raises(EdgevalError, match=says):
            compare_samples([good, path])
    write_rows(tmp_path / "b" / f"samples_t_{DATE}.jsonl", answers([1]))
    with pytest.raises(EdgevalError, match=r"samples of several models \(a, b\)"):
        compare_samples([good, tmp_path])
    write_rows(empty / f"samples_other_{DATE}.jsonl", answers([1]))
    write_rows(empty / f"samples_third_{DATE}.jsonl", answers([1]))
    with pytest.raises(EdgevalError, match="no task in common"):
        compare_samples([good, empty])


def test_an_option_of_samples_needs_samples(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = printed(capsys, "compare", "a", "b", "--any-prompt")
    assert code == 2
    assert "give --lm-eval too" in err
