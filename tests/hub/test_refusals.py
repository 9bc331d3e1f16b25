"""Hubs out of reach, gated or empty, and disks too small: each is a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeval.errors import HubError
from edgeval.hub.fetch import fetch_checkpoint
from tests.helpers.hub_user import LISTING, NEEDED, REPO, WEIGHTS, User, assert_same


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


@pytest.mark.process
@pytest.mark.parametrize("fault", ["no name service", "no answer"])
def test_a_network_that_hangs_does_not_stall(user: User, fault: str) -> None:
    first = user.fetch()
    user.hub.delay_s = 20 if fault == "no answer" else 0
    waits = {"HF_HUB_ETAG_TIMEOUT": "1"}
    found = user.fetch_in_process(variables=waits, no_names=fault == "no name service")
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


@pytest.mark.process
def test_the_cache_is_the_clients_own(user: User, checkpoint: Path) -> None:
    code = """
import json, sys
from huggingface_hub import snapshot_download
print(snapshot_download("tiny/llama", **json.loads(sys.argv[1])))
"""
    wanted = json.dumps({"ignore_patterns": "*.bin"})
    theirs, err = user.start("-c", code, wanted).communicate(timeout=60)
    user.hub.forget()
    found = user.fetch()
    assert found.path == theirs.strip(), err
    assert user.asked() == [LISTING]

    other = User(user.home.with_name("other"), user.hub)
    found = other.fetch()
    kept = json.dumps({"local_files_only": True, "allow_patterns": sorted(NEEDED | {WEIGHTS})})
    theirs, err = other.start("-c", code, kept).communicate(timeout=60)
    assert theirs.strip() == found.path, err
