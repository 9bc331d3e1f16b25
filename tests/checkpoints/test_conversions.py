"""Every form of the demo checkpoint becomes the file that convert_hf_to_gguf.py makes of it.

The golden file was made by scripts/golden/conversions.py with that script, out of the source
distribution of llama-cpp-python; tensors are compared byte for byte, keys value for value.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.convert.convert import convert
from edgeval.checkpoints.convert.tensors import OutputType
from tests.helpers.forms import checkpoints as checkpoint_forms
from tests.helpers.forms.conversions import CONVERSIONS, RECORDED, summary

RECORD = json.loads(RECORDED.read_text(encoding="utf-8"))

SCORES = (
    "the script gives each piece the score -1000, with which llama.cpp merges from left to right; "
    "ours are SentencePiece's own, which test_tokens.py holds to the tokenizer"
)
PREFIX = (
    "the script does not look whether the model puts a space in front of a text; "
    "test_tokens.py holds ours to SentencePiece"
)
GRANITE = (
    "the script takes BOS from every vocabulary of this size; transformers adds it where "
    "add_bos_token says so, and so does lm-evaluation-harness"
)
ON_PURPOSE = {
    ("only-sentencepiece-json", "tokenizer.ggml.scores"): SCORES,
    ("only-sentencepiece-json-added", "tokenizer.ggml.scores"): SCORES,
    ("no-dummy-prefix", "tokenizer.ggml.add_space_prefix"): PREFIX,
    ("granite", "tokenizer.ggml.add_bos_token"): GRANITE,
}
"""Keys that differ from the script's, and why."""


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    parent = tmp_path_factory.mktemp("forms")
    return {form: checkpoint_forms.write(form, parent) for form in checkpoint_forms.FORMS}


@pytest.mark.parametrize(("form", "dtype"), CONVERSIONS)
def test_the_file_is_that_of_the_script(
    form: str, dtype: OutputType, forms: dict[str, Path], tmp_path: Path
) -> None:
    expected: dict[str, Any] = RECORD["files"][f"{form} {dtype}"]
    found = summary(convert(forms[form], tmp_path / "out.gguf", dtype))
    assert found["tensors"] == expected["tensors"]
    excused = {key for which, key in ON_PURPOSE if which == form}
    different = {
        key
        for key in found["keys"].keys() | expected["keys"].keys()
        if found["keys"].get(key, "none") != expected["keys"].get(key, "none")
    }
    assert different == excused
