from __future__ import annotations

import os
import pickle
import random
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert.convert import convert
from edgeval.checkpoints.tensor import Tensor, as_float32
from edgeval.checkpoints.torch_zip import read_torch_zip
from edgeval.errors import CheckpointError
from tests.helpers.forms import torch_files
from tests.helpers.forms.torch_files import integer, program, several, tensor, text, write_archive
from tests.helpers.paths import GOLDEN

SIX = np.arange(6, dtype="<f4").tobytes()


def _read(path: Path) -> dict[str, Tensor]:
    return {each.name: each for each in read_torch_zip(path)}


def _values(found: Tensor) -> Any:
    return as_float32(found.rows()).reshape(found.shape)


def _one(tmp_path: Path, value: bytes, **options: Any) -> Path:
    return write_archive(tmp_path / "a.bin", program({"w": value}), {"0": SIX}, **options)


@pytest.fixture
def as_bin(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint with its weights as PyTorch saves them."""
    copy = Path(shutil.copytree(tiny_checkpoint, tmp_path / tiny_checkpoint.name))
    weights = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    torch_files.save(copy / "pytorch_model.bin", weights)
    return copy


def test_a_file_of_pytorch_itself() -> None:
    """``state_dict.bin`` is of PyTorch 2.15: a module with parameters of three types, two views of
    one storage, a tied weight and an integer buffer; every value is its index in the storage."""
    found = _read(GOLDEN / "state_dict.bin")
    expected = {
        "float32": ("F32", np.arange(12).reshape(3, 4)),
        "float16": ("F16", np.arange(6).reshape(2, 3)),
        "bfloat16": ("BF16", np.arange(4).reshape(2, 2)),
        "first_view": ("F32", np.arange(4).reshape(2, 2)),
        "second_view": ("F32", np.arange(4, 10).reshape(3, 2)),
        "tied": ("F32", np.arange(12).reshape(3, 4)),
        "positions": ("I64", np.arange(5)),
    }
    assert set(found) == set(expected)
    for name, (dtype, values) in expected.items():
        assert found[name].dtype == dtype
        np.testing.assert_array_equal(_values(found[name]), values)


def test_a_file_of_pytorch_before_1_6() -> None:
    with pytest.raises(CheckpointError, match=r"saved by a PyTorch before 1\.6"):
        _read(GOLDEN / "legacy.bin")


def test_converts_to_the_same_gguf_as_safetensors(
    as_bin: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    ours = convert(as_bin, tmp_path / "a.gguf")
    theirs = convert(tiny_checkpoint, tmp_path / "b.gguf")
    assert ours.read_bytes() == theirs.read_bytes()


def test_shards_are_read_as_one(as_bin: Path) -> None:
    whole = {name: _values(each) for name, each in Checkpoint(as_bin).tensors.items()}
    (as_bin / "pytorch_model.bin").unlink()
    torch_files.save_shards(as_bin, whole, 3)
    checkpoint = Checkpoint(as_bin)
    assert len(checkpoint.weight_files()) == 3
    assert len({each.path for each in checkpoint.tensors.values()}) == 3
    for name, each in checkpoint.tensors.items():
        np.testing.assert_array_equal(_values(each), whole[name])


def test_safetensors_are_preferred(as_bin: Path, tiny_checkpoint: Path) -> None:
    shutil.copy(tiny_checkpoint / "model.safetensors", as_bin)
    assert [path.name for path in Checkpoint(as_bin).weight_files()] == ["model.safetensors"]


class _Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("inside", [True, False])
def test_a_malicious_pickle_does_nothing(protocol: int, inside: bool, tmp_path: Path) -> None:
    target = tmp_path / "made"
    pickled = pickle.dumps({"w": _Malicious(target)}, protocol)
    path = tmp_path / "a.bin"
    if inside:
        write_archive(path, pickled, {"0": SIX})
    else:
        path.write_bytes(pickled)
    with pytest.raises(CheckpointError) as caught:
        _read(path)
    if inside and protocol >= 2:
        assert f"{os.mkdir.__module__}.mkdir when it is loaded" in str(caught.value)
    assert not target.exists()
    # The pickle is what it is taken for.
    pickle.loads(pickled)
    assert target.is_dir()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (tensor("0", (3, 2), stride=(1, 4)), "reaches beyond its values"),
        (tensor("0", (3, 2), stride=(1, -1)), "has shape"),
        (tensor("0", (7,)), "reaches beyond its values"),
        (tensor("0", (3,), offset=4), "reaches beyond its values"),
        (tensor("0", (3,), offset=-1), "has shape"),
        (tensor("0", (-1, -6)), "has shape"),
        (tensor("0", (2,) * 9), r"data\.pkl cannot be read"),
        (tensor("1", (6,)), "the values of tensor w are missing"),
        (tensor("0", (6,), storage="QInt8Storage"), r"wants torch\.QInt8Storage"),
        (b"cbuiltins\neval\n" + several(text("1")) + b"R", r"wants builtins\.eval"),
        (b"ctorch\nload\n", r"wants torch\.load"),
        (several(text("storage")) + b"Q", r"data\.pkl cannot be read"),
        (b"(i__builtin__\neval\n", "wants the instruction INST"),
        (b"\x82\x01", "wants the instruction EXT1"),
        (b"j\xff\xff\xff\xff", r"data\.pkl cannot be read"),
        (b"r\xff\xff\xff\xff" + text("x"), "'w' is no tensor"),
        (b"0" * 50, r"wants the instruction POP"),
        (integer(1), "'w' is no tensor"),
        (tensor("0", (6,)) + text("v") + several(text("x")), "'v' is no tensor"),
        (b"}" + text("state") + b"b", "'w' is no tensor"),
        (tensor("0", (6,)) + b"}b", "wants to change an object"),
        (b"ctorch._utils\n_rebuild_parameter\n" + several(integer(1)) + b"R", "wants to call"),
        (b"ccollections\nOrderedDict\n" + several(integer(1)) + b"R", "wants to call"),
    ],
)
def test_what_is_no_list_of_tensors_is_refused(value: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        _read(_one(tmp_path, value))


def test_archives_that_are_not_pytorchs(tmp_path: Path) -> None:
    good = tensor("0", (6,))
    np.testing.assert_array_equal(_values(_read(_one(tmp_path, good))["w"]), np.arange(6))
    with pytest.raises(CheckpointError, match=r"holds archive/data\.pkl compressed"):
        _read(_one(tmp_path, good, compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(CheckpointError, match="big-endian"):
        _read(_one(tmp_path, good, byteorder=b"big"))
    with pytest.raises(CheckpointError, match="no archive of PyTorch"):
        (tmp_path / "a.bin").write_bytes(b"\0" * 100)
        _read(tmp_path / "a.bin")
    with zipfile.ZipFile(tmp_path / "b.bin", "w") as archive:
        archive.writestr("something", b"else")
    with pytest.raises(CheckpointError, match=r"without one data\.pkl"):
        _read(tmp_path / "b.bin")


@pytest.mark.parametrize("seed", range(10))
def test_mutated_files_are_refused_or_read(seed: int, tmp_path: Path) -> None:
    generator = random.Random(seed)
    original = _one(tmp_path, tensor("0", (2, 3))).read_bytes()
    path = tmp_path / "mutated.bin"
    refused = 0
    for _ in range(100):
        content = bytearray(original)
        for _ in range(generator.randint(1, 8)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        path.write_bytes(content[: generator.choice([None, generator.randrange(len(content))])])
        try:
            for each in _read(path).values():
                assert each.rows().nbytes == each.nbytes
        except CheckpointError as error:
            assert str(path) in str(error)
            refused += 1
    assert 0 < refused < 100
