"""Vocabulary of a ``tokenizer.model``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gguf import TokenType

from edgeval.checkpoints.tokenizer.sentencepiece_proto import no_model, read_bytes, require_plain
from edgeval.checkpoints.tokenizer.vocabulary import (
    Vocabulary,
    added_token,
    optional_json,
    padding,
    refuse_larger,
)
from edgeval.errors import CheckpointError

_UNUSED_SCORE = -10000.0
_ADDED_SCORE = -1000.0


def read_sentencepiece(path: Path, vocab_size: int) -> Vocabulary:
    """Return the pieces of a SentencePiece model, and the tokens that were added to it.

    Raises:
        CheckpointError: If it is no SentencePiece model, cuts text in another way than llama.cpp's
            Llama models, or is larger than the embeddings.
    """
    from sentencepiece import SentencePieceProcessor

    try:
        processor = SentencePieceProcessor(model_proto=read_bytes(path))
    except RuntimeError as error:
        raise no_model(path) from error
    if not path.with_name("tokenizer.json").is_file():
        # Beside that file it gives the pieces only, and the proof tells whether they suffice.
        require_plain(path)
    n_pieces = processor.vocab_size()
    refuse_larger(path, n_pieces, vocab_size)
    ids = range(n_pieces)
    unused = range(n_pieces, vocab_size)
    vocabulary = Vocabulary(
        model="llama",
        pre_tokenizer="default",
        tokens=[processor.id_to_piece(i).encode() for i in ids] + [padding(i) for i in unused],
        types=[_type(processor, i) for i in ids] + [int(TokenType.UNUSED)] * len(unused),
        scores=[processor.get_score(i) for i in ids] + [_UNUSED_SCORE] * len(unused),
        adds_space_prefix=None if _adds_space_prefix(processor) else False,
    )
    _add_tokens(vocabulary, path.parent)
    return vocabulary


def _adds_space_prefix(processor: Any) -> bool:
    """Whether the model was trained to put a space in front of a text, as Llama's is."""
    pieces = processor.encode_as_pieces("a")
    return bool(pieces) and str(pieces[0]).startswith("\u2581")


def _type(processor: Any, token: int) -> int:
    if processor.is_unknown(token):
        return int(TokenType.UNKNOWN)
    if processor.is_control(token):
        return int(TokenType.CONTROL)
    if processor.is_unused(token):
        return int(TokenType.UNUSED)
    if processor.is_byte(token):
        return int(TokenType.BYTE)
    return int(TokenType.NORMAL)


def _add_tokens(vocabulary: Vocabulary, directory: Path) -> None:
    """Overlay added_tokens.json, then tokenizer_config.json's added_tokens_decoder."""
    path = directory / "added_tokens.json"
    for text, token in optional_json(path).items():
        _overlay(vocabulary, path, token, text.encode(), int(TokenType.USER_DEFINED))
    path = directory / "tokenizer_config.json"
    for token, entry in _object(path, optional_json(path).get("added_tokens_decoder")).items():
        content = _object(path, entry)
        is_special = bool(content.get("special"))
        _overlay(vocabulary, path, token, *added_token(str(content.get("content")), is_special))


def _overlay(vocabulary: Vocabulary, path: Path, token: object, text: bytes, kind: int) -> None:
    if not str(token).isdecimal():
        raise CheckpointError(f"{path} gives a token the id {token!r}; download it again")
    index = int(str(token))
    if index < len(vocabulary.tokens) and vocabulary.scores is not None:
        vocabulary.tokens[index] = text
        vocabulary.types[index] = kind
        vocabulary.scores[index] = _ADDED_SCORE


def _object(path: Path, value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: added_tokens_decoder is no object; download it again")
    return value
