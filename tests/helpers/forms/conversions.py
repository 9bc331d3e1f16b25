"""Conversions of the demo checkpoint, and what there is to compare of a GGUF."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from edgeval.gguf.parts import read_header
from tests.helpers.forms.checkpoints import FORMS
from tests.helpers.paths import GOLDEN

RECORDED = GOLDEN / "conversions.json"

_ALL_TYPES = ("f32", "f16", "bf16", "q8_0")
_STORED = ("as-it-is", "f32-source", "f16-source", "shards", "bin", "bin-shards", "bin-f32")
_ODD = ("bin-f16", "ragged-rows", "attention-bias")

CONVERSIONS = tuple(
    (form, dtype)
    for form in FORMS
    for dtype in (_ALL_TYPES if form in (*_STORED, *_ODD) else ("f16",))
)
"""Forms of the checkpoint and the types they are converted to."""

_LONGEST = 100


def summary(path: Path) -> dict[str, Any]:
    """Return a GGUF's metadata and tensors, what is long as a SHA-256.

    Returns:
        ``keys``: values by key. ``tensors``: the SHA-256 over all tensors in the order of their
        names, each with its name, type, shape and bytes.
    """
    header = read_header(path)
    digest = hashlib.sha256()
    for tensor in sorted(header.tensors, key=lambda tensor: tensor.name):
        digest.update(f"{tensor.name} {tensor.type.name} {tensor.shape}\n".encode())
        digest.update(header.raw(tensor))
    return {
        "keys": {key: _short(value) for key, value in sorted(header.metadata.items())},
        "tensors": digest.hexdigest(),
    }


def _short(value: Any) -> Any:
    plain = value.tolist() if isinstance(value, np.ndarray) else value
    text = json.dumps(plain)
    if len(text) <= _LONGEST:
        return plain
    return f"sha256 {hashlib.sha256(text.encode()).hexdigest()}"
