"""Listings of hubs that lie: fields, names and indexes that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import HubError
from edgeval.hub.fetch import fetch_checkpoint
from edgeval.hub.names import is_plain_name, is_revision
from tests.helpers.hostile_hub import FILES, REPO, entry, fetch, refused
from tests.helpers.hub_server import HubServer


def _twice(content: dict[str, Any]) -> object:
    content["siblings"].append(content["siblings"][0])
    return content


@pytest.mark.parametrize(
    ("listing", "reason"),
    [
        (lambda content: None, "it is no object"),
        (lambda content: [], "it is no object"),
        (lambda content: "x" * 5000, "it is no object"),
        (lambda content: {}, "its commit is None"),
        (lambda content: content | {"sha": None}, "its commit is None"),
        (lambda content: content | {"sha": 7}, "its commit is 7"),
        (lambda content: content | {"sha": "../../.."}, r"its commit is '../../\.\.'"),
        (lambda content: content | {"sha": "A" * 40}, "its commit is 'AAAA"),
        (lambda content: content | {"sha": "a" * 41}, "its commit is 'aaaa"),
        (lambda content: content | {"sha": "a" * 39 + "\n"}, "its commit is 'aaaa"),
        (lambda content: content | {"sha": "\x1b[2J"}, r"its commit is '\\x1b\[2J'"),
        (lambda content: content | {"siblings": None}, "its list of files is None"),
        (lambda content: content | {"siblings": {}}, r"its list of files is {}"),
        (lambda content: content | {"siblings": [None]}, "it lists a file as None"),
        (lambda content: content | {"siblings": [[]]}, r"it lists a file as \[\]"),
        (lambda content: content | {"siblings": [{}]}, r"it lists a file as {}"),
        (entry(rfilename=7), "it lists a file as {'rfilename': 7"),
        (_twice, "it lists config.json twice"),
        (entry(size="8"), "config.json has the size '8'"),
        (entry(size=-8), "config.json has the size -8"),
        (entry(size=8.0), r"config.json has the size 8\.0"),
        (entry(size=True), "config.json has the size True"),
        (entry(size=None), "config.json has the size None"),
        (entry(size=2**63), "the number 9223372036854775808, which is too large"),
        (entry(lfs=[]), r"config.json has the LFS \[\]"),
        (entry(lfs="x"), "config.json has the LFS 'x'"),
        (entry(lfs={"sha256": "../secret"}), "config.json has the hash '../secret'"),
        (entry(blobId="/etc/passwd"), "config.json has the hash '/etc/passwd'"),
        (entry(blobId="..\\secret"), "config.json has the hash"),
        (entry(blobId=7), "config.json has the hash 7"),
        (entry(blobId="a" * 40 + "\n"), "config.json has the hash"),
        (entry(blobId=""), "config.json has the hash ''"),
    ],
)
def test_a_field_of_another_kind_is_named(
    listing: Callable[[dict[str, Any]], object], reason: str, server: HubServer, tmp_path: Path
) -> None:
    server.listing = listing
    sentence = refused(f"the answer is not a hub's: .*{reason}")
    assert sentence.startswith(f"Could not reach the hub at {server.url}")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"private": "maybe", "gated": 7, "lastModified": "never", "createdAt": [], "id": None},
        {"inferenceProviderMapping": 7, "cardData": "x", "safetensors": [], "tags": None},
    ],
)
def test_fields_that_nobody_asks_for_may_be_anything(
    fields: dict[str, Any], server: HubServer
) -> None:
    server.listing = lambda content: content | fields
    assert fetch() == FILES


ODD_NAMES = [
    *("../config.json", "/etc/passwd", "a/../../b.json", "..", ".", "", "a\\b.json", "C:x.json"),
    *("nul.json", "CON", "com1.safetensors", "x\0y", "\x1b[2J", "a\nb", "-rf", ".hidden."),
    *("é.json", "x" * 500, "folder/config.json"),
]


def test_odd_names_are_never_looked_for(server: HubServer, tmp_path: Path) -> None:
    def more(content: dict[str, Any]) -> object:
        odd = [{"rfilename": name, "size": 8, "blobId": "../../../secret"} for name in ODD_NAMES]
        return content | {"siblings": [*odd, *content["siblings"]]}

    server.listing = more
    assert fetch() == FILES
    names = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert set(FILES) <= names
    assert not names & set(ODD_NAMES)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_index_names_files_of_its_folder_alone(name: str, server: HubServer) -> None:
    (server.folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": name.removesuffix(".safetensors") + ".safetensors"}}
    if is_plain_name(index["weight_map"]["a"]):
        pytest.skip("a good name with this ending")
    (server.folder / "model.safetensors.index.json").write_text(json.dumps(index))
    refused("names no usable shards")


@pytest.mark.parametrize(
    "index",
    [
        *("", "[]", "{}", "[" * 100_000, '{"weight_map": []}', '{"weight_map": {"a": [1]}}'),
        *('{"weight_map": {"a": 7}}', '{"weight_map": {}}', '{"weight_map": null}', "\0" * 99),
    ],
)
def test_an_odd_index_is_a_sentence(index: str, server: HubServer) -> None:
    (server.folder / "model.safetensors").unlink()
    (server.folder / "model.safetensors.index.json").write_text(index)
    refused("names no usable shards")


def test_names() -> None:
    assert not any(map(is_plain_name, [*ODD_NAMES, None, 7, ["a"]]))
    for name in (*FILES, "model-00001-of-00002.safetensors", "a+b.bin", "_x", "console.json"):
        assert is_plain_name(name), name
    for name in ("main", "refs/pr/7", "v1.0", "step-1431k-3T", "a" * 40):
        assert is_revision(name), name
    for name in (
        "../main",
        "a/../../b",
        "/main",
        "a//b",
        "a\\b",
        "",
        ".",
        "x\x1b[2J",
        "é",
        "a" * 201,
    ):
        assert not is_revision(name), name


@pytest.mark.parametrize("revision", ["../../../secret", "a\x1b[2Jb", "/etc/passwd", "x" * 5000])
def test_a_revision_is_no_path(revision: str, server: HubServer) -> None:
    with pytest.raises(HubError, match="is no branch, tag or commit") as found:
        fetch_checkpoint(REPO, revision)
    assert str(found.value).isprintable()
    assert len(str(found.value)) < 400
    assert server.requests == []


def test_a_repository_of_control_characters_is_shown_as_it_is() -> None:
    with pytest.raises(HubError, match=r"'a\\\\x1b\[2J/b' is not a repository"):
        fetch_checkpoint("a\x1b[2J/b")
