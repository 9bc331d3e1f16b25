from __future__ import annotations

import sys
from pathlib import Path

import gguf
import numpy as np
import pytest

from edgeval import llama
from edgeval.gguf.parts import read_header
from edgeval.gguf.type_sizes import BITS_PER_WEIGHT, NEEDS_IMATRIX


def _tinyllama_shape(path: Path) -> Path:
    """Write the header of TinyLlama 1.1B in F16, and a hole where its weights would be."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_file_type(1)
    writer.add_block_count(22)
    writer.add_context_length(2048)
    writer.add_embedding_length(2048)
    writer.add_feed_forward_length(5632)
    writer.add_head_count(32)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(32000)
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd": (32000, 2048),
        "output": (32000, 2048),
        "output_norm": (2048,),
    }
    for block in range(22):
        for name, shape in {
            "attn_q": (2048, 2048),
            "attn_k": (256, 2048),
            "attn_v": (256, 2048),
            "attn_output": (2048, 2048),
            "ffn_gate": (5632, 2048),
            "ffn_up": (5632, 2048),
            "ffn_down": (2048, 5632),
            "attn_norm": (2048,),
            "ffn_norm": (2048,),
        }.items():
            shapes[f"blk.{block}.{name}"] = shape
    total = 0
    for name, shape in shapes.items():
        dtype = np.dtype(np.float32 if len(shape) == 1 else np.float16)
        n_bytes = int(np.prod(shape)) * dtype.itemsize
        writer.add_tensor_info(f"{name}.weight", shape, dtype, n_bytes)
        total += n_bytes
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    file = writer.fout[0]
    writer.write_padding(file, file.tell())
    file.truncate(file.tell() + total)
    writer.close()
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="a file with a hole takes its whole size there")
def test_the_help_says_what_llama_cpp_says(tmp_path: Path) -> None:
    model = _tinyllama_shape(tmp_path / "model.gguf")
    n_params = read_header(model).n_params
    assert n_params == 1_100_048_384
    some = {"blk.0.attn_q.weight": np.ones(2048, np.float32)}
    sizes, needing = {}, set()
    for name in llama.writable_types():
        recipe = llama.recipe(model, name)
        if recipe.needing_importances:
            needing.add(name)
            recipe = llama.recipe(model, name, some)
        sizes[name] = 8 * recipe.tensor_bytes / n_params
    assert needing == NEEDS_IMATRIX
    assert sizes == pytest.approx(BITS_PER_WEIGHT, abs=0.0051)
