"""Listings of GGUFs on hubs that lie: names, sizes, and far too many of them."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import HubError
from edgeval.hub.ggufs import GgufRepo, chosen, fetch_ggufs, list_ggufs
from edgeval.hub.names import is_plain_path
from tests.helpers.hostile_hub import LIMITS, REPO, SECRET, send
from tests.helpers.hub_server import HubServer

GOOD = "Q4_K_M/a-Q4_K_M.gguf"
CONTENT = b"GGUF" * 100

ODD_PATHS = [
    *("../a.gguf", "a/../../b.gguf", "/etc/a.gguf", "a//b.gguf", "./a.gguf", "a/./b.gguf"),
    *("a\\b.gguf", "C:a.gguf", "C:/a.gguf", "~/a.gguf", "nul/a.gguf", "a/CON.gguf", "-a/b.gguf"),
    *("a/-b.gguf", "a/.gguf", ".hidden/a.gguf", "a./b.gguf", "a\0b.gguf", "\x1b[2Ja.gguf"),
    *("a\nb.gguf", "a b.gguf", "é.gguf", "a/b/c/d/e.gguf", "x" * 201 + ".gguf", "a\u202eb.gguf"),
    *("a/b.gguf/", "/", "a/?b.gguf", "a/#b.gguf", "a/%2e%2e/b.gguf", "*.gguf"),
]


@pytest.fixture(autouse=True)
def _ggufs(server: HubServer) -> None:
    server.lfs_suffixes = (".gguf",)
    (server.folder / GOOD).parent.mkdir()
    (server.folder / GOOD).write_bytes(CONTENT)


def listing_of(*entries: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: content | {"siblings": [*entries, *content["siblings"]]}


def entry(name: str, **changes: object) -> dict[str, object]:
    return {"rfilename": name, "size": 8, "lfs": {"sha256": "a" * 64}, **changes}


def listed() -> GgufRepo:
    """Return what is listed, which takes seconds at most, and little memory."""
    begun = time.monotonic()
    tracemalloc.start()
    try:
        found = list_ggufs(REPO, limits=LIMITS)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found is not None
    assert time.monotonic() - begun < 9
    assert peak_bytes < 60_000_000
    return found


def refused(reason: str) -> str:
    with pytest.raises(HubError, match=reason) as found:
        listed()
    sentence = str(found.value)
    assert sentence.isprintable()
    assert len(sentence) < 700
    assert SECRET not in sentence
    return sentence


def test_names_that_leave_the_folder_are_no_paths() -> None:
    assert not any(map(is_plain_path, [*ODD_PATHS, None, 7, ["a"], ""]))
    for name in ("a.gguf", "a/b.gguf", "a/b/c/d.gguf", "UD-Q4_K_XL/a+b.gguf"):
        assert is_plain_path(name), name


def test_odd_names_are_shown_and_never_looked_for(server: HubServer, tmp_path: Path) -> None:
    odd = [name for name in ODD_PATHS if name.endswith(".gguf")]
    server.listing = listing_of(*(entry(name, size=-1, lfs=[]) for name in odd))
    found = listed()
    assert [gguf.name for gguf in found.ggufs] == [GOOD]
    assert len(found.others) == len(odd)
    assert all(name.isprintable() and len(name) <= 110 for name in found.others)
    for name in odd:
        with pytest.raises(HubError, match="has no GGUF"):
            chosen(found, [name])
    assert fetch_ggufs(found, chosen(found, ["all"]))[0][0].read_bytes() == CONTENT
    kept = {path for path in tmp_path.rglob("*.gguf") if "cache" in path.parts}
    assert {path.name for path in kept} == {"a-Q4_K_M.gguf"}


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([entry(GOOD)], f"it lists {GOOD} twice"),
        ([entry("a.gguf", size=-8)], r"a\.gguf has the size -8"),
        ([entry("b/a.gguf", size="8")], r"b/a\.gguf has the size '8'"),
        ([entry("b/a.gguf", size=2**63)], "the number 9223372036854775808"),
        ([entry("b/a.gguf", lfs={"sha256": "../x"})], r"b/a\.gguf has the hash '\.\./x'"),
        ([entry("b/a.gguf", lfs=7)], r"b/a\.gguf has the LFS 7"),
        ([None], "it lists a file as None"),
    ],
)
def test_a_field_of_another_kind_is_named(
    entries: list[object], reason: str, server: HubServer
) -> None:
    server.listing = listing_of(*entries)
    assert refused(f"the answer is not a hub's: .*{reason}").startswith("Could not reach the hub")


def test_far_too_many_ggufs_are_refused(server: HubServer) -> None:
    server.listing = listing_of(*({"rfilename": f"{n}.gguf"} for n in range(30_000)))
    assert "lists 30,001 GGUFs, and at most 5,000 are read" in refused("at most")


def test_a_listing_of_a_hundred_thousand_entries_is_read_in_seconds(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 30)
    entries = [entry(f"a/{n}.gguf") for n in range(100_000)]
    body = json.dumps({"sha": "a" * 40, "siblings": entries}).encode()
    server.intercept = lambda handler: send(handler, body)
    begun = time.monotonic()
    with pytest.raises(HubError, match="lists 100,000 GGUFs"):
        list_ggufs(REPO)
    assert time.monotonic() - begun < 9
    with pytest.raises(HubError, match=r"the answer has more than 1\.0 MB"):
        list_ggufs(REPO, limits=LIMITS)


def test_a_hundred_thousand_other_files_are_no_matter(server: HubServer) -> None:
    server.listing = listing_of(*({"rfilename": f"{n}"} for n in range(40_000)))
    assert [gguf.name for gguf in listed().ggufs] == [GOOD]


def test_a_split_of_99999_files_is_no_work(server: HubServer) -> None:
    names = [f"{n}-{n + 1:05d}-of-99999.gguf" for n in range(4000)]
    server.listing = listing_of(*(entry(name) for name in names))
    found = listed()
    assert len(found.ggufs) == 4001
    begun = time.monotonic()
    with pytest.raises(HubError) as error:
        chosen(found, ["all"])
    assert time.monotonic() - begun < 5
    assert "00004-of-99999.gguf and 99,995 more, of the 99,999 files of " in str(error.value)


@pytest.mark.parametrize("number", ["00000", "00004"])
def test_a_part_that_no_split_has_is_a_file_by_itself(number: str, server: HubServer) -> None:
    server.listing = listing_of(entry(f"x-{number}-of-00003.gguf"))
    found = listed()
    assert sorted((gguf.label, gguf.is_whole) for gguf in found.ggufs) == [
        ("Q4_K_M", True),
        ("x", True),
    ]


def test_a_file_that_is_a_folder_as_well_is_a_sentence(server: HubServer) -> None:
    below = entry(f"{GOOD}/b.gguf", size=len(CONTENT))
    server.listing = lambda content: (
        content
        | {"siblings": [*content["siblings"], below | {"lfs": content["siblings"][0].get("lfs")}]}
    )
    found = listed()
    with pytest.raises(HubError):
        fetch_ggufs(found, found.ggufs, limits=LIMITS)


def test_a_file_without_a_hash_is_refused_when_it_is_wanted(server: HubServer) -> None:
    server.listing = listing_of(entry("b.gguf", lfs=None), entry("c.gguf", lfs={"sha256": None}))
    found = listed()
    with pytest.raises(HubError, match="without hashes"):
        fetch_ggufs(found, chosen(found, ["b"]))
    assert fetch_ggufs(found, chosen(found, ["Q4_K_M"]))[0][0].read_bytes() == CONTENT


@pytest.mark.parametrize(
    "info",
    [
        {"cardData": "x", "gguf": 7},
        {"cardData": [], "gguf": []},
        {"cardData": {"base_model": {"a": "b/c"}}, "gguf": {"total": {}, "architecture": []}},
        {"cardData": {"base_model": "\x1b[2J/a"}, "gguf": {"architecture": "\x1b[2J"}},
        {"cardData": {"base_model": ["a/b\n"] * 100_000}, "gguf": {"total": -1}},
        {"cardData": {"base_model": "x" * 500_000}, "gguf": {"architecture": "x" * 300_000}},
    ],
)
def test_what_is_said_of_a_model_is_believed_within_bounds(
    info: dict[str, Any], server: HubServer
) -> None:
    server.info = info
    found = listed()
    assert (found.base_model, found.n_params, found.architecture) == (None, None, None)


@pytest.mark.parametrize(("repo", "revision"), [("a\x1b[2J/b", "main"), (REPO, "../x"), ("a", "b")])
def test_names_that_are_none_are_refused_before_the_hub_is_asked(
    repo: str, revision: str, server: HubServer
) -> None:
    with pytest.raises(HubError, match=r"is not a repository|is no branch") as found:
        list_ggufs(repo, revision)
    assert str(found.value).isprintable()
    assert server.requests == []


@pytest.mark.skipif(os.name == "nt", reason="links take a privilege there")
def test_links_of_a_cache_that_leave_it_are_not_followed_for_hashes(
    server: HubServer, tmp_path: Path
) -> None:
    found = listed()
    (path,) = fetch_ggufs(found, found.ggufs)[0]
    elsewhere = tmp_path / "elsewhere.gguf"
    elsewhere.write_bytes(b"x")
    (path.parent / "b-Q8_0.gguf").symlink_to(elsewhere)
    (path.parent / "broken.gguf").symlink_to(tmp_path / "absent")
    (path.parent / "folder.gguf").mkdir()
    cached = list_ggufs(REPO, offline=True)
    assert cached is not None
    assert [(gguf.label, gguf.files[0].hash) for gguf in cached.ggufs][1] == ("Q8_0", "")
    assert len(cached.ggufs) == 2
