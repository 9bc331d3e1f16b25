"""Info that llama.cpp gives of a GGUF before its weights are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgeval.errors import EngineError
from edgeval.gguf.architectures import refusal
from edgeval.records import PreTokenizer


@dataclass(frozen=True)
class GgufInfo:
    """What llama.cpp says of a GGUF before its weights are read.

    Attributes:
        path: The file.
        file_type: llama.cpp's name for how it is quantized, for example ``Q4_K_M``; see
            ``gguf_header.Header.file_type``.
        n_vocab: Number of token ids.
        file_bytes: Size of its files.
        values: The metadata as llama.cpp prints it, by key.
        wants_bos: Whether its tokenizer puts a BOS token before every text by its own default.
        is_recurrent: Whether all it knows of the tokens before is one state, which sequences cannot
            share token by token.
        is_hybrid: Whether that is so of some of its layers.
        other_kind: What it is, if it does not predict the next token; else None.
        pre: The pre-tokenizer to use instead of the file's own; None for that.
        pre_tokenizer: What is to be known of it; None where it is as the file says.
    """

    path: Path
    file_type: str
    n_vocab: int
    file_bytes: int
    values: Mapping[str, str] = field(repr=False)
    wants_bos: bool = False
    is_recurrent: bool = False
    is_hybrid: bool = False
    other_kind: str | None = None
    pre: str | None = None
    pre_tokenizer: PreTokenizer | None = None

    def require_predicting(self) -> None:
        """Refuse a model that gives no log-probabilities of a next token.

        Raises:
            EngineError: If it does not.
        """
        if self.other_kind is not None:
            raise EngineError(f"{self.path} {refusal(self.other_kind)}")

    def metadata(self, key: str) -> str | None:
        """Return the value of a key as llama.cpp prints it, or None if there is none."""
        return self.values.get(key)

    def dimension(self, name: str, default: int = 0) -> int:
        """Return a number of the architecture, for example ``embedding_length``.

        Where each layer has its own, the largest is returned.
        """
        return max(self.numbers(name), default=default)

    def numbers(self, name: str) -> list[int]:
        """Return a number of the architecture, or those of all layers; empty if it is not said."""
        value = self.metadata(f"{self.metadata('general.architecture')}.{name}")
        found = (value or "").strip("[]").split(",")
        return [int(number) for number in found if number.strip().isdecimal()]
