"""A checkpoint's tokenizer as GGUF metadata, as llama.cpp's converter writes it."""

from __future__ import annotations

from typing import Any

import gguf

from edgeval.checkpoint import Checkpoint, read_json
from edgeval.errors import CheckpointError

_UNUSED_SCORE = -10000.0
_ADDED_SCORE = -1000.0
# Some checkpoints forget to mark these as special; llama.cpp's converter knows them by their look.
_SPECIAL_TEXTS = ("<pad>", "<mask>", "<2mass>", "[@BOS@]")
_SPECIAL_BRACKETS = (("<|", "|>"), ("<\uff5c", "\uff5c>"), ("<unused", ">"))


def add_tokenizer(writer: gguf.GGUFWriter, checkpoint: Checkpoint, vocab_size: int) -> None:
    """Add a SentencePiece tokenizer's pieces, scores, types and special tokens to a GGUF.

    Raises:
        CheckpointError: If the checkpoint has no readable ``tokenizer.model``.
    """
    tokens, scores, types = _pieces(checkpoint, vocab_size)
    config = _optional_json(checkpoint, "tokenizer_config.json")
    _apply_added_tokens(checkpoint, config, tokens, scores, types)
    if (add_prefix := config.get("add_prefix_space")) is not None:
        writer.add_add_space_prefix(bool(add_prefix))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    gguf.SpecialVocab(checkpoint.directory, n_vocab=vocab_size).add_to_gguf(writer, quiet=True)


def _pieces(checkpoint: Checkpoint, vocab_size: int) -> tuple[list[bytes], list[float], list[int]]:
    from sentencepiece import SentencePieceProcessor

    path = checkpoint.directory / "tokenizer.model"
    if not path.is_file():
        raise CheckpointError(
            f"{checkpoint.directory} has no tokenizer.model; edgeval converts SentencePiece "
            "tokenizers, so add the file, or bring a GGUF made by llama.cpp"
        )
    try:
        processor = SentencePieceProcessor(model_proto=path.read_bytes())
    except RuntimeError as error:
        raise CheckpointError(f"{path} is not a SentencePiece model; download it again") from error
    if processor.vocab_size() > vocab_size:
        raise CheckpointError(
            f"{path} has {processor.vocab_size():,} pieces and config.json a vocabulary of "
            f"{vocab_size:,}; they are of different models, so download the checkpoint again"
        )
    unused = range(processor.vocab_size(), vocab_size)
    ids = range(processor.vocab_size())
    tokens = [processor.id_to_piece(i).encode() for i in ids] + [
        f"[PAD{i}]".encode() for i in unused
    ]
    scores = [processor.get_score(i) for i in ids] + [_UNUSED_SCORE for _ in unused]
    types = [_token_type(processor, i) for i in ids] + [int(gguf.TokenType.UNUSED) for _ in unused]
    return tokens, scores, types


def _token_type(processor: Any, token: int) -> int:
    if processor.is_unknown(token):
        return int(gguf.TokenType.UNKNOWN)
    if processor.is_control(token):
        return int(gguf.TokenType.CONTROL)
    if processor.is_unused(token):
        return int(gguf.TokenType.UNUSED)
    if processor.is_byte(token):
        return int(gguf.TokenType.BYTE)
    return int(gguf.TokenType.NORMAL)


def _apply_added_tokens(
    checkpoint: Checkpoint,
    config: dict[str, Any],
    tokens: list[bytes],
    scores: list[float],
    types: list[int],
) -> None:
    """Overlay added_tokens.json, then tokenizer_config.json's added_tokens_decoder."""
    for text, token in _optional_json(checkpoint, "added_tokens.json").items():
        if isinstance(token, int) and token < len(tokens):
            tokens[token] = text.encode()
            scores[token] = _ADDED_SCORE
            types[token] = int(gguf.TokenType.USER_DEFINED)
    for key, entry in (config.get("added_tokens_decoder") or {}).items():
        token, text = int(key), str(entry["content"])
        if token >= len(tokens):
            continue
        special = bool(entry.get("special")) or _looks_special(text)
        # llama.cpp matches user-defined tokens in text whose spaces are not escaped yet.
        tokens[token] = (text if special else text.replace("\u2581", " ")).encode()
        scores[token] = _ADDED_SCORE
        types[token] = int(gguf.TokenType.CONTROL if special else gguf.TokenType.USER_DEFINED)


def _looks_special(text: str) -> bool:
    return text in _SPECIAL_TEXTS or any(
        text.startswith(opening) and text.endswith(closing)
        for opening, closing in _SPECIAL_BRACKETS
    )


def _optional_json(checkpoint: Checkpoint, name: str) -> dict[str, Any]:
    path = checkpoint.directory / name
    content = read_json(path) if path.is_file() else {}
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not a JSON object; download it again")
    return content
