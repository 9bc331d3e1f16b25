"""The demo checkpoint in memory, to be changed and written in any layout."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgeval.checkpoints.cards import cards_folder
from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.tensor import as_float32
from tests.helpers.forms import tokenizers as tokenizers
from tests.helpers.forms import torch_files

Weights = dict[str, npt.NDArray[np.float32]]
Layout = Literal["safetensors", "safetensors shards", "bin", "bin shards"]

_SHARDS = 3


@dataclass
class Form:
    """A checkpoint before it is written."""

    config: dict[str, Any]
    tokenizer_config: dict[str, Any]
    weights: Weights
    dtype: Literal["F32", "F16", "BF16"] = "BF16"
    layout: Layout = "safetensors"
    files: dict[str, str | bytes] = field(default_factory=dict)

    def resize(self, vocab_size: int) -> None:
        """Give the embeddings another number of rows."""
        self.config["vocab_size"] = vocab_size
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            rows = self.weights[name]
            more = np.zeros((max(0, vocab_size - len(rows)), rows.shape[1]), np.float32)
            self.weights[name] = np.concatenate([rows, more])[:vocab_size]

    def write(self, directory: Path) -> Path:
        """Write the checkpoint."""
        directory.mkdir(parents=True)
        self.files.setdefault("config.json", json.dumps(self.config))
        self.files.setdefault("tokenizer_config.json", json.dumps(self.tokenizer_config))
        for name, content in self.files.items():
            (directory / name).write_bytes(as_bytes(content))
        stored = {name: _stored(value, self.dtype) for name, value in self.weights.items()}
        if self.layout == "bin":
            torch_files.save(directory / "pytorch_model.bin", stored)
        elif self.layout == "bin shards":
            torch_files.save_shards(directory, stored, _SHARDS)
        elif self.layout == "safetensors":
            write_safetensors(directory / "model.safetensors", stored)
        else:
            _write_shards(directory, stored)
        return directory


def demo() -> Form:
    """Return the demo checkpoint as it is."""
    checkpoint = Checkpoint(cards_folder() / "demo")
    config = json.loads((checkpoint.directory / "tokenizer_config.json").read_text("utf-8"))
    weights = {
        name: np.array(as_float32(tensor.rows())).reshape(tensor.shape)
        for name, tensor in checkpoint.tensors.items()
    }
    form = Form(dict(checkpoint.config), config, weights)
    for name in ("tokenizer.model", "special_tokens_map.json", "generation_config.json"):
        form.files[name] = (checkpoint.directory / name).read_bytes()
    return form


def as_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def write_safetensors(path: Path, stored: dict[str, npt.NDArray[Any]]) -> None:
    """Write tensors as F32, F16 or (uint16) BF16 in the safetensors format."""
    names = {"<f4": "F32", "<f2": "F16", "<u2": "BF16"}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, value in stored.items():
        begin, end = end, end + value.nbytes
        entry = {"dtype": names[value.dtype.str], "shape": value.shape}
        header[name] = entry | {"data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for value in stored.values():
            file.write(np.ascontiguousarray(value).tobytes())


def _write_shards(directory: Path, stored: dict[str, npt.NDArray[Any]]) -> None:
    shards = [f"model-{index + 1:05}-of-{_SHARDS:05}.safetensors" for index in range(_SHARDS)]
    weight_map = {name: shards[index % _SHARDS] for index, name in enumerate(stored)}
    for shard in shards:
        write_safetensors(
            directory / shard, {k: v for k, v in stored.items() if weight_map[k] == shard}
        )
    index = json.dumps({"metadata": {}, "weight_map": weight_map})
    (directory / "model.safetensors.index.json").write_text(index, encoding="utf-8")


def _stored(values: npt.NDArray[np.float32], dtype: str) -> npt.NDArray[Any]:
    if dtype == "BF16":
        # The demo's weights are BF16 already: their lower halves are zero.
        return (values.view(np.uint32) >> 16).astype("<u2")
    return values.astype("<f4" if dtype == "F32" else "<f2")
