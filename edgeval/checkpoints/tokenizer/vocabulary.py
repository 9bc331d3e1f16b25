"""Vocabulary as GGUF stores it, whatever the files it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gguf import TokenType

from edgeval.checkpoints.small_files import read_json
from edgeval.errors import CheckpointError

_ADD_BOS = frozenset(
    (
        "chameleon",
        "falcon-h1",
        "falcon3",
        "jina-v5-nano",
        "lfm2",
        "llama-bpe",
        "llama-v3",
        "llama3",
        "midm-2.0",
        "pixtral",
        "tekken",
    )
)
"""Pre-tokenizers with which llama.cpp adds BOS where the GGUF does not say."""


@dataclass
class Vocabulary:
    """The tokens of a model.

    Attributes:
        model: llama.cpp's name of the algorithm: ``llama`` is SentencePiece's, ``gpt2`` byte-level
            byte-pair encoding.
        pre_tokenizer: llama.cpp's name of how text is split before it.
        tokens: Text of each token, UTF-8.
        types: What each token is, a ``gguf.TokenType``.
        scores: Priority of each token when two neighbours are merged; None where merges rank them.
        adds_space_prefix: Whether a text gets a space in front; None for llama.cpp's default.
        merges: Pairs that are merged, each with a space between, the first one ranked highest;
            None where scores rank them.
    """

    model: Literal["llama", "gpt2"]
    pre_tokenizer: str
    tokens: list[bytes]
    types: list[int]
    scores: list[float] | None = None
    adds_space_prefix: bool | None = None
    merges: list[str] | None = None

    def adds_bos(self, adds: Mapping[str, bool]) -> bool:
        """Return whether llama.cpp puts a BOS token before a text.

        Args:
            adds: What the GGUF says about it, by role; llama.cpp has defaults for the rest.
        """
        return adds.get("bos", self.model == "llama" or self.pre_tokenizer in _ADD_BOS)


# Some checkpoints forget to mark these as special; llama.cpp's converter knows them by their look.
_SPECIAL_TEXTS = ("<pad>", "<mask>", "<2mass>", "[@BOS@]")
_SPECIAL_BRACKETS = (("<|", "|>"), ("<\uff5c", "\uff5c>"), ("<unused", ">"))


def added_token(text: str, is_special: bool) -> tuple[bytes, int]:
    """Return the text and type of a token that was added to a trained vocabulary."""
    if is_special or _looks_special(text):
        return text.encode(), int(TokenType.CONTROL)
    # llama.cpp looks for user-defined tokens in text whose spaces are not escaped yet.
    return text.replace("\u2581", " ").encode(), int(TokenType.USER_DEFINED)


def _looks_special(text: str) -> bool:
    return text in _SPECIAL_TEXTS or any(
        text.startswith(opening) and text.endswith(closing)
        for opening, closing in _SPECIAL_BRACKETS
    )


def padding(token: int) -> bytes:
    """Return the text of a row of the embeddings that no token has."""
    return f"[PAD{token}]".encode()


def refuse_larger(path: Path, n_tokens: int, vocab_size: int) -> None:
    """Raise if a tokenizer has more tokens than the model has embeddings.

    Raises:
        CheckpointError: If it has.
    """
    if n_tokens > vocab_size:
        raise CheckpointError(
            f"{path} has {n_tokens:,} pieces and config.json a vocabulary of {vocab_size:,}; "
            "they are of different models, so download the checkpoint again"
        )


def optional_json(path: Path) -> dict[str, Any]:
    """Return the object a JSON file holds, empty if there is no file.

    Raises:
        CheckpointError: If it holds something else.
    """
    content = read_json(path) if path.is_file() else {}
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not a JSON object; download it again")
    return content


def byte_letters() -> list[str]:
    """Return the letter that stands for each byte in a byte-level vocabulary.

    Source: ``bytes_to_unicode`` of GPT-2: printable characters of Latin-1 stand for themselves.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    letters = {byte: chr(256 + place) for place, byte in enumerate(others)}
    return [letters.get(byte, chr(byte)) for byte in range(256)]
