"""Rules by which a SentencePiece model cuts text, which its library does not tell.

The file is a protocol buffer; the numbers of its fields are those of sentencepiece_model.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeval.checkpoints.small_files import refused
from edgeval.errors import CheckpointError
from edgeval.system.file_kinds import kind_of
from edgeval.system.untrusted import UnreadableError, read_regular

_KINDS = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}
_MAX_BYTES = 64_000_000
_TRAINER, _NORMALIZER, _PIECE = 2, 3, 1
_KIND, _SUFFIX = 3, 24
_NAME, _CHARSMAP, _REMOVES_SPACES, _ESCAPES_SPACES = 1, 2, 4, 5
_PIECE_TEXT, _PIECE_KIND, _USER_DEFINED = 1, 3, 4


@dataclass(frozen=True)
class Rules:
    """How a model cuts text.

    Attributes:
        kind: Its algorithm.
        is_suffix: Whether the space before a word belongs to the word before.
        normalizer: Name of the table by which characters are replaced first; empty for none.
        removes_spaces: Whether runs of spaces become one.
        escapes_spaces: Whether a space is a character of pieces.
        user_defined: Pieces that are found in a text before it is cut.
    """

    kind: str
    is_suffix: bool
    normalizer: str
    removes_spaces: bool
    escapes_spaces: bool
    user_defined: tuple[str, ...]


def read_rules(path: Path) -> Rules:
    """Return how a ``tokenizer.model`` cuts text.

    Raises:
        CheckpointError: If the file is no protocol buffer.
    """
    trainer: dict[int, int | bytes] = {}
    normalizer: dict[int, int | bytes] = {}
    user_defined = []
    try:
        for number, value in _fields(read_bytes(path)):
            if not isinstance(value, bytes):
                continue
            if number == _PIECE:
                piece = dict(_fields(value))
                if piece.get(_PIECE_KIND) == _USER_DEFINED:
                    user_defined.append(_text(piece.get(_PIECE_TEXT)))
            elif number == _TRAINER:
                trainer |= dict(_fields(value))
            elif number == _NORMALIZER:
                normalizer |= dict(_fields(value))
    except (IndexError, ValueError) as error:
        raise no_model(path) from error
    kind = trainer.get(_KIND, 1)
    table = _text(normalizer.get(_NAME)) or "unnamed" if normalizer.get(_CHARSMAP) else ""
    return Rules(
        kind=_KINDS.get(kind, str(kind)) if isinstance(kind, int) else str(kind),
        is_suffix=bool(trainer.get(_SUFFIX, 0)),
        normalizer=table,
        removes_spaces=bool(normalizer.get(_REMOVES_SPACES, 1)),
        escapes_spaces=bool(normalizer.get(_ESCAPES_SPACES, 1)),
        user_defined=tuple(user_defined),
    )


def read_bytes(path: Path) -> bytes:
    """Return what a ``tokenizer.model`` holds.

    Raises:
        CheckpointError: If it cannot be read, or is longer than any.
    """
    try:
        return read_regular(path, _MAX_BYTES)
    except (OSError, UnreadableError) as error:
        raise refused(path, error) from error


def no_model(path: Path) -> CheckpointError:
    """Return the error for a file that is no SentencePiece model."""
    kind = kind_of(path)
    if kind is not None:
        return CheckpointError(
            f"{path} is not a SentencePiece model: it is {kind.what}; {kind.remedy}"
        )
    return CheckpointError(f"{path} is not a SentencePiece model; download it again")


def require_plain(path: Path) -> None:
    """Refuse a model that cuts text in a way in which llama.cpp's Llama models do not.

    Raises:
        CheckpointError: If it is one, or no SentencePiece model.
    """
    rules = read_rules(path)
    problem = None
    if rules.kind != "bpe":
        problem = f"is of the type {rules.kind}"
    elif rules.is_suffix:
        problem = "puts spaces at the end of words (treat_whitespace_as_suffix)"
    elif rules.normalizer:
        problem = f"replaces characters before it cuts text (normalizer {rules.normalizer})"
    elif rules.removes_spaces:
        problem = "makes one space of several (remove_extra_whitespaces)"
    elif not rules.escapes_spaces:
        problem = "does not escape spaces (escape_whitespaces)"
    if problem:
        raise CheckpointError(
            f"{path} {problem}, and llama.cpp's Llama models merge pairs of plain text: texts "
            "would get other tokens, so evaluate another model"
        )


def _text(value: int | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number and value of each field of a message, numbers of a fixed size as bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == 0:
            number, at = _varint(message, at)
            yield key >> 3, number
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > len(message):
            raise ValueError("a field ends beyond the message")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
