"""GGUFs of a small hub, listed, chosen and fetched with the real client."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeval.errors import HubError
from edgeval.hub.answers import Limits
from edgeval.hub.fetch import fetch_checkpoint
from edgeval.hub.ggufs import GgufRepo, chosen, fetch_ggufs, list_ggufs
from tests.helpers.gguf_hub import BASE, INFO, MIX, N_PARAMS, OTHERS, Q4, Q8, REPO, SPLIT, publish
from tests.helpers.hub_fetch import Watcher, with_room
from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import User

LISTING = f"/api/models/{REPO}/revision/main?blobs=true"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return publish(tmp_path / "repository")


@pytest.fixture
def hub(folder: Path) -> Iterator[HubServer]:
    with HubServer(folder, REPO, lfs=(".gguf", ".imatrix", ".safetensors")) as server:
        server.info = INFO
        yield server


@pytest.fixture
def user(tmp_path: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    monkeypatch.setattr("edgeval.hub.transfer._RETRY_PAUSES_S", (0.01, 0.02))
    found = User(tmp_path / "home", hub)
    with found.at_home():
        yield found


def listed(**kwargs: object) -> GgufRepo:
    found = list_ggufs(REPO, **kwargs)  # type: ignore[arg-type]
    assert found is not None
    return found


def fetched(*names: str, **kwargs: object) -> list[list[Path]]:
    listing = listed()
    return fetch_ggufs(listing, chosen(listing, names), **kwargs)  # type: ignore[arg-type]


def named(snapshot: Path) -> set[str]:
    return {p.relative_to(snapshot).as_posix() for p in snapshot.rglob("*") if p.is_file()}


# What there is.


def test_one_request_lists_all(user: User) -> None:
    found = listed()
    assert (found.repo, found.revision, found.commit) == (REPO, "main", user.hub.commit)
    assert [(gguf.label, gguf.size_bytes, gguf.name) for gguf in found.ggufs] == [
        ("BF16", 420_000, SPLIT[0]),
        ("Q8_0", 212_500, Q8),
        ("UD-Q4_K_XL", 130_000, MIX),
        ("Q4_K_M", 125_000, Q4),
    ]
    assert [tuple(file.name for file in gguf.files) for gguf in found.ggufs][:2] == [SPLIT, (Q8,)]
    assert (found.base_model, found.architecture, found.n_params) == (BASE, "llama", N_PARAMS)
    assert found.bits_per_weight(found.ggufs[1]) == 8.5
    assert set(found.others) == OTHERS
    assert not found.is_checkpoint
    assert not any(map(found.is_cached, found.ggufs))
    assert user.asked() == [LISTING]
    assert not user.home.exists()


def test_a_repository_without_ggufs_is_none(user: User, folder: Path) -> None:
    for path in folder.rglob("*.gguf"):
        if path.name not in OTHERS:
            path.unlink()
    assert list_ggufs(REPO) is None


def test_a_checkpoint_beside_is_seen(user: User, folder: Path) -> None:
    publish(folder, {"config.json": 9, "tokenizer.json": 9, "model.safetensors": 9})
    assert listed().is_checkpoint
    (folder / "tokenizer.json").unlink()
    assert not listed().is_checkpoint


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("a/b", "a/b"),
        (["not one", 7, "../x", "a/b", "c/d"], "a/b"),
        (REPO, None),
        *((odd, None) for odd in ("", "a", 7, [], {}, None, [["a/b"]], ["x"] * 99 + ["a/b"])),
    ],
)
def test_the_base_model_is_a_repository_or_none(
    said: object, expected: str | None, user: User
) -> None:
    user.hub.info = {"cardData": {"base_model": said}}
    assert listed().base_model == expected


@pytest.mark.parametrize("total", [0, -1, True, 2.5e5, "7", None, 9_000_000, 20_000])
def test_a_number_of_parameters_that_no_file_can_have_is_not_believed(
    total: object, user: User
) -> None:
    user.hub.info = {"gguf": {"total": total, "architecture": "x" * 61}}
    found = listed()
    assert (found.n_params, found.architecture) == (None, None)
    assert found.bits_per_weight(found.ggufs[0]) is None


# Which are meant.


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Q8_0"], [Q8]),
        (["q4_k_m", "Q8_0", "Q4_K_M"], [Q4, Q8]),
        (["bf16"], [SPLIT[0]]),
        ([Q4], [Q4]),
        ([Q4.removesuffix(".gguf").upper()], [Q4]),
        ([SPLIT[1]], [SPLIT[0]]),
        ([Path(SPLIT[2]).name], [SPLIT[0]]),
        (["q4_k_xl"], [MIX]),
        (["UD-Q4_K_XL"], [MIX]),
        (["ALL"], [SPLIT[0], Q8, MIX, Q4]),
        (["Q4_K_M", "all"], [Q4, SPLIT[0], Q8, MIX]),
        ([], []),
    ],
)
def test_names_of_ggufs(names: list[str], expected: list[str], user: User) -> None:
    assert [gguf.name for gguf in chosen(listed(), names)] == expected


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Q4_K_S", " (did you mean 'Q4_K_M'?)"),
        ("other-Q8_0.gguf", ""),
        ("mmproj-F16.gguf", ""),
        ("../" + Q4, None),
        ("\x1b[2J", ""),
        ("", ""),
        ("x" * 9999, ""),
    ],
)
def test_an_unknown_name_is_told_what_there_is(name: str, near: str | None, user: User) -> None:
    with pytest.raises(HubError, match=f"{REPO} has no GGUF ") as found:
        chosen(listed(), ["Q8_0", name])
    sentence = str(found.value)
    assert sentence.endswith("; it has BF16, Q8_0, UD-Q4_K_XL and Q4_K_M.")
    assert sentence.isprintable()
    assert len(sentence) < 400
    assert near is None or ("did you mean" in sentence) == bool(near)
    assert (near or "") in sentence


def test_a_type_of_two_files_asks_for_the_file(user: User, folder: Path) -> None:
    publish(folder, {"old/llama.q4_k_m.gguf": 100})
    with pytest.raises(HubError) as found:
        chosen(listed(), ["Q4_K_M"])
    assert str(found.value) == (
        f"{REPO} has 2 GGUFs called Q4_K_M: name one by its file, {Q4} and old/llama.q4_k_m.gguf."
    )
    assert [g.name for g in chosen(listed(), ["old/llama.q4_k_m.gguf"])] == [
        "old/llama.q4_k_m.gguf"
    ]
    assert len(chosen(listed(), ["all"])) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="disks that do not tell cases apart")
def test_files_that_differ_in_case_alone_are_told_apart(user: User, folder: Path) -> None:
    publish(folder, {Q4.upper().replace(".GGUF", ".gguf"): 100, Q4.lower(): 100})
    for name in (Q4, Q4.lower()):
        assert [gguf.name for gguf in chosen(listed(), [name])] == [name]


def test_missing_files_of_a_split_model_are_named(user: User, folder: Path) -> None:
    (folder / SPLIT[1]).unlink()
    listing = listed()
    assert (listing.ggufs[0].label, listing.ggufs[0].is_whole) == ("BF16", False)
    assert listing.bits_per_weight(listing.ggufs[0]) is None
    for names in (["BF16"], ["all"]):
        with pytest.raises(HubError) as found:
            chosen(listing, names)
        assert str(found.value) == (
            f"{REPO} lacks {SPLIT[1]}, of the 3 files of BF16: choose another, or try a revision."
        )
    with pytest.raises(HubError, match="lacks"):
        fetch_ggufs(listing, listing.ggufs)
    assert [gguf.name for gguf in chosen(listing, ["Q8_0"])] == [Q8]


# In the cache.


def test_only_what_is_chosen_is_downloaded(user: User, folder: Path) -> None:
    watcher = Watcher()
    parts, (q4,) = fetched("BF16", "Q4_K_M", progress=watcher)
    snapshot = q4.parent
    assert snapshot == user.home / f"hub/models--tiny--llama-GGUF/snapshots/{user.hub.commit}"
    assert parts == [snapshot / name for name in SPLIT]
    assert named(snapshot) == {*SPLIT, Q4}
    for name in (*SPLIT, Q4):
        assert (snapshot / name).read_bytes() == (folder / name).read_bytes()
    assert watcher.tasks == [[f"download {REPO}", 545_000, "bytes"]]
    assert sum(watcher.amounts) == 545_000
    assert [gguf.label for gguf in listed().ggufs if listed().is_cached(gguf)] == ["BF16", "Q4_K_M"]


def test_nothing_is_downloaded_twice(user: User) -> None:
    first = fetched("Q4_K_M")
    user.hub.forget()
    assert fetched("Q4_K_M") == first
    assert user.asked() == [LISTING]


def test_offline_there_is_what_was_fetched(user: User) -> None:
    parts, (q8,) = fetched("BF16", "Q8_0")
    online = listed()
    user.hub.stop()
    listing = listed(offline=True)
    assert [(gguf.label, gguf.name) for gguf in listing.ggufs] == [("BF16", SPLIT[0]), ("Q8_0", Q8)]
    if os.name != "nt":
        assert listing.ggufs == online.ggufs[:2]
    assert (listing.commit, listing.base_model, listing.n_params) == (online.commit, None, None)
    assert fetch_ggufs(listing, listing.ggufs, offline=True) == [parts, [q8]]
    with pytest.raises(HubError, match="has no GGUF 'Q4_K_M'"):
        chosen(listing, ["Q4_K_M"])
    with pytest.raises(HubError, match="not completely in the cache"):
        fetch_ggufs(online, online.ggufs, offline=True)
    parts[2].unlink()
    assert [gguf.label for gguf in listed(offline=True).ggufs] == ["Q8_0"]


def test_the_variable_forbids_the_network(user: User) -> None:
    fetched("Q8_0")
    user.hub.forget()
    with user.at_home({"HF_HUB_OFFLINE": "1"}):
        assert [[path.name for path in gguf] for gguf in fetched("Q8_0")] == [[Q8]]
    assert user.hub.requests == []


def test_offline_without_a_cache_is_a_sentence(user: User) -> None:
    with pytest.raises(HubError, match=r"is not completely in the cache .* run once online"):
        list_ggufs(REPO, offline=True)
    assert user.hub.requests == []


def test_offline_a_cached_checkpoint_is_no_gguf(user: User, folder: Path) -> None:
    publish(folder, {"config.json": 9, "tokenizer.json": 9, "model.safetensors": 9})
    fetch_checkpoint(REPO)
    assert list_ggufs(REPO, offline=True) is None
    user.hub.status = 503
    assert list_ggufs(REPO) is None


def test_a_hub_out_of_reach_falls_back_to_the_cache(user: User) -> None:
    user.hub.status = 503
    with pytest.raises(HubError, match=r"Could not reach the hub at .*503"):
        list_ggufs(REPO)
    user.hub.status = 0
    (expected,) = fetched("Q8_0")
    user.hub.status = 503
    watcher = Watcher()
    listing = list_ggufs(REPO, progress=watcher)  # type: ignore[arg-type]
    assert listing is not None
    (log,) = watcher.logs
    assert log.startswith("hub not reached (HTTP 503): using tiny/llama-GGUF at ")
    assert fetch_ggufs(listing, listing.ggufs) == [expected]


def test_a_new_commit_brings_only_what_changed(user: User, folder: Path) -> None:
    ((old,),) = fetched("Q8_0")
    (folder / Q4).write_bytes(b"another")
    user.hub.forget()
    ((q8,), (q4,)) = fetched("Q8_0", "Q4_K_M")
    assert q8.parent == q4.parent != old.parent
    assert q8.read_bytes() == old.read_bytes()
    assert user.hub.ranges_of(Q8) == []


def test_a_revision_is_kept_by_its_name(user: User, folder: Path) -> None:
    user.hub.revisions.add("v1.0")
    listing = listed(revision="v1.0")
    (path,) = fetch_ggufs(listing, chosen(listing, ["Q8_0"]))[0]
    assert listed(revision="v1.0", offline=True).commit == listing.commit
    by_commit = listed(revision=listing.commit, offline=True)
    assert fetch_ggufs(by_commit, by_commit.ggufs, offline=True) == [[path]]
    with pytest.raises(HubError, match="not completely in the cache"):
        list_ggufs(REPO, offline=True)
    with pytest.raises(HubError, match="has no revision 'v9'"):
        list_ggufs(REPO, "v9")


def test_gated_and_private_repositories_want_the_token(user: User) -> None:
    user.hub.gated = True
    with pytest.raises(HubError, match=f"{REPO} is gated: accept its terms"):
        fetched("Q8_0")
    user.hub.private = True
    with pytest.raises(HubError, match="or it is private"):
        list_ggufs(REPO)
    with user.at_home({"HF_TOKEN": user.hub.token}):
        assert fetched("Q8_0")[0][0].name == Q8


# Interruptions.


def test_what_arrived_is_kept_and_gone_on_from(user: User, folder: Path) -> None:
    user.hub.cut_at[SPLIT[1]] = 70_000
    with pytest.raises(HubError, match=f"The download of {REPO} stopped .* run again to resume"):
        fetched("Q8_0", "BF16", limits=Limits(part_bytes=1 << 20))
    (partial,) = user.blobs("*.incomplete")
    kept_bytes = partial.stat().st_size
    assert 0 < kept_bytes <= 70_000
    # What was finished is of use at once.
    assert [gguf.label for gguf in listed(offline=True).ggufs] == ["Q8_0"]

    user.hub.cut_at.clear()
    user.hub.forget()
    watcher = Watcher()
    parts = fetched("Q8_0", "BF16", progress=watcher)[1]
    assert [user.hub.ranges_of(name) for name in (Q8, *SPLIT)] == [
        [],
        [],
        [f"bytes={kept_bytes}-"],
        [""],
    ]
    assert watcher.tasks == [[f"download {REPO}", 280_000, "bytes"]]
    assert [path.read_bytes() for path in parts] == [(folder / n).read_bytes() for n in SPLIT]


@pytest.mark.parametrize("name", [Q8, SPLIT[1]])
def test_damaged_bytes_are_refused_and_removed(name: str, user: User, folder: Path) -> None:
    user.hub.corrupt.add(name)
    with pytest.raises(HubError, match=f"{name} of {REPO} arrived damaged .* was removed"):
        fetched("all")
    assert list(user.home.rglob(f"snapshots/*/{name}")) == []
    assert user.blobs("*.incomplete") == []
    user.hub.corrupt.clear()
    for paths in fetched("all"):
        for path in paths:
            at = path.relative_to(user.home / "hub").parts[3:]
            assert path.read_bytes() == folder.joinpath(*at).read_bytes()


def test_a_disk_too_small_is_refused_before_the_first_byte(user: User) -> None:
    with user.at_home() as patch:
        with_room(patch, 337_499)
        with pytest.raises(HubError, match=r"needs 0\.3 MB more, but .* has only 0\.3 MB free"):
            fetched("Q8_0", "Q4_K_M")
        assert user.asked() == [LISTING]
        with_room(patch, 337_500)
        assert len(fetched("Q8_0", "Q4_K_M")) == 2


CODE = f"""
from edgeval.hub.ggufs import chosen, fetch_ggufs, list_ggufs
listing = list_ggufs({REPO!r})
for path in fetch_ggufs(listing, chosen(listing, ["BF16"]))[0]:
    print(path)
"""


@pytest.mark.process
def test_two_at_once_download_once(user: User, folder: Path) -> None:
    user.hub.block_pause_s = 0.05
    processes = [user.start("-c", CODE), user.start("-c", CODE)]
    said = [process.communicate(timeout=60) for process in processes]
    assert said[0][0] == said[1][0] != "", said
    assert [user.hub.ranges_of(name) for name in SPLIT] == [[""]] * 3
    for name, line in zip(SPLIT, said[0][0].splitlines(), strict=True):
        assert Path(line).read_bytes() == (folder / name).read_bytes()


@pytest.mark.process
def test_the_cache_is_the_clients_own(user: User) -> None:
    code = f"""
from huggingface_hub import hf_hub_download
for name in {SPLIT!r}:
    print(hf_hub_download({REPO!r}, name))
"""
    theirs, err = user.start("-c", code).communicate(timeout=60)
    user.hub.forget()
    assert [str(path) for path in fetched("BF16")[0]] == theirs.splitlines(), err
    assert user.asked() == [LISTING]
