"""Files of PyTorch: every plain tensor is read, and nothing is run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from edgeval.checkpoints.convert.convert import convert
from edgeval.checkpoints.tensor import as_float32
from edgeval.checkpoints.torch_zip import read_torch_zip
from edgeval.errors import CheckpointError
from tests.helpers.forms import torch_files
from tests.helpers.fuzz.checkpoints import small_checkpoint
from tests.helpers.odd_checkpoints import WEIGHTS, weights_of
from tests.helpers.paths import GOLDEN


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("odd") / "whole", "sentencepiece")


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


# Files of PyTorch


def test_every_way_in_which_pytorch_saves_a_tensor() -> None:
    """``torch_kinds.bin`` is of PyTorch 2.14; the values of a storage count from 1."""
    count = np.arange(1, 200)
    expected: dict[str, tuple[str, Any]] = {
        "tensor_with_attributes": ("F32", count[:6].reshape(2, 3)),
        "parameter_with_attributes": ("F32", count[:6].reshape(3, 2)),
        "buffer": ("F32", count[:4]),
        "transposed": ("F32", count[:12].reshape(3, 4).T),
        "permuted": ("BF16", count[:24].reshape(2, 3, 4).transpose(2, 0, 1)),
        "every_second": ("F16", count[:24].reshape(8, 3)[::2]),
        "every_third_column": ("F32", count[:18].reshape(2, 9)[:, ::3]),
        "inner": ("F32", count[:36].reshape(6, 6)[2:5, 1:4]),
        "expanded": ("F32", np.broadcast_to(count[:3], (4, 3))),
        "overlapping": ("F32", [[1, 3, 5], [2, 4, 6], [3, 5, 7], [4, 6, 8]]),
        "double": ("F64", count[:4].reshape(2, 2) / 3),
        "uint16": ("U16", [1, 65535]),
        "float8": ("F8_E4M3", [0x38, 0x40]),
        "scalar": ("F32", None),
        "integer_scalar": ("I64", None),
        "empty": ("F32", None),
        "empty_inside": ("BF16", None),
    }
    found = {each.name: each for each in read_torch_zip(GOLDEN / "torch_kinds.bin")}
    assert set(found) == set(expected)
    for name, (dtype, values) in expected.items():
        assert found[name].dtype == dtype
        if values is not None:
            raw = found[name].rows().reshape(found[name].shape)
            ours = as_float32(raw) if dtype == "BF16" else raw
            np.testing.assert_array_equal(ours, np.asarray(values, ours.dtype))
    assert [found[name].shape for name in ("scalar", "empty", "empty_inside")] == [
        (), (0, 4), (3, 0, 2)
    ]  # fmt: skip


@pytest.mark.parametrize("n_columns", [7, 300])
def test_rows_of_a_transposed_matrix_are_read_a_few_at_a_time(
    n_columns: int, tmp_path: Path
) -> None:
    values = np.arange(n_columns * 1000, dtype=np.float32).reshape(n_columns, 1000)
    entry = torch_files.tensor("0", (1000, n_columns), stride=(1, 1000))
    path = torch_files.write_archive(
        tmp_path / "a.bin", torch_files.program({"w": entry}), {"0": values.tobytes()}
    )
    [found] = read_torch_zip(path)
    np.testing.assert_array_equal(found.rows(), values.T)
    np.testing.assert_array_equal(found.rows(3, 5), values.T[3:5])
    np.testing.assert_array_equal(found.rows(999), values.T[999:])


def test_transposed_weights_convert_to_the_same_gguf(
    whole: Path, copy: Path, tmp_path: Path
) -> None:
    values, storages = dict[str, bytes](), dict[str, bytes]()
    rng = np.random.default_rng(0)
    weights = {
        name: rng.standard_normal(each.shape).astype(np.float32)
        for name, each in weights_of(whole).items()
    }
    for index, (name, array) in enumerate(weights.items()):
        stride = tuple(np.cumprod((1, *array.shape[:-1])).tolist())
        values[name] = torch_files.tensor(str(index), array.shape, stride=stride)
        storages[str(index)] = np.asfortranarray(array).tobytes(order="F")
    save_file(weights, copy / WEIGHTS)
    theirs = convert(copy, tmp_path / "b.gguf", name="same")
    (copy / WEIGHTS).unlink()
    torch_files.write_archive(copy / "pytorch_model.bin", torch_files.program(values), storages)
    ours = convert(copy, tmp_path / "a.gguf", name="same")
    assert ours.read_bytes() == theirs.read_bytes()


def _call(module: bytes, name: bytes, *arguments: bytes) -> bytes:
    return b"c%s\n%s\n" % (module, name) + torch_files.several(*arguments) + b"R"


REFUSED: dict[str, tuple[bytes, str]] = {
    "another class": (
        _call(
            b"torch._tensor",
            b"_rebuild_from_type_v2",
            b"ctorch._utils\n_rebuild_tensor_v2\n",
            b"cevil.module\nTensor\n",
            b")",
            b"}",
        ),
        r"wants evil\.module\.Tensor when it is loaded",
    ),
    "a call in a call": (
        _call(
            b"torch._tensor",
            b"_rebuild_from_type_v2",
            b"ctorch._tensor\n_rebuild_from_type_v2\n",
            b"ctorch\nTensor\n",
            b")",
            b"}",
        ),
        "wants torch._tensor._rebuild_from_type_v2 with",
    ),
    "sparse": (b"ctorch._utils\n_rebuild_sparse_tensor\n", "has a sparse tensor"),
    "meta": (b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n", "has a tensor without values"),
    "deep tuples": (b")" + b"\x85" * 200_000 + b"0", "wants the instruction POP"),
    "a deep name": (b")" + b"\x85" * 200_000 + b"X\1\0\0\0a\x93", "data.pkl cannot be read"),
    "a deep key": (b"}" + b")" + b"\x85" * 200_000 + b"Ns", "data.pkl cannot be read"),
    "deep lists": (b"]" * 100_000 + b"a" * 99_999, "'w' is no tensor"),
}


@pytest.mark.parametrize(("value", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_plain_tensor_is_refused_by_name(
    value: bytes, words: str, tmp_path: Path
) -> None:
    path = torch_files.write_archive(
        tmp_path / "a.bin", torch_files.program({"w": value}), {"0": bytes(24)}
    )
    with pytest.raises(CheckpointError, match=words):
        list(read_torch_zip(path))
