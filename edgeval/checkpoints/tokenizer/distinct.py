"""llama.cpp knows a token by its text, so no two may have the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gguf import TokenType

from edgeval.checkpoints.tokenizer.vocabulary import Vocabulary, padding
from edgeval.errors import CheckpointError
from edgeval.system.untrusted import printable


def make_distinct(vocabulary: Vocabulary, directory: Path) -> None:
    """Give rows of the embeddings that no token has a name that no token has.

    Args:
        vocabulary: The tokens; changed.
        directory: The checkpoint.

    Raises:
        CheckpointError: If two tokens have the same text: transformers takes one of them for it and
            never the other, and llama.cpp does not load such a vocabulary.
    """
    seen: dict[bytes, int] = {}
    for token in _tokens_first(vocabulary):
        text = _read(vocabulary.tokens[token], token)
        if text not in seen:
            seen[text] = token
            continue
        if not _is_padding(vocabulary, token):
            raise _twice(directory, text, *sorted((seen[text], token)))
        while text in seen:
            text += b"_"
        vocabulary.tokens[token] = text
        seen[text] = token


def _tokens_first(vocabulary: Vocabulary) -> Iterator[int]:
    ids = range(len(vocabulary.tokens))
    yield from (token for token in ids if not _is_padding(vocabulary, token))
    yield from (token for token in ids if _is_padding(vocabulary, token))


def _is_padding(vocabulary: Vocabulary, token: int) -> bool:
    is_unused = vocabulary.types[token] == TokenType.UNUSED
    return is_unused and vocabulary.tokens[token] == padding(token)


def _read(text: bytes, token: int) -> bytes:
    """Return what llama.cpp reads of a token: up to a zero byte, and a name for an empty one."""
    return text.partition(b"\0")[0] or b"[EMPTY_%d]" % token


def _twice(directory: Path, text: bytes, first: int, second: int) -> CheckpointError:
    shown = printable(text.decode("utf-8", "replace"), 60)
    names = ("tokenizer.json", "added_tokens.json", "tokenizer_config.json")
    files = [name for name in names if (directory / name).is_file()]
    return CheckpointError(
        f"the tokenizer of {directory} has {shown!r} twice, as {first:,} and as {second:,}, and "
        f"llama.cpp knows a token by its text; take one of them out of {' or '.join(files)}, which "
        "leaves its row of the embeddings unused, and convert again"
    )
