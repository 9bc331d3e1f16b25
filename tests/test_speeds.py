"""A speed belongs to one command: no record and no view shows one that belongs to another."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from fakes import StopAfter
from report_example import DEVICE, ELSEWHERE, MADE_AT, example_report
from rich.console import Console
from stores import DEVICE as STORE_DEVICE
from stores import FACTS, add_items, open_run, score_of, without_remainders
from tiny import make_items, write_items

from edgeval.cli.terminal import report as terminal
from edgeval.cli.terminal.reference import reference_table
from edgeval.cli.terminal.runs import print_run, run_tables
from edgeval.evaluation import file_scorer, kl_items
from edgeval.evaluation.early_stopping import sequential_accuracy
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import load_reference
from edgeval.evaluation.setup import prepare
from edgeval.records import Evaluation, ModelRun, OffloadInfo, Report, Speed, by_command
from edgeval.records.runs import RunDetails
from edgeval.report import facts, measurements, pages, record_files, speeds
from edgeval.report.reasoning import reasoning
from edgeval.report.record_view import RecordView
from edgeval.scoring import timing
from edgeval.store import reference_file
from edgeval.store.exchange import export_run, import_run
from edgeval.store.reference_export import export_reference
from edgeval.store.repair import repair
from edgeval.store.run_file import dump
from edgeval.store.runs import show_run
from edgeval.store.store import Store
from edgeval.tasks.requests import Work

DASH = "\N{EN DASH}"


def run(gguf: Path, data: Path, db: Path | None, progress: Any = None, **options: Any) -> ModelRun:
    setup = prepare(Options(data=data, batch_tokens=64, **({"threads": 1} | options)))
    with Store(db) as store:
        pursuit = sequential_accuracy(setup)
        return evaluate_file(gguf, setup, store, sequential=pursuit, progress=progress).run


def evaluated(gguf: Path, data: Path, db: Path, **options: Any) -> Evaluation:
    return evaluate([gguf], Options(data=data, batch_tokens=64, store=db, **options))


def stints(db: Path, number: int = 1) -> list[Speed]:
    return [stint for plan in show_run(db, number).plans for stint in plan.stints]


def printed(record: Report | Evaluation, capsys: pytest.CaptureFixture[str]) -> str:
    if isinstance(record, Report):
        terminal.print_report(record)
    else:
        terminal.print_evaluation(record)
    return capsys.readouterr().out


def last_cell(shown: str, name: str) -> str:
    (row,) = (line for line in shown.splitlines() if line.startswith("│") and name in line)
    return row.strip("│ ").split("│")[-1].strip()


def changed(speed: Speed, **values: Any) -> Speed:
    return Speed.model_validate(speed.model_dump() | values)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture(autouse=True)
def _save_after_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 0.0)


# What one command measures


def test_a_speed_names_its_device_threads_date_and_work(
    tiny_f16: Path, tiny_items: Path, db: Path
) -> None:
    record = evaluated(tiny_f16, tiny_items, db, threads=2)
    found = record.runs[0].speed
    assert found is not None
    assert (found.device, found.threads, found.n_items) == (record.device, 2, 40)
    assert found.measured_at is not None
    assert 0 <= (record.created_at - found.measured_at).total_seconds() < 60
    assert (found.tokens_decoded, found.logit_rows) == (
        record.runs[0].tokens_decoded,
        record.runs[0].logit_rows,
    )
    assert found.tokens_per_s == found.tokens_decoded / found.elapsed_s
    assert (record.runs[0].stored, record.runs[0].n_from_store) == ([], 0)
    assert stints(db) == [found]


def test_a_speed_of_two_threads_is_not_one_of_a_run_with_one(
    tiny_f16: Path, tiny_items: Path, db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = evaluated(tiny_f16, tiny_items, db, threads=2)
    second = evaluated(tiny_f16, tiny_items, db, threads=1)
    speed = first.runs[0].speed
    assert speed is not None and speed.tokens_per_s is not None
    assert (second.runs[0].speed, second.runs[0].n_from_store) == (None, 40)
    assert second.runs[0].stored == [speed]
    capsys.readouterr()
    shown = printed(second, capsys)
    assert last_cell(shown, tiny_f16.name) == DASH
    (line,) = (line for line in shown.splitlines() if line.startswith(f"{DASH} No speed of F16"))
    assert "all scores are from the store, computed on" in line
    assert "with 2 threads" in line
    assert f"{speed.tokens_per_s:,.0f}" not in shown.replace(",", "")
    assert "Speed: measured" not in shown
    (fact,) = speeds.sentences(RecordView.of(second))
    assert fact == line
    content = json.loads(second.model_dump_json())
    assert "tokens_per_s" not in content["runs"][0]
    assert not {"elapsed_s", "load_s"} & content["runs"][0].keys()


def test_a_resumed_run_has_the_speed_of_what_it_did_itself(
    tiny_f16: Path, tiny_items: Path, db: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tiny_f16, tiny_items, db, StopAfter(15), threads=2)
    (before,) = stints(db)
    found = run(tiny_f16, tiny_items, db, threads=1)
    assert found.speed is not None
    assert found.n_from_store == before.n_items > 10
    assert found.stored == [before]
    assert (found.speed.threads, before.threads) == (1, 2)
    assert found.speed.tokens_decoded + before.tokens_decoded == found.tokens_decoded
    assert found.speed.n_items >= 40 - found.n_from_store
    assert stints(db) == [before, found.speed]
    # Once more, nothing is done, and nothing is added up.
    again = run(tiny_f16, tiny_items, db, threads=2)
    assert (again.speed, again.stored) == (None, [before, found.speed])
    assert stints(db) == [before, found.speed]


def test_a_grown_run_has_the_speed_of_its_new_items(
    tiny_f16: Path, tiny_items: Path, db: Path
) -> None:
    small = run(tiny_f16, tiny_items, db, limit=10, threads=2)
    large = run(tiny_f16, tiny_items, db, limit=30)
    assert small.speed is not None and large.speed is not None
    assert (large.speed.n_items, large.n_from_store) == (20, 10)
    assert large.tokens_decoded == large.speed.tokens_decoded + small.speed.tokens_decoded
    assert large.stored == [small.speed]
    alone = run(tiny_f16, tiny_items, db, limit=5)
    # Of other plans nothing is said.
    assert alone.stored == [small.speed]


def test_an_evaluation_that_stops_early_has_one_speed_for_its_blocks(
    tiny_f16: Path, tmp_path: Path, db: Path
) -> None:
    data = write_items(tmp_path / "many.jsonl", make_items(200))
    first = run(tiny_f16, data, db, until=5.0, limit=130)
    assert first.speed is not None and first.stopping is not None
    assert first.speed.n_items == first.stopping.n_items == 130
    assert len(show_run(db, 1).plans) == 3
    assert by_command(stints(db)) == [first.speed]
    again = run(tiny_f16, data, db, until=5.0, limit=130, threads=2)
    assert (again.speed, again.n_from_store) == (None, 130)
    assert again.stored == [first.speed]
    more = run(tiny_f16, data, db, until=5.0, limit=150, threads=2)
    assert more.speed is not None
    assert (more.speed.threads, more.n_from_store) == (2, 130)
    assert more.speed.n_items == 20


def test_a_later_look_has_a_speed_and_the_scores_are_of_the_store(
    tiny_f16: Path, tiny_items: Path, db: Path
) -> None:
    first = run(tiny_f16, tiny_items, db, threads=2)
    setup = prepare(Options(data=tiny_items, batch_tokens=64, threads=1))
    with Store(db) as store:
        wanted = kl_items.KeepTopLogprobs(setup.indices[:40])
        found = evaluate_file(tiny_f16, setup, store, wanted=wanted).run
    assert found.speed is not None
    assert (found.speed.threads, found.speed.n_items, found.n_from_store) == (1, 40, 40)
    assert found.stored == [first.speed]


# An imported run


def imported(gguf: Path, data: Path, tmp_path: Path, db: Path, **options: Any) -> ModelRun:
    """Import a run that another machine measured; return it as it was there."""
    there = run(gguf, data, tmp_path / "there.db", **options)
    export_run(tmp_path / "there.db", 1, tmp_path / "run.json")
    content = json.loads((tmp_path / "run.json").read_text("utf-8"))
    elsewhere = ELSEWHERE.model_dump(mode="json")
    for plan in content["plans"]:
        plan["device"] = elsewhere
        for stint in plan["stints"]:
            stint["device"] = elsewhere
    del content["sha256"]
    (tmp_path / "run.json").write_text(dump(content), "utf-8")
    assert import_run(db, tmp_path / "run.json").n_added
    return there


def test_the_time_of_an_imported_run_is_not_in_this_ones(
    tiny_f16: Path,
    tiny_items: Path,
    tmp_path: Path,
    db: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    there = imported(tiny_f16, tiny_items, tmp_path, db, limit=25, threads=2)
    assert there.speed is not None
    only = evaluated(tiny_f16, tiny_items, db, threads=1, limit=25)
    assert only.runs[0].speed is None
    (before,) = only.runs[0].stored
    assert before == changed(there.speed, device=ELSEWHERE)
    capsys.readouterr()
    shown = printed(only, capsys)
    assert last_cell(shown, tiny_f16.name) == DASH
    assert "computed on AMD EPYC 9654 96-Core Processor with 2 threads" in shown
    more = evaluated(tiny_f16, tiny_items, db, threads=1)
    found = more.runs[0].speed
    assert found is not None
    assert (found.device, found.threads, found.n_items) == (more.device, 1, 15)
    assert found.tokens_decoded == more.runs[0].tokens_decoded - there.tokens_decoded
    assert more.runs[0].stored == [before]
    assert last_cell(printed(more, capsys), tiny_f16.name).endswith("*")
    assert "for the store had the others: F16 (15 items)" in " ".join(
        speeds.sentences(RecordView.of(more))
    )


def test_a_plan_of_two_machines_names_both(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    with pytest.raises(KeyboardInterrupt):
        run(tiny_f16, tiny_items, there, StopAfter(15), threads=2)
    export_run(there, 1, tmp_path / "run.json")
    import_run(here, tmp_path / "run.json")
    run(tiny_f16, tiny_items, here, threads=1)
    run(tiny_f16, tiny_items, there, threads=2)
    (tmp_path / "run.json").unlink()
    export_run(there, 1, tmp_path / "run.json")
    # What both did of the same items is not new here, and is not counted.
    assert import_run(here, tmp_path / "run.json").n_added == 0
    first, second = stints(here)
    assert (first.threads, second.threads) == (2, 1)
    assert first == stints(there)[0]
    (plan,) = show_run(here, 1).plans
    assert plan.tokens_decoded == first.tokens_decoded + second.tokens_decoded


def test_work_that_two_stores_did_meanwhile_is_counted_once_each(tmp_path: Path) -> None:
    here, there, target = tmp_path / "here.db", tmp_path / "there.db", tmp_path / "run.json"
    stint = Speed(
        device=STORE_DEVICE,
        threads=2,
        measured_at=MADE_AT,
        n_items=1,
        tokens_decoded=10,
        logit_rows=5,
        elapsed_s=0.5,
    )
    other = changed(stint, threads=1, tokens_decoded=7, logit_rows=3, elapsed_s=2.0)
    third = changed(stint, threads=4, tokens_decoded=90, logit_rows=30, elapsed_s=1.0)

    def save(db: Path, place: int, done: Speed) -> None:
        with Store(db) as store, open_run(store) as measurement:
            (plan,) = measurement.open_plans() or [
                measurement.add_plan([1, 2, 3], FACTS, STORE_DEVICE)
            ]
            work = Work(done.tokens_decoded, done.logit_rows, done.elapsed_s)
            measurement.save(plan, {place: score_of(place)}, work, stint=done)

    save(there, 1, stint)
    export_run(there, 1, target)
    import_run(here, target)
    save(here, 2, other)
    save(there, 3, third)
    target.unlink()
    export_run(there, 1, target)
    assert import_run(here, target).n_added == 1
    assert stints(here) == [stint, other, third]
    with Store(here) as store, open_run(store) as measurement:
        assert measurement.totals([1])[0] == Work(107, 38, 3.5)
        assert measurement.speeds([1]) == [stint, other, third]


def test_a_record_of_schema_1_is_of_unknown_threads(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, db: Path
) -> None:
    there = run(tiny_f16, tiny_items, tmp_path / "there.db")
    export_run(tmp_path / "there.db", 1, tmp_path / "run.json")
    content = json.loads((tmp_path / "run.json").read_text("utf-8")) | {"schema_version": 1}
    del content["sha256"]
    for plan in content["plans"]:
        del plan["stints"]
    (tmp_path / "run.json").write_text(dump(content), "utf-8")
    import_run(db, tmp_path / "run.json")
    found = run(tiny_f16, tiny_items, db, threads=2)
    (before,) = found.stored
    assert (found.speed, before.threads, before.measured_at, before.tokens_per_s) == (None,) * 4
    assert (before.tokens_decoded, before.n_items) == (there.tokens_decoded, 40)


def test_stints_of_more_work_than_their_plan_are_refused(tmp_path: Path, db: Path) -> None:
    with Store(db) as store, open_run(store) as measurement:
        add_items(measurement, [1, 2])
    export_run(db, 1, tmp_path / "run.json")
    content = json.loads((tmp_path / "run.json").read_text("utf-8"))
    del content["sha256"]
    speed = example_report().runs[0].speed
    assert speed is not None
    content["plans"][0]["stints"] = [speed.model_dump(mode="json")]
    (tmp_path / "run.json").write_text(dump(content), "utf-8")
    with pytest.raises(Exception, match=r"its stints decoded 1,757,350 tokens, and the plan 10"):
        import_run(tmp_path / "b.db", tmp_path / "run.json")


# A store of an older edgeval, and a damaged one


def test_work_of_an_older_edgeval_has_no_speed(
    tiny_f16: Path, tiny_items: Path, db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(tiny_f16, tiny_items, db, limit=10)
    with contextlib.closing(sqlite3.connect(db)) as connection, connection:
        connection.execute("DROP TABLE stint")
        without_remainders(connection)
        connection.execute("PRAGMA user_version = 3")
    record = evaluated(tiny_f16, tiny_items, db, threads=2)
    found = record.runs[0]
    assert found.speed is not None and first.speed is not None
    assert (found.speed.n_items, found.speed.threads) == (30, 2)
    assert found.speed.tokens_decoded == found.tokens_decoded - first.tokens_decoded
    (before,) = found.stored
    assert (before.threads, before.tokens_per_s, before.n_items) == (None, None, 10)
    assert before.tokens_decoded == first.tokens_decoded
    capsys.readouterr()
    print_run(show_run(db, 1))
    rows = capsys.readouterr().out.partition("computed by")[2].splitlines()
    cells = [[cell.strip() for cell in row.split("│")[1:-1]] for row in rows if row[:1] == "│"]
    assert [(row[1], row[3], row[4], row[7]) for row in cells[:1]] == [(DASH, DASH, "10", DASH)]
    assert cells[-1][3:5] == ["2", "30"]


def test_stints_go_with_their_run_and_their_damage_is_noticed(
    tiny_f16: Path, tiny_items: Path, db: Path, tmp_path: Path
) -> None:
    run(tiny_f16, tiny_items, db, limit=10)
    run(tiny_f16, tiny_items, db, limit=20, threads=2)
    expected = stints(db)
    with contextlib.closing(sqlite3.connect(db)) as connection, connection:
        connection.execute(
            "UPDATE stint SET speed = replace(speed, '\"threads\":2', '\"threads\":9')"
        )
    with pytest.raises(Exception, match=r"a stint has changed on the disk.*edgeval runs repair"):
        show_run(db, 1)
    found = repair(db)
    assert (found.n_lost, found.runs[0].n_scored) == (1, 20)
    assert found.out is not None
    left = stints(Path(found.out))
    assert left[0] == expected[0]
    # The tokens are of the plan: who decoded them is not known any more.
    assert (left[1].threads, left[1].tokens_decoded) == (None, expected[1].tokens_decoded)
    assert repair(Path(found.out)).out is None


# Load


class _Counters:
    """The counters of two CPUs and a process, which a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = timing._Reading(at_s=10.0, idle_s=5.0, busy_s=7.0, own_s=1.0)
        monkeypatch.setattr(timing, "_reading", lambda: self.now)

    def move(self, **by: float) -> None:
        self.now = timing._Reading(**{n: v + by.get(n, 0) for n, v in vars(self.now).items()})


def test_the_load_is_what_others_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = _Counters(monkeypatch)
    meter = timing.Meter()
    counters.move(at_s=0.2, busy_s=0.4)
    assert meter.cpu_load() is None
    counters.move(at_s=1.8, busy_s=2.6, idle_s=1.0, own_s=1.0)
    assert meter.cpu_load() == pytest.approx(1.0)
    # Its own work is none of it, whatever the clock ticks.
    counters.move(own_s=9.0)
    assert meter.cpu_load() == 0


def test_counters_that_stand_still_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = _Counters(monkeypatch)
    meter = timing.Meter()
    counters.move(at_s=5.0)
    assert meter.cpu_load() is None
    monkeypatch.setattr(timing, "_reading", lambda: None)
    assert timing.Meter().cpu_load() is None


_BURN = "import time; end = time.monotonic() + 20\nwhile time.monotonic() < end: pass"
_START = (
    "import subprocess, sys; null = subprocess.DEVNULL; "
    "print(subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=null, stderr=null).pid)"
)


@contextlib.contextmanager
def burning(*, is_ours: bool) -> Iterator[None]:
    """Keep a CPU busy with a process of this one, or with one whose parent is gone."""
    if is_ours:
        process = subprocess.Popen([sys.executable, "-c", _BURN])
        pid = process.pid
    else:
        command = [sys.executable, "-c", _START, _BURN]
        pid = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    try:
        time.sleep(0.3)
        yield
    finally:
        psutil.Process(pid).kill()
        if is_ours:
            process.wait(10)


@pytest.mark.skipif(sys.platform == "win32", reason="there a process keeps its dead parent's id")
def test_what_another_process_computes_is_load() -> None:
    with burning(is_ours=False):
        meter = timing.Meter()
        before = timing._own_s()
        time.sleep(1.0)
        found, own_s = meter.cpu_load(), timing._own_s() - before
    assert found is not None
    assert found > 0.5
    assert own_s < 0.3


def test_what_the_process_of_llama_cpp_computes_is_none() -> None:
    with burning(is_ours=True):
        before = timing._own_s()
        time.sleep(1.0)
        assert timing._own_s() - before > 0.2


@pytest.mark.parametrize(
    ("threads", "n_cpus", "cpu_load", "is_loaded"),
    [
        (2, 2, 0.2, False),
        (2, 2, 0.3, True),
        (1, 2, 1.0, True),
        (64, 64, 0.4, True),
        (8, 64, 2.0, False),
        (8, 64, 6.5, True),
        (2, 2, None, False),
    ],
)
def test_a_speed_under_load_is_one(
    threads: int, n_cpus: int, cpu_load: float | None, is_loaded: bool
) -> None:
    speed = example_report().runs[0].speed
    assert speed is not None
    found = changed(speed, threads=threads, n_cpus=n_cpus, cpu_load=cpu_load)
    assert found.is_loaded == is_loaded


def test_a_run_under_load_says_so(
    tiny_f16: Path,
    tiny_items: Path,
    db: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing.Meter, "cpu_load", lambda _: 1.9)
    monkeypatch.setattr(timing, "_n_cpus", lambda: 2)
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
    assert cells["F16"][:4] == ["before, from the store", "2026-05-01 23:56 UTC", device, "96"]
    assert (cells["Q8_0"][3], cells["Q8_0"][7]) == (DASH, DASH)
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
