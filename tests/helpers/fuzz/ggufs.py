"""Damaged GGUFs, each made from a seed, and a process that feeds them to llama.cpp.

``python -m tests.helpers.fuzz.ggufs SOUND.gguf FIRST LAST`` runs the mutations with those seeds and
prints what became of each, so that whoever started it knows which one a crash belongs to.
"""

from __future__ import annotations

import contextlib
import random
import struct
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeval.errors import EdgevalError, EngineError
from edgeval.gguf.parts import read_header
from edgeval.gguf.types import TensorType
from edgeval.gguf.values import ValueReader, ValueType
from tests.helpers.gguf_bytes import Entry, File, decoded

EXTREMES = (0, 1, 2, 3, 7, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63)
EXTREMES = (*EXTREMES, 2**64 - 1)
FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-45, 1e38, -1e38, float("inf"), float("-inf"), float("nan"))
TEXTS = ("", "\0", "a", "llama", "gpt2", "bert", "t5", "rwkv", "none", "no_vocab", "plamo2", "test")
TEXTS = (*TEXTS, "default", "llama-bpe", "yarn", "longrope", "\udcff", "x" * 300, "clip", "mamba")
TEXTS = (*TEXTS, "qwen2", "whitespace", "gemma4", "hybriddna", "kimi-k2", "linear")
# Keys that llama.cpp reads besides those that a converted Llama has.
KEYS = (
    "llama.vocab_size", "llama.expert_count", "llama.expert_used_count", "llama.rope.scaling.type",
    "llama.rope.scaling.factor", "llama.rope.scaling.original_context_length", "llama.pooling_type",
    "llama.attention.sliding_window", "llama.attention.causal", "llama.attention.key_length",
    "llama.attention.value_length", "llama.rope.freq_base", "llama.rope.dimension_count",
    "llama.attention.head_count_kv", "llama.expert_group_count", "llama.nextn_predict_layers",
    "llama.embedding_length_out", "llama.leading_dense_block_count", "llama.attention.scale",
    "llama.expert_shared_feed_forward_length", "llama.rope.scaling.attn_factor", "split.count",
    "llama.attention.clamp_kqv", "llama.attention.layer_norm_epsilon", "split.no",
    "llama.logit_scale", "llama.residual_scale", "llama.embedding_scale", "split.tensors.count",
    "llama.attention.key_length_swa", "llama.rope.dimension_count_swa", "general.alignment",
    "general.file_type", "general.quantization_version", "general.architecture", "general.name",
    "tokenizer.ggml.merges", "tokenizer.ggml.add_bos_token", "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.suppress_tokens", "tokenizer.ggml.precompiled_charsmap",
    "tokenizer.chat_template", "tokenizer.ggml.token_type_count", "tokenizer.ggml.pre",
    "tokenizer.ggml.model",
    "tokenizer.ggml.scores", "tokenizer.ggml.token_type", "tokenizer.ggml.add_space_prefix",
    "tokenizer.ggml.normalizer.lowercase", "classifier.output_labels", "adapter.type",
)  # fmt: skip
NAMES = ("token_embd.weight", "output.weight", "output_norm.weight", "rope_freqs.weight")
NAMES = (*NAMES, "blk.0.attn_q.bias", "blk.0.attn_qkv.weight", "blk.0.ffn_gate.bias", "nothing")


class Fuzzer:
    """Makes the same damaged file from the same seed."""

    def __init__(self, sound: Path) -> None:
        self.data = sound.read_bytes()
        self.header = read_header(sound)
        self.file = decoded(self.header)
        self.fields = _fields(sound)

    def mutation(self, seed: int) -> bytes:
        """Return a damaged file: half of them as bytes, half as other values well written."""
        rng = random.Random(seed)
        if rng.random() < 0.5:
            data = bytearray(self.data)
            for _ in range(rng.choice((1, 1, 1, 2, 4))):
                rng.choice(_BYTES)(self, data, rng)
            return bytes(data)
        file = File(dict(self.file.metadata), list(self.file.tensors))
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            rng.choice(_PARTS)(file, rng)
        return file.encoded()

    def position(self, data: bytearray, rng: random.Random) -> int:
        return rng.randrange(max(1, min(len(data), self.header.data_offset)))

    def field(self, data: bytearray, rng: random.Random) -> tuple[int, int]:
        fields = [each for each in self.fields if sum(each) <= len(data)]
        return rng.choice(fields) if fields else (0, 0)


def _fields(path: Path) -> list[tuple[int, int]]:
    """Return the position and size of each number of a header, by reading it."""
    found: list[tuple[int, int]] = []
    take = ValueReader.take

    def recording(self: ValueReader, n_bytes: int) -> bytes:
        if n_bytes in (1, 2, 4, 8):
            found.append((self.size - self.left, n_bytes))
        return take(self, n_bytes)

    ValueReader.take = recording  # type: ignore[method-assign]
    try:
        read_header(path)
    finally:
        ValueReader.take = take  # type: ignore[method-assign]
    return found


def _flip(fuzzer: Fuzzer, data: bytearray, rng: random.Random) -> None:
    if data:
        data[fuzzer.position(data, rng)] ^= 1 << rng.randrange(8)


def _byte(fuzzer: Fuzzer, data: bytearray, rng: random.Random) -> None:
    if data:
        data[fuzzer.position(data, rng)] = rng.randrange(256)


def _truncate(fuzzer: Fuzzer, data: bytearray, rng: random.Random) -> None:
    del data[fuzzer.position(data, rng) if rng.random() < 0.5 else rng.randrange(len(data) + 1) :]


def _field(fuzzer: Fuzzer, data: bytearray, rng: random.Random) -> None:
    at, size = fuzzer.field(data, rng)
    old = int.from_bytes(data[at : at + size], "little")
    new = rng.choice((*EXTREMES, old + 1, old - 1, old * 2, old // 2, -old, rng.getrandbits(64)))
    data[at : at + size] = (new % (1 << 8 * size)).to_bytes(size, "little")


def _swap(fuzzer: Fuzzer, data: bytearray, rng: random.Random) -> None:
    first, size = fuzzer.field(data, rng)
    second = fuzzer.field(data, rng)[0]
    one, other = data[first : first + size], data[second : second + size]
    data[first : first + size], data[second : second + size] = other, one


def _insert(fuzzer: Fuzzer, data: bytearray, rng: random.Random) -> None:
    at = fuzzer.position(data, rng)
    data[at:at] = rng.randbytes(rng.choice((1, 4, 8, 32)))


def _delete(fuzzer: Fuzzer, data: bytearray, rng: random.Random) -> None:
    at = fuzzer.position(data, rng)
    del data[at : at + rng.choice((1, 4, 8, 32))]


def _number(kind: int, old: Any, rng: random.Random) -> Any:
    """Return another number of that type."""
    if kind in (ValueType.FLOAT32, ValueType.FLOAT64):
        return rng.choice(FLOATS)
    if kind == ValueType.BOOL:
        return not old
    bits = 8 << {0: 0, 1: 0, 2: 1, 3: 1, 4: 2, 5: 2, 10: 3, 11: 3}[kind]
    old = int(old)
    choices = (*EXTREMES, old + 1, old - 1, old * 2, old // 2, -old, rng.randrange(600))
    value = rng.choice(choices) % (1 << bits)
    is_signed = kind in (ValueType.INT8, ValueType.INT16, ValueType.INT32, ValueType.INT64)
    return value - (1 << bits) if is_signed and value >> (bits - 1) else value


def _any_value(rng: random.Random) -> tuple[int, Any]:
    if rng.random() < 0.03:
        # An array of two empty arrays of strings.
        return int(ValueType.ARRAY), struct.pack("<IQIQIQ", 9, 2, 8, 0, 8, 0)
    kind = rng.choice([int(each) for each in ValueType if each != ValueType.ARRAY])
    one = (lambda: rng.choice(TEXTS)) if kind == ValueType.STRING else lambda: _number(kind, 1, rng)
    return kind, one() if rng.random() < 0.6 else [one() for _ in range(rng.choice((0, 1, 2, 300)))]


def _drop_key(file: File, rng: random.Random) -> None:
    if file.metadata:
        del file.metadata[rng.choice(list(file.metadata))]


def _set_key(file: File, rng: random.Random) -> None:
    file.metadata[rng.choice([*KEYS, *file.metadata])] = _any_value(rng)


def _change_value(file: File, rng: random.Random) -> None:
    """Another value of the same type."""
    key = rng.choice(list(file.metadata) or ["general.name"])
    kind, value = file.metadata.get(key, (int(ValueType.STRING), ""))
    if isinstance(value, list | np.ndarray):
        values = list(value)
        where = rng.randrange(len(values) + 1)
        other = values[rng.randrange(len(values))] if values else 0
        new = rng.choice(TEXTS) if kind == ValueType.STRING else _number(kind, other, rng)
        action = rng.randrange(6)
        if action < 3 and values:
            values[where % len(values)] = other if action == 0 else new
        elif action == 3:
            values.insert(where, new)
        elif action == 4:
            del values[where : where + rng.choice((1, 1, 10, len(values)))]
        else:
            values = values * 2
        file.metadata[key] = kind, values
    elif isinstance(value, bytes):
        del file.metadata[key]
    elif kind == ValueType.STRING:
        file.metadata[key] = kind, rng.choice(TEXTS)
    else:
        file.metadata[key] = kind, _number(kind, value, rng)


def _drop_tensor(file: File, rng: random.Random) -> None:
    if file.tensors:
        del file.tensors[rng.randrange(len(file.tensors))]


def _add_tensor(file: File, rng: random.Random) -> None:
    shape = rng.choice(((), (1,), (32,), (64,), (64, 64), (64, 1, 2), (1, 1, 1, 1)))
    data = bytes(4 * int(np.prod(shape, dtype=np.int64)))
    file.tensors.append(Entry(rng.choice(NAMES), shape, 0, data))


def _change_tensor(file: File, rng: random.Random) -> None:
    """Another name, shape, type or place, with as many bytes as it then needs."""
    if not file.tensors:
        return
    at = rng.randrange(len(file.tensors))
    old = file.tensors[at]
    action = rng.randrange(5)
    if action == 0:
        other = rng.choice(file.tensors)
        file.tensors[at] = replace(old, name=rng.choice((*NAMES, other.name, str(old.name) * 2)))
    elif action == 1:
        file.tensors[at] = _sized(old, old.shape[::-1], old.type)
    elif action == 2:
        shape = list(old.shape or (1,))
        shape[rng.randrange(len(shape))] = rng.choice((1, 31, 32, 33, 64, 128, 256, 300))
        file.tensors[at] = _sized(old, tuple(shape), old.type)
    elif action == 3:
        file.tensors[at] = _sized(old, old.shape, int(rng.choice(list(TensorType))))
    else:
        file.tensors.insert(rng.randrange(len(file.tensors)), file.tensors.pop(at))


def _sized(old: Entry, shape: tuple[int, ...], kind: int) -> Entry:
    import gguf

    block, size = gguf.GGML_QUANT_SIZES.get(kind, (64, 18))
    needed = int(np.prod(shape, dtype=np.int64)) // block * size
    return replace(old, shape=shape, type=kind, data=(old.data + bytes(needed))[:needed])


_BYTES = (_flip, _byte, _truncate, _field, _field, _field, _swap, _insert, _delete)
_PARTS = (
    _drop_key,
    _set_key,
    _set_key,
    _change_value,
    _change_value,
    _change_value,
    _drop_tensor,
    _add_tensor,
    _change_tensor,
    _change_tensor,
)


def small_file(seed: int = 0, n_layers: int = 2) -> File:
    """Return a Llama of 64 numbers a token, with a vocabulary of bytes and a few words."""
    width, heads, kv_heads, hidden = 64, 4, 2, 96
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    types = [2, 3, 3] + [6] * 256
    tokens += ["\u2581", *"abcdefghijklmnop", "\u2581a", "ab", "abc", "naïve"]
    types += [1] * (len(tokens) - len(types))
    n_vocab = len(tokens)
    rng = np.random.default_rng(seed)
    u32, f32, i32 = int(ValueType.UINT32), int(ValueType.FLOAT32), int(ValueType.INT32)
    string, boolean = int(ValueType.STRING), int(ValueType.BOOL)
    metadata: dict[str, tuple[int, Any]] = {
        "general.architecture": (string, "llama"),
        "general.name": (string, "small"),
        "general.file_type": (u32, 0),
        "llama.block_count": (u32, n_layers),
        "llama.context_length": (u32, 128),
        "llama.embedding_length": (u32, width),
        "llama.feed_forward_length": (u32, hidden),
        "llama.attention.head_count": (u32, heads),
        "llama.attention.head_count_kv": (u32, kv_heads),
        "llama.attention.layer_norm_rms_epsilon": (f32, 1e-5),
        "llama.rope.dimension_count": (u32, width // heads),
        "llama.rope.freq_base": (f32, 10000.0),
        "tokenizer.ggml.model": (string, "llama"),
        "tokenizer.ggml.pre": (string, "default"),
        "tokenizer.ggml.tokens": (string, tokens),
        "tokenizer.ggml.scores": (f32, [-float(index) for index in range(n_vocab)]),
        "tokenizer.ggml.token_type": (i32, types),
        "tokenizer.ggml.bos_token_id": (u32, 1),
        "tokenizer.ggml.eos_token_id": (u32, 2),
        "tokenizer.ggml.unknown_token_id": (u32, 0),
        "tokenizer.ggml.add_bos_token": (boolean, True),
    }
    keys = width // heads * kv_heads
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (width, n_vocab)}
    for layer in range(n_layers):
        block = f"blk.{layer}"
        shapes |= {
            f"{block}.attn_norm.weight": (width,),
            f"{block}.attn_q.weight": (width, width),
            f"{block}.attn_k.weight": (width, keys),
            f"{block}.attn_v.weight": (width, keys),
            f"{block}.attn_output.weight": (width, width),
            f"{block}.ffn_norm.weight": (width,),
            f"{block}.ffn_gate.weight": (width, hidden),
            f"{block}.ffn_up.weight": (width, hidden),
            f"{block}.ffn_down.weight": (hidden, width),
        }
    shapes |= {"output_norm.weight": (width,), "output.weight": (width, n_vocab)}
    tensors = [
        Entry(name, shape, 0, rng.standard_normal(shape[::-1], dtype=np.float32).tobytes())
        for name, shape in shapes.items()
    ]
    return File(metadata, tensors)


def feed(path: Path) -> None:
    """Do with a file what edgeval does: tokenize, load, decode, quantize."""
    from edgeval import llama
    from edgeval.scoring.plan import plan
    from edgeval.tasks.requests import Request

    with llama.Tokenizer(path) as vocabulary:
        tokens = vocabulary.tokenize("a naïve abc\n", parse_special=True)
        n_vocab = vocabulary.n_vocab
    tokens = np.concatenate([tokens, np.array([0, n_vocab - 1, 0], np.int32)])
    # What is damaged is the file: its kernels are to be sound.
    with llama.Model(path, kernels="plain") as model:
        settings = llama.SessionSettings(64, 64, 2, 1, "f16", True)
        with llama.Session(model, settings) as session:
            for batch in plan([Request(tokens, 1)], 64):
                session.decode(batch).sum()
    # Whether it can be quantized, again or at all, is another question.
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(EngineError):
        llama.quantize_file(path, Path(folder) / "q.gguf", "Q4_0", 1, lambda _: None)


def main(sound: Path, first: int, last: int) -> None:
    fuzzer = Fuzzer(sound)
    with tempfile.TemporaryDirectory() as folder:
        damaged = Path(folder) / "damaged.gguf"
        for seed in range(first, last):
            print(seed, end=" ", flush=True)
            damaged.write_bytes(fuzzer.mutation(seed))
            try:
                feed(damaged)
            except EdgevalError as error:
                print(f"{type(error).__name__} {str(error).replace(str(damaged), 'FILE')}")
            else:
                print("sound")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
