"""``edgeval models OWNER/NAME``: what a repository of GGUFs holds, without downloading it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeval.hub.ggufs import chosen, fetch_ggufs, list_ggufs
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.gguf_hub import BASE, INFO, MIX, N_PARAMS, OTHERS, Q4, Q8, REPO, SPLIT, publish
from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import User


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return publish(tmp_path / "repository")


@pytest.fixture
def hub(folder: Path, tmp_path: Path) -> Iterator[HubServer]:
    with HubServer(folder, REPO, lfs=(".gguf",)) as server:
        server.info = INFO
        with User(tmp_path / "home", server).at_home():
            yield server


def printed(*words: str) -> Any:
    return json.loads(edgeval("models", *words, "--json").stdout)


def lines(*words: str) -> list[str]:
    result = edgeval("models", *words)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


def fetch(*names: str) -> None:
    listing = list_ggufs(REPO)
    assert listing is not None
    fetch_ggufs(listing, chosen(listing, names))


def rows(said: list[str]) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in said if line[0] == "│"]


def test_the_table_says_what_there_is_and_how_to_run_it(hub: HubServer) -> None:
    fetch("Q8_0")
    hub.forget()
    said = lines(REPO)
    assert said[0] == f"{REPO} at {hub.commit[:12]}"
    assert rows(said) == [
        ["BF16", "0.4 MiB", "3", "16.80", "", SPLIT[0]],
        ["Q8_0", "0.2 MiB", "1", "8.50", "yes", Q8],
        ["UD-Q4_K_XL", "0.1 MiB", "1", "5.20", "", MIX],
        ["Q4_K_M", "0.1 MiB", "1", "5.00", "", Q4],
    ]
    assert said[-4:] == [
        "llama, 200,000 parameters, as the hub says; bits/weight are the files over them.",
        f"Base model, as the card says: {BASE}.",
        f"Not for evaluation: {', '.join(sorted(OTHERS))}.",
        f"edgeval run {REPO} --quant Q4_K_M",
    ]
    assert hub.paths() == [f"/api/models/{REPO}/revision/main?blobs=true"]


def test_json_has_every_file(hub: HubServer, folder: Path) -> None:
    found = printed(REPO)
    by_name = {file.name: file for file in hub.files()}
    assert found == {
        "repo": REPO,
        "revision": "main",
        "commit": hub.commit,
        "base_model": BASE,
        "architecture": "llama",
        "n_params": N_PARAMS,
        "is_checkpoint": False,
        "ggufs": found["ggufs"],
        "others": sorted(OTHERS),
    }
    assert [gguf["label"] for gguf in found["ggufs"]] == ["BF16", "Q8_0", "UD-Q4_K_XL", "Q4_K_M"]
    assert found["ggufs"][0] == {
        "label": "BF16",
        "size_bytes": 420_000,
        "n_files": 3,
        "bits_per_weight": 16.8,
        "is_cached": False,
        "files": [
            {"name": name, "size_bytes": 140_000, "hash": by_name[name].sha256} for name in SPLIT
        ],
    }


def test_offline_there_is_what_the_cache_has(hub: HubServer) -> None:
    fetch("BF16", "Q4_K_M")
    hub.stop()
    said = lines(REPO, "--offline")
    assert [(row[0], row[3], row[4]) for row in rows(said)] == [
        ("BF16", "", "yes"),
        ("Q4_K_M", "", "yes"),
    ]
    assert said[-1] == f"edgeval run {REPO} --quant Q4_K_M"
    assert not [line for line in said if "parameters" in line or "Base model" in line]


def test_one_of_them_and_a_revision(hub: HubServer) -> None:
    hub.revisions.add("v1")
    found = printed(f"{REPO}@v1:q8_0")
    assert (found["revision"], [gguf["label"] for gguf in found["ggufs"]]) == ("v1", ["Q8_0"])
    assert lines(f"{REPO}@v1")[-1] == f"edgeval run {REPO}@v1 --quant Q4_K_M"
    result = edgeval("models", f"{REPO}:Q8_1")
    assert_one_sentence(result, ["has no GGUF 'Q8_1' (did you mean 'Q8_0'?)", "it has BF16, Q8_0"])


def test_the_line_that_runs_one_names_one_alone(hub: HubServer, folder: Path) -> None:
    (folder / Q4).unlink()
    assert lines(REPO)[-1] == f"edgeval run {REPO} --quant UD-Q4_K_XL"
    publish(folder, {"a-Q4_0.gguf": 120_000, "b-Q4_0.gguf": 100_000})
    assert lines(REPO)[-1] == f"edgeval run {REPO} --quant b-Q4_0.gguf"


def test_what_is_not_whole_or_more_is_said(hub: HubServer, folder: Path) -> None:
    (folder / SPLIT[1]).unlink()
    publish(folder, {f"{n}.imatrix": 9 for n in range(20)})
    publish(folder, {"config.json": 9, "tokenizer.json": 9, "model.safetensors": 9})
    said = lines(REPO)
    assert "BF16: only 2 of its 3 files are there." in said
    assert said[-2:] == [
        f"It is a checkpoint, too, which edgeval run {REPO} converts.",
        f"edgeval run {REPO}:Q4_K_M",
    ]
    (others,) = [line for line in said if line.startswith("Not for evaluation: ")]
    assert others.endswith(" and 15 more.")


def test_what_is_no_repository_of_ggufs_is_a_sentence(hub: HubServer, folder: Path) -> None:
    assert_one_sentence(edgeval("models", "dem"), ["no card 'dem' (did you mean 'demo'?)"])
    assert_one_sentence(edgeval("models", "tiny/x"), ["has no model tiny/x"])
    assert_one_sentence(edgeval("models", REPO, "--offline"), ["run once online"])
    for path in folder.rglob("*.gguf"):
        path.unlink()
    wanted = [f"{REPO} holds no GGUF of a model", f"`edgeval run {REPO}`"]
    assert_one_sentence(edgeval("models", REPO), wanted)


def test_names_of_a_hub_do_not_move_the_cursor(hub: HubServer) -> None:
    odd = {"rfilename": "\x1b[2J\u202e.gguf"}
    hub.listing = lambda content: content | {"siblings": [*content["siblings"], odd]}
    for words in ((REPO,), (REPO, "--json")):
        text = edgeval("models", *words).stdout
        assert "2J" in text
        assert "\x1b[2J" not in text
        assert "\u202e" not in text
