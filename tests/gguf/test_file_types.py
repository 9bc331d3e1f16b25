from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.evaluation.pipeline import run
from edgeval.gguf.inspect import inspect
from edgeval.gguf.parts import read_header
from edgeval.gguf.types import FILE_TYPES
from edgeval.quantization.quantize import quantize
from edgeval.records import Evaluation
from tests.helpers.tiny_architectures import copy, write


def _scored(path: Path, items: Path, tmp_path: Path) -> tuple[Evaluation, list[Any]]:
    samples = tmp_path / "samples.jsonl"
    options = Options(data=items, limit=6, kernels="plain")
    found = evaluate([path], options, samples=samples)
    return found, [json.loads(line)["logprobs"] for line in samples.read_text().splitlines()]


@pytest.mark.parametrize("name", ["F32", "F16", "Q8_0", "Q4_K_M", "Q2_K", "Q3_K_M", "IQ4_NL"])
def test_a_file_that_does_not_say_its_type_is_called_by_its_tensors(
    name: str, tiny_f16: Path, tiny_f32: Path, tmp_path: Path
) -> None:
    source = {"F32": tiny_f32, "F16": tiny_f16}.get(name)
    if source is None:
        (source,) = quantize(tiny_f16, [name], tmp_path, threads=1)
    assert read_header(source).file_type == name
    found = read_header(copy(tmp_path / "a.gguf", source, file_type=None))
    assert (found.said_file_type, found.file_type) == (None, name)


def test_an_f32_file_that_does_not_say_it_is_computed_as_one(
    tiny_f32: Path, tiny_items: Path, tmp_path: Path
) -> None:
    """As F16, its log-probabilities are 0.007 nats off with the demo."""
    _, expected = _scored(tiny_f32, tiny_items, tmp_path)
    found, same = _scored(copy(tmp_path / "a.gguf", tiny_f32, file_type=None), tiny_items, tmp_path)
    assert same == expected
    run_ = found.runs[0]
    assert (run_.type, run_.cache_type, run_.flash_attention) == ("F32", "f32", False)


@pytest.mark.parametrize("said", ["Q4_0", "F32", "BF16", "Q4_K_M"])
def test_a_file_that_says_what_its_tensors_are_not_is_called_by_its_tensors(
    said: str, tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    _, expected = _scored(tiny_f16, tiny_items, tmp_path)
    path = copy(tmp_path / "a.gguf", tiny_f16, file_type=FILE_TYPES[said])
    found, same = _scored(path, tiny_items, tmp_path)
    assert same == expected
    run_ = found.runs[0]
    assert (run_.type, run_.cache_type, run_.flash_attention) == ("F16", "f16", True)
    assert run_.mix is not None and (run_.mix.said, run_.mix.shares) == (said, {"F16": 1.0})
    assert (inspect(path).file_type, inspect(path).said_file_type) == ("F16", said)


def test_a_quantized_file_that_says_f16_is_no_base_of_a_ladder(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    (made,) = quantize(tiny_f16, ["Q8_0"], tmp_path, threads=1)
    path = copy(tmp_path / "a.gguf", made, file_type=FILE_TYPES["F16"])
    assert read_header(path).file_type == "Q8_0"
    with pytest.raises(EdgevalError, match=r"a\.gguf is Q8_0 already"):
        run(str(path), Options(data=tiny_items, limit=2), types=["F16", "Q4_0"], out=tmp_path / "o")


@pytest.mark.parametrize("keys", [{"file_type": None}, {"file_type": 2}])
def test_an_f16_file_that_does_not_say_it_is_quantized_and_makes_a_ladder(
    keys: dict[str, int | None], tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    path = copy(tmp_path / "a.gguf", tiny_f16, **keys)
    (made,) = quantize(path, ["Q8_0"], threads=1)
    assert made.name == "a-Q8_0.gguf"
    options = Options(data=tiny_items, limit=4, kernels="plain")
    record, _ = run(str(path), options, types=["F16", "Q8_0"], out=tmp_path / "o")
    known, _ = run(str(tiny_f16), options, types=["F16", "Q8_0"], out=tmp_path / "p")
    assert [each.type for each in record.runs] == ["F16", "Q8_0"]
    assert [each.metrics for each in record.runs] == [each.metrics for each in known.runs]


@pytest.mark.parametrize("name", ["mamba", "rwkv6", "jamba", "lfm2", "t5"])
def test_small_f32_matrices_beside_others_do_not_name_a_file(
    name: str, tiny_f32: Path, tmp_path: Path
) -> None:
    """Recurrent layers have many that are never quantized; most weights are in the others."""
    path = write(tmp_path / "a.gguf", name, tiny_f32)
    assert read_header(path).file_type == "F32"
    (made,) = quantize(path, ["Q8_0"], threads=1)
    assert read_header(made).file_type == "Q8_0"
    assert read_header(copy(tmp_path / "b.gguf", made, file_type=None)).file_type == "Q8_0"
    (half,) = quantize(path, ["F16"], threads=1)
    assert read_header(copy(tmp_path / "c.gguf", half, file_type=None)).file_type == "F16"
    assert read_header(half).file_type == "F16"
