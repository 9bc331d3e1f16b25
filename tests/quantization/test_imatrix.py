from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from edgeval import llama
from edgeval.errors import DataError, EdgevalError, EngineError
from edgeval.gguf import imatrix_file
from edgeval.gguf.parts import read_header
from edgeval.llama import activations
from edgeval.quantization.imatrix import imatrix
from edgeval.quantization.quantize import quantize
from edgeval.tasks.requests import Int32
from tests.helpers.fakes import Lines
from tests.helpers.reference_llama import ReferenceLlama
from tests.helpers.tiny import make_expert_model, write_text

PARTS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def _chunks(path: Path, text: Path, n_tokens: int) -> Int32:
    with llama.Tokenizer(path) as vocabulary:
        tokens = [1, *vocabulary.tokenize(text.read_text(encoding="utf-8").removesuffix("\n"))]
    n_chunks = len(tokens) // n_tokens
    chunks = np.array(tokens[: n_chunks * n_tokens], np.int32).reshape(n_chunks, n_tokens)
    chunks[:, 0] = 1
    return chunks


@pytest.mark.parametrize("chunk_tokens", [64, 100])
def test_sums_are_those_of_the_equations(
    chunk_tokens: int, tiny_f32: Path, tiny_checkpoint: Path, tiny_text: Path, tmp_path: Path
) -> None:
    out = imatrix(tiny_f32, tiny_text, tmp_path / "m.gguf", chunk_tokens=chunk_tokens, chunks=3)
    chunks = _chunks(tiny_f32, tiny_text, chunk_tokens)[:3]
    expected = ReferenceLlama(tiny_checkpoint).input_squares(chunks)
    found = imatrix_file.read(out)
    assert (found.dataset, found.n_chunks) == ("text.txt", 3)
    assert set(found.entries) == {f"blk.{i}.{part}.weight" for i in range(2) for part in PARTS}
    for name, entry in found.entries.items():
        _, block, part, _ = name.split(".")
        sums = expected[f"model.layers.{block}.{PARTS[part]}.weight"]
        assert entry.counts.tolist() == [3 * chunk_tokens]
        # Flash attention reads keys and values as f16.
        np.testing.assert_allclose(entry.sums[0], sums, rtol=5e-3)
        assert entry.sums.sum() == pytest.approx(sums.sum(), rel=1e-4)


@pytest.mark.parametrize(
    ("batch_tokens", "chunk_tokens"), [(256, 64), (64, 100)], ids=["4 in one", "2 for one"]
)
def test_all_chunks_count_whatever_a_batch_holds(
    batch_tokens: int,
    chunk_tokens: int,
    tiny_f32: Path,
    tiny_checkpoint: Path,
    tiny_text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(activations, "_BATCH_TOKENS", batch_tokens)
    chunks = _chunks(tiny_f32, tiny_text, chunk_tokens)[:9]
    out = imatrix(tiny_f32, tiny_text, tmp_path / "m.gguf", chunk_tokens=chunk_tokens, chunks=9)
    found = imatrix_file.read(out)
    assert found.n_chunks == len(chunks) == 9
    sums = ReferenceLlama(tiny_checkpoint).input_squares(chunks)
    entry = found.entries["blk.1.ffn_down.weight"]
    assert entry.counts.tolist() == [chunks.size]
    np.testing.assert_allclose(
        entry.sums[0], sums["model.layers.1.mlp.down_proj.weight"], rtol=5e-3
    )


def test_a_chunk_longer_than_the_window_is_only_mentioned(
    tiny_f16: Path, tiny_text: Path, tmp_path: Path
) -> None:
    progress = Lines()
    out = tmp_path / "m.gguf"
    imatrix(tiny_f16, tiny_text, out, chunk_tokens=200, chunks=1, progress=progress)
    assert progress.lines == ["tiny-F16.gguf was trained on 128 tokens, fewer than a chunk has"]
    assert imatrix_file.read(out).n_chunks == 1


def test_each_expert_has_its_own(tiny_f32: Path, tiny_text: Path, tmp_path: Path) -> None:
    model = make_expert_model(tiny_f32, tmp_path / "experts-F32.gguf")
    out = imatrix(model, tiny_text, tmp_path / "m.gguf", chunk_tokens=64, chunks=4)
    found = imatrix_file.read(out)
    router = found.entries["blk.0.ffn_gate_inp.weight"]
    experts = found.entries["blk.0.ffn_gate_exps.weight"]
    assert experts.sums.shape == (4, 256)
    assert experts.counts.sum() == 2 * router.counts.sum() == 2 * 4 * 64
    # Each token goes to two of the four experts.
    np.testing.assert_allclose(experts.sums.sum(axis=0), 2 * router.sums[0], rtol=1e-5)
    assert len(set(experts.counts.tolist())) > 1
    downs = found.entries["blk.1.ffn_down_exps.weight"]
    assert downs.sums.shape == (4, 512)
    assert downs.counts.sum() == 2 * 4 * 64
    (made,) = quantize(model, ["Q2_K_S"], tmp_path, imatrix=out)
    types = {tensor.name: tensor.type.name for tensor in read_header(made).tensors}
    assert types["blk.0.ffn_gate_exps.weight"] == "Q2_K"


def test_a_short_text_is_refused(tiny_f16: Path, tmp_path: Path) -> None:
    text = write_text(tmp_path / "text.txt", 5)
    with pytest.raises(DataError, match=r"text.txt has \d+ tokens, and .* 2 chunks of 512"):
        imatrix(tiny_f16, text, tmp_path / "m.gguf")
    assert list(tmp_path.iterdir()) == [text]


def test_a_text_that_is_not_utf_8_is_refused(tiny_f16: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(b"caf\xe9 " * 100)
    with pytest.raises(DataError, match=r"text.txt is not UTF-8 at byte 3"):
        imatrix(tiny_f16, text, tmp_path / "m.gguf")
    with pytest.raises(DataError, match=r"no data file at .*absent.txt"):
        imatrix(tiny_f16, tmp_path / "absent.txt", tmp_path / "m.gguf")


def test_an_existing_file_is_refused(tiny_f16: Path, tiny_text: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.gguf"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(EdgevalError, match=r"m.gguf exists already"):
        imatrix(tiny_f16, tiny_text, out)
    assert out.read_text(encoding="utf-8") == "mine"


def test_chunks_too_small_to_be_looked_at(tiny_f16: Path, tiny_text: Path, tmp_path: Path) -> None:
    for wrong in ({"chunk_tokens": 0}, {"chunks": 0}):
        with pytest.raises(EdgevalError, match="count from 1"):
            imatrix(tiny_f16, tiny_text, tmp_path / "m.gguf", **wrong)
    with llama.Model(tiny_f16) as model, llama.Activations(model, 15, 1) as looking:
        looking.decode(np.ones((1, 15), np.int32))
        assert looking.seen == {}
        looking.decode(np.ones((2, 15), np.int32))
        assert looking.seen["blk.0.attn_q.weight"].counts.tolist() == [30]


def test_a_damaged_model_is_refused(tiny_f32: Path, tiny_text: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    data = bytearray(tiny_f32.read_bytes())
    tensor = {each.name: each for each in read_header(tiny_f32).tensors}["blk.1.attn_norm.weight"]
    data[tensor.offset : tensor.offset + 4] = b"\xff\xff\xff\xff"
    broken.write_bytes(data)
    with pytest.raises(EngineError, match=r"activations of blk.1.attn_\w.weight in broken"):
        imatrix(broken, tiny_text, tmp_path / "m.gguf", chunk_tokens=64)
    assert list(tmp_path.iterdir()) == [broken]


def test_another_layout_of_tensors_is_noticed(
    tiny_f16: Path, tiny_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wider(ctypes.Structure):
        _fields_ = (
            *activations.Tensor._fields_[:-1],
            ("more", ctypes.c_int64),
            ("name", ctypes.c_char * 64),
        )

    monkeypatch.setattr(activations, "Tensor", Wider)
    with pytest.raises(EngineError, match="lays out its tensors in another way"):
        imatrix(tiny_f16, tiny_text, tmp_path / "m.gguf", chunk_tokens=64)
    assert list(tmp_path.iterdir()) == []
