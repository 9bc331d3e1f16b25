"""Matching of items: which are the same, and what is said of the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError
from edgeval.records.paired_samples import PairedTask
from edgeval.report.samples.compare import compare_samples
from edgeval.report.samples.sentences import sentences
from tests.helpers.logged import DATE, answers, row, unpacked, write_rows

RIGHT = [1, 1, 0, 1, 0, 1]


def paired(tmp_path: Path, first: list[Any], other: list[Any], **options: Any) -> PairedTask:
    paths = [
        write_rows(tmp_path / name / f"samples_t_{DATE}.jsonl", rows)
        for name, rows in (("a", first), ("b", other))
    ]
    (task,) = compare_samples(paths, **options).comparisons[0].tasks
    return task


def left(task: PairedTask) -> dict[str, list[int]]:
    return {each.reason: each.doc_ids for each in task.left}


def test_items_of_one_file_alone_are_named(tmp_path: Path) -> None:
    task = paired(tmp_path, answers(RIGHT), [*answers(RIGHT)[2:], row(9)])
    assert task.n_items == 4
    assert left(task) == {"only in the first": [0, 1], "only in the other": [9]}


@pytest.mark.parametrize("name", ["doc", "prompt", "target"])
def test_items_that_differ_are_named_and_not_compared(tmp_path: Path, name: str) -> None:
    other = answers(RIGHT)
    other[3][f"{name}_hash"] = "another"
    task = paired(tmp_path, answers(RIGHT), other)
    assert task.n_items == task.metrics[0].n_items == 5
    whole = {"doc": "document"}.get(name, name)
    assert left(task) == {f"another {whole}": [3]}


def test_other_prompts_are_compared_if_that_is_asked_for(tmp_path: Path) -> None:
    other = answers(RIGHT, prompt_hash="5 shots")
    with pytest.raises(EdgevalError, match=r"no item in common \(6 another prompt\).*--any-prompt"):
        paired(tmp_path, answers(RIGHT), other)
    assert paired(tmp_path, answers(RIGHT), other, any_prompt=True).n_items == 6


def test_hashes_that_a_version_lacks_are_those_of_the_harness(tmp_path: Path) -> None:
    """From 0.4.3 on they are written; before, they are made of the same content."""
    folder, _ = unpacked(tmp_path / "real")
    for path in sorted(folder.glob("samples_*.jsonl")):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        bare = [{k: v for k, v in each.items() if not k.endswith("_hash")} for each in rows]
        bare[0]["doc"] = {"another": "document"}
        task = paired(tmp_path / path.stem, rows, bare)
        assert (left(task), task.n_unchecked) == ({"another document": [rows[0]["doc_id"]]}, 0)


def test_without_hashes_or_content_the_number_alone_is_said(tmp_path: Path) -> None:
    bare = [{"doc_id": n, "acc": 1.0} for n in range(3)]
    assert paired(tmp_path, bare, bare).n_unchecked == 3


def test_unnamed_filters_follow_each_other(tmp_path: Path) -> None:
    """Versions before 0.4.5 write all items of one filter, then all of the next."""
    rows = answers(RIGHT) + answers([0] * 6)
    bare = [{k: v for k, v in each.items() if k not in ("filter", "metrics")} for each in rows]
    task = paired(tmp_path, bare, bare)
    assert [(each.filter, each.value) for each in task.metrics] == [
        ("none", pytest.approx(4 / 6)),
        ("filter 2", 0),
    ]


def test_repeated_rows_count_once_and_contradictions_not_at_all(tmp_path: Path) -> None:
    rows = answers(RIGHT)
    task = paired(tmp_path, [*rows, rows[0], row(1, acc=0.0)], rows)
    assert (task.n_items, task.n_repeated) == (5, 2)
    assert left(task) == {"twice with different results": [1]}


def test_a_filter_of_one_file_alone_is_said(tmp_path: Path) -> None:
    task = paired(tmp_path, answers(RIGHT) + answers(RIGHT, filter="strict"), answers(RIGHT))
    assert task.not_compared == {"filter strict": "no item has it of both"}
    assert [each.filter for each in task.metrics] == ["none"]


def test_values_that_are_no_numbers_of_an_item_are_named(tmp_path: Path) -> None:
    rows = [row(n, metrics=["acc", "f1", "x"], f1=[0, 1], x=float("nan")) for n in range(3)]
    task = paired(tmp_path, rows, rows)
    assert [each.metric for each in task.metrics] == ["acc"]
    assert set(task.not_compared) == {"f1, none", "x, none"}


def test_an_item_without_a_finite_value_is_counted(tmp_path: Path) -> None:
    other = answers(RIGHT)
    other[2]["acc"] = float("nan")
    (metric,) = paired(tmp_path, answers(RIGHT), other).metrics
    assert (metric.n_items, metric.n_not_finite) == (5, 1)


def test_numbers_may_be_text_and_truth_values(tmp_path: Path) -> None:
    other = [{**each, "acc": bool(each["acc"])} for each in answers(RIGHT)]
    first = [{**each, "acc": str(each["acc"])} for each in answers(RIGHT)]
    (metric,) = paired(tmp_path, first, other).metrics
    assert (metric.kind, metric.n_items, metric.lost, metric.gained) == ("share", 6, 0, 0)


def test_items_of_one_source_are_a_cluster(tmp_path: Path) -> None:
    """Flips that go with the passage tell less than as many that go alone."""
    first = answers([1] * 12)
    other = answers([0] * 4 + [1] * 8)
    for rows in (first, other):
        for each in rows:
            each["doc"]["passage"] = f"passage {each['doc_id'] // 4}"
    (metric,) = paired(tmp_path, first, other).metrics
    assert metric.clustered is not None
    assert (metric.clustered.n_clusters, metric.clustered.design_effect > 1) == (3, True)


def test_a_single_item_has_no_interval_of_a_mean(tmp_path: Path) -> None:
    (metric,) = paired(tmp_path, [row(0, acc=0.25)], [row(0, acc=0.5)]).metrics
    assert (metric.interval, metric.p_value, metric.p_holm) == (None, None, None)
    assert (metric.difference, metric.shows) == (0.25, "open")


def test_what_is_equivalent_is_shown(tmp_path: Path) -> None:
    rows = answers([1] * 2000)
    assert paired(tmp_path, rows, rows).metrics[0].shows == "equivalent"
    fewer = answers([1] * 100)
    assert paired(tmp_path, fewer, fewer).metrics[0].shows == "open"


def test_folders_are_compared_by_task_and_newest_file(tmp_path: Path) -> None:
    a, b = tmp_path / "out" / "model__a", tmp_path / "b"
    write_rows(a / f"samples_t_{DATE}.jsonl", answers([0] * 6))
    write_rows(a / "samples_t_2027-01-01T00-00-00.1.jsonl", answers(RIGHT))
    write_rows(a / f"samples_only_a_{DATE}.jsonl", answers(RIGHT))
    write_rows(b / f"samples_t_{DATE}.jsonl", answers(RIGHT))
    write_rows(b / f"samples_only_b_{DATE}.jsonl", answers(RIGHT))
    found = compare_samples([tmp_path / "out", b])
    (each,) = found.comparisons
    assert [(task.task, task.metrics[0].difference) for task in each.tasks] == [("t", 0)]
    assert (each.only_first, each.only_other) == (["only_a"], ["only_b"])
    text = " ".join(sentences(found))
    assert "no results_DATE.json stands beside" in text


def test_versions_shots_and_templates_that_differ_are_said(tmp_path: Path) -> None:
    paths = []
    for name, version, shots, template in (("a", 1.0, 0, None), ("b", 2.0, 5, "0" * 64)):
        folder = tmp_path / name
        paths.append(write_rows(folder / f"samples_t_{DATE}.jsonl", answers(RIGHT)))
        results = {
            "model_name": name,
            "config": {"model": "hf", "model_args": {"pretrained": name, "api_key": "s3cret"}},
            "versions": {"t": version},
            "n-shot": {"t": shots},
            "configs": {"t": {"doc_to_text": f"{shots}"}},
            "chat_template_sha": template,
        }
        (folder / f"results_{DATE}.json").write_text(json.dumps(results), encoding="utf-8")
    found = compare_samples(paths)
    assert found.sources[1].differences == ["another chat template"]
    assert found.sources[1].model_args == "pretrained=b,api_key=..."
    assert found.comparisons[0].tasks[0].differences == [
        "version 2.0, not 1.0",
        "shots 5, not 0",
        "another configuration (doc_to_text)",
    ]


def test_three_runs_are_compared_with_the_first(tmp_path: Path) -> None:
    paths = [
        write_rows(tmp_path / f"{n}.jsonl", answers(right))
        for n, right in enumerate((RIGHT, RIGHT, [0] * 6))
    ]
    found = compare_samples(paths)
    assert [each.metrics[0].lost for each in found.comparisons] == [0, 4]
    assert found.n_tests == 2
    assert len(found.rows()) == 2
