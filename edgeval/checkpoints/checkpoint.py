"""Checkpoint directories of Hugging Face, read tensor by tensor, without torch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from edgeval.checkpoints.links import require_own
from edgeval.checkpoints.safetensors import read_safetensors
from edgeval.checkpoints.small_files import read_json, read_text
from edgeval.checkpoints.tensor import WEIGHT_DTYPES, Tensor, as_float32, as_float64, unusable
from edgeval.checkpoints.torch_zip import read_torch_zip
from edgeval.checkpoints.weights import index_or_file, weight_files, without_config
from edgeval.errors import CheckpointError
from edgeval.gguf.contents import sha256_of
from edgeval.hub.checkpoint_files import SMALL_FILES, WEIGHTS

__all__ = [
    "SMALL_FILES",
    "WEIGHTS",
    "WEIGHT_DTYPES",
    "Checkpoint",
    "Tensor",
    "as_float32",
    "as_float64",
    "read_json",
    "read_text",
    "unusable",
]


_MORE_TEMPLATES = "additional_chat_templates"


class Checkpoint:
    """A checkpoint directory: its configuration, tensors and tokenizer files."""

    def __init__(self, directory: Path) -> None:
        """Open a directory; no weights are read.

        Raises:
            CheckpointError: If there is no such directory, it has no usable config.json, or a file
                of it that is not of weights is a link to somewhere else.
        """
        if not directory.is_dir():
            raise CheckpointError(f"no checkpoint directory at {directory}; check the path")
        self.directory = directory
        for path in self._texts():
            require_own(directory, path)
        self.config: dict[str, Any] = self._read_config()

    def _texts(self) -> Iterator[Path]:
        """Yield the files whose text may go into the GGUF."""
        yield from (self.directory / name for name in SMALL_FILES)
        yield from (self.directory / _MORE_TEMPLATES).glob("*.jinja")

    def _read_config(self) -> dict[str, Any]:
        path = self.directory / "config.json"
        if not path.is_file():
            raise without_config(self.directory)
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
        return weight_files(self.directory)

    def files(self) -> list[Path]:
        """Return every file that decides what the converted model is."""
        present = [self.directory / name for name in SMALL_FILES]
        present = [path for path in present if path.is_file()]
        weights = index_or_file(self.directory)
        return [*present, *{*([] if weights is None else [weights]), *self.weight_files()}]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the names and contents of ``files()``, as hexadecimal digits."""
        digest = hashlib.sha256()
        for path in sorted(self.files(), key=lambda path: path.name):
            digest.update(os.fsencode(path.name) + f" {sha256_of(path)}\n".encode())
        return digest.hexdigest()
