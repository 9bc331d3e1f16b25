from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.tensor import as_float32
from edgeval.errors import CheckpointError


@pytest.fixture
def copy(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))


def _shard(directory: Path) -> None:
    weights = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    weight_map = {}
    for index, name in enumerate(sorted(weights)):
        file = f"model-0000{index % 2 + 1}-of-00002.safetensors"
        weight_map[name] = file
    for file in set(weight_map.values()):
        save_file({n: v for n, v in weights.items() if weight_map[n] == file}, directory / file)
    index_text = json.dumps({"metadata": {}, "weight_map": weight_map})
    (directory / "model.safetensors.index.json").write_text(index_text, encoding="utf-8")


def test_tensors_are_those_of_the_library(tiny_checkpoint: Path) -> None:
    expected = load_file(tiny_checkpoint / "model.safetensors")
    tensors = Checkpoint(tiny_checkpoint).tensors
    assert list(tensors) == sorted(expected)
    for name, tensor in tensors.items():
        assert tensor.shape == expected[name].shape
        np.testing.assert_array_equal(tensor.rows().reshape(tensor.shape), expected[name])


def test_shards_are_read_as_one(copy: Path, tiny_checkpoint: Path) -> None:
    _shard(copy)
    whole, sharded = Checkpoint(tiny_checkpoint).tensors, Checkpoint(copy).tensors
    assert list(whole) == list(sharded)
    for name in whole:
        np.testing.assert_array_equal(whole[name].rows(), sharded[name].rows())


def test_missing_shard_is_named(copy: Path) -> None:
    _shard(copy)
    (copy / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"has no model-00002-of-00002\.safetensors"):
        _ = Checkpoint(copy).tensors


def test_bf16_is_the_upper_half_of_a_float32() -> None:
    bits = np.array([0x3F80, 0xC000, 0x0000, 0x7F80, 0x4049], dtype=np.uint16)
    expected = np.array([1.0, -2.0, 0.0, np.inf, 3.140625], dtype=np.float32)
    np.testing.assert_array_equal(as_float32(bits), expected)


def test_fingerprint_follows_the_content(copy: Path, tiny_checkpoint: Path) -> None:
    before = Checkpoint(copy).fingerprint
    assert before == Checkpoint(tiny_checkpoint).fingerprint
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    assert Checkpoint(copy).fingerprint != before


@pytest.mark.parametrize("kept", [0, 5, 200, 20_000, -1])
def test_truncated_weights_are_refused(kept: int, copy: Path) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"model.safetensors is damaged or incomplete"):
        _ = Checkpoint(copy).tensors


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}, "is F4"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}, "has shape"),
        ({"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}, "has shape"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}, "past its end"),
        ({"dtype": "F32", "shape": [1]}, "malformed"),
        ("text", "malformed"),
    ],
)
def test_malformed_header_is_refused(entry: object, message: str, copy: Path) -> None:
    header = json.dumps({"weight": entry}).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(4)
    (copy / "model.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match=message):
        _ = Checkpoint(copy).tensors


def test_missing_directory_and_config(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint directory at"):
        Checkpoint(tmp_path / "absent")
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        Checkpoint(tmp_path)


def test_config_that_is_not_json(copy: Path) -> None:
    (copy / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.json is not valid: it is no JSON"):
        Checkpoint(copy)
