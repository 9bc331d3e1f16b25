"""The part of a model that kernels are timed on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeval.engine import Worker
from edgeval.engine.kernels.parts import MOST_ROWS, matrix_types, part_of
from edgeval.engine.kernels.small_model import N_VOCAB, small_model
from edgeval.engine.kernels.writing import write_gguf
from edgeval.engine.messages import KernelsReady
from edgeval.gguf.parts import read_header
from edgeval.records import KernelRace
from tests.helpers.kernels import write_mixture


def test_a_part_has_one_block_of_each_kind(tmp_path: Path) -> None:
    header = read_header(write_mixture(tmp_path / "mixed.gguf"))
    part = part_of(header)
    assert part is not None
    part.write(tmp_path / "part.gguf")
    cut = read_header(tmp_path / "part.gguf")
    assert cut.metadata["llama.block_count"] == 2
    assert list(cut.metadata["llama.feed_forward_length"]) == [768, 768]
    assert cut.metadata["llama.vocab_size"] == min(N_VOCAB, MOST_ROWS)
    assert cut.metadata["tokenizer.ggml.model"] == "none"
    types = {each.name: each.type.name for each in cut.tensors}
    assert (types["blk.0.ffn_down.weight"], types["blk.1.ffn_down.weight"]) == ("Q6_K", "Q4_K")
    sources = {each.name: each for each in header.tensors}
    for tensor in cut.tensors:
        source = sources[tensor.name]
        assert np.array_equal(cut.raw(tensor), header.raw(source)[: tensor.nbytes])
    assert matrix_types(header) == ["Q4_K", "Q6_K"]


def test_the_name_of_a_part_is_that_of_its_shape_and_types(tmp_path: Path, q4_k: Path) -> None:
    for kind, seed in (("Q4_K", 1), ("Q5_K", 0)):
        small_model(kind, seed).write(tmp_path / f"{kind}.gguf")
    write_mixture(tmp_path / "mixed.gguf")
    paths = [q4_k, *(tmp_path / f"{name}.gguf" for name in ("Q4_K", "Q5_K", "mixed"))]
    parts = [part_of(read_header(path)) for path in paths]
    names = [part.name for part in parts if part]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_llama_cpp_computes_a_part_of_a_real_model(tiny_f32: Path, tmp_path: Path) -> None:
    part = part_of(read_header(tiny_f32))
    assert part is not None
    part.write(tmp_path / "part.gguf")
    worker = Worker()
    try:
        first, found = worker.race_kernels(tmp_path / "part.gguf", 2)
    finally:
        worker.close()
    assert isinstance(first, KernelsReady)
    assert isinstance(found, KernelRace)
    assert found.n_tokens >= 32
    assert len(found.default_s) == len(found.plain_s) >= 3
    assert found.logprob_spread is not None


def test_a_model_without_blocks_has_no_part(tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    write_gguf(path, {"general.architecture": "other"}, {})
    assert part_of(read_header(path)) is None
