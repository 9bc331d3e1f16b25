"""Picks that are interrupted or killed go on: nothing is downloaded or scored twice."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeval.evaluation import file_scorer
from edgeval.evaluation.pick import search
from edgeval.records import Report
from edgeval.records.pick import Pick
from tests.helpers.command import COMMAND
from tests.helpers.fakes import StopAfter
from tests.helpers.hub_user import User
from tests.helpers.picks import REPO, blobs, names, outcomes, picked, smallest


class _StopAfter(StopAfter):
    """Presses Ctrl-C when so much was shown, of whatever work."""

    def advance(self, amount: float, note: str = "") -> None:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt


def n_scores(store: Path) -> Counter[str]:
    """Return how many scores a store holds, by the hash of the file."""
    query = (
        "SELECT json_extract(setting, '$.gguf_sha256'), count(*) FROM score "
        "JOIN measurement ON measurement.id = score.measurement GROUP BY 1"
    )
    with contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        return Counter(dict(connection.execute(query).fetchall()))


def assert_each_was_had_once(user: User, found: Pick) -> None:
    """Hold that no download began anew, whatever was interrupted, and none was repeated."""
    for each in found.files:
        name = each.file.removeprefix(f"{REPO}/")
        starts = [
            int(header.removeprefix("bytes=").rstrip("-") or 0)
            for header in user.hub.ranges_of(name)
        ]
        assert starts == sorted(starts), name
        assert user.hub.sent[name] < 2 * each.size_bytes, name


def test_whenever_it_is_interrupted_it_goes_on(
    user: User, items: Path, whole: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 0.0)
    expected = picked(REPO, items, tmp_path / "a.db", tmp_path / "expected").pick
    shutil.rmtree(user.home)
    user.hub.forget()
    user.hub.block_pause_s = 0.001
    compared = Counter[str]()
    compare = search.compare_with

    def counting(*given: Any) -> Any:
        found = compare(*given)
        compared[given[1].name] += 1
        return found

    monkeypatch.setattr(search, "compare_with", counting)
    rng, n_stops = random.Random(0), 0
    while True:
        bars = _StopAfter(rng.randint(40, 200))
        try:
            found = picked(
                REPO, items, tmp_path / "s.db", tmp_path / "o", deletes=True, progress=bars
            ).pick
            break
        except KeyboardInterrupt:
            n_stops += 1
    assert n_stops >= 4
    assert outcomes(found) == outcomes(expected)
    drifts = [each.drift for each in found.files]
    assert drifts == [each.drift for each in expected.files]
    assert_each_was_had_once(user, found)
    # Each file was compared to the end once, also those that were deleted in between.
    assert set(compared.values()) == {1} and len(compared) >= 2
    right = smallest(whole, 1.0)
    assert names(user) == {f"demo-{right}.gguf"}
    assert len(blobs(user)) == 1


@pytest.mark.process
@pytest.mark.parametrize("moment", ["download", "score"])
def test_who_is_killed_goes_on(
    moment: str, user: User, items: Path, whole: Report, tmp_path: Path
) -> None:
    store, out = tmp_path / "s.db", tmp_path / "o"
    by_size = sorted(whole.runs, key=lambda run: run.file_bytes)
    second, third = by_size[1], by_size[2]
    command = [
        *COMMAND[1:], "pick", REPO, "--yes", "--data", str(items), "--store", str(store),
        "--out", str(out), "--kernels", "plain", "--no-check", "--kl-items", "0", "--json",
    ]  # fmt: skip
    user.hub.block_pause_s = 0.02 if moment == "download" else 0.0

    def is_at_download() -> bool:
        return any(path.stat().st_size for path in user.blobs(f"{third.sha256}.incomplete"))

    def is_at_score() -> bool:
        with contextlib.suppress(sqlite3.OperationalError):  # It is being made.
            return store.exists() and n_scores(store)[second.sha256] > 0
        return False

    _kill_when(user, command, is_at_download if moment == "download" else is_at_score)
    begun = Pick.model_validate_json((out / "pick.json").read_text("utf-8"))
    known = outcomes(begun)
    assert known[by_size[0].label] == "worse"
    assert not begun.is_complete
    before = n_scores(store)
    assert before[whole.runs[0].sha256] == len(items.read_text("utf-8").splitlines())
    user.hub.block_pause_s = 0.0
    process = user.start(*command)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    found = Pick.model_validate(json.loads(stdout))
    assert found.recommended == smallest(whole, 1.0)
    assert found.file(by_size[0].label) == begun.file(by_size[0].label)
    assert_each_was_had_once(user, found)
    after = n_scores(store)
    assert all(after[each] == before[each] for each in (whole.runs[0].sha256, by_size[0].sha256))
    assert names(user) == {f"demo-{found.recommended}.gguf"}
    assert blobs(user) == [found.file(found.recommended).size_bytes]


def _kill_when(user: User, command: list[str], is_at: Callable[[], bool]) -> None:
    process = user.start(*command)
    deadline = time.monotonic() + 240
    while not is_at():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=60)
