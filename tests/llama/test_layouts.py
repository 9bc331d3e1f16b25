"""Layouts of loaded models, as llama.cpp's callback shows them."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from edgeval.engine import speed
from edgeval.errors import EngineError
from edgeval.gguf.parts import read_header
from edgeval.llama import Model, layouts
from edgeval.llama.paths import Layout
from tests.helpers.tiny import make_expert_model


def multiplied(path: Path) -> int:
    """Return the bytes of all matrices but those of the tokens, whose rows are looked up."""
    return sum(
        each.nbytes
        for each in read_header(path).tensors
        if len(each.shape) > 1 and each.name != "token_embd.weight"
    )


def test_every_matrix_is_looked_at_and_experts_too(tiny_f32: Path, tmp_path: Path) -> None:
    experts = make_expert_model(tiny_f32, tmp_path / "experts.gguf")
    assert multiplied(experts) > multiplied(tiny_f32)
    for path in (tiny_f32, experts):
        with Model(path, kernels="plain") as model:
            assert layouts.layouts(model, threads=1) == [Layout("F32", None, multiplied(path))]


def test_another_layout_of_tensors_leaves_it_unknown(
    tiny_f32: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wider(ctypes.Structure):
        _fields_ = (
            *layouts.Tensor._fields_[:-1],
            ("more", ctypes.c_int64),
            ("name", ctypes.c_char * 64),
        )

    monkeypatch.setattr(layouts, "Tensor", Wider)
    with Model(tiny_f32, kernels="plain") as model:
        with pytest.raises(EngineError, match="lays out its tensors in another way"):
            layouts.layouts(model, threads=1)
        assert speed._layouts(model, threads=1) == []
