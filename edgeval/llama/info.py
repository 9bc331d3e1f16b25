"""What llama.cpp says of a GGUF before its weights are read; nothing here loads llama.cpp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class GgufInfo:
    """What llama.cpp says of a GGUF before its weights are read.

    Attributes:
        path: The file.
        file_type: llama.cpp's name for how it is quantized, for example ``Q4_K_M``;
            ``unknown`` if the file does not say.
        n_vocab: Number of token ids.
        file_bytes: Size of its files.
        values: The metadata as llama.cpp prints it, by key.
    """

    path: Path
    file_type: str
    n_vocab: int
    file_bytes: int
    values: Mapping[str, str] = field(repr=False)

    def metadata(self, key: str) -> str | None:
        """Return the value of a key as llama.cpp prints it, or None if there is none."""
        return self.values.get(key)

    def dimension(self, name: str, default: int = 0) -> int:
        """Return a number of the architecture, for example ``embedding_length``.

        Where each layer has its own, the largest is returned.
        """
        value = self.metadata(f"{self.metadata('general.architecture')}.{name}")
        numbers = (value or "").strip("[]").split(",")
        return max(
            (int(number) for number in numbers if number.strip().isdecimal()), default=default
        )
