from __future__ import annotations

import math
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from edgeval.errors import GgufError
from edgeval.gguf.header import Header
from edgeval.gguf.parts import read_header
from edgeval.gguf.types import TensorType
from edgeval.gguf.values import ValueType
from tests.helpers.gguf_bytes import pair, tensor, text

U32, STRING, ARRAY = (int(kind) for kind in (ValueType.UINT32, ValueType.STRING, ValueType.ARRAY))


def make(
    *pairs: bytes, tensors: tuple[bytes, ...] = (), data: int = 0, start: bytes = b"GGUF\3\0\0\0"
) -> bytes:
    header = start + struct.pack("<QQ", len(tensors), len(pairs)) + b"".join((*pairs, *tensors))
    return header + bytes(-len(header) % 32 + data)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Header]:
    def read(content: bytes) -> Header:
        (tmp_path / "a.gguf").write_bytes(content)
        return read_header(tmp_path / "a.gguf")

    return read


def test_every_type_of_value_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    scalars: dict[str, tuple[Any, Any]] = {
        "u8": (255, ValueType.UINT8),
        "i8": (-128, ValueType.INT8),
        "u16": (65535, ValueType.UINT16),
        "i16": (-32768, ValueType.INT16),
        "u32": (2**32 - 1, ValueType.UINT32),
        "i32": (-(2**31), ValueType.INT32),
        "u64": (2**64 - 1, ValueType.UINT64),
        "i64": (-(2**63), ValueType.INT64),
        "f32": (0.5, ValueType.FLOAT32),
        "f64": (1e-300, ValueType.FLOAT64),
        "bool": (True, ValueType.BOOL),
        "text": ("naïve 日本語", ValueType.STRING),
        "empty": ("", ValueType.STRING),
    }
    for key, (value, kind) in scalars.items():
        writer.add_key_value(key, value, kind)
    arrays: dict[str, list[Any]] = {
        "integers": [1, -2, 3],
        "floats": [0.25, -1.5],
        "truths": [True, False],
        "texts": ["a", "", "日本"],
    }
    for key, values in arrays.items():
        writer.add_array(key, values)
    writer.add_array("bytes", b"\xff\x00")
    writer.add_array("arrays", [[1, 2], [3]])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = read_header(path)
    for key, (value, kind) in scalars.items():
        assert (header.metadata[key], header.types[key]) == (value, kind)
        assert type(header.metadata[key]) is type(value)
    assert header.metadata["texts"] == arrays["texts"]
    for key in ("integers", "floats", "truths"):
        assert header.metadata[key].tolist() == arrays[key]
    assert header.metadata["integers"].dtype == np.int32
    assert header.metadata["bytes"].tolist() == [255, 0]
    assert [each.tolist() for each in header.metadata["arrays"]] == [[1, 2], [3]]
    assert header.metadata["general.architecture"] == "llama"


def test_tensors_are_where_gguf_finds_them(tiny_f16: Path) -> None:
    header = read_header(tiny_f16)
    expected = gguf.GGUFReader(tiny_f16)
    assert (header.version, header.alignment, header.file_bytes) == (
        3,
        32,
        tiny_f16.stat().st_size,
    )
    assert header.data_offset == expected.data_offset
    assert len(header.tensors) == len(expected.tensors) == 21
    for ours, theirs in zip(header.tensors, expected.tensors, strict=True):
        assert (ours.name, ours.type, ours.offset) == (
            theirs.name,
            theirs.tensor_type,
            theirs.data_offset,
        )
        assert (ours.shape, ours.nbytes) == (tuple(theirs.shape.tolist()[::-1]), theirs.n_bytes)
        assert np.array_equal(header.raw(ours), theirs.data.view(np.uint8).reshape(-1))


def test_types_and_blocks_are_those_of_gguf() -> None:
    for kind in gguf.GGMLQuantizationType:
        assert TensorType(kind) == kind
        assert TensorType(kind).name == kind.name
    assert TensorType.Q2_0 == 42


@pytest.mark.parametrize("version", [2, 3])
def test_both_versions_are_read(version: int, read: Callable[[bytes], Header]) -> None:
    header = read(make(start=b"GGUF" + struct.pack("<I", version)))
    assert (header.version, header.metadata, header.tensors) == (version, {}, ())


def test_a_token_that_is_no_utf8_is_kept_apart_from_others(
    read: Callable[[bytes], Header],
) -> None:
    tokens = struct.pack("<IQ", STRING, 2) + text(b"\xe6\x97") + text(b"\xe6\x98")
    header = read(make(pair("t", ARRAY, tokens)))
    assert header.metadata["t"] == ["\udce6\udc97", "\udce6\udc98"]


def test_another_alignment_moves_the_weights(read: Callable[[bytes], Header]) -> None:
    pairs = (pair("general.alignment", U32, struct.pack("<I", 128)),)
    header = read(make(*pairs, tensors=(tensor("w", (4, 2)),), data=160))
    assert (header.alignment, header.data_offset) == (128, 128)
    assert (header.tensors[0].shape, header.tensors[0].offset) == ((2, 4), 128)


def array(kind: int, n: int, data: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, n) + data


ONE = struct.pack("<I", 1)
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is not a GGUF: it is empty"),
    "other file": (b"PK\3\4 and so on", "is not a GGUF: it is a ZIP archive; unpack it"),
    "version 1": (make(start=b"GGUF\1\0\0\0"), "is a GGUF of version 1, which"),
    "version 4": (make(start=b"GGUF\4\0\0\0"), "version 4, .* made for a newer llama.cpp"),
    "big-endian": (make(start=b"GGUF\0\0\0\3"), "is a big-endian GGUF"),
    "header cut off": (make()[:20], "it ends within its header"),
    "too many tensors": (b"GGUF\3\0\0\0" + struct.pack("<QQ", 2**63, 0), "775,808 tensors"),
    "too many keys": (b"GGUF\3\0\0\0" + struct.pack("<QQ", 0, 2**64 - 1), "551,615 keys"),
    "empty key": (make(pair("", U32, ONE)), "a key has 0 bytes"),
    "long key": (make(struct.pack("<Q", 2**40) + bytes(50)), "a key has 1,099,511,627,776 bytes"),
    "key not UTF-8": (make(pair(b"\xff", U32, ONE)), "a key is not printable"),
    "key twice": (make(pair("k", U32, ONE), pair("k", U32, ONE)), "the key k is there twice"),
    "unknown type": (make(pair("k", 13, ONE)), "k has the type 13"),
    "long string": (make(pair("k", STRING, struct.pack("<Q", 2**62))), "bytes of k, more than"),
    "string past the end": (
        make(pair("k", ARRAY, array(STRING, 1, struct.pack("<Q", 500)))),
        "a string of k ends",
    ),
    "long array": (make(pair("k", ARRAY, array(U32, 2**62))), "elements of k, more than"),
    "many strings": (make(pair("k", ARRAY, array(STRING, 2**61))), "strings of k, more than"),
    "many arrays": (make(pair("k", ARRAY, array(ARRAY, 2**60))), "arrays of k, more than"),
    "deep arrays": (make(pair("k", ARRAY, array(ARRAY, 1) * 9)), "nested too deep"),
    "neither true nor false": (make(pair("k", int(ValueType.BOOL), b"\2")), "neither 0 nor 1"),
    "alignment 0": (make(pair("general.alignment", U32, bytes(4))), "0, no power of two"),
    "alignment 24": (make(pair("general.alignment", U32, b"\x18\0\0\0")), "24, no power of two"),
    "alignment a text": (make(pair("general.alignment", STRING, text("32"))), "is no uint32"),
    "alignments": (make(pair("general.alignment", ARRAY, array(U32, 1, ONE))), "is no uint32"),
    "long key in a sentence": (make(pair("k" * 60_000, 13, ONE)), "k{200}; download"),
    "nameless tensor": (make(tensors=(tensor("", (4,)),)), "a tensor's name has 0 bytes"),
    "long name": (make(tensors=(tensor("n" * 65, (4,)),)), "a tensor's name has 65 bytes"),
    "five dimensions": (make(tensors=(tensor("w", (1,) * 5),)), "w has 5 dimensions"),
    "dimension 0": (make(tensors=(tensor("w", (4, 0)),)), r"the shape \[0, 4\]"),
    "type 4": (make(tensors=(tensor("w", (4,), 4),)), "w of the type Q4_2, which llama"),
    "part of a block": (make(tensors=(tensor("w", (48,), 8),)), r"\[48\], which Q8_0 cannot have"),
    "overflowing product": (make(tensors=(tensor("w", (2**62, 4)),), data=64), "bytes past its"),
    "cut off": (make(tensors=(tensor("w", (8,)),), data=31), "w ends 1 bytes past its end"),
    "offset past the end": (make(tensors=(tensor("w", (8,), 0, 2**63),), data=32), "past its end"),
    "not aligned": (make(tensors=(tensor("w", (8,), 0, 4),), data=64), "w is not aligned to 32"),
    "overlapping": (
        make(tensors=(tensor("v", (9,)), tensor("w", (8,), 0, 32)), data=64),
        "w starts inside another",
    ),
    "name twice": (
        make(tensors=(tensor("w", (8,)), tensor("w", (8,), 0, 32)), data=64),
        "two tensors have the same name",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD.keys())
def test_what_the_format_does_not_allow_is_a_sentence(
    content: bytes, words: str, read: Callable[[bytes], Header]
) -> None:
    with pytest.raises(GgufError, match=words) as caught:
        read(content)
    assert str(caught.value).count("a.gguf") == 1
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("kept", [0, 3, 7, 100, 5_000, 9_000, -1])
def test_a_file_cut_off_anywhere_is_refused(kept: int, tiny_f16: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(tiny_f16.read_bytes()[:kept])
    with pytest.raises(GgufError, match=r"damaged.gguf is (damaged|not a GGUF)"):
        read_header(damaged)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="no GGUF file at"):
        read_header(tmp_path / "absent.gguf")


def test_sums_are_over_all_tensors(read: Callable[[bytes], Header]) -> None:
    entries = (tensor("a", (32, 3), 8), tensor("b", (), 0, 128))
    header = read(make(tensors=entries, data=160))
    assert (header.n_params, header.tensor_bytes) == (97, 3 * 34 + 4)
    assert [each.size for each in header.tensors] == [96, math.prod(())]


def test_a_tensor_of_a_file_that_was_cut_off_is_a_sentence(tiny_f16: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    shutil.copyfile(tiny_f16, path)
    header = read_header(path)
    last = max(header.tensors, key=lambda tensor: tensor.offset)
    assert header.raw(last).nbytes == last.nbytes
    assert header.raw(last, 5).tolist() == header.raw(last)[:5].tolist()
    os.truncate(path, last.offset + 10)
    with pytest.raises(GgufError, match=r"m\.gguf was cut off while it was read"):
        header.raw(last)
    path.unlink()
    with pytest.raises(GgufError, match=r"cannot read .*m\.gguf \(No such file"):
        header.raw(last)
