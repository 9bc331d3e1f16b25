"""Model card: what was measured, for the page of a model on the hub, and for its data.

The front matter holds a ``model-index``, and ``.eval_results`` the same numbers as the hub's newer
files have them (https://huggingface.co/docs/hub/eval-results).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from edgeval.records import Report, Suite
from edgeval.report import facts
from edgeval.report.exports.measured import Measured, measured
from edgeval.report.gate.summary import summary
from edgeval.report.pages import template
from edgeval.report.record_view import RecordView
from edgeval.system.escapes import visible_in

RESULTS_FOLDER = ".eval_results"
"""Where the hub looks for results in a model's repository."""

_TASK_TYPE = "multiple-choice"
_OF_ALL_TASKS = ("Model", "Engine", "Backend", "Made")
_OF_ONE_TASK = (*_OF_ALL_TASKS, "Items", "Data SHA-256", "Protocol", "Shots")
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


def model_card(record: Report | Suite) -> str:
    """Return a model card: front matter with a ``model-index``, and the ladder in words."""
    told = _OF_ONE_TASK if isinstance(record, Report) else _OF_ALL_TASKS
    found = facts.facts(RecordView.of(_first(record)))
    body = template("model-card.md.j2").render(
        summary=summary(record),
        facts=[fact for fact in found if fact.label in told],
        command=record.command,
    )
    return f"---\n{_front_matter(record)}\n---\n\n{body}"


def base_model(report: Report) -> str | None:
    """Return the repository that the files are quantized from, if it is known."""
    repo = report.model.repo
    # Of ready files whose origin nobody says, it is that of the files themselves.
    is_of_files = repo is not None and "gguf" in repo.casefold()
    return report.base_model or (None if is_of_files else repo)


def eval_results(record: Report | Suite) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of ``.eval_results`` by the name of their file, without its ending.

    A file is of one data set on the hub: local items have none. The task of an entry is edgeval's
    own, with its protocol, so that no number stands on a leaderboard whose protocol was not used.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for each in measured(record):
        if each.hub_task is not None:
            name = f"edgeval-{_NO_NAME.sub('-', each.report.data.task)}"
            found.setdefault(name, []).append(visible_in(_entry(each)))
    return found


def eval_results_yaml(entries: list[dict[str, Any]]) -> str:
    """Return the text of a file in ``.eval_results``."""
    return str(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True))


def _front_matter(record: Report | Suite) -> str:
    # It takes a moment to load.
    from huggingface_hub import EvalResult, ModelCardData

    first = _first(record)
    data = ModelCardData(
        base_model=visible_in(base_model(first)),
        tags=["gguf"],
        model_name=visible_in(first.model.title),
        eval_results=[EvalResult(**visible_in(fields)) for fields in _results(record)],
    )
    return str(data.to_yaml(line_break="\n"))


def _results(record: Report | Suite) -> Iterator[dict[str, Any]]:
    """Yield the fields of each result of a ``model-index``."""
    for each in measured(record):
        data, protocol, task = each.report.data, each.report.protocol, each.hub_task
        label, metric = each.row.run.label, protocol.metric
        yield {
            "task_type": _TASK_TYPE,
            "task_name": data.task,
            "dataset_type": data.name if task is None else task.data_name,
            "dataset_name": f"{data.name} (local items)" if task is None else data.name,
            "dataset_config": None if task is None else task.data_config,
            "dataset_split": None if task is None else task.split,
            "dataset_args": {
                "num_few_shot": protocol.shots,
                "n_items": data.n_total,
                "sha256": data.fingerprint,
            },
            "metric_type": metric,
            "metric_value": each.percent,
            "metric_name": f"{metric} (%), {label}, {each.items}",
            "metric_args": {
                "protocol": protocol.name,
                "protocol_version": protocol.version,
                "n_items": each.row.n_items,
                "items": each.drawn,
                "split_interval": each.interval_percent,
                "edgeval": each.report.edgeval_version,
                "file": each.row.run.file,
                "file_sha256": each.row.run.sha256,
            },
        }


def _entry(each: Measured) -> dict[str, Any]:
    report, task = each.report, each.hub_task
    assert task is not None
    protocol = report.protocol
    parts = (f"{each.row.run.label}: {protocol.metric} in percent", each.items, each.sureness)
    notes = "; ".join(filter(None, (*parts, each.setting)))
    return {
        "dataset": {
            "id": task.data_name,
            "task_id": _NO_NAME.sub(
                "-", f"{task.name}-{protocol.name}-v{protocol.version}-{protocol.shots}-shot"
            ),
        },
        "value": each.percent,
        "date": report.created_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "notes": notes,
    }


def _first(record: Report | Suite) -> Report:
    return record.reports[0] if isinstance(record, Suite) else record
