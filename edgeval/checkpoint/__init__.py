"""Read a Hugging Face checkpoint directory, tensor by tensor, without torch."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

from edgeval.checkpoint.safetensors import read_safetensors
from edgeval.checkpoint.tensor import WEIGHT_DTYPES, Tensor, as_float32, unusable
from edgeval.checkpoint.torch_zip import read_torch_zip
from edgeval.contents import sha256_of
from edgeval.errors import CheckpointError

__all__ = [
    "SMALL_FILES",
    "WEIGHTS",
    "WEIGHT_DTYPES",
    "Checkpoint",
    "Tensor",
    "as_float32",
    "read_json",
    "unusable",
]

SMALL_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "adapter_config.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "merges.txt",
    "tokenizer.model",
    "tokenizer.json",
)
"""What besides the weights decides the converted model."""

WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Where weights are looked for, in this order: a file, or the index of its shards."""


class Checkpoint:
    """A checkpoint directory: its configuration, tensors and tokenizer files."""

    def __init__(self, directory: Path) -> None:
        """Open a directory; no weights are read.

        Raises:
            CheckpointError: If there is no such directory or it has no usable config.json.
        """
        if not directory.is_dir():
            raise CheckpointError(f"no checkpoint directory at {directory}; check the path")
        self.directory = directory
        self.config: dict[str, Any] = self._read_config()

    def _read_config(self) -> dict[str, Any]:
        path = self.directory / "config.json"
        if not path.is_file():
            raise CheckpointError(
                f"{self.directory} has no config.json, so it is not a Hugging Face checkpoint; "
                "give the folder that holds config.json and the weights"
            )
        config = read_json(path)
        if not isinstance(config, dict):
            raise CheckpointError(f"{path} is not a JSON object; download it again")
        return config

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, in the order of their names.

        Raises:
            CheckpointError: If the weights are missing, damaged or of an unknown type.
        """
        found: dict[str, Tensor] = {}
        for path in self.weight_files():
            read = read_torch_zip if path.suffix == ".bin" else read_safetensors
            for tensor in read(path):
                if tensor.name in found:
                    raise CheckpointError(
                        f"tensor {tensor.name} is in {found[tensor.name].path.name} and in "
                        f"{path.name}; remove the file that does not belong to the checkpoint"
                    )
                found[tensor.name] = tensor
        return dict(sorted(found.items()))

    def weight_files(self) -> list[Path]:
        """Return the files that hold the tensors.

        Raises:
            CheckpointError: If there are none, or a shard is missing.
        """
        weights = self._weights()
        if weights.suffix != ".json":
            return [weights]
        index = read_json(weights)
        weight_map = index.get("weight_map") if isinstance(index, dict) else None
        if not isinstance(weight_map, dict) or not weight_map:
            raise CheckpointError(f"{weights} has no weight_map; download it again")
        names = sorted({Path(str(name)).name for name in weight_map.values()})
        for name in names:
            if Path(name).suffix not in (".safetensors", ".bin"):
                raise CheckpointError(f"{weights} names {name!r} as weights; download it again")
            if not (self.directory / name).is_file():
                raise CheckpointError(
                    f"{self.directory} has no {name}, which {weights.name} names; download it"
                )
        return [self.directory / name for name in names]

    def files(self) -> list[Path]:
        """Return every file that decides what the converted model is."""
        present = [self.directory / name for name in SMALL_FILES]
        present = [path for path in present if path.is_file()]
        return [*present, *{self._weights(), *self.weight_files()}]

    def _weights(self) -> Path:
        for name in WEIGHTS:
            path = self.directory / name
            if path.is_file():
                return path
        raise CheckpointError(
            f"{self.directory} has no weights ({', '.join(WEIGHTS)}); download them, or bring a "
            "GGUF made by llama.cpp"
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the names and contents of ``files()``, as hexadecimal digits."""
        digest = hashlib.sha256()
        for path in sorted(self.files(), key=lambda path: path.name):
            digest.update(os.fsencode(path.name) + f" {sha256_of(path)}\n".encode())
        return digest.hexdigest()


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        CheckpointError: If the file is not UTF-8 JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}); download it again") from error
