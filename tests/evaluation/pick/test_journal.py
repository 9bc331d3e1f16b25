"""Journal of a pick: gone on with if nothing that decides has changed, and never mixed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError, EngineDiedError
from edgeval.evaluation.pick import search
from edgeval.records import Report
from edgeval.records.pick import Pick
from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import User
from tests.helpers.picks import REPO, names, options, outcomes, picked, smallest

FEW = [f"{REPO}:{each}" for each in ("Q2_K", "Q3_K_M", "F16")]


@pytest.fixture(scope="module")
def finished(
    published: Path,
    items: Path,
    scores: Path,
    whole: Report,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The home of someone who has picked one, with the folder of that."""
    home = tmp_path_factory.mktemp("finished")
    with HubServer(published, REPO, lfs=(".gguf",)) as hub, User(home / "home", hub).at_home():
        picked(FEW, items, scores, home / "o")
    return home


@pytest.fixture
def out(finished: Path, user: User, tmp_path: Path) -> Path:
    shutil.copytree(finished / "home", user.home, symlinks=True)
    return shutil.copytree(finished / "o", tmp_path / "o")


def test_the_same_pick_is_answered_from_its_record(
    out: Path, user: User, items: Path, scores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Pick.model_validate_json((out / "pick.json").read_text("utf-8"))
    monkeypatch.delattr(search, "compare_with")
    (out / "report.html").unlink()
    user.hub.forget()
    found = picked(FEW, items, scores, out).pick
    assert user.hub.sent == {}
    assert (out / "report.html").is_file()
    changing = {"elapsed_s", "peak_rss_bytes"}
    assert found.model_dump(exclude=changing) == known.model_dump(exclude=changing)


@pytest.mark.parametrize(
    ("models", "more", "words"),
    [
        (FEW, {"max_drift": 2.0}, "begun with --max-drift 1, and this one has 2"),
        (FEW, {"max_size": "3M"}, "--max-size none, and this one has 3,145,728 bytes"),
        (FEW, {"min_speed": 0.1}, "--min-speed none, and this one has 0.1"),
        (FEW, {"limit": 50}, "--limit none, and this one has 50"),
        (FEW, {"seed": 3}, "--seed 0, and this one has 3"),
        (FEW, {"kl_items": 4}, "--kl-items 0, and this one has 4"),
        (FEW, {"protocol": "lm-eval"}, "the protocol lm-eval-bos 2, and this one has lm-eval 2"),
        (FEW, {"reference": "Q3_K_M"}, "the reference "),
        (FEW, {"force_compare": True}, "--force-compare no, and this one has yes"),
        (FEW[1:], {}, "the files "),
    ],
)
def test_another_pick_is_refused_by_what_differs(
    models: list[str], more: dict[str, Any], words: str, out: Path, items: Path, scores: Path
) -> None:
    before = (out / "pick.json").read_bytes()
    with pytest.raises(EdgevalError) as error:
        picked(models, items, scores, out, **more)
    assert words in str(error.value)
    assert "name another folder with --out, or replace it with --overwrite" in str(error.value)
    assert (out / "pick.json").read_bytes() == before


def test_another_repository_content_is_another_pick(
    out: Path, user: User, items: Path, scores: Path, published: Path, tmp_path: Path
) -> None:
    user.hub.folder = tmp_path / "changed"
    user.hub.folder.mkdir()
    for path in published.iterdir():
        (user.hub.folder / path.name).symlink_to(path)
    (user.hub.folder / "README.md").write_text("new")
    with pytest.raises(EdgevalError, match="was begun with the files"):
        picked(FEW, items, scores, out)


def test_by_default_each_pick_has_a_folder_of_its_own(
    user: User, items: Path, scores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeval.evaluation.pick.pick import pick

    monkeypatch.chdir(tmp_path)
    given = options(items, scores)
    first, again = (pick(FEW, given).folder for _ in range(2))
    other = pick(FEW, given, max_drift=2.0).folder
    assert first == again != other
    assert first.parent == Path("edgeval-results")
    assert first.name.startswith("pick-tiny-demo-GGUF-")


def test_it_is_overwritten_or_begun_again_if_asked(
    out: Path, user: User, items: Path, scores: Path, whole: Report
) -> None:
    found = picked(FEW, items, scores, out, max_drift=6.0, overwrite=True, deletes=True).pick
    assert found.recommended == "Q2_K" and found.margin_points == 6.0
    # What the other pick downloaded is this one's now, too.
    assert names(user) == {"demo-Q2_K.gguf", "demo-Q3_K_M.gguf"}
    again = picked(FEW, items, scores, out, max_drift=6.0, fresh=True).pick
    assert again.created_at > found.created_at
    assert outcomes(again) == outcomes(found)


def test_a_report_of_something_else_is_not_overwritten(
    out: Path, items: Path, scores: Path
) -> None:
    (out / "pick.json").unlink()
    before = (out / "report.json").read_bytes()
    with pytest.raises(EdgevalError, match="holds a report of something else"):
        picked(FEW, items, scores, out)
    assert (out / "report.json").read_bytes() == before
    assert picked(FEW, items, scores, out, overwrite=True).pick.is_complete


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda each: each.update(schema_version=2), "newer edgeval"),
        (lambda each: each.update(more=1), "more: Extra inputs"),
        (lambda each: each.update(recommended="Q9"), "no file is called so"),
        (lambda each: each["files"][0].update(drift=None), "nothing was measured"),
        (lambda each: each["files"][0].update(begun=["../../x"]), "files.0.begun.0"),
        (lambda each: each["files"][0].update(label="F16"), "two files have the same label"),
        (lambda each: each["files"][0].update(outcome="best"), "files.0.outcome"),
        (lambda each: each.update(margin_points=1e300), "is too large"),
        (lambda each: each.update(command="x" * 30_000), "characters"),
        (lambda each: each.update(files=each["files"] * 1000), "at most 1,000 are read"),
    ],
)
def test_a_record_that_is_none_is_one_sentence(
    change: Callable[[dict[str, Any]], object],
    words: str,
    out: Path,
    user: User,
    items: Path,
    scores: Path,
) -> None:
    changed(out / "pick.json", change)
    there = names(user)
    with pytest.raises(EdgevalError) as error:
        picked(FEW, items, scores, out, deletes=True)
    assert words in str(error.value) and "\n" not in str(error.value)
    assert names(user) == there
    if "newer" not in words:
        assert picked(FEW, items, scores, out, overwrite=True).pick.is_complete


def test_a_record_names_no_file_that_is_deleted_but_those_that_lost(
    out: Path, user: User, items: Path, scores: Path
) -> None:
    """Whoever writes a record may claim downloads: only files of this pick that lost go."""
    strange = user.home / "hub" / "models--tiny--demo-GGUF" / "blobs" / ("a" * 64)
    strange.write_bytes(b"somebody's")
    changed(
        out / "pick.json",
        lambda each: [file["begun"].append("a" * 64) for file in each["files"]],
    )
    picked(FEW, items, scores, out, deletes=True)
    assert strange.is_file()
    assert names(user) == {"demo-F16.gguf"}


def test_no_folder_of_this_machine_is_in_the_record(
    published: Path, items: Path, scores: Path, tmp_path: Path
) -> None:
    folder = picked(published, items, scores, tmp_path / "o").folder
    text = (folder / "pick.json").read_text("utf-8")
    assert str(tmp_path) not in text and str(published) not in text


def test_who_dies_with_a_file_goes_on_with_the_next_and_tries_it_again(
    user: User,
    items: Path,
    scores: Path,
    whole: Report,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = smallest(whole, 2.0)
    compare = search.compare_with

    def dying(*given: Any) -> Any:
        if given[1].name == f"demo-{right}.gguf":
            raise EngineDiedError(f"scoring {given[1].name}", "a crash (SIGSEGV)", "try again")
        return compare(*given)

    with monkeypatch.context() as patch:
        patch.setattr(search, "compare_with", dying)
        found, folder, _ = picked(REPO, items, scores, tmp_path / "o", max_drift=2.0, deletes=True)
    by_label = outcomes(found)
    assert by_label[str(right)] == "failed" and not found.is_complete
    assert "SIGSEGV" in str(found.file(str(right)).reason)
    larger = found.recommended
    assert larger is not None and by_label[larger] == "recommended" != right
    # What failed and the reference are there for another time.
    assert names(user) == {f"demo-{each}.gguf" for each in (right, larger, "F16")}
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert [each["type"] for each in report["failures"]] == [right]
    user.hub.forget()
    again = picked(REPO, items, scores, tmp_path / "o", max_drift=2.0, deletes=True).pick
    assert user.hub.sent == {}
    assert (again.recommended, again.is_complete) == (right, True)
    assert outcomes(again)[larger] == "larger"
    assert names(user) == {f"demo-{right}.gguf"}
