"""Speeds of an evaluation: each belongs to one command and its work."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from edgeval.cli.terminal.runs import print_run
from edgeval.evaluation import file_scorer, kl_items
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.records import Speed, by_command
from edgeval.report import speeds
from edgeval.report.record_view import RecordView
from edgeval.store.exchange import export_run, import_run
from edgeval.store.repair import repair
from edgeval.store.run_file import dump
from edgeval.store.runs import show_run
from edgeval.store.store import Store
from edgeval.tasks.requests import Work
from tests.helpers.fakes import StopAfter
from tests.helpers.reports import ELSEWHERE, MADE_AT, example_report
from tests.helpers.speeds import DASH, changed, evaluated, imported, last_cell, printed, run, stints
from tests.helpers.stores import DEVICE as STORE_DEVICE
from tests.helpers.stores import FACTS, add_items, open_run, score_of, without_remainders
from tests.helpers.tiny import make_items, write_items


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
