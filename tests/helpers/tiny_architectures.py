"""Tiny GGUFs of many architectures, with random weights and the vocabulary of another file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from edgeval.checkpoints.convert.convert import convert
from edgeval.gguf.header import Header
from edgeval.gguf.parts import read_header
from tests.helpers import tiny_weights
from tests.helpers.tiny import make_checkpoint
from tests.helpers.tiny_weights import (
    BUILDERS,
    HEADS,
    LAYERS,
    VOCABULARY,
    random_weights,
)

_RECURRENT_LAYERS = 4


def write(
    path: Path, architecture: str, vocabulary: Path, extra: Mapping[str, Any] | None = None
) -> Path:
    """Write a model of an architecture.

    Args:
        path: Where to.
        architecture: A key of ``BUILDERS``.
        vocabulary: The GGUF whose tokenizer it gets; of 512 tokens.
        extra: More keys of the architecture, without its name.
    """
    keys, weights = BUILDERS[architecture](np.random.default_rng(1))
    return _write(path, architecture, vocabulary, keys | dict(extra or {}), weights)


def write_spec(
    path: Path,
    architecture: str,
    vocabulary: Path,
    keys: Mapping[str, Any],
    shapes: Mapping[str, Sequence[int]],
) -> Path:
    """Write a model of an architecture with random weights of some shapes.

    Args:
        path: Where to.
        architecture: llama.cpp's name of it.
        vocabulary: The GGUF whose tokenizer it gets; of 512 tokens.
        keys: Keys beside the common ones, without the architecture's name.
        shapes: The shapes of its tensors, outermost dimension first; those of ``blk.*`` are in each
            block.
    """
    rng = np.random.default_rng(1)
    shapes = {
        name.replace("*", str(layer)): shape
        for name, shape in shapes.items()
        for layer in range(LAYERS if "*" in name else 1)
    }
    weights = {name: random_weights(rng, *shape, scale=0.2) for name, shape in shapes.items()}
    for name, values in weights.items():
        if name.endswith("norm.weight"):
            values += 1
        elif name.endswith("ssm_a"):
            weights[name] = -np.abs(values) - np.float32(0.1)
    return _write(path, architecture, vocabulary, keys, weights)


def _common() -> dict[str, Any]:
    """Return keys that each architecture reads, or ignores."""
    return {
        "context_length": 2048, "embedding_length": tiny_weights.WIDTH,
        "feed_forward_length": tiny_weights.FEED,
        "block_count": LAYERS, "attention.head_count": HEADS,
        "attention.layer_norm_rms_epsilon": 1e-5, "attention.layer_norm_epsilon": 1e-5,
    }  # fmt: skip


def _write(
    path: Path,
    architecture: str,
    vocabulary: Path,
    keys: Mapping[str, Any],
    weights: Mapping[str, npt.NDArray[np.float32]],
) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_file_type(0)
    _add_tokenizer(writer, read_header(vocabulary))
    for name, value in (_common() | dict(keys)).items():
        _add(writer, name if name.startswith("tokenizer.") else f"{architecture}.{name}", value)
    for name, values in weights.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def copy(path: Path, source: Path, **keys: int | None) -> Path:
    """Write a GGUF again, with some keys of ``general`` set, or left out where they are None."""
    header = read_header(source)
    writer = gguf.GGUFWriter(path, header.metadata["general.architecture"])
    for key, value in header.metadata.items():
        kind = header.types[key]
        if key == "general.architecture" or key.removeprefix("general.") in keys:
            continue
        if np.ndim(value) or isinstance(value, list):
            writer.add_key_value(key, list(value), gguf.GGUFValueType.ARRAY, kind)
        else:
            writer.add_key_value(key, value, gguf.GGUFValueType(kind))
    for name, value in keys.items():
        if value is not None:
            writer.add_uint32(f"general.{name}", value)
    for tensor in header.tensors:
        data, kind = header.raw(tensor), gguf.GGMLQuantizationType(int(tensor.type))
        rows = data.reshape(*tensor.shape[:-1], -1)
        writer.add_tensor(tensor.name, np.array(rows), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_vocabulary(path: Path) -> Path:
    """Write a tokenizer of the pieces of a tiny checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        made = convert(make_checkpoint(Path(folder) / "tiny"), Path(folder) / "tiny.gguf", "f32")
        path.write_bytes(made.read_bytes())
    return path


def write_byte_level_vocabulary(path: Path, pre: str | None) -> Path:
    """Write a tokenizer of bytes that merges a space with a letter, and digits with each other.

    Args:
        path: Where to.
        pre: Its pre-tokenizer; None for a file that does not say it.
    """
    # GPT-2's characters for bytes: those that print stand for themselves.
    printed = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    bytes_ = [chr(byte if byte in printed else next(others)) for byte in range(256)]
    space = bytes_[32]
    merges = [f"{space} {each}" for each in "abcdefghijklmnopqrstuvwxyz"]
    merges += [f"{first} {second}" for first in "0124" for second in "0123456789"]
    tokens = [*bytes_, *(merge.replace(" ", "") for merge in merges)]
    tokens += [f"[unused{n}]" for n in range(VOCABULARY - len(tokens))]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    if pre is not None:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([1] * VOCABULARY)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(VOCABULARY - 1)
    writer.add_add_bos_token(False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _add_tokenizer(writer: gguf.GGUFWriter, header: Header) -> None:
    for key, value in header.metadata.items():
        if not key.startswith("tokenizer."):
            continue
        kind = header.types[key]
        if np.ndim(value) or isinstance(value, list):
            writer.add_key_value(key, list(value), gguf.GGUFValueType.ARRAY, kind)
        else:
            writer.add_key_value(key, value, gguf.GGUFValueType(kind))
