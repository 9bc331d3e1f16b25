"""The real client against a small hub, each call in a process of its own, as a user starts it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_server import HubServer
from safetensors.numpy import save_file

from edgeval.errors import HubError
from edgeval.hub.fetch import fetch_checkpoint
from edgeval.hub.names import is_repo_id

REPO = "tiny/llama"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
LISTING = "/api/models/tiny/llama/revision/main?blobs=true"
NEEDED = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}

# Runs one fetch and prints what came of it; argv[1] is the call and the machine's faults as JSON.
DRIVER = """
import errno, json, os, shutil, socket, sys, time
from contextlib import contextmanager
import edgeval.hub.fetch as hub
from edgeval.errors import HubError

ask = json.loads(sys.argv[1])
assert "huggingface_hub" not in sys.modules, "importing edgeval.hub must stay cheap"
if ask["free_bytes"] is not None:
    usage = shutil.disk_usage(".")._replace(free=ask["free_bytes"])
    shutil.disk_usage = lambda path: usage
if ask["disk_full"]:
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")
    os.fsync = full
if ask["no_names"]:
    socket.getaddrinfo = lambda *where, **how: time.sleep(60)

class Progress:
    def __init__(self):
        self.tasks, self.logs, self.amounts = [], [], []
    @contextmanager
    def task(self, description, total, unit):
        self.tasks.append([description, total, unit])
        yield self
    def advance(self, amount, note=""):
        self.amounts.append(amount)
    def log(self, message):
        self.logs.append(message)

progress, outcome = Progress(), {}
try:
    found = hub.fetch_checkpoint(*ask["args"], progress=progress, **ask["kwargs"])
    outcome = {"path": str(found.path), "repo": found.repo, "revision": found.revision,
               "commit": found.commit}
except HubError as error:
    outcome = {"error": str(error)}
print(json.dumps({**outcome, "tasks": progress.tasks, "logs": progress.logs,
                  "advanced": sum(progress.amounts), "steps": len(progress.amounts)}))
"""


@dataclass
class Outcome:
    """What a fetch returned or raised, and what it told the watcher."""

    tasks: list[list[Any]]
    logs: list[str]
    advanced: float
    steps: int
    path: str = ""
    repo: str = ""
    revision: str = ""
    commit: str = ""
    error: str = ""
    elapsed_s: float = 0.0


@dataclass
class User:
    """Someone with a home directory, an environment and a hub."""

    home: Path
    hub: HubServer
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, code: str, argument: str, **variables: str) -> subprocess.Popen[str]:
        ours = ("HF_", "HUGGING", "TRANSFORMERS_", "XDG_")
        clean = {k: v for k, v in os.environ.items() if not k.upper().startswith(ours)}
        clean = {k: v for k, v in clean.items() if not k.upper().endswith("_PROXY")}
        ours_now = {"HF_HOME": str(self.home), "HF_ENDPOINT": self.hub.url, "PYTHONUTF8": "1"}
        return subprocess.Popen(
            [sys.executable, "-c", code, argument],
            env=clean | ours_now | self.environment | variables,
            cwd=Path(__file__).parents[1],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start_fetch(
        self,
        *args: str,
        free_bytes: int | None = None,
        disk_full: bool = False,
        no_names: bool = False,
        variables: dict[str, str] | None = None,
        **kwargs: object,
    ) -> subprocess.Popen[str]:
        ask = {"args": args or [REPO], "kwargs": kwargs}
        faults = {"free_bytes": free_bytes, "disk_full": disk_full, "no_names": no_names}
        return self.start(DRIVER, json.dumps(ask | faults), **(variables or {}))

    def fetch(self, *args: str, **kwargs: Any) -> Outcome:
        started = time.monotonic()
        process = self.start_fetch(*args, **kwargs)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return Outcome(**json.loads(out), elapsed_s=time.monotonic() - started)

    def asked(self) -> list[str]:
        """Return all paths asked for, less the client's own question of once a day."""
        paths = [request.path for request in self.hub.requests]
        # Old clients write True.
        return [p.replace("=True", "=true") for p in paths if p != "/api/agent-harnesses"]

    def blobs(self, pattern: str) -> list[Path]:
        return sorted(self.home.rglob(f"blobs/{pattern}"))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in (*NEEDED, "README.md"):
        (folder / name).write_text(json.dumps({"name": name}))
    values = np.random.default_rng(0).standard_normal((768, 1024), dtype=np.float32)
    save_file({"lm_head.weight": values}, folder / WEIGHTS)
    (folder / "pytorch_model.bin").write_bytes(b"\0" * 5000)
    return folder


@pytest.fixture
def hub(checkpoint: Path) -> Iterator[HubServer]:
    with HubServer(checkpoint, REPO) as server:
        yield server


@pytest.fixture
def user(tmp_path: Path, hub: HubServer) -> User:
    return User(tmp_path / "home", hub)


def shard(checkpoint: Path) -> list[str]:
    """Replace the single file of weights by two shards and their index."""
    (checkpoint / WEIGHTS).unlink()
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for number, name in enumerate(names):
        save_file({f"layer.{number}": np.full((64, 64), number, np.float32)}, checkpoint / name)
    weight_map = {f"layer.{number}": name for number, name in enumerate(names)}
    (checkpoint / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return names


def assert_same(found: Outcome, checkpoint: Path, names: set[str]) -> None:
    """Hold a snapshot to the repository: these files, these bytes, and no other file."""
    assert found.error == ""
    snapshot = Path(found.path)
    assert {path.name for path in snapshot.iterdir()} == names
    for name in names:
        assert (snapshot / name).read_bytes() == (checkpoint / name).read_bytes(), name


def test_downloads_what_a_converter_reads(user: User, checkpoint: Path) -> None:
    found = user.fetch()
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


def test_two_at_once_download_once(user: User, checkpoint: Path) -> None:
    user.hub.block_pause_s = 0.01
    processes = [user.start_fetch(), user.start_fetch()]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert_same(Outcome(**json.loads(out)), checkpoint, NEEDED | {WEIGHTS})
    assert user.hub.ranges_of(WEIGHTS) == [""]


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


def test_offline_without_a_cache_names_both_ways_out(user: User) -> None:
    error = user.fetch(offline=True).error
    assert "tiny/llama (revision main) is not completely in the cache" in error
    assert "run once online" in error
    assert "local checkpoint directory or a .gguf" in error
    assert user.hub.requests == []


def test_a_hub_out_of_reach_falls_back_to_the_cache(user: User) -> None:
    first = user.fetch()
    user.hub.status = 503
    assert "503" in user.fetch().logs[0]
    user.hub.stop()
    found = user.fetch()
    assert (found.path, found.commit) == (first.path, first.commit)
    assert found.elapsed_s < 8
    (log,) = found.logs
    assert log.startswith("hub not reached (")
    assert log.endswith(f"using tiny/llama at {first.commit[:12]} from cache")


@pytest.mark.parametrize("fault", ["no name service", "no answer"])
def test_a_network_that_hangs_does_not_stall(user: User, fault: str) -> None:
    first = user.fetch()
    user.hub.delay_s = 20 if fault == "no answer" else 0
    waits = {"HF_HUB_ETAG_TIMEOUT": "1"}
    found = user.fetch(variables=waits, no_names=fault == "no name service")
    assert found.path == first.path
    assert len(found.logs) == 1
    assert 1 < found.elapsed_s < 8


def test_a_hub_out_of_reach_without_a_cache(user: User) -> None:
    user.hub.refuse = True
    found = user.fetch()
    assert f"Could not reach the hub at {user.hub.url}" in found.error
    assert "HF_ENDPOINT" in found.error
    assert found.elapsed_s < 8
    nowhere = user.fetch(variables={"HF_ENDPOINT": "http://hub.invalid"})
    assert "Could not reach the hub at http://hub.invalid" in nowhere.error


def test_unknown_names(user: User) -> None:
    unknown = user.fetch("tiny/lama").error
    assert "has no model tiny/lama" in unknown
    assert "`edgeval models`" in unknown
    revision = user.fetch(REPO, "v9").error
    assert "tiny/llama has no revision 'v9'" in revision
    assert list(user.home.rglob("snapshots")) == []
    with pytest.raises(HubError, match="write owner/name"):
        fetch_checkpoint("not a repository")


def test_a_gated_model_needs_the_token(user: User, checkpoint: Path) -> None:
    user.hub.gated = True
    error = user.fetch().error
    assert "tiny/llama is gated" in error
    assert "`hf auth login`" in error
    assert "HF_TOKEN" in error
    user.hub.private = True
    assert "for a private one, log in" in user.fetch().error
    user.hub.status = 403
    assert "refuses tiny/llama (HTTP 403): log in" in user.fetch().error
    user.hub.status = 0
    found = user.fetch(variables={"HF_TOKEN": user.hub.token})
    assert_same(found, checkpoint, NEEDED | {WEIGHTS})


@pytest.mark.parametrize(
    ("removed", "sentence"),
    [
        (WEIGHTS, "has no weights (model.safetensors, model.safetensors.index.json, pytorch_model"),
        ("config.json", "is no checkpoint (no config.json)"),
        ("tokenizer.json", "has no tokenizer.model or tokenizer.json"),
    ],
)
def test_repositories_that_are_no_checkpoint(
    user: User, checkpoint: Path, removed: str, sentence: str
) -> None:
    (checkpoint / "pytorch_model.bin").unlink()
    (checkpoint / removed).unlink()
    assert sentence in user.fetch().error
    assert user.asked() == [LISTING]


def test_a_disk_too_small_is_refused_before_the_first_byte(user: User, checkpoint: Path) -> None:
    total = sum((checkpoint / name).stat().st_size for name in NEEDED | {WEIGHTS})
    error = user.fetch(free_bytes=total - 1).error
    assert f"needs {total / 1e6:,.1f} MB more" in error
    assert f"only {(total - 1) / 1e6:,.1f} MB free" in error
    assert user.asked() == [LISTING]
    assert_same(user.fetch(free_bytes=total), checkpoint, NEEDED | {WEIGHTS})


def test_a_disk_that_fills_up_keeps_what_arrived(user: User) -> None:
    error = user.fetch(disk_full=True).error
    assert error.startswith("The disk of ")
    assert "is full: free some space" in error
    assert len(user.blobs("*.incomplete")) == 1


def test_a_partial_snapshot_is_not_accepted(user: User, checkpoint: Path) -> None:
    snapshot = Path(user.fetch().path)
    for name in ("tokenizer.json", WEIGHTS):
        aside = (snapshot / name).rename(user.home / "aside")
        assert "not completely in the cache" in user.fetch(offline=True).error, name
        aside.rename(snapshot / name)
    (snapshot / "config.json").unlink()
    (snapshot / WEIGHTS).unlink()
    assert_same(user.fetch(), checkpoint, NEEDED | {WEIGHTS})


def test_the_cache_is_the_clients_own(user: User, checkpoint: Path) -> None:
    code = """
import json, sys
from huggingface_hub import snapshot_download
print(snapshot_download("tiny/llama", **json.loads(sys.argv[1])))
"""
    theirs, err = user.start(code, json.dumps({"ignore_patterns": "*.bin"})).communicate(timeout=60)
    user.hub.forget()
    found = user.fetch()
    assert found.path == theirs.strip(), err
    assert user.asked() == [LISTING]

    other = User(user.home.with_name("other"), user.hub)
    found = other.fetch()
    kept = json.dumps({"local_files_only": True, "allow_patterns": sorted(NEEDED | {WEIGHTS})})
    theirs, err = other.start(code, kept).communicate(timeout=60)
    assert theirs.strip() == found.path, err


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
