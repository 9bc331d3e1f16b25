"""Every Eval Ever: logs are of its schema, and hold what was measured."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from edgeval.records import Report, Suite
from edgeval.report.exports.every_eval_ever import SCHEMA, logs
from edgeval.report.record_view import RecordView
from tests.helpers.failures import NO_REFERENCE, SOME
from tests.helpers.gates import kl_report
from tests.helpers.reports import HOSTILE, example_report, stopped_report
from tests.helpers.suites import example_suite

RECORDS: dict[str, Report | Suite] = {
    "whole": example_report(),
    "slice": example_report(n_items=1000),
    "stopped": stopped_report(),
    "kl": kl_report(Q2_K=0.06),
    "failed": SOME,
    "no reference": NO_REFERENCE,
    "suite": example_suite(),
    "local": example_report().model_copy(
        update={"data": example_report().data.model_copy(update={"name": "items.jsonl"})}
    ),
    "hostile": example_report(title=HOSTILE),
}

TEXTS = {"": str}
"""An object of texts alone, of any names."""

OBJECTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "log": (
        {
            "schema_version": str,
            "evaluation_id": str,
            "retrieved_timestamp": str,
            "source_metadata": "source",
            "model_info": "model",
            "eval_library": "library",
            "evaluation_results": ["result"],
        },
        {"evaluation_timestamp": str},
    ),
    "source": (
        {
            "source_type": ("documentation", "evaluation_run"),
            "source_organization_name": str,
            "evaluator_relationship": ("first_party", "third_party", "collaborative", "other"),
        },
        {"source_name": str},
    ),
    "library": ({"name": str, "version": str}, {}),
    "model": (
        {"name": str, "id": str, "additional_details": "model details"},
        {"developer": str, "inference_engine": "library"},
    ),
    "model details": (
        {
            "deployment_type": ("self_deployed", "externally_managed", "unknown"),
            "model_availability": ("open_weights", "closed_weights", "unknown"),
        },
        TEXTS,
    ),
    "result": (
        {
            "evaluation_name": str,
            "source_data": "data",
            "metric_config": "metric",
            "score_details": "score",
        },
        {
            "evaluation_result_id": str,
            "evaluation_timestamp": str,
            "generation_config": "generation",
        },
    ),
    "data": (
        {"dataset_name": str, "source_type": ("hf_dataset", "other")},
        {"hf_repo": str, "hf_split": str, "samples_number": int, "additional_details": "texts"},
    ),
    "metric": (
        {
            "lower_is_better": bool,
            "score_type": ("continuous",),
            "min_score": float,
            "max_score": float,
        },
        {
            "evaluation_description": str,
            "metric_id": str,
            "metric_name": str,
            "metric_kind": str,
            "metric_unit": str,
        },
    ),
    "score": ({"score": float}, {"details": "texts", "uncertainty": "uncertainty"}),
    "uncertainty": ({}, {"num_samples": int, "confidence_interval": "interval"}),
    "interval": (
        {"lower": float, "upper": float},
        {"confidence_level": float, "method": str},
    ),
    "generation": ({}, {"generation_args": "arguments", "additional_details": "texts"}),
    "arguments": ({}, {"execution_command": str}),
    "texts": ({}, TEXTS),
}
"""What each object must have, and may have: as far as edgeval writes it, after
https://github.com/evaleval/every_eval_ever, every_eval_ever/schemas/eval.schema.json, version
0.3.0. A tuple holds the words that may stand, a list what its members are."""


def require(value: Any, kind: Any, where: str) -> None:
    """Hold a value to what the schema says of its place."""
    if isinstance(kind, list):
        assert isinstance(value, list) and value, where
        for each in value:
            require(each, kind[0], where)
    elif isinstance(kind, tuple):
        assert value in kind, where
    elif isinstance(kind, type):
        assert type(value) is kind, where
    else:
        must, may = OBJECTS[kind]
        assert isinstance(value, Mapping) and set(must) <= set(value), where
        for name, each in value.items():
            assert "" in may or name in must | may, f"{where}.{name}"
            require(each, (must | may).get(name, may.get("")), f"{where}.{name}")


@pytest.mark.parametrize("name", RECORDS)
def test_a_log_is_of_the_schema(name: str) -> None:
    found = logs(RECORDS[name])
    assert found
    for path, log in found.items():
        require(json.loads(json.dumps(log, allow_nan=False)), "log", "log")
        assert log["schema_version"] == SCHEMA
        # The project's own checks want these folders, and a random UUID for a name.
        assert path.parts[:2] == ("data", "edgeval") and len(path.parts) == 5
        assert uuid.UUID(path.stem).version == 4


@pytest.mark.parametrize("name", RECORDS)
def test_the_project_itself_takes_it(name: str) -> None:
    types = pytest.importorskip(
        "every_eval_ever.eval_types", reason="every-eval-ever is not installed; Python 3.12 has it"
    )
    for log in logs(RECORDS[name]).values():
        types.EvaluationLog.model_validate(log)


@pytest.mark.parametrize("name", RECORDS)
def test_each_type_has_a_log_with_its_numbers(name: str) -> None:
    record = RECORDS[name]
    found = {
        (log["model_info"]["additional_details"]["file_sha256"], index): result
        for log in logs(record).values()
        for index, result in enumerate(log["evaluation_results"])
    }
    rows = [
        (index, report, row)
        for index, report in enumerate(record.reports if isinstance(record, Suite) else [record])
        for row in RecordView.of(report).runs
    ]
    assert len(found) == len(rows)
    for index, report, row in rows:
        result = found[row.run.sha256, index]
        score = result["score_details"]
        assert score["score"] == row.estimate.value
        assert score["uncertainty"]["num_samples"] == row.n_items
        assert result["metric_config"]["metric_id"] == report.protocol.metric
        if row.n_items < report.data.n_total:
            assert f"{row.n_items:,} of {report.data.n_total:,} items" in result["evaluation_name"]
        interval = score["uncertainty"].get("confidence_interval")
        split = row.estimate.interval
        if split.low < split.high:
            assert (interval["lower"], interval["upper"]) == (split.low, split.high)
        elif interval is not None:
            assert "new items" in interval["method"]


def test_the_same_record_has_the_same_logs_and_another_file_another() -> None:
    record = example_report()
    assert logs(record) == logs(example_report())
    first, *rest = record.runs
    other = record.model_copy(
        update={"runs": [first.model_copy(update={"sha256": "0" * 64}), *rest]}
    )
    assert len(set(logs(record)) & set(logs(other))) == len(rest)


def test_local_items_are_of_no_repository() -> None:
    for log in logs(RECORDS["local"]).values():
        data = log["evaluation_results"][0]["source_data"]
        assert (data["source_type"], data["dataset_name"]) == ("other", "items.jsonl")
        assert "hf_repo" not in data
