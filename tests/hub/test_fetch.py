"""Fetching with the real client from a small hub, each call in a process, as a user starts it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from edgeval.hub.names import is_repo_id
from tests.helpers.hub_user import LISTING, NEEDED, REPO, WEIGHTS, Outcome, User, assert_same

INDEX = "model.safetensors.index.json"


def shard(checkpoint: Path) -> list[str]:
    """Replace the single file of weights by two shards and their index."""
    (checkpoint / WEIGHTS).unlink()
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for number, name in enumerate(names):
        save_file({f"layer.{number}": np.full((64, 64), number, np.float32)}, checkpoint / name)
    weight_map = {f"layer.{number}": name for number, name in enumerate(names)}
    (checkpoint / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return names


@pytest.mark.process
def test_downloads_what_a_converter_reads(user: User, checkpoint: Path) -> None:
    found = user.fetch_in_process()
    assert_same(found, checkpoint, NEEDED | {WEIGHTS})
    assert (found.repo, found.revision, found.commit) == (REPO, "main", user.hub.commit)
    assert Path(found.path).is_relative_to(user.home / "hub" / "models--tiny--llama")
    total = sum((checkpoint / name).stat().st_size for name in NEEDED | {WEIGHTS})
    assert found.tasks == [["download tiny/llama", total, "bytes"]]
    assert found.advanced == total
    assert found.steps > 10
    assert found.logs == []
    assert user.blobs("*.incomplete") == []


def test_downloads_nothing_twice(user: User, checkpoint: Path) -> None:
    first = user.fetch()
    user.hub.forget()
    again = user.fetch()
    assert (again.path, again.tasks) == (first.path, [])
    assert len(user.hub.requests) == 1
    assert user.asked() == [LISTING]

    user.hub.forget()
    by_commit = user.fetch(REPO, first.commit)
    offline = user.fetch(offline=True)
    by_variable = user.fetch(variables={"HF_HUB_OFFLINE": "1"})
    assert {by_commit.path, offline.path, by_variable.path} == {first.path}
    assert by_commit.revision == by_commit.commit == first.commit
    assert user.hub.requests == []


def test_a_new_commit_brings_only_what_changed(user: User, checkpoint: Path) -> None:
    first = user.fetch()
    (checkpoint / "config.json").write_text('{"name": "another"}')
    user.hub.forget()
    second = user.fetch()
    assert second.commit == user.hub.commit != first.commit
    assert_same(second, checkpoint, NEEDED | {WEIGHTS})
    if os.name != "nt":  # Without symbolic links the blobs of an old snapshot are moved into it.
        fetched = f"/tiny/llama/resolve/{second.commit}/config.json"
        assert user.hub.paths()[1:] == [fetched]


def test_weights_of_pytorch_are_taken_where_there_are_no_others(
    user: User, checkpoint: Path
) -> None:
    (checkpoint / WEIGHTS).unlink()
    assert_same(user.fetch(), checkpoint, NEEDED | {"pytorch_model.bin"})
    weights = checkpoint / "pytorch_model.bin"
    shards = [f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2)]
    for name in shards:
        (checkpoint / name).write_bytes(weights.read_bytes() + name.encode())
    weights.unlink()
    index = json.dumps({"weight_map": dict(zip("ab", shards, strict=True))})
    (checkpoint / "pytorch_model.bin.index.json").write_text(index)
    names = {"pytorch_model.bin.index.json", *shards}
    assert_same(user.fetch(), checkpoint, NEEDED | names)
    user.hub.stop()
    assert_same(user.fetch(offline=True), checkpoint, NEEDED | names)


def test_shards_come_from_the_index(user: User, checkpoint: Path) -> None:
    names = shard(checkpoint)
    (checkpoint / "model-extra.safetensors").write_bytes(b"not in the index")
    assert_same(user.fetch(), checkpoint, NEEDED | {INDEX, *names})
    user.hub.stop()
    assert_same(user.fetch(offline=True), checkpoint, NEEDED | {INDEX, *names})
    next(user.home.rglob(f"snapshots/*/{names[1]}")).unlink()
    assert "not completely in the cache" in user.fetch(offline=True).error


def test_an_index_cannot_leave_the_snapshot(user: User, checkpoint: Path) -> None:
    shard(checkpoint)
    (checkpoint / INDEX).write_text(json.dumps({"weight_map": {"a": "../../escape.safetensors"}}))
    assert "names no usable shards" in user.fetch().error


def test_resumes_after_the_hub_went_away_half_way(user: User, checkpoint: Path) -> None:
    user.hub.cut_at[WEIGHTS] = 1_234_567
    failed = user.fetch()
    assert "stopped" in failed.error
    assert "run again to resume" in failed.error
    (partial,) = user.blobs("*.incomplete")
    kept_bytes = partial.stat().st_size
    assert 0 < kept_bytes <= 1_234_567
    assert list(user.home.rglob(f"snapshots/*/{WEIGHTS}")) == []
    assert "not completely in the cache" in user.fetch(offline=True).error

    user.hub.cut_at.clear()
    user.hub.forget()
    found = user.fetch()
    assert user.hub.ranges_of(WEIGHTS) == [f"bytes={kept_bytes}-"]
    assert_same(found, checkpoint, NEEDED | {WEIGHTS})
    assert found.advanced == found.tasks[0][1]


def test_a_short_loss_is_resumed_in_the_same_call(user: User, checkpoint: Path) -> None:
    user.hub.cut_at[WEIGHTS] = 1_000_000
    user.hub.cut_once = True
    found = user.fetch()
    assert_same(found, checkpoint, NEEDED | {WEIGHTS})
    first, second = user.hub.ranges_of(WEIGHTS)
    assert first == ""
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 1_000_000
    assert found.advanced == found.tasks[0][1]


@pytest.mark.process
def test_two_at_once_download_once(user: User, checkpoint: Path) -> None:
    user.hub.block_pause_s = 0.01
    processes = [user.start_fetch(), user.start_fetch()]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert_same(Outcome(**json.loads(out)), checkpoint, NEEDED | {WEIGHTS})
    assert user.hub.ranges_of(WEIGHTS) == [""]


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="no SIGINT for a single child process")
def test_control_c_passes_through_and_keeps_what_arrived(user: User, checkpoint: Path) -> None:
    user.hub.block_pause_s = 0.02
    process = user.start_fetch()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        # A small file has its name by the time it is looked at.
        with contextlib.suppress(FileNotFoundError):
            if any(path.stat().st_size > 300_000 for path in user.blobs("*.incomplete")):
                break
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
    (partial,) = user.blobs("*.incomplete")
    kept_bytes = partial.stat().st_size
    assert 0 < kept_bytes < (checkpoint / WEIGHTS).stat().st_size

    user.hub.block_pause_s = 0.0
    user.hub.forget()
    assert_same(user.fetch(), checkpoint, NEEDED | {WEIGHTS})
    assert user.hub.ranges_of(WEIGHTS) == [f"bytes={kept_bytes}-"]


def test_a_hub_that_ignores_ranges_restarts_the_file(user: User, checkpoint: Path) -> None:
    user.hub.cut_at[WEIGHTS] = 1_000_000
    user.hub.cut_once = user.hub.ignore_range = True
    found = user.fetch()
    assert_same(found, checkpoint, NEEDED | {WEIGHTS})
    assert [header[:6] for header in user.hub.ranges_of(WEIGHTS)] == ["", "bytes="]
    assert found.advanced == found.tasks[0][1]


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_damaged_bytes_are_refused(user: User, checkpoint: Path, name: str) -> None:
    user.hub.corrupt.add(name)
    assert f"{name} of tiny/llama arrived damaged" in user.fetch().error
    assert list(user.home.rglob(f"snapshots/*/{name}")) == []
    assert user.blobs("*.incomplete") == []
    if name == WEIGHTS:
        user.hub.corrupt.clear()
        assert_same(user.fetch(), checkpoint, NEEDED | {WEIGHTS})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T", True),
        ("a/b", True),
        ("o_w.n-er/n.a_m-e", True),
        ("gpt2", False),
        ("a/b/c", False),
        ("./model", False),
        ("../model", False),
        ("/model", False),
        ("~/model", False),
        ("a/b.", False),
        ("-a/b", False),
        ("a--b/c", False),
        ("a/b..c", False),
        ("a/b.git", False),
        ("a/b c", False),
        ("a\\b/c", False),
        ("ä/b", False),
        ("a/b\n", False),
        ("a/" + "b" * 96, True),
        ("a/" + "b" * 97, False),
        ("", False),
    ],
)
def test_is_repo_id(text: str, expected: bool) -> None:
    assert is_repo_id(text) is expected
