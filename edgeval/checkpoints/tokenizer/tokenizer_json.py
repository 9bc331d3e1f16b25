"""Vocabulary of a ``tokenizer.json``, where a checkpoint has no SentencePiece model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gguf import TokenType
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgeval.checkpoints.small_files import read_json
from edgeval.checkpoints.tokenizer.pre_tokenizer import pre_tokenizer_name
from edgeval.checkpoints.tokenizer.vocabulary import (
    Vocabulary,
    added_token,
    optional_json,
    padding,
    refuse_larger,
)
from edgeval.errors import CheckpointError

_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
_NAMED_SPECIALS = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
_SPECIAL_LISTS = ("additional_special_tokens", "extra_special_tokens")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _AddedToken(_Part):
    id: int = Field(ge=0)
    content: str = Field(min_length=1)
    special: bool = False


class _Model(_Part):
    vocab: dict[str, int] = Field(min_length=1)
    merges: list[str] | list[tuple[str, str]]
    byte_fallback: bool = False

    def pairs(self) -> list[tuple[str, str]]:
        """Return the merges, the first one ranked highest, whichever way they are written."""
        return [
            (merge.partition(" ")[0], merge.partition(" ")[2]) if isinstance(merge, str) else merge
            for merge in self.merges
        ]


class _Algorithm(_Part):
    type: str


class _TokenizerJson(_Part):
    """The part of a ``tokenizer.json`` that decides the GGUF.

    The format: https://huggingface.co/docs/tokenizers.
    """

    model: _Model
    added_tokens: list[_AddedToken] = []
    normalizer: dict[str, Any] | None = None
    pre_tokenizer: dict[str, Any] | None = None
    decoder: _Algorithm | None = None


def read_tokenizer_json(path: Path, vocab_size: int) -> Vocabulary:
    """Return the tokens of a ``tokenizer.json``, one for each row of the embeddings.

    Raises:
        CheckpointError: If it is damaged, larger than the embeddings, or of a kind that llama.cpp
            has no algorithm for.
    """
    found = _parse(path)
    texts = {token: text for text, token in found.model.vocab.items()}
    texts |= {entry.id: entry.content for entry in found.added_tokens}
    if min(texts) < 0:
        raise CheckpointError(f"{path} gives a token a negative id; download it again")
    refuse_larger(path, max(texts) + 1, vocab_size)
    _check_merges(path, found.model)
    decoder = found.decoder.type if found.decoder else None
    # llama.cpp's converter tells the two kinds apart in the same way.
    if found.model.byte_fallback and decoder == "Sequence":
        return _sentencepiece(path, found, vocab_size)
    return _byte_level(path, found, vocab_size)


def _parse(path: Path) -> _TokenizerJson:
    content = read_json(path)
    model = content.get("model") if isinstance(content, dict) else None
    kind = model.get("type", "BPE") if isinstance(model, dict) else "BPE"
    if kind != "BPE":
        raise CheckpointError(
            f"{path} is a tokenizer of the kind {kind}, and edgeval converts byte-pair encodings; "
            "bring a GGUF made by llama.cpp's convert_hf_to_gguf.py"
        )
    try:
        return _TokenizerJson.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:3])
        raise CheckpointError(f"{path}: {where}: {first['msg']}; download it again") from error


def _check_merges(path: Path, model: _Model) -> None:
    known = model.vocab
    for left, right in model.pairs():
        if left not in known or right not in known or left + right not in known:
            raise CheckpointError(
                f"{path} merges {left!r} and {right!r}, and they or what they make is no token; "
                "download it again"
            )


def _sentencepiece(path: Path, found: _TokenizerJson, vocab_size: int) -> Vocabulary:
    """A SentencePiece model in another file: its pieces are merged by score."""
    specials = _special_texts(path.parent)
    trained = {token: text for text, token in found.model.vocab.items()}
    added = {entry.id: entry.content for entry in found.added_tokens}
    # The library knows these in a text even where no role is named after them.
    specials |= {
        entry.content for entry in found.added_tokens if entry.special and entry.id in trained
    }
    tokens, types = [], []
    for token in range(vocab_size):
        text = trained.get(token, added.get(token))
        tokens.append(padding(token) if text is None else text.encode())
        if text is None:
            types.append(int(TokenType.UNUSED))
        elif _BYTE.fullmatch(text):
            types.append(int(TokenType.BYTE))
        elif text in specials:
            types.append(int(TokenType.CONTROL))
        else:
            is_trained = token in trained
            types.append(int(TokenType.NORMAL if is_trained else TokenType.USER_DEFINED))
    return Vocabulary(
        model="llama",
        pre_tokenizer="default",
        tokens=tokens,
        types=types,
        scores=_scores(found.model, tokens, types),
        adds_space_prefix=_adds_space_prefix(found),
    )


def _scores(model: _Model, tokens: list[bytes], types: list[int]) -> list[float]:
    """Return the scores with which SentencePiece merges in the order of the merges.

    Its trainer gives the pieces 0, -1, -2 and so on, first those that are merged, in their order,
    then the single characters. llama.cpp's converter writes -1000 for every piece here, with which
    llama.cpp merges from left to right whatever the pieces are.
    """
    merged = dict.fromkeys(left + right for left, right in model.pairs())
    ranks = {text.encode(): -float(rank) for rank, text in enumerate(merged)}
    scores = []
    rest = -float(len(ranks))
    for text, kind in zip(tokens, types, strict=True):
        if kind != TokenType.NORMAL:
            scores.append(0.0)
        elif text in ranks:
            scores.append(ranks[text])
        else:
            scores.append(rest)
            rest -= 1
    return scores


def _adds_space_prefix(found: _TokenizerJson) -> bool | None:
    """Return False if no text gets a space in front; None is llama.cpp's default, that it does."""
    steps = [found.normalizer or {}, found.pre_tokenizer or {}]
    for step in steps:
        for inner in (step.get("normalizers"), step.get("pretokenizers")):
            steps += [each for each in inner or [] if isinstance(each, dict)]
    for step in steps:
        if step.get("type") == "Prepend":
            return None
        if step.get("type") == "Metaspace":
            scheme = step.get("prepend_scheme", "always")
            is_off = scheme == "never" or step.get("add_prefix_space") is False
            return False if is_off else None
    return False


def _special_texts(directory: Path) -> set[str]:
    """Return the tokens that the checkpoint gives a role, as transformers collects them."""
    texts = set()
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        config = optional_json(directory / name)
        entries = [config.get(f"{role}_token") for role in _NAMED_SPECIALS]
        for key in _SPECIAL_LISTS:
            more = config.get(key)
            entries += more if isinstance(more, list) else []
        for entry in entries:
            text = entry.get("content") if isinstance(entry, dict) else entry
            if isinstance(text, str):
                texts.add(text)
    return texts


def _byte_level(path: Path, found: _TokenizerJson, vocab_size: int) -> Vocabulary:
    """Byte-pair encoding over bytes, as in GPT-2 and Llama 3."""
    trained = {token: text for text, token in found.model.vocab.items()}
    added = {entry.id: entry for entry in found.added_tokens}
    tokens, types = [], []
    for token in range(vocab_size):
        if token in added:
            text, kind = added_token(added[token].content, added[token].special)
        elif token in trained:
            text, kind = trained[token].encode(), int(TokenType.NORMAL)
        else:
            text, kind = padding(token), int(TokenType.UNUSED)
        tokens.append(text)
        types.append(kind)
    return Vocabulary(
        "gpt2",
        pre_tokenizer_name(path),
        tokens,
        types,
        merges=[" ".join(map(_spaceless, pair)) for pair in found.model.pairs()],
    )


def _spaceless(text: str) -> str:
    """Return a part of a merge as byte-level vocabularies write it: a space is another letter."""
    return text.replace(" ", "\u0120")
