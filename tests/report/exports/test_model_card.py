"""Model cards: what the hub's own library reads back is what was measured, and no more."""

from __future__ import annotations

from typing import Any

import huggingface_hub
import pytest
import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.repocard_data import eval_results_to_model_index

from edgeval.records import Report, Suite
from edgeval.report.exports.export import exported
from edgeval.report.exports.model_card import base_model, eval_results, eval_results_yaml
from edgeval.report.formatting import accuracy
from edgeval.report.record_view import RecordView
from edgeval.tasks.registry import TASKS
from tests.helpers.failures import NO_REFERENCE, SOME
from tests.helpers.reports import HOSTILE, example_report, stopped_report
from tests.helpers.suites import example_suite

RECORDS: dict[str, Report | Suite] = {
    "whole": example_report(),
    "slice": example_report(n_items=1000),
    "stopped": stopped_report(),
    "stopped in random order": stopped_report(design="random order"),
    "failed": SOME,
    "no reference": NO_REFERENCE,
    "alone": example_report(alone=True),
    "suite": example_suite(),
    "hostile": example_report(title=HOSTILE),
}


def reports_of(record: Report | Suite) -> list[Report]:
    return record.reports if isinstance(record, Suite) else [record]


def with_data(report: Report, **changes: Any) -> Report:
    return report.model_copy(update={"data": report.data.model_copy(update=changes)})


@pytest.mark.parametrize("name", RECORDS)
def test_the_library_reads_what_it_would_have_written(name: str) -> None:
    text = exported(RECORDS[name], "model-card")
    read = ModelCard(text).data
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["model-index"] == eval_results_to_model_index(read.model_name, read.eval_results)
    written = ModelCardData(
        base_model=read.base_model,
        tags=read.tags,
        model_name=read.model_name,
        eval_results=read.eval_results,
    )
    assert text.startswith(f"---\n{written.to_yaml()}\n---\n")


@pytest.mark.parametrize("name", RECORDS)
def test_each_number_is_that_of_the_record(name: str) -> None:
    results: list[EvalResult] = ModelCard(exported(RECORDS[name], "model-card")).data.eval_results
    expected = [
        (report.protocol.metric, accuracy(row.estimate.value), row.run.sha256, row.n_items)
        for report in reports_of(RECORDS[name])
        for row in RecordView.of(report).runs
    ]
    found = [
        (
            each.metric_type,
            f"{each.metric_value:.2f}",
            each.metric_args["file_sha256"],
            each.metric_args["n_items"],
        )
        for each in results
    ]
    assert sorted(found) == sorted(expected)
    # Nobody verified them, and no leaderboard is named.
    assert {(each.verified, each.verify_token, each.source_name) for each in results} == {
        (None, None, None)
    }


def test_the_data_set_is_the_one_that_was_measured() -> None:
    for task in TASKS.values():
        report = with_data(example_report(), task=task.name, name=task.split_name)
        first = ModelCard(exported(report, "model-card")).data.eval_results[0]
        assert (first.dataset_type, first.dataset_config, first.dataset_split) == (
            task.data_name,
            task.data_config,
            task.split,
        )
        assert first.dataset_args["num_few_shot"] == 0
        # The record does not know at which commit the hub's data set was.
        assert first.dataset_revision is None


def test_local_items_are_not_said_to_be_those_of_the_hub() -> None:
    report = with_data(example_report(), name="items.jsonl")
    first = ModelCard(exported(report, "model-card")).data.eval_results[0]
    assert (first.dataset_type, first.dataset_config, first.dataset_split) == (
        "items.jsonl",
        None,
        None,
    )
    assert first.dataset_name == "items.jsonl (local items)"
    assert eval_results(report) == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("whole", "all 10,042 items"),
        ("slice", "1,000 of 10,042 items, a random slice, seed 0"),
        ("stopped", "1,040 of 10,042 items, drawn by what they tell, stopped early"),
        ("stopped in random order", "1,040 of 10,042 items, a random slice that stopped early"),
    ],
)
def test_every_result_says_which_items_it_is_of(name: str, said: str) -> None:
    record = RECORDS[name]
    results = ModelCard(exported(record, "model-card")).data.eval_results
    q4 = next(each for each in results if "Q4_K_M" in each.metric_name)
    assert said in q4.metric_name
    entries = eval_results(record)["edgeval-hellaswag"]
    assert said in next(each["notes"] for each in entries if each["notes"].startswith("Q4_K_M:"))
    assert q4.metric_name.startswith("acc_norm (%), Q4_K_M, ")


def test_a_first_slice_is_no_sample() -> None:
    report = with_data(example_report(n_items=1000), order="file")
    results = ModelCard(exported(report, "model-card")).data.eval_results
    assert all("no random sample" in each.metric_name for each in results)
    assert "interval [" not in eval_results(report)["edgeval-hellaswag"][0]["notes"]


@pytest.mark.parametrize("name", ["whole", "slice", "stopped", "no reference", "hostile"])
def test_the_library_reads_the_newer_results(name: str) -> None:
    if not hasattr(huggingface_hub, "EvalResultEntry"):
        pytest.skip("this huggingface_hub knows no EvalResultEntry; newer ones do")
    entries = eval_results(RECORDS[name])["edgeval-hellaswag"]
    read = huggingface_hub.parse_eval_result_entries(yaml.safe_load(eval_results_yaml(entries)))
    assert huggingface_hub.eval_result_entries_to_yaml(read) == entries
    assert {each.dataset_id for each in read} == {"Rowan/hellaswag"}
    # A task of a leaderboard is none of these, for its protocol was not used.
    assert {each.task_id for each in read} == {"hellaswag-lm-eval-v1-0-shot"}
    assert len(read) == len(reports_of(RECORDS[name])[0].runs)


def test_a_base_model_is_only_what_is_known() -> None:
    report = example_report()
    assert base_model(report) == report.model.repo
    files = report.model.model_copy(update={"repo": "somebody/TinyLlama-GGUF"})
    assert base_model(report.model_copy(update={"model": files})) is None
    ready = report.model_copy(update={"model": files, "base_model": "owner/base"})
    assert base_model(ready) == "owner/base"
    local = report.model_copy(
        update={"model": report.model.model_copy(update={"repo": None, "revision": None})}
    )
    assert "base_model" not in yaml.safe_load(exported(local, "model-card").split("---\n")[1])


def test_the_body_has_the_ladder_and_the_command() -> None:
    record = example_report(n_items=1000)
    body = exported(record, "model-card").split("---\n", 2)[2]
    for run in record.runs:
        assert f"| {run.label} |" in body
    assert f"```\n{record.command}\n```" in body
    assert f"**Data SHA-256:** {record.data.fingerprint}" in body
