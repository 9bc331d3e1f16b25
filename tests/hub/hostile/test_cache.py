"""The user's files, which no hub gets into its cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeval.errors import HubError
from tests.helpers.hostile_hub import FILES, REPO, entry, fetch, refused
from tests.helpers.hub_server import HubServer

# The user's files.


def test_no_file_of_the_user_gets_into_a_snapshot(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"8 bytes.")

    def denied(*_: object, **__: object) -> None:
        raise OSError("a required privilege is not held")

    for digest in (
        str(secret),
        os.path.relpath(secret, tmp_path / "cache/models--tiny--llama/blobs"),
    ):
        for name in ("symlink_to", "hardlink_to"):
            monkeypatch.setattr(Path, name, denied)
        server.listing = entry(blobId=digest)
        refused("config.json has the hash")
        server.listing = entry(lfs={"sha256": digest, "size": 8})
        refused("config.json has the hash")
    assert secret.read_bytes() == b"8 bytes."


@pytest.mark.parametrize("denied", [["symlink_to"], ["symlink_to", "hardlink_to"]])
def test_without_links_blobs_stay_where_they_are(
    denied: list[str], server: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def deny(*_: object, **__: object) -> None:
        raise OSError("a required privilege is not held")

    for name in denied:
        monkeypatch.setattr(Path, name, deny)
    assert fetch() == FILES
    (server.folder / "config.json").write_bytes(b'{"a": 2}')
    server.forget()
    assert fetch() == FILES | {"config.json": b'{"a": 2}'}
    # What has not changed is not fetched again, for the blobs are still there.
    assert [path for path in server.paths() if "resolve" in path] == [
        f"/{REPO}/resolve/{server.commit}/config.json"
    ]
    blobs = list((tmp_path / "cache").rglob("blobs/*"))
    assert sorted(path.read_bytes() for path in blobs) == sorted([*FILES.values(), b'{"a": 2}'])


def test_a_reference_of_the_cache_that_is_none_is_not_followed(
    server: HubServer, tmp_path: Path
) -> None:
    fetch()
    ref = tmp_path / "cache/models--tiny--llama/refs/main"
    for content in (b"../../..", b"\xff" * 40, b"a" * 10_000, b""):
        ref.write_bytes(content)
        with pytest.raises(HubError, match="not completely in the cache"):
            fetch(offline=True)
    if os.name != "nt":
        ref.unlink()
        os.mkfifo(ref)
        with pytest.raises(HubError, match="not completely in the cache"):
            fetch(offline=True)
        ref.unlink()
    assert fetch() == FILES
