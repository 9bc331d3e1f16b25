from __future__ import annotations

import ctypes
import hashlib
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import pytest

from edgeval import llama
from edgeval.errors import EdgevalError, EngineError
from edgeval.gguf import imatrix_file
from edgeval.gguf.parts import read_header
from edgeval.llama.library import listening, llama_cpp
from edgeval.quantization.quantize import quantize
from tests.helpers.fakes import Lines

# One of each family; the i-quants search through tables that take seconds to set up.
MADE = (
    *("F32", "BF16", "Q8_0", "Q4_0", "Q5_1", "Q2_K", "Q2_K_S", "Q3_K_M", "Q6_K", "IQ4_NL"),
    *("TQ1_0", "TQ2_0", "Q1_0", "Q2_0", "MXFP4_MOE"),
)


def _types(path: Path) -> dict[str, str]:
    return {tensor.name: tensor.type.name for tensor in read_header(path).tensors}


def _tensors(path: Path) -> dict[str, str]:
    header = read_header(path)
    return {
        tensor.name: hashlib.sha256(header.raw(tensor)).hexdigest() for tensor in header.tensors
    }


def _quantization(path: Path) -> dict[str, Any]:
    metadata = read_header(path).metadata
    return {k: v for k, v in metadata.items() if k.startswith(("edgeval.", "quantize."))}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_several_types_at_once(tiny_f16: Path, tmp_path: Path) -> None:
    made = quantize(tiny_f16, ["q8_0", "Q4_K_M"], tmp_path)
    assert [path.name for path in made] == ["tiny-Q8_0.gguf", "tiny-Q4_K_M.gguf"]
    assert _types(made[0])["blk.0.ffn_up.weight"] == "Q8_0"
    assert _types(made[1])["blk.0.ffn_up.weight"] == "Q4_K"
    assert _types(made[1])["output_norm.weight"] == "F32"
    for path, name in zip(made, ("Q8_0", "Q4_K_M"), strict=True):
        with llama.Model(path) as model:
            assert model.file_type == name


@pytest.mark.parametrize("name", ["Q8_0", "BF16"])
def test_exact_types_are_their_definition(name: str, tiny_f32: Path, tmp_path: Path) -> None:
    (made,) = quantize(tiny_f32, [name], tmp_path)
    source = {t.name: t for t in gguf.GGUFReader(tiny_f32).tensors}["blk.0.ffn_up.weight"]
    result = {t.name: t for t in gguf.GGUFReader(made).tensors}["blk.0.ffn_up.weight"]
    expected = gguf.quants.quantize(source.data, gguf.GGMLQuantizationType[name])
    assert result.data.tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["Q4_0", "Q5_1", "Q3_K_S"])
def test_a_matrix_saves_what_matters(
    name: str, tiny_f32: Path, tiny_matrix: Path, tmp_path: Path
) -> None:
    (plain,) = quantize(tiny_f32, [name], tmp_path / "plain")
    (weighed,) = quantize(tiny_f32, [name], tmp_path / "weighed", imatrix=tiny_matrix)
    source, *others = (
        {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
        for path in (tiny_f32, plain, weighed)
    )
    for tensor, weights in imatrix_file.read(tiny_matrix).weights.items():
        without, with_it = (
            (weights * (_values(other[tensor]) - _values(source[tensor])) ** 2).sum()
            for other in others
        )
        assert with_it < without


def _values(tensor: gguf.ReaderTensor) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    return found


def test_unknown_type_is_refused_before_anything(tiny_f16: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"unknown quantization type 'Q4_KM'.*Q4_K_M"):
        quantize(tiny_f16, ["Q8_0", "Q4_KM"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_quantized_source_is_refused(tiny_f16: Path, tmp_path: Path) -> None:
    (once,) = quantize(tiny_f16, ["Q4_0"], tmp_path)
    with pytest.raises(EdgevalError, match=r"is Q4_0 already.*--requantize"):
        quantize(once, ["Q2_K"], tmp_path)
    assert list(tmp_path.iterdir()) == [once]


def test_quantized_source_is_accepted_when_asked(tiny_f16: Path, tmp_path: Path) -> None:
    (once,) = quantize(tiny_f16, ["Q4_0"], tmp_path)
    (twice,) = quantize(once, ["Q2_K"], tmp_path, requantize=True)
    assert twice.name == "tiny-Q2_K.gguf"
    (direct,) = quantize(tiny_f16, ["Q2_K"], tmp_path / "direct")
    assert _types(twice) == _types(direct)
    assert _tensors(twice) != _tensors(direct)
    with pytest.raises(EdgevalError, match=r"exists already, and it was made of another source"):
        quantize(once, ["Q4_0"], tmp_path, requantize=True)


def test_aliases_of_llama_quantize(tiny_f16: Path, tmp_path: Path) -> None:
    made = quantize(tiny_f16, ["q4_k", "Q4_K_M", "Q5_K"], tmp_path)
    assert [path.name for path in made] == ["tiny-Q4_K_M.gguf", "tiny-Q5_K_M.gguf"]


def test_a_type_that_is_only_read_is_refused(tiny_f16: Path, tmp_path: Path) -> None:
    assert "NVFP4" in llama.file_types()
    with pytest.raises(EngineError, match=r"reads NVFP4 and cannot write it; it writes F32, F16"):
        quantize(tiny_f16, ["Q8_0", "NVFP4"], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", llama.writable_types())
def test_a_recipe_knows_what_needs_an_importance_matrix(name: str, tiny_f16: Path) -> None:
    lines: list[str] = []
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.dry_run = llama.file_types()[name], True
    with listening(lines.append):
        source = str(tiny_f16).encode()
        assert llama_cpp.llama_model_quantize(source, b"", ctypes.byref(params)) == 0
    is_warned = any("will require an imatrix" in line for line in lines)
    assert bool(llama.recipe(tiny_f16, name).needing_importances) == is_warned


@pytest.mark.parametrize("name", MADE)
def test_a_type_is_what_its_recipe_says(
    name: str, tiny_f16: Path, tiny_matrix: Path, tmp_path: Path
) -> None:
    matrix = imatrix_file.read(tiny_matrix)
    (weighed,) = quantize(tiny_f16, [name], tmp_path / "weighed", imatrix=tiny_matrix)
    with_it = llama.recipe(tiny_f16, name, matrix.weights)
    assert {key: kind.lower() for key, kind in _types(weighed).items()} == {
        key: kind.lower() for key, kind in with_it.types.items()
    }
    without = llama.recipe(tiny_f16, name)
    if without.needing_importances:
        with pytest.raises(EdgevalError, match=rf"{name} needs an importance matrix.*edgeval imat"):
            quantize(tiny_f16, ["Q8_0", name], tmp_path / "plain")
        assert not (tmp_path / "plain").exists()
        return
    (plain,) = quantize(tiny_f16, [name], tmp_path / "plain")
    size = sum(tensor.nbytes for tensor in read_header(plain).tensors)
    assert without.tensor_bytes == pytest.approx(size, abs=0.01 * 1024**2)
    is_changed = _tensors(plain) != _tensors(weighed)
    assert is_changed == (with_it.heeds(matrix.entries) or without.types != with_it.types)


def test_what_is_made_says_what_of(tiny_f16: Path, tiny_matrix: Path, tmp_path: Path) -> None:
    named = tmp_path / ("é" * 100 + ".gguf")
    named.write_bytes(tiny_matrix.read_bytes())
    (plain,) = quantize(tiny_f16, ["Q4_0"], tmp_path / "plain")
    (weighed,) = quantize(tiny_f16, ["Q4_0"], tmp_path / "weighed", imatrix=named)
    ours = {"edgeval.source.sha256": _sha256(tiny_f16), "edgeval.engine": llama.engine_version()}
    assert _quantization(plain) == {**ours, "edgeval.imatrix.sha256": "none"}
    assert _quantization(weighed) == {
        **ours,
        "edgeval.imatrix.sha256": _sha256(tiny_matrix),
        "quantize.imatrix.file": "é" * 63,
        "quantize.imatrix.dataset": "text.txt",
        "quantize.imatrix.entries_count": 14,
        "quantize.imatrix.chunks_count": 5,
    }


def test_the_same_is_used_again(tiny_f16: Path, tiny_matrix: Path, tmp_path: Path) -> None:
    progress = Lines()
    first = quantize(tiny_f16, ["Q4_0", "Q8_0"], tmp_path, progress=progress)
    before = {path: path.stat().st_mtime_ns for path in first}
    assert progress.lines == []
    again = quantize(tiny_f16, ["Q8_0", "Q4_0", "Q6_K"], tmp_path, progress=progress)
    assert [path.stem for path in again] == ["tiny-Q8_0", "tiny-Q4_0", "tiny-Q6_K"]
    assert {path: path.stat().st_mtime_ns for path in first} == before
    assert progress.lines == [
        f"{path} is there already, made of the same source; it is used again" for path in again[:2]
    ]
    (weighed,) = quantize(tiny_f16, ["Q4_0"], tmp_path / "weighed", imatrix=tiny_matrix)
    made_at = weighed.stat().st_mtime_ns
    quantize(tiny_f16, ["Q4_0"], tmp_path / "weighed", imatrix=tiny_matrix)
    assert weighed.stat().st_mtime_ns == made_at


def test_anything_else_that_is_there_is_refused(
    tiny_f16: Path, tiny_matrix: Path, tmp_path: Path
) -> None:
    (plain,) = quantize(tiny_f16, ["Q4_0"], tmp_path / "plain")
    (weighed,) = quantize(tiny_f16, ["Q4_0"], tmp_path / "weighed", imatrix=tiny_matrix)
    (other_type,) = quantize(tiny_f16, ["Q4_1"], tmp_path / "other")
    other_matrix = tmp_path / "other.gguf"
    other_matrix.write_bytes(tiny_matrix.read_bytes().replace(b"text.txt", b"next.txt"))
    data, engine = plain.read_bytes(), llama.engine_version()
    older = engine[:-1] + "x"
    source = _sha256(tiny_f16).encode()
    cases: list[tuple[bytes, Path | None, str]] = [
        (weighed.read_bytes(), None, "it was made with an importance matrix"),
        (data, tiny_matrix, "it was made without an importance matrix"),
        (weighed.read_bytes(), other_matrix, "it was made with another importance matrix"),
        (data.replace(source, b"0" * 64), None, "it was made of another source"),
        (other_type.read_bytes(), None, "it is not Q4_0"),
        (
            data.replace(engine.encode(), older.encode()),
            None,
            f"it was made by {older}, and this is {engine}",
        ),
        (data.replace(b"edgeval.engine", b"edgeval.motors"), None, "it does not say what it was"),
        (data[:-1000], None, r"it is no GGUF that could be used again \(.* past its end"),
        (b"mine", None, r"it is no GGUF that could be used again \(.*starts with b'mine'"),
    ]
    target = tmp_path / "fresh" / "tiny-Q4_0.gguf"
    target.parent.mkdir()
    for content, matrix, reason in cases:
        target.write_bytes(content)
        with pytest.raises(EdgevalError, match=rf"exists already, and {reason}.*--out-dir"):
            quantize(tiny_f16, ["Q8_0", "Q4_0"], target.parent, imatrix=matrix)
        assert list(target.parent.iterdir()) == [target]
        assert target.read_bytes() == content


def test_a_matrix_of_another_model_is_refused(
    tiny_f16: Path, tiny_matrix: Path, tmp_path: Path
) -> None:
    entries = imatrix_file.read(tiny_matrix).entries
    up, down = "blk.0.ffn_up.weight", "blk.0.ffn_down.weight"
    cases = {
        "fits no tensor of .*it starts with blk.9": {"blk.9.ffn_down.weight": entries[down]},
        f"has 256 values for {down}, which has 512 columns": {down: entries[up]},
        "IQ2_XS needs an importance matrix of blk.0.attn_k.weight, and .*m.gguf has none": {
            down: entries[down]
        },
    }
    for reason, wrong in cases.items():
        path = tmp_path / "m.gguf"
        imatrix_file.write(path, wrong, dataset="text.txt", n_chunks=4, chunk_tokens=64)
        with pytest.raises(EdgevalError, match=reason):
            quantize(tiny_f16, ["Q8_0", "IQ2_XS"], tmp_path / "out", imatrix=path)
        assert not (tmp_path / "out").exists()


def test_refusal_of_the_engine_leaves_nothing(tiny_f16: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken-F16.gguf"
    data = bytearray(tiny_f16.read_bytes())
    tensor = {each.name: each for each in read_header(tiny_f16).tensors}["blk.1.ffn_up.weight"]
    data[tensor.offset : tensor.offset + tensor.nbytes] = b"\xff" * tensor.nbytes
    broken.write_bytes(data)
    with pytest.raises(EngineError, match=r"cannot quantize .* to Q8_0"):
        quantize(broken, ["Q8_0"], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
