from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from edgeval.errors import StoreError
from edgeval.records import SelfCheck
from edgeval.records.score_key import ScoreKey
from edgeval.store.schema import SCHEMA_VERSION
from edgeval.store.store import Store
from edgeval.store.stored_run import StoredRun
from edgeval.tasks.requests import Work
from tests.helpers.fakes import Lines, make_item, make_score
from tests.helpers.paths import ROOT
from tests.helpers.stores import DEVICE, FACTS, SETTING, without_remainders
from tests.helpers.stores import open_run as _open

ITEM = make_item(choices=["x", "y"])


def _add(measurement: StoredRun, *items: int, logprob: float = -1.5) -> None:
    plan = measurement.add_plan(items, FACTS, DEVICE)
    scores = {item: make_score([logprob, -2.0], ITEM) for item in items}
    measurement.save(plan, scores, Work(10, 5, 0.25))


def _scored(store: Store, **changes: Any) -> set[int]:
    with _open(store, **changes) as measurement:
        return set(measurement.scored())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results" / "edgeval.db"


def test_scores_come_back_to_the_last_bit(path: Path) -> None:
    score = make_score([-0.1 - 2**-53, -1e-300, -12345.678901234567], make_item(choices=["a"] * 3))
    with Store(path) as store, _open(store) as measurement:
        plan = measurement.add_plan([7], FACTS, DEVICE)
        measurement.save(plan, {7: score}, Work(10, 5, 0.25))
    with Store(path) as store, _open(store) as measurement:
        assert measurement.scores({7: score.item, 8: ITEM}) == {7: score}
        assert measurement.totals([7]) == (Work(10, 5, 0.25), FACTS)


@pytest.mark.parametrize("field", SETTING)
def test_another_setting_never_shares_a_score(field: str, path: Path) -> None:
    value = SETTING[field]
    other = {
        str: lambda: f"{value}x",
        int: lambda: value + 1,
        bool: lambda: not value,
        type(None): lambda: "c" * 64,
    }[type(value)]()
    with Store(path) as store:
        with _open(store) as measurement:
            _add(measurement, 1, 2)
        assert _scored(store, **{field: other}) == set()
        assert _scored(store) == {1, 2}


def test_fresh_starts_over_and_deletes_nothing(path: Path) -> None:
    with Store(path) as store:
        with _open(store) as measurement:
            _add(measurement, 1)
        with _open(store, fresh=True) as measurement:
            assert measurement.scored() == set()
            _add(measurement, 2)
        assert _scored(store) == {2}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT item FROM score ORDER BY item").fetchall() == [(1,), (2,)]


def test_a_score_that_is_there_stays(path: Path) -> None:
    with Store(path) as store, _open(store) as measurement:
        _add(measurement, 1, logprob=-1.0)
        _add(measurement, 1, logprob=-9.0)
        assert measurement.scores({1: ITEM})[1].logprobs[0] == -1.0


def test_plans_are_open_until_all_their_items_are_scored(path: Path) -> None:
    with Store(path) as store, _open(store) as measurement:
        plan = measurement.add_plan([3, 1, 2], FACTS, DEVICE)
        score = make_score([-1.0, -2.0], ITEM)
        measurement.save(plan, {3: score, 2: score}, Work(1, 1, 1.0))
        assert [(each.id, each.items) for each in measurement.open_plans()] == [
            (plan.id, (3, 1, 2))
        ]
        measurement.save(plan, {1: score}, Work(2, 2, 2.0))
        assert measurement.open_plans() == []
        assert measurement.totals([1])[0] == Work(3, 3, 3.0)


def test_files_that_are_no_store_are_refused_and_left_as_they_are(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database, and longer than a header of SQLite would be" * 40)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"edgeval\.db cannot be used .*--store"):
        Store(path)
    assert path.read_bytes() == before
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (a)")
    with pytest.raises(StoreError, match="another program's database"):
        Store(path)


def test_a_newer_store_is_refused(path: Path) -> None:
    Store(path).__exit__()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match=r"newer edgeval.*install that one"):
        Store(path)


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match=r"cannot be written or locked .*--store"):
        Store(tmp_path / "results" / "edgeval.db")


def test_a_disk_that_cannot_lock_is_a_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("flock is not supported here")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with Store(path) as store, pytest.raises(StoreError, match=r"flock .*local disk"), _open(store):
        pass


HOLDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.helpers.stores import open_run
from edgeval.store.store import Store
with Store(Path(sys.argv[1])) as store, open_run(store):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


def _hold(path: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, path, ROOT, seconds]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.process
def test_a_second_process_waits_and_says_so(path: Path) -> None:
    holder, lines = _hold(path, 1.0), Lines()
    started = time.monotonic()
    with Store(path) as store:
        setting = ScoreKey.model_validate(SETTING)
        with store.run(setting, file="m", data="d", progress=lines):
            assert time.monotonic() - started > 0.2
            assert holder.wait(10) == 0
    assert lines.lines == ["another edgeval is scoring this; waiting for it"]


@pytest.mark.process
def test_a_killed_process_blocks_nobody(path: Path) -> None:
    holder = _hold(path, 600.0)
    holder.kill()
    holder.wait(10)
    with Store(path) as store, _open(store) as measurement:
        assert measurement.scored() == set()


VERSION_2_CONTENT = (
    '{"scoring_version":1,"gguf_sha256":"' + "a" * 64 + '","data_fingerprint":"' + "b" * 64 + '",'
    '"protocol":"lm-eval","protocol_version":1,"shots":0,"shot_pool_fingerprint":null,'
    '"engine":"llama-cpp-python 0.3.36","features":"AVX2 = 1","backend":"cpu",'
    '"batch_tokens":1024,"cache_type":"f16","flash_attention":true}'
)
"""The key of ``SETTING`` as it was written before there were devices in it."""


def test_keys_of_the_cpu_are_what_they_always_were() -> None:
    setting = ScoreKey.model_validate(SETTING)
    assert setting.text == VERSION_2_CONTENT
    assert ScoreKey.model_validate_json(VERSION_2_CONTENT) == setting
    on_gpu = ScoreKey.model_validate(
        SETTING | {"backend": "cuda", "devices": ["NVIDIA H200"], "gpu_layers": 23}
    )
    assert '"devices":["NVIDIA H200"],"gpu_layers":23' in on_gpu.text
    assert ScoreKey.model_validate_json(on_gpu.text) == on_gpu


def test_a_store_of_version_2_is_migrated_and_its_scores_found(path: Path) -> None:
    with Store(path) as store, _open(store) as measurement:
        _add(measurement, 1, 2)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE self_check")
        connection.execute("DROP TABLE stint")
        without_remainders(connection)
        connection.execute("PRAGMA user_version = 2")
        ((content, key),) = connection.execute("SELECT setting, key FROM measurement")
    assert content == VERSION_2_CONTENT
    assert key == hashlib.sha256(VERSION_2_CONTENT.encode()).hexdigest()
    setting = ScoreKey.model_validate(SETTING)
    with Store(path) as store:
        assert _scored(store) == {1, 2}
        assert store.self_check(setting) is None
        store.add_self_check(setting, SELF_CHECK)
    with Store(path) as store:
        assert store.self_check(setting) == SELF_CHECK
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


SELF_CHECK = SelfCheck(
    n_items=24,
    n_same_picks=23,
    max_logprob_change=0.5,
    mean_logprob_change=0.1,
    token_change=0.01,
    bar=0.02,
    speedup=70.5,
)
GPU = {"backend": "cuda", "devices": ("NVIDIA H200",), "gpu_layers": 23}


@pytest.mark.parametrize("field", [*SETTING, "devices", "gpu_layers"])
def test_a_self_check_is_of_a_computation_with_any_data(field: str, path: Path) -> None:
    values = SETTING | GPU
    value = values[field]
    others = {
        str: lambda: f"{value}x",
        int: lambda: value + 1,
        bool: lambda: not value,
        tuple: lambda: (*value, "another"),
        type(None): lambda: "c" * 64,
    }
    other = ScoreKey.model_validate(values | {field: others[type(value)]()})
    is_of_data = field in (
        "data_fingerprint",
        "protocol",
        "protocol_version",
        "shots",
        "shot_pool_fingerprint",
    )
    with Store(path) as store:
        store.add_self_check(ScoreKey.model_validate(values), SELF_CHECK)
        assert store.self_check(other) == (SELF_CHECK if is_of_data else None)


def test_a_damaged_self_check_is_not_there(path: Path) -> None:
    setting = ScoreKey.model_validate(SETTING | GPU)
    with Store(path) as store:
        store.add_self_check(setting, SELF_CHECK)
        with store.connection() as connection:
            connection.execute("UPDATE self_check SET found = replace(found, '70.5', '7.5')")
        assert store.self_check(setting) is None
        store.add_self_check(setting, SELF_CHECK)
        assert store.self_check(setting) == SELF_CHECK
