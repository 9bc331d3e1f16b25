"""What was downloaded is removed again: names, bytes and parts, and nothing that others need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeval.errors import HubError
from edgeval.hub.cache import Cache, RemoteFile
from edgeval.hub.ggufs import GgufRepo, chosen, fetch_ggufs, list_ggufs
from tests.helpers.gguf_hub import Q4, Q8, REPO, SPLIT, publish
from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import User


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return publish(tmp_path / "repository")


@pytest.fixture
def user(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    monkeypatch.setattr("edgeval.hub.transfer._RETRY_PAUSES_S", (0.01, 0.02))
    with HubServer(folder, REPO, lfs=(".gguf",)) as hub:
        found = User(tmp_path / "home", hub)
        with found.at_home():
            yield found


def fetched(*names: str) -> tuple[GgufRepo, list[RemoteFile], list[RemoteFile]]:
    """Fetch GGUFs; return the listing, their files, and those that were begun here."""
    listing = list_ggufs(REPO)
    assert listing is not None
    ggufs, begun = chosen(listing, names), list[RemoteFile]()
    fetch_ggufs(listing, ggufs, beginning=begun.append)
    return listing, [file for gguf in ggufs for file in gguf.files], begun


def left(user: User) -> set[str]:
    """Return the names in the cache but for locks and refs."""
    root = user.home / "hub"
    return {
        path.name
        for path in root.rglob("*")
        if (path.is_file() or path.is_symlink()) and not {".locks", "refs"} & set(path.parts)
    }


def test_names_bytes_and_empty_folders_go(user: User) -> None:
    listing, files, begun = fetched("BF16", "Q4_K_M")
    assert begun == files
    *parts, q4 = files
    cache = Cache(REPO)
    for file in parts:
        cache.remove(file, listing.commit)
    assert left(user) == {Q4, q4.hash}
    assert not (cache.snapshots / listing.commit / "BF16").exists()
    cache.remove(q4, listing.commit)
    cache.remove(q4, listing.commit)  # Whoever was killed in between does it again.
    assert left(user) == set()
    assert not (cache.snapshots / listing.commit).exists() and cache.snapshots.is_dir()
    assert [file.name for file in fetched("BF16")[2]] == list(SPLIT)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for a privilege to link")
def test_what_another_snapshot_links_stays(user: User, folder: Path) -> None:
    first, (q8,), _ = fetched("Q8_0")
    (folder / Q4).write_bytes(b"another")
    second, (_, q4), begun = fetched("Q8_0", "Q4_K_M")
    assert begun == [q4]
    Cache(REPO).remove(q8, second.commit)
    assert (Cache(REPO).snapshots / first.commit / Q8).is_file()
    assert left(user) == {Q8, q8.hash, Q4, q4.hash}
    Cache(REPO).remove(q8, first.commit)
    assert left(user) == {Q4, q4.hash}


def test_what_has_arrived_in_part_goes_and_was_begun_once(user: User) -> None:
    user.hub.cut_at[Q8] = 100_000
    listing = list_ggufs(REPO)
    assert listing is not None
    ggufs, begun = chosen(listing, ["Q8_0"]), list[RemoteFile]()
    for _ in range(2):
        with pytest.raises(HubError, match="run again to resume"):
            fetch_ggufs(listing, ggufs, beginning=begun.append)
    (file,) = begun
    assert left(user) == {f"{file.hash}.incomplete"}
    Cache(REPO).remove(file, listing.commit)
    assert left(user) == set()


def test_without_links_the_copy_and_the_bytes_go(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    listing, (q4,), _ = fetched("Q4_K_M")
    assert left(user) == {Q4, q4.hash}
    Cache(REPO).remove(q4, listing.commit)
    assert left(user) == set()


def test_only_what_a_hash_names_is_removed(user: User) -> None:
    listing, _, _ = fetched("Q4_K_M")
    for name, digest, commit in (
        (Q4, "", listing.commit),
        (Q4, "../" * 20, listing.commit),
        (Q4, "0" * 64, "../x"),
    ):
        with pytest.raises(ValueError, match="no hash"):
            Cache(REPO).remove(RemoteFile(name, 1, digest), commit)
    assert Q4 in left(user)


def test_a_listing_that_needs_the_hub_does_not_fall_back(user: User) -> None:
    fetched("Q8_0")
    user.hub.status = 503
    assert list_ggufs(REPO) is not None
    with pytest.raises(HubError, match="Could not reach the hub"):
        list_ggufs(REPO, needs_hub=True)
    assert list_ggufs(REPO, needs_hub=True, offline=True) is not None
