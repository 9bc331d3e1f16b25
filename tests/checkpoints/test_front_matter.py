"""The front matter of a model card never stops a conversion, and takes little."""

from __future__ import annotations

import os
import shutil
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.convert.convert import convert
from edgeval.checkpoints.convert.front_matter import read_front_matter
from edgeval.gguf.parts import read_header
from tests.helpers.fuzz.checkpoints import small_checkpoint

KEYS = ("tags", "license", "version", "model_name", "author", "language", "base_model", "datasets")

LICENSE = "license: mit\n"
ODD: dict[str, tuple[bytes, dict[str, Any]]] = {
    "a number as tag": (b"tags:\n- 7b\n- 2024\n- llama\n", {}),
    "numbers as tags": (b"tags: [1, 2]\n", {"general.tags": [1, 2]}),
    "a date": (b"version: 2024-05-01\n", {}),
    "a date that is none": (b"version: 2024-99-01\n", {}),
    "a decimal": (b"version: 1.5\nmodel_name: A b\n", {"general.name": "A b"}),
    "a number": (b"model_name: 123\n", {}),
    "a list": (b"author: [a, b]\nmodel_creator: [c]\n", {}),
    "no author": (b"author:\nmodel_creator: c\n", {"general.author": "c"}),
    "broken": (b"tags: [1, 2\nbar: : :\nauthor: d\n", {"general.author": "d"}),
    "a colon": (b"model_name: foo: bar\nauthor: d\n", {"general.author": "d"}),
    "Latin-1": (b"tags:\n- caf\xe9\nauthor: d\n", {"general.author": "d"}),
    "a control character": (b"author: a\x07b\ntags:\n- x\n", {"general.tags": ["x"]}),
    "Norway": (b"language:\n- en\n- no\n", {"general.languages": ["en", "no"]}),
    "a tab": (b"language:\n\t- en\n", {"general.languages": ["en"]}),
    "half a base": (
        b"base_model: [a/b, null, 3]\n",
        {
            "general.base_model.count": 3,
            "general.base_model.0.name": "B",
            "general.base_model.0.organization": "A",
            "general.base_model.0.repo_url": "https://huggingface.co/a/b",
        },
    ),
    "a long number": (b"version: " + b"9" * 5_000 + b"\nauthor: d\n", {"general.author": "d"}),
    "lists in lists": (b"tags: " + b"[" * 5_000 + b"\nauthor: d\n", {"general.author": "d"}),
    "itself": (b"tags: &a [*a]\nauthor: d\n", {"general.author": "d"}),
    "bytes": (b"tags: !!binary aGk=\nauthor: d\n", {"general.author": "d"}),
    "a class": (b"tags: !!python/object:os.system {}\nauthor: d\n", {"general.author": "d"}),
    "merged": (b"x: &x {a: b}\ntags:\n  <<: *x\nauthor: d\n", {"general.author": "d"}),
    "results": (
        b"model-index:\n" + b"- name: x\n" * 20_000 + b"author: d\n",
        {"general.author": "d"},
    ),
    "a sequence": (b"- a\n- b\n", {}),
    "a surrogate": (b'author: "\\ud800"\ntags:\n- x\n', {"general.tags": ["x"]}),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = small_checkpoint(tmp_path_factory.mktemp("cards") / "whole", "sentencepiece")
    (made / "README.md").unlink()
    return made


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def general(directory: Path) -> dict[str, Any]:
    """Return what a converted model says of itself, arrays as lists."""
    header = read_header(convert(directory, directory.with_name("out.gguf")))
    return {
        key: value if isinstance(value, str | int | float | list) else value.tolist()
        for key, value in header.metadata.items()
        if key.startswith("general.")
    }


@pytest.mark.parametrize(("yaml", "keys"), ODD.values(), ids=ODD.keys())
def test_what_cannot_be_written_is_left_out(
    yaml: bytes, keys: dict[str, Any], copy: Path, tmp_path: Path
) -> None:
    bare = Path(shutil.copytree(copy, tmp_path / "bare" / "model"))
    expected = general(bare)
    is_mapping = not yaml.startswith(b"- ")
    card = b"---\n" + yaml + (LICENSE.encode() if is_mapping else b"") + b"---\n# text\n"
    (copy / "README.md").write_bytes(card)
    found = general(copy)
    assert found == expected | ({"general.license": "mit"} if is_mapping else {}) | keys


def bomb() -> str:
    """Ten lists, each of ten of the one before."""
    lines = ["x0: &x0 [a, a]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 30)]
    return "\n".join([*lines, "tags: *x29", "author: d", ""])


@pytest.mark.parametrize(
    "card",
    [
        f"---\n{bomb()}---\n".encode(),
        b"---\nauthor: d\n---\n" + b"x" * 60_000_000,
        b"---\nauthor: d\n" + b"tags: [x]\n" * 90_000 + b"---\n",
        b"---\nauthor: d\ntags:\n" + b"- y\n" * 200_000 + b"---\n",
    ],
    ids=["aliases", "60 MB", "one key often", "a long key"],
)
def test_a_large_card_takes_little(card: bytes, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_bytes(card)
    begin_s = time.perf_counter()
    tracemalloc.start()
    try:
        found = read_front_matter(path, KEYS)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - begin_s < 8
    assert found["author"] == "d"
    assert found.get("tags") in (None, ["x"])


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nothing", "link to itself", "empty"])
def test_a_card_that_is_no_file_is_none(kind: str, copy: Path) -> None:
    path = copy / "README.md"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to nothing":
        path.symlink_to("nothing")
    elif kind == "link to itself":
        path.symlink_to("README.md")
    else:
        path.write_bytes(b"")
    assert "general.license" not in general(copy)


def test_a_card_without_an_end_is_read_as_gguf_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("---\nauthor: d\nlicense: mit\n")
    assert read_front_matter(path, KEYS) == {"author": "d", "license": "mit"}
    path.write_text("---\nauthor: d\n# A heading\nSome text: of: a card\n")
    assert read_front_matter(path, KEYS) == {}
