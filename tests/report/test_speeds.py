"""Speeds as records and views show them: no view shows one that belongs to another."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from edgeval.cli.terminal.reference import reference_table
from edgeval.cli.terminal.runs import run_tables
from edgeval.evaluation import file_scorer
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import load_reference
from edgeval.evaluation.setup import prepare
from edgeval.records import OffloadInfo, Report
from edgeval.records.runs import RunDetails
from edgeval.report import facts, measurements, pages, record_files, speeds
from edgeval.report.reasoning import reasoning
from edgeval.report.record_view import RecordView
from edgeval.scoring import timing
from edgeval.store import reference_file
from edgeval.store.reference_export import export_reference
from edgeval.store.runs import show_run
from tests.helpers.reports import DEVICE, ELSEWHERE, MADE_AT, example_report
from tests.helpers.speeds import DASH, changed, evaluated, imported, last_cell, printed, run, stints


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture(autouse=True)
def _save_after_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 0.0)


def test_a_run_under_load_says_so(
    tiny_f16: Path,
    tiny_items: Path,
    db: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing.Meter, "cpu_load", lambda _: 1.9)
    monkeypatch.setattr(timing, "n_cpus", lambda: 2)
    loaded = evaluated(tiny_f16, tiny_items, db, threads=1)
    speed = loaded.runs[0].speed
    assert speed is not None
    assert (speed.cpu_load, speed.n_cpus, speed.is_loaded) == (1.9, 2, True)
    capsys.readouterr()
    shown = printed(loaded, capsys)
    assert last_cell(shown, tiny_f16.name).endswith("*")
    assert "* Measured under load, slower than on an idle machine" in shown
    assert "F16 (1.9 of 2 CPUs)" in shown
    # The next one is answered by the store, and has neither its speed nor its load.
    monkeypatch.setattr(timing.Meter, "cpu_load", lambda _: 0.0)
    again = evaluated(tiny_f16, tiny_items, db, threads=1)
    assert again.runs[0].speed is None
    assert "under load" not in printed(again, capsys)
    assert stints(db) == [speed]


# Views


def mixed() -> Report:
    """Return a report whose types were computed now, before, elsewhere, in part and under load."""
    record = example_report(n_items=1000, status="partial")
    first = record.runs[0].speed
    assert first is not None
    before = changed(first, threads=1, measured_at=MADE_AT.replace(day=1))
    elsewhere = changed(before, device=ELSEWHERE, threads=96)
    unknown = changed(before, threads=None, measured_at=None, n_cpus=None, cpu_load=None)
    whole = {"speed": None, "n_from_store": 1000}
    updates: dict[str, dict[str, Any]] = {
        "F16": {**whole, "stored": [elsewhere]},
        "Q8_0": {**whole, "stored": [unknown]},
        "Q6_K": {"speed": changed(first, n_items=250), "n_from_store": 750, "stored": [before]},
        "Q5_K_M": {"speed": changed(first, cpu_load=1.9)},
    }
    runs = [each.model_copy(update=updates.get(each.type, {})) for each in record.runs]
    return record.model_copy(update={"runs": runs})


def test_every_view_says_what_each_speed_belongs_to(capsys: pytest.CaptureFixture[str]) -> None:
    record = mixed()
    cpu, other = DEVICE.cpu, ELSEWHERE.cpu
    expected = [
        f"Speed: measured 2026-05-14 23:56 UTC on {cpu} with 2 threads; other processes kept up to "
        "1.9 of 2 CPUs busy.",
        "* Measured on a part of the items, for the store had the others: Q6_K (250 items).",
        "* Measured under load, slower than on an idle machine, for others computed too: "
        "Q5_K_M (1.9 of 2 CPUs).",
        f"{DASH} No speed of F16: all scores are from the store, computed on {other} with 96 "
        "threads, 2026-05-01 23:56 UTC.",
        f"{DASH} No speed of Q8_0: all scores are from the store, computed on {cpu}, with threads "
        "that were not kept.",
    ]
    assert speeds.sentences(RecordView.of(record)) == expected
    markdown, html = pages.markdown_page(record), pages.html_page(record)
    shown = printed(record, capsys)
    for sentence in expected:
        assert sentence in shown
        assert sentence.replace("*", "\\*") in markdown
        assert sentence in html
    table = measurements.speeds_table(RecordView.of(record))
    assert table is not None
    cells = {row[0]: row[1:] for row in table.rows}
    device = f"{other}, {ELSEWHERE.system}"
    assert cells["F16"][:3] == ["before, from the store", "2026-05-01 23:56 UTC", "96"]
    assert cells["F16"][-1] == device
    assert (cells["Q8_0"][2], cells["Q8_0"][6]) == (DASH, DASH)
    assert cells["Q4_K_M"][0] == "in this run"
    files = {row[0]: row[7:9] for row in measurements.files_table(RecordView.of(record)).rows}
    assert files["F16"] == [DASH, DASH]
    assert DASH not in files["Q6_K"]


def test_the_paragraph_of_a_verdict_names_the_machine_that_computed() -> None:
    record = mixed()
    found = reasoning(RecordView.of(record), record.claims[0])
    assert f"come from the store, computed on {ELSEWHERE.cpu} with 96 threads, 2026-05-01" in found
    assert DEVICE.cpu not in found
    facts_found = {fact.label: fact.text for fact in facts.facts(RecordView.of(record))}
    assert facts_found["Elapsed"].endswith(", without what the store had of F16, Q8_0 and Q6_K")
    assert facts_found["Peak memory"].endswith(", without F16 and Q8_0, which the store knew")
    ours = example_report()
    assert f"with 2 threads, on {DEVICE.cpu}." in reasoning(RecordView.of(ours), ours.claims[0])


def test_threads_that_computed_nothing_are_not_shown() -> None:
    record = mixed()
    first = record.runs[0].model_copy()
    alone = record.model_copy(update={"runs": [first], "drift": []})
    found = {fact.label: fact.text for fact in facts.facts(RecordView.of(alone))}
    assert found["Backend"] == "cpu, all scores from the store"


def test_what_a_run_took_is_shown_at_80_columns(tiny_f16: Path, tiny_items: Path, db: Path) -> None:
    run(tiny_f16, tiny_items, db, limit=10)
    run(tiny_f16, tiny_items, db, threads=2)
    console = Console(file=io.StringIO(), width=80)
    for table in run_tables(show_run(db, 1)):
        console.print(table)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, shown.splitlines())) <= 80
    found = RunDetails.model_validate_json(show_run(db, 1).model_dump_json())
    assert [(each.threads, each.n_items) for plan in found.plans for each in plan.stints] == [
        (1, 10),
        (2, 30),
    ]


# A reference file


def test_a_reference_file_names_what_its_speeds_belong_to(
    tiny_f16: Path, tiny_items: Path, db: Path, tmp_path: Path
) -> None:
    imported(tiny_f16, tiny_items, tmp_path, db, limit=25, threads=2)
    run(tiny_f16, tiny_items, db, threads=1)
    header = export_reference(db, 1, tmp_path / "ref.npz")
    found = load_reference(tmp_path / "ref.npz")
    assert found.header.speeds == header.speeds == stints(db)
    first, second = header.speeds
    assert (first.device, first.threads, first.n_items) == (ELSEWHERE, 2, 25)
    assert (second.threads, second.n_items) == (1, 15)
    # Most of the items were scored there.
    assert header.device == ELSEWHERE
    console = Console(file=io.StringIO(), width=200)
    console.print(reference_table(found))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"speed 1          {ELSEWHERE.cpu} with 2 threads" in shown
    assert "speed 2" in shown
    taken = found.measured(prepare(Options(data=tiny_items))).run
    assert (taken.speed, taken.stored) == (None, [])
    assert taken.from_reference is not None
    assert taken.from_reference.speeds == header.speeds


def test_the_sum_of_seconds_of_an_older_reference_file_is_no_speed(
    tiny_f16: Path, tiny_items: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny_f16, tiny_items, db)
    export_reference(db, 1, tmp_path / "new.npz")
    new = load_reference(tmp_path / "new.npz")
    # As the first version wrote it: one number of seconds, whoever took them.
    content = new.header.model_dump(mode="json", exclude={"speeds"})
    content |= {"schema_version": 1, "elapsed_s": 12.5}
    dumped = type(new.header).model_dump
    monkeypatch.setattr(
        type(new.header),
        "model_dump",
        lambda self, **options: dict(content) if options.get("mode") == "json" else dumped(self),
    )
    monkeypatch.setattr(type(new.header), "model_validate", lambda *_: new.header)
    reference_file.write(tmp_path / "old.npz", new.header, new.packed)
    monkeypatch.undo()
    old = load_reference(tmp_path / "old.npz")
    assert (old.header.schema_version, old.header.speeds) == (1, [])
    taken = old.measured(prepare(Options(data=tiny_items))).run
    assert taken.from_reference is not None
    assert (taken.speed, taken.from_reference.speeds) == (None, [])
    console = Console(file=io.StringIO(), width=200)
    console.print(reference_table(old))
    assert "speed            not known, an older edgeval" in console.file.getvalue()  # type: ignore[attr-defined]


# Records


def test_no_record_can_hold_another_rate() -> None:
    speed = example_report().runs[0].speed
    assert speed is not None
    found = changed(speed, tokens_per_s=1e9)
    assert found == speed
    assert changed(speed, threads=None).tokens_per_s is None
    assert changed(speed, elapsed_s=0.0).tokens_per_s is None


def test_times_of_schema_2_are_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(example_report().model_dump_json()) | {"schema_version": 2}
    for each in content["runs"]:
        for name in ("speed", "stored", "n_from_store"):
            del each[name]
        each |= {"elapsed_s": 100.0, "load_s": 1.0, "tokens_per_s": 12345.0}
    (tmp_path / "report.json").write_text(json.dumps(content), "utf-8")
    found = record_files.load(tmp_path)
    assert found.corrections == ()
    assert {each.speed for each in found.runs} == {None}
    shown = printed(found, capsys)
    assert "12,345" not in shown
    assert "an older edgeval made the record, and did not keep what it belongs to" in shown
    assert "from the store" not in shown


@pytest.mark.parametrize(
    "change",
    [
        {"device": ELSEWHERE},
        {"threads": 1},
    ],
)
def test_a_speed_of_another_machine_or_other_threads_is_refused(
    change: dict[str, Any], tmp_path: Path
) -> None:
    record = example_report()
    speed = record.runs[3].speed
    assert speed is not None
    runs = list(record.runs)
    runs[3] = runs[3].model_copy(update={"speed": changed(speed, **change)})
    record_files.save(record.model_copy(update={"runs": runs}), tmp_path)
    with pytest.raises(Exception, match=r"the speed of Q5_K_M is of another machine, or of other"):
        record_files.load(tmp_path)


def test_the_gpus_are_named_wherever_a_speed_is() -> None:
    record = example_report()
    speed = changed(next(each.speed for each in record.runs if each.speed), threads=8)
    update = {
        "offload": OffloadInfo(devices=["NVIDIA H100", "NVIDIA H100"], layers=23, n_layers=23),
        "speed": None,
        "stored": [speed],
        "n_from_store": 5,
    }
    on_gpus = record.runs[0].model_copy(update=update)
    on = f"2 \N{MULTIPLICATION SIGN} NVIDIA H100 and {speed.device.cpu}"
    assert speeds.where(speed, on_gpus.offload.devices if on_gpus.offload else []).startswith(on)
    assert speeds.from_store(on_gpus).startswith(f"{on} with 8 threads, ")
    table = measurements.speeds_table(
        RecordView.of(record.model_copy(update={"runs": [on_gpus, *record.runs[1:]]}))
    )
    assert table is not None
    assert any(on in cell for cell in table.rows[0])
    assert speeds.where(speed, []).startswith(f"{speed.device.cpu} with 8 threads")
