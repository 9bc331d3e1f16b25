"""A small checkpoint whose tensors are changed, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert.convert import convert
from edgeval.checkpoints.tensor import as_float32
from edgeval.errors import CheckpointError

WEIGHTS = "model.safetensors"


def weights_of(directory: Path) -> dict[str, Any]:
    tensors = Checkpoint(directory).tensors.values()
    return {each.name: as_float32(each.rows()).reshape(each.shape) for each in tensors}


def refusal(directory: Path, dtype: Any = "f16") -> str:
    """Return why a checkpoint is not converted, after checking that nothing is left of it."""
    target = directory.with_name("out") / "out.gguf"
    with pytest.raises(CheckpointError) as caught:
        convert(directory, target, dtype)
    assert not target.parent.exists() or not list(target.parent.iterdir())
    assert str(caught.value).isprintable()
    return str(caught.value)
