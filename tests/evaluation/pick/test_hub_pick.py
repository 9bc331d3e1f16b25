"""Picks of a hub repository of eight files, with the real client and a small hub."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeval.errors import EdgevalError, HubError
from edgeval.hub.ggufs import chosen, fetch_ggufs, list_ggufs
from edgeval.records import Report
from edgeval.report import record_files
from tests.helpers.edited_ggufs import U32, edited
from tests.helpers.fakes import Lines
from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import User
from tests.helpers.picks import REPO, TYPES, blobs, names, outcomes, picked, smallest
from tests.helpers.split_ggufs import split

pytestmark = pytest.mark.usefixtures("user")


def sizes(published: Path) -> dict[str, int]:
    return {path.stem.removeprefix("demo-"): path.stat().st_size for path in published.iterdir()}


def tried(whole: Report, margin: float = 1.0) -> list[str]:
    """Return the files up to the right one, the smallest first."""
    right = smallest(whole, margin)
    order = sorted(whole.runs, key=lambda run: run.file_bytes)
    labels = [run.label for run in order]
    return labels[: labels.index(str(right)) + 1]


def test_the_right_one_of_eight_is_picked_and_no_larger_one_is_downloaded(
    user: User, published: Path, items: Path, scores: Path, whole: Report, tmp_path: Path
) -> None:
    lines = Lines()
    found, folder, path = picked(REPO, items, scores, tmp_path / "o", deletes=True, progress=lines)
    *lost, right = tried(whole)
    assert len(lost) >= 1
    n_bytes = sizes(published)
    # Downloaded: the reference, and the files up to the right one, each once and whole.
    assert user.hub.sent == {f"demo-{each}.gguf": n_bytes[each] for each in ("F16", *lost, right)}
    # Left: that one alone.
    assert names(user) == {f"demo-{right}.gguf"}
    assert blobs(user) == [n_bytes[right]]
    assert path is not None and path.read_bytes() == (published / f"demo-{right}.gguf").read_bytes()
    assert found.recommended == right
    assert found.commands == [f"llama-server -hf {REPO}:{right}"]
    assert sum(each.n_downloaded_bytes for each in found.files) == sum(user.hub.sent.values())
    assert {each.label for each in found.files if each.is_deleted} == {"F16", *lost}
    assert f"deleted {lost[0]} " in "".join(lines.lines)
    # What is said before anything is downloaded.
    assert "at most 1 point worse than F16 (7.0 MiB): Q2_K (1.8 MiB), Q3_K_M" in lines.lines[0]
    assert lines.lines[1].startswith("at most ") and "one file at a time" in lines.lines[1]
    # The numbers are those of a run, in a report like any other.
    report = record_files.load(folder)
    assert [run.label for run in report.runs] == ["F16", right, *reversed(lost)]
    assert report.runs[0].metrics == whole.runs[0].metrics
    assert (report.model.repo, report.model.revision) == (REPO, user.hub.commit)


def test_files_that_lose_are_kept_unless_it_is_agreed_to(
    user: User, items: Path, scores: Path, whole: Report, tmp_path: Path
) -> None:
    found, _, _ = picked(REPO, items, scores, tmp_path / "o")
    assert names(user) == {f"demo-{each}.gguf" for each in ("F16", *tried(whole))}
    assert not any(each.is_deleted for each in found.files)
    # The same command with --yes clears up, and downloads nothing.
    user.hub.forget()
    again, _, path = picked(REPO, items, scores, tmp_path / "o", deletes=True)
    assert user.hub.sent == {}
    assert names(user) == {f"demo-{tried(whole)[-1]}.gguf"}
    assert path is not None and path.is_file()
    assert outcomes(again) == outcomes(found)


def test_it_is_asked_once_and_before_anything_is_downloaded(
    user: User, items: Path, scores: Path, whole: Report, tmp_path: Path
) -> None:
    asked: list[int] = []

    def ask() -> bool:
        asked.append(sum(user.hub.sent.values()))
        return True

    picked(REPO, items, scores, tmp_path / "o", deletes=ask)
    assert asked == [0]
    assert names(user) == {f"demo-{tried(whole)[-1]}.gguf"}
    picked(REPO, items, scores, tmp_path / "o", deletes=ask)
    assert asked == [0]


def test_what_the_cache_had_before_is_never_deleted(
    user: User, published: Path, items: Path, scores: Path, whole: Report, tmp_path: Path
) -> None:
    lost = tried(whole)[0]
    listing = list_ggufs(REPO)
    assert listing is not None
    fetch_ggufs(listing, chosen(listing, [lost]))
    # Another download was interrupted in the middle: that, too, is somebody's.
    (f16,) = chosen(listing, ["F16"])
    partial = user.blobs("*")[0].parent / f"{f16.files[0].hash}.incomplete"
    content = (published / "demo-F16.gguf").read_bytes()
    partial.write_bytes(content[:1_000_000])
    user.hub.forget()
    found, _, _ = picked(REPO, items, scores, tmp_path / "o", deletes=True)
    assert user.hub.sent[f"demo-{lost}.gguf"] == 0
    assert user.hub.sent["demo-F16.gguf"] == len(content) - 1_000_000
    assert names(user) == {f"demo-{each}.gguf" for each in (lost, "F16", tried(whole)[-1])}
    assert not found.file(lost).is_deleted and found.file(lost).n_downloaded_bytes == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for a privilege to link")
def test_a_blob_that_another_snapshot_links_stays(
    user: User, items: Path, scores: Path, whole: Report, tmp_path: Path
) -> None:
    lost = tried(whole)[0]
    picked(REPO, items, scores, tmp_path / "o")
    (name,) = user.home.rglob(f"demo-{lost}.gguf")
    other = name.parent.parent / ("0" * 40) / name.name
    other.parent.mkdir()
    other.symlink_to(name.readlink())
    picked(REPO, items, scores, tmp_path / "o", deletes=True)
    assert not name.is_symlink() and other.is_file()


def test_files_above_the_largest_size_are_not_tried(
    user: User, published: Path, items: Path, scores: Path, whole: Report, tmp_path: Path
) -> None:
    most = sizes(published)["Q3_K_M"]
    lines = Lines()
    found, _, path = picked(
        REPO, items, scores, tmp_path / "o", max_size=most, deletes=True, progress=lines
    )
    # None of the two that are left will do, and the reference is too large.
    assert list(outcomes(found).values()) == ["worse", "worse", *["too large"] * 5, "reference"]
    assert found.n_compared == 2
    assert (found.recommended, path, found.commands) == (None, None, [])
    assert set(user.hub.sent) == {"demo-F16.gguf", "demo-Q2_K.gguf", "demo-Q3_K_M.gguf"}
    assert names(user) == set() and blobs(user) == []
    assert any("left out, being larger than 2.0 MiB: Q4_0, Q4_K_M" in line for line in lines.lines)


def test_the_reference_is_the_answer_if_no_smaller_file_is(
    user: User, items: Path, scores: Path, tmp_path: Path
) -> None:
    models = [f"{REPO}:{each}" for each in ("Q2_K", "Q3_K_M", "F16")]
    found, _, path = picked(models, items, scores, tmp_path / "o", deletes=True)
    assert outcomes(found) == {"Q2_K": "worse", "Q3_K_M": "worse", "F16": "reference"}
    assert found.recommended == "F16" and path is not None
    assert names(user) == {"demo-F16.gguf"}


def test_another_reference_is_no_answer(
    user: User, published: Path, items: Path, scores: Path, tmp_path: Path
) -> None:
    models = [f"{REPO}:{each}" for each in ("Q2_K", "Q3_K_M")]
    found, _, path = picked(
        models, items, scores, tmp_path / "o", reference=published / "demo-F16.gguf", deletes=True
    )
    assert outcomes(found) == {"Q2_K": "worse", "Q3_K_M": "worse", "F16": "reference"}
    assert (found.recommended, path) == (None, None)
    assert names(user) == set() and (published / "demo-F16.gguf").is_file()


def test_the_reference_of_another_repository_goes_when_it_is_over(
    user: User, items: Path, scores: Path, whole: Report, tmp_path: Path
) -> None:
    right = tried(whole)[-1]
    models = [f"{REPO}:{each}" for each in TYPES[1:]]
    found, _, _ = picked(
        models, items, scores, tmp_path / "o", reference=f"{REPO}:F16", deletes=True
    )
    assert found.recommended == right
    assert not found.file("F16").is_offered and found.file("F16").is_deleted
    assert names(user) == {f"demo-{right}.gguf"}


def test_offline_it_is_picked_from_what_the_cache_has(
    user: User, items: Path, scores: Path, whole: Report, tmp_path: Path
) -> None:
    listing = list_ggufs(REPO)
    assert listing is not None
    fetch_ggufs(listing, chosen(listing, ["all"]))
    user.hub.forget()
    found, _, path = picked(REPO, items, scores, tmp_path / "o", offline=True, deletes=True)
    assert found.recommended == tried(whole)[-1]
    assert len(names(user)) == 8 and user.hub.requests == []
    assert path is not None


def test_a_hub_that_is_not_reached_is_no_smaller_repository(
    user: User, items: Path, scores: Path, tmp_path: Path
) -> None:
    listing = list_ggufs(REPO)
    assert listing is not None
    fetch_ggufs(listing, chosen(listing, ["Q2_K"]))
    user.hub.refuse = True
    with pytest.raises(HubError, match="Could not reach the hub"):
        picked(REPO, items, scores, tmp_path / "o")
    assert not (tmp_path / "o").exists()


@pytest.fixture
def mixed(published: Path, tmp_path: Path) -> Iterator[HubServer]:
    """A repository with a file of another model, a damaged one, and one in parts, one missing."""
    folder = tmp_path / "mixed"
    for each in ("F16", "Q3_K_M", "Q2_K"):
        (folder / f"demo-{each}.gguf").parent.mkdir(exist_ok=True)
        (folder / f"demo-{each}.gguf").write_bytes((published / f"demo-{each}.gguf").read_bytes())
    edited(
        published / "demo-Q2_K.gguf",
        folder / "demo-IQ1_S.gguf",
        {"tokenizer.ggml.unknown_token_id": (U32, 3)},
    )
    (folder / "demo-IQ2_XS.gguf").write_bytes((folder / "demo-Q2_K.gguf").read_bytes()[:500_000])
    (folder / "demo-IQ1_M.gguf").write_bytes(b"<!DOCTYPE html>" * 1000)
    (folder / "copy-Q3_K_M.gguf").write_bytes((folder / "demo-Q3_K_M.gguf").read_bytes())
    split(published / "demo-Q8_0.gguf", folder / "Q8_0", "demo-Q8_0")[1].unlink()
    with HubServer(folder, REPO, lfs=(".gguf",)) as server:
        yield server


def test_what_cannot_be_compared_is_named_and_passed_over(
    mixed: HubServer, items: Path, scores: Path, tmp_path: Path
) -> None:
    user = User(tmp_path / "home", mixed)
    with user.at_home():
        found, folder, _ = picked(REPO, items, scores, tmp_path / "o", max_drift=2.0, deletes=True)
    reasons = {each.label: each.reason or "" for each in found.files}
    by_label = outcomes(found)
    assert by_label["IQ2_XS"] == "unusable" and "demo-IQ2_XS.gguf" in reasons["IQ2_XS"]
    assert by_label["IQ1_M"] == "unusable" and "demo-IQ1_M.gguf" in reasons["IQ1_M"]
    assert by_label["IQ1_S"] == "unlike" and "another tokenizer" in reasons["IQ1_S"]
    assert by_label["Q8_0"] == "unusable"
    assert reasons["Q8_0"] == "The hub has 2 of its 3 files."
    assert {by_label["Q3_K_M demo"], by_label["Q3_K_M copy"]} == {"recommended", "same file"}
    assert names(user) == {"copy-Q3_K_M.gguf"}
    # Two files match -hf REPO:Q3_K_M, so that the file is named.
    assert found.commands == [f"llama-server -hf {REPO} --hf-file copy-Q3_K_M.gguf"]
    assert [run.label for run in record_files.load(folder).runs] == ["F16", "Q3_K_M (copy)", "Q2_K"]


def test_it_is_forced_to_compare_and_said_so(
    mixed: HubServer, items: Path, scores: Path, tmp_path: Path
) -> None:
    with User(tmp_path / "home", mixed).at_home():
        found, folder, _ = picked(
            [f"{REPO}:IQ1_S", f"{REPO}:F16"], items, scores, tmp_path / "o", force_compare=True
        )
    assert outcomes(found) == {"IQ1_S": "worse", "F16": "reference"}
    (sentence,) = record_files.load(folder).unlike
    assert "another tokenizer" in sentence


@pytest.mark.parametrize(
    ("models", "more", "words"),
    [
        ([f"{REPO}:Q2_K"], {}, "is all that there is to pick from"),
        ([REPO], {"reference": "Q9_9"}, "of 8 files none is Q9_9"),
        ([REPO], {"max_size": "2X"}, "--max-size: 2X is no size"),
        ([REPO], {"max_drift": 0}, "--max-drift 0 is no margin"),
        ([REPO], {"min_speed": -1}, "--min-speed -1 is no speed"),
        ([REPO], {"until": 2.0}, "--until is what --max-drift says"),
        ([REPO], {"order": "file"}, "needs items in random order"),
        (["demo"], {}, "only GGUFs are picked from"),
        (["tiny/nothing"], {}, "has no model tiny/nothing"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence_and_downloads_nothing(
    models: list[str],
    more: dict[str, object],
    words: str,
    user: User,
    items: Path,
    scores: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(EdgevalError, match=words):
        picked(models, items, scores, tmp_path / "o", **more)
    assert user.hub.sent == {} and not (tmp_path / "o").exists()
