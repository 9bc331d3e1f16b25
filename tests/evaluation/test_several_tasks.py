"""Several tasks in one run: one load of a model, each with its own store, reference and items."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import edgeval
from edgeval.engine.loaded import Loaded
from edgeval.errors import DataError, EdgevalError
from edgeval.evaluation.each_task import options_of_each
from edgeval.records import Report, Suite
from edgeval.store.reference_export import export_reference
from edgeval.store.runs import list_runs
from tests.helpers.evidence import assert_tells_of_all

ROWS = Path(__file__).parents[1] / "data" / "tasks"
TASKS = ("winogrande", "boolq", "arc_easy")
OPTIONS: dict[str, Any] = {
    "task": ",".join(TASKS),
    "data": ROWS,
    "kernels": "plain",
    "check": False,
    "kl_items": 2,
    "protocol": "lm-eval",
}
TYPES = ("F16", "Q8_0", "Q4_0")


def run(model: Path, out: Path, **changes: Any) -> Suite:
    given = changes.pop("types", TYPES), changes.pop("reference", None)
    options = edgeval.Options(**(OPTIONS | changes))
    found = edgeval.run(model, options, types=given[0], reference=given[1], out=out).report
    assert isinstance(found, Suite)
    return found


def test_each_task_is_as_if_it_were_run_alone(
    tiny_f16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    known: list[Any] = []
    original = Loaded.model

    def counted(self: Loaded, job: Any, *rest: Any) -> Any:
        model = original(self, job, *rest)
        if not any(model is each for each in known):
            known.append(model)
            loads.append(job.path.name)
        return model

    monkeypatch.setattr(Loaded, "model", counted)
    suite = run(tiny_f16, tmp_path / "all", store=tmp_path / "a.db")
    # Once a type, whatever the number of tasks; the file that types are made of is the first.
    assert len(loads) == len(set(loads)) == len(TYPES)
    assert suite.tasks == list(TASKS)
    for name in TASKS:
        alone = edgeval.run(
            tiny_f16,
            edgeval.Options(**(OPTIONS | {"task": name, "data": ROWS / f"{name}.jsonl"})),
            types=TYPES,
            out=tmp_path / name,
        ).report
        beside = suite.of_task(name)
        assert isinstance(alone, Report) and beside is not None
        assert [each.metrics for each in alone.runs] == [each.metrics for each in beside.runs]
        assert [each.flips for each in alone.drift] == [each.flips for each in beside.drift]
        assert_tells_of_all(beside)
        assert alone.evidence == beside.evidence
        assert (alone.n_together, beside.n_together) == (1, len(TASKS) + 2)
        expected = {"acc"} if name != "arc_easy" else {"acc", "acc_norm", "acc_bytes", "acc_token"}
        assert set(beside.runs[0].metrics) == expected
    # Again, all of it comes from the store.
    again = run(tiny_f16, tmp_path / "again", store=tmp_path / "a.db")
    assert all(
        each.n_from_store == 40 and each.speed is None
        for report in again.reports
        for each in report.runs
    )
    assert [each.evidence for each in again.reports] == [each.evidence for each in suite.reports]


def test_a_folder_of_references_takes_the_place_of_the_first_type(
    tiny_f16: Path, tmp_path: Path
) -> None:
    store, folder = tmp_path / "a.db", tmp_path / "references"
    folder.mkdir()
    whole = run(tiny_f16, tmp_path / "whole", store=store)
    for each in list_runs(store):
        if each.type == "F16":
            export_reference(store, each.number, folder / f"{each.task}.npz")
    assert len(list(folder.iterdir())) == len(TASKS)
    against = run(tiny_f16, tmp_path / "against", types=TYPES[1:], reference=str(folder))
    for ours, theirs in zip(against.reports, whole.reports, strict=True):
        assert ours.runs[0].from_reference is not None
        assert [each.flips for each in ours.drift] == [each.flips for each in theirs.drift]
        assert ours.evidence == theirs.evidence is not None
    (folder / "boolq.npz").unlink()
    with pytest.raises(EdgevalError, match="has no reference of boolq, only of"):
        run(tiny_f16, tmp_path / "lacks", types=TYPES[1:], reference=str(folder))


def test_slices_and_early_stops_are_of_each_task(tiny_f16: Path, tmp_path: Path) -> None:
    suite = run(tiny_f16, tmp_path / "slice", limit=25)
    assert [report.data.n_items for report in suite.reports] == [25] * len(TASKS)
    assert all(drift.split.n_compared == 2 * 5 for drift in suite.reports[0].drift)
    early = run(tiny_f16, tmp_path / "early", until=20.0)
    for report in early.reports:
        assert all(each.stopping and each.stopping.n_compared == 2 * 5 for each in report.drift)
    for pooled in early.pooled:
        ends = [
            next(each for each in report.drift if each.label == pooled.label).split.interval_points
            for report in early.reports
        ]
        mean = (
            sum(each.low for each in ends) / len(ends),
            sum(each.high for each in ends) / len(ends),
        )
        assert (pooled.by_tasks.split.low, pooled.by_tasks.split.high) == pytest.approx(mean)


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    several = edgeval.Options(task="piqa,boolq", data=ROWS / "piqa.jsonl")
    with pytest.raises(DataError, match=r"is one file, and several tasks are evaluated; give "):
        options_of_each(several)
    with pytest.raises(DataError, match=r"holds no file of piqa; put piqa.jsonl there, or leave "):
        options_of_each(edgeval.Options(task="piqa,boolq", data=tmp_path))
    for end in (".jsonl", ".json"):
        shutil.copy(ROWS / "piqa.jsonl", tmp_path / f"piqa{end}")
    with pytest.raises(DataError, match=r"and piqa.json are both of piqa; leave one"):
        options_of_each(edgeval.Options(task="piqa,boolq", data=tmp_path))
    with pytest.raises(EdgevalError, match=r"unknown task 'piqua' \(did you mean 'piqa'"):
        options_of_each(edgeval.Options(task="piqua,boolq"))
    with pytest.raises(EdgevalError, match="gsm8k judges what a model writes"):
        options_of_each(edgeval.Options(task="boolq,gsm8k"))
    each = options_of_each(edgeval.Options(task="table2", data=ROWS, shots=2, shots_data=ROWS))
    assert [one.task for one in each][:2] == ["hellaswag", "openbookqa"]
    assert each[1].shots_data == ROWS / "openbookqa.shots.jsonl"
    with pytest.raises(EdgevalError, match="edgeval run"):
        edgeval.evaluate([tmp_path / "a.gguf"], edgeval.Options(task="piqa,boolq", data=ROWS))
