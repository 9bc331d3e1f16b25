"""Which tokens a text gets is what llama.cpp's script and transformers make of the same files.

The golden values were made by scripts/golden/special_tokens.py with the gguf-py in the source of
the pinned llama-cpp-python, which is newer than the package of the same version on PyPI, and with
transformers 5.24.0.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.tokenizer.special_tokens import read_special_tokens
from edgeval.checkpoints.tokenizer.tokenizer import read_tokenizer
from tests.helpers.forms import special_tokens as special_forms

FORMS = dict(special_forms.forms())
FOUND: dict[str, Any] = json.loads(special_forms.RECORDED.read_text(encoding="utf-8"))["found"]
UNSAID = [
    name for name, form in FORMS.items() if form["kind"] == "sentencepiece" and "bos=None" in name
]
"""Nothing says whether BOS is added: transformers 5 adds none, transformers 4 and llama.cpp do."""


class _Folder(Checkpoint):
    """The files of a tokenizer alone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory


def test_every_form_was_recorded() -> None:
    assert list(FOUND) == list(FORMS)
    assert len(FORMS) > 150


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("special")


def test_ids_and_flags_are_those_of_the_script(folder: Path) -> None:
    different = {}
    for name, form in FORMS.items():
        found = read_special_tokens(special_forms.write(form, folder), special_forms.VOCAB_SIZE)
        ours = {"ids": found.ids, "adds": found.adds}
        if ours != FOUND[name]["script"]:
            different[name] = (ours, FOUND[name]["script"])
    assert different == {}


def test_a_text_gets_what_transformers_adds(folder: Path) -> None:
    different = {}
    for name, form in FORMS.items():
        if not form["named"] and form["ends"] != "both":
            continue
        path = special_forms.write(form, folder)
        found = read_tokenizer(_Folder(path), special_forms.VOCAB_SIZE)
        adds = found.special.adds
        ours = [
            [found.special.ids["bos"]] if found.vocabulary.adds_bos(adds) else [],
            [found.special.ids["eos"]] if adds.get("eos", False) else [],
        ]
        if ours != FOUND[name]["transformers"]:
            different[name] = (ours, FOUND[name]["transformers"])
    assert list(different) == UNSAID


@pytest.mark.parametrize("name", UNSAID)
def test_where_nothing_says_it_the_user_is_told(name: str, folder: Path) -> None:
    path = special_forms.write(FORMS[name], folder)
    (remark,) = read_tokenizer(_Folder(path), special_forms.VOCAB_SIZE).remarks
    assert "does not say whether a text gets a BOS token" in remark


@pytest.mark.parametrize("kind", ["json", "byte"])
@pytest.mark.parametrize(
    ("ends", "named", "is_told"),
    [
        ("bos", False, True),
        ("bos", True, False),
        ("none", False, False),
        ("eos", False, False),
    ],
)
def test_where_bos_has_no_name_the_user_is_told(
    kind: str, ends: str, named: bool, is_told: bool, folder: Path
) -> None:
    form = FORMS[f"{kind} {ends} bos=None eos=None named={named}"]
    path = special_forms.write(form, folder)
    remarks = read_tokenizer(_Folder(path), special_forms.VOCAB_SIZE).remarks
    assert any("names none (bos_token)" in remark for remark in remarks) == is_told
