"""Protocols as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from edgeval.system.console import stdout_console
from edgeval.system.tables import Table
from edgeval.tasks.protocol import DEFAULT, Protocol, of_task
from edgeval.tasks.registry import GROUPS
from edgeval.tasks.task import Task

_PROTOCOL_FIELDS = (
    "name",
    "version",
    "family",
    "rendering",
    "adds_ends",
    "metric",
    "few_shot",
    "tool",
    "versions",
)
_TASK_FIELDS = (
    *("name", "version", "data_name", "data_config", "split", "n_items", "shots_split"),
    *("sampler", "metrics", "renderings", "source", "note"),
)


def print_protocols(protocols: Sequence[Protocol]) -> None:
    """Print the protocols, one line each, and whose numbers they give."""
    titles = ("name", "version", "metric", "BOS, EOS", "shots")
    table = Table.of("protocols", titles, numbers=("version",))
    for protocol in protocols:
        table.add_row(
            protocol.name,
            str(protocol.version),
            protocol.metric,
            "the model's own" if protocol.adds_ends else "none",
            "any" if protocol.few_shot else "none",
        )
    console = stdout_console()
    console.print(table)
    console.print_each(
        f"{each.name}: the numbers of {each.tool}, {each.versions}." for each in protocols
    )
    console.print(f"default: a claim's, or {DEFAULT}; llama.cpp for .txt")


def print_tasks(tasks: Sequence[Task]) -> None:
    """Print the tasks, one line each, and the harness's own tasks that they are."""
    titles = ("task", "version", "split", "items", "shots from", "metric")
    table = Table.of("tasks", titles, numbers=("version", "items"))
    for task in tasks:
        table.add_row(
            task.name,
            str(task.version),
            task.split,
            f"{task.n_items:,}",
            task.shots_split or "none",
            of_task(task).metric,
        )
    console = stdout_console()
    console.print(table)
    console.print_each(
        f"{task.name}: {task.data_name}; lm-evaluation-harness 0.4.13, {task.source}."
        + (f" Beware: {task.note}." if task.note else "")
        for task in tasks
    )
    console.print_each(f"group {name}: {', '.join(names)}" for name, names in GROUPS.items())


def protocols_json(protocols: Sequence[Protocol], tasks: Sequence[Task]) -> str:
    """Return the protocols and the tasks as JSON lists."""
    found = {
        "protocols": [_fields(each, _PROTOCOL_FIELDS) for each in protocols],
        "tasks": [
            {**_fields(each, _TASK_FIELDS), "metric": of_task(each).metric} for each in tasks
        ],
    }
    return json.dumps(found, indent=2)


def _fields(found: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(found, name) for name in names}
