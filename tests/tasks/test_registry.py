"""Tasks: each says what the registry promises, and nothing but the task itself does."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from edgeval.errors import DataError, EdgevalError
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.tasks import registry
from edgeval.tasks.hellaswag import HELLASWAG
from edgeval.tasks.item import Item
from edgeval.tasks.names import (
    ANY_LM_EVAL,
    DEFAULT_TASK,
    FAMILIES,
    TASK_NAMES,
    UNNAMED_TASK,
    UNNAMED_TASK_VERSION,
    family_of,
)
from edgeval.tasks.protocol import PROTOCOLS, of_task
from edgeval.tasks.task import Rendering, Row, Task
from tests.helpers.paths import TASK_ITEMS
from tests.helpers.tiny import write_items

PACKAGE = Path(registry.__file__).parents[1]
ROWS: dict[str, list[dict[str, Any]]] = {
    name: [
        json.loads(line)
        for line in (TASK_ITEMS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:3]
    ]
    for name in registry.TASKS
}
"""Three rows of each task, as the hub has them."""


@pytest.mark.parametrize("name", registry.TASKS)
def test_a_task_has_what_the_registry_promises(name: str, tmp_path: Path) -> None:
    task = registry.task(name)
    assert (task.name, task.version >= 1) == (name, True)
    assert task.data_name.count("/") == 1 and task.split and task.source
    data = task.load(write_items(tmp_path / "rows.jsonl", ROWS[name]))
    for rendering in task.renderings:
        items = data.items(rendering)
        assert len({item.id for item in items}) == len(ROWS[name])
        assert all(text.strip() for item in items for pair in item.pairs for text in pair)
    assert data.fingerprint == task.load(tmp_path / "rows.jsonl").fingerprint
    assert data.fingerprint != replace(data, rows=data.rows[1:]).fingerprint
    # Some protocol scores it, and no other renders it otherwise.
    able = [each for each in PROTOCOLS.values() if each.rendering in task.renderings]
    assert able and of_task(task).rendering in task.renderings
    with pytest.raises(DataError, match=r"line 1: .*; correct it"):
        task.load(write_items(tmp_path / "others.jsonl", [{"nothing": 1}]))


def test_hellaswag_is_as_it_was() -> None:
    task = registry.task(DEFAULT_TASK)
    assert (task.name, task.version, task.data_name, task.split, task.shots_split) == (
        *("hellaswag", 1),
        *("Rowan/hellaswag", "validation", "train"),
    )
    assert task.suffixes == (".jsonl", ".json", ".parquet", ".txt")
    assert (UNNAMED_TASK, UNNAMED_TASK_VERSION) == ("hellaswag", 1)
    assert registry.in_key("hellaswag") is None and registry.of_key(None) == "hellaswag"
    assert registry.of_key(registry.in_key("piqa")) == "piqa"


def test_an_unknown_task_suggests_and_lists() -> None:
    with pytest.raises(EdgevalError) as caught:
        prepare(Options(task="helaswag"))
    assert str(caught.value) == (
        "unknown task 'helaswag' (did you mean 'hellaswag'?); edgeval has "
        f"{', '.join(registry.TASKS)}"
    )


@pytest.mark.parametrize("name", PROTOCOLS)
def test_each_protocol_has_a_family(name: str) -> None:
    # A published number may name the tool alone.
    assert FAMILIES.keys() == {*PROTOCOLS, ANY_LM_EVAL}
    assert PROTOCOLS[name].family == family_of(name)


def test_families_are_of_the_tool_and_not_of_the_name() -> None:
    assert family_of("lm-eval") == family_of("lm-eval-bos") != family_of("llama.cpp")
    # What is not known may be anything.
    assert family_of("lm-eval-of-2027") != family_of("lm-eval")


# A task with fewer renderings, another metric, and no text format


class Question(Row, BaseModel):
    question: str
    answers: list[str]
    label: int

    @property
    def content(self) -> list[str | int]:
        return [self.question, *self.answers, self.label]

    def item(self, rendering: Rendering) -> Item:
        return Item(self.question, "all", (self.question,), tuple(self.answers), self.label)


QUESTIONS = Task(
    name="questions",
    version=3,
    data_name="nobody/questions",
    data_config="main",
    split="test",
    n_items=4,
    shots_split="train",
    row=Question.model_validate,
    renderings=("lm-eval",),
    metrics=("acc",),
    source="nobody",
)


@pytest.fixture
def questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(registry.TASKS, "questions", QUESTIONS)
    rows: list[dict[str, object]] = [
        {"question": f"What is {n}?", "answers": ["odd", "even", "none"][: 2 + n % 2], "label": 1}
        for n in range(8)
    ]
    return write_items(tmp_path / "questions.jsonl", rows)


def test_what_a_task_says_is_in_the_record_and_the_key(questions: Path, tiny_f16: Path) -> None:
    setup = prepare(Options(task="questions", data=questions, limit=4))
    assert (setup.data.task, setup.data.task_version) == ("questions", 3)
    assert setup.protocol_info().metric == "acc"
    assert {len(item.choices) for item in setup.items} == {2, 3}


def test_a_task_without_a_rendering_refuses_its_protocol(questions: Path) -> None:
    with pytest.raises(
        EdgevalError,
        match=r"^task questions has no llama.cpp protocol; use --protocol lm-eval or lm-eval-bos$",
    ):
        prepare(Options(task="questions", data=questions, protocol="llama.cpp"))
    with pytest.raises(DataError, match=r"a.txt is none of .jsonl, .json, .parquet; convert it"):
        (questions.parent / "a.txt").write_text("a", encoding="utf-8")
        prepare(Options(task="questions", data=questions.parent / "a.txt"))


def test_the_hub_is_asked_for_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    from edgeval.hub import fetch

    asked: list[tuple[Any, ...]] = []

    def load_dataset(*names: str, split: str) -> datasets.Dataset:
        asked.append((*names, split))
        return datasets.Dataset.from_list([{"question": "a?", "answers": ["b", "c"], "label": 0}])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(fetch, "why_unreachable", lambda: "")
    assert QUESTIONS.load().name == "nobody/questions test"
    assert QUESTIONS.load_shots().name == "nobody/questions train"
    assert asked == [("nobody/questions", "main", name) for name in ("test", "train")]


# Nothing outside names a task


def _strings(path: Path) -> list[str]:
    """Return the names and texts of a module, but its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    texts = [
        str(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node not in prose
    ]
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    modules = [
        f"{getattr(node, 'module', '')} {' '.join(each.name for each in node.names)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    return [*texts, *names, *modules]


def test_nothing_outside_tasks_names_a_task() -> None:
    words = {word for task in registry.TASKS.values() for word in (task.name, task.data_name)}
    outside = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "tasks"]
    assert len(outside) > 200
    naming = [
        path.relative_to(PACKAGE).as_posix()
        for path in outside
        if any(word.lower() in text.lower() for text in _strings(path) for word in words)
    ]
    assert naming == []


def test_who_reads_records_needs_neither_numpy_nor_the_hub() -> None:
    program = (
        "import sys, edgeval.report.older, edgeval.stats.claim_match, edgeval.tasks.registry\n"
        "print(sorted(sys.modules.keys() & {'numpy', 'datasets', 'edgeval.hub.fetch'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_hellaswag_is_registered_as_itself() -> None:
    assert registry.TASKS["hellaswag"] is HELLASWAG


@pytest.mark.parametrize("name", registry.TASKS)
def test_the_page_of_tasks_says_what_a_task_is(name: str) -> None:
    page = (PACKAGE / "docs" / "tasks.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    task = registry.task(name)
    config = f" `{task.data_config}`" if task.data_config else ""
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:6] == [
        *(f"`{name}`", f"{task.data_name}{config}", task.split, f"{task.n_items:,}"),
        *(task.shots_split or "none", f"`{of_task(task).metric}`"),
    ]
    assert cells[6].replace("`", "") == task.source


def test_the_names_that_load_no_task_are_those_of_the_registry() -> None:
    assert tuple(registry.TASKS) == TASK_NAMES
