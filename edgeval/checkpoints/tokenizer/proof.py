"""Proof that a GGUF has a checkpoint's tokens: both tokenize the same texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import gguf

from edgeval.checkpoints.tokenizer.library import load
from edgeval.checkpoints.tokenizer.sample import sample
from edgeval.checkpoints.tokenizer.sentencepiece_proto import read_rules
from edgeval.checkpoints.tokenizer.tokenizer import TokenizerMetadata
from edgeval.engine import Engine
from edgeval.errors import CheckpointError, EngineError, GgufError
from edgeval.system.temporary import temporary_folder

Encode = Callable[[str], list[int]]

_LONGEST_TEXT = 60
_MOST_TOKENS = 12
_MOST_SPECIAL = 32


def prove(tokenizer: TokenizerMetadata, engine: Engine) -> None:
    """Let llama.cpp tokenize texts as the checkpoint's own tokenizer does.

    ``tokenizer.json`` is what transformers reads where there is one; SentencePiece reads
    ``tokenizer.model``.

    Raises:
        CheckpointError: If a text gets other tokens, or llama.cpp cannot use the tokenizer.
        EngineError: If llama.cpp cannot be loaded.
    """
    path = tokenizer.directory / "tokenizer.json"
    if path.is_file():
        _prove_library(path, tokenizer, engine)
    else:
        _prove_sentencepiece(path.with_name("tokenizer.model"), tokenizer, engine)


def _prove_library(path: Path, tokenizer: TokenizerMetadata, engine: Engine) -> None:
    library = load(path)
    added = list(library.get_added_tokens_decoder().values())
    special = [token.content for token in added if token.special or _is_marked(token.content)]
    words = [token.content for token in added if token.content not in special][:_MOST_SPECIAL]
    special = special[:_MOST_SPECIAL]
    texts = [*sample(tokenizer.vocabulary), *special, *words, *map(_within, words)]
    rare = [_within(text) for text in special]
    if tokenizer.vocabulary.model == "llama":
        # Metaspace, unlike SentencePiece, puts no second space in front of a first.
        rare += [text for text in texts if text.startswith(" ")]
        texts = [text.lstrip(" ") for text in texts]
    found = _tokens(tokenizer, [*texts, *rare], engine)
    for adds_ends in (False, True):
        own = [library.encode(text, add_special_tokens=adds_ends).ids for text in texts]
        _compare(path, texts, own, [each[adds_ends] for each in found[: len(texts)]])
    own = [library.encode(text, add_special_tokens=False).ids for text in rare]
    _remark(tokenizer, path, rare, own, [bare for bare, _ in found[len(texts) :]])


def _prove_sentencepiece(path: Path, tokenizer: TokenizerMetadata, engine: Engine) -> None:
    _require_no_words(path, tokenizer)
    encode = _of_sentencepiece(path, tokenizer.adds_prefix)
    special = read_rules(path).user_defined
    texts = _without_added(sample(tokenizer.vocabulary, special), tokenizer)
    rare = _without_added([_within(text) for text in special[:_MOST_SPECIAL]], tokenizer)
    found = [bare for bare, _ in _tokens(tokenizer, [*texts, *rare], engine)]
    _compare(path, texts, [encode(text) for text in texts], found[: len(texts)])
    _remark(tokenizer, path, rare, [encode(text) for text in rare], found[len(texts) :])


def _require_no_words(path: Path, tokenizer: TokenizerMetadata) -> None:
    """Refuse words that were added to a SentencePiece model: it cannot tell how texts are cut then.

    Marks that were added stand in few texts.
    """
    vocabulary = tokenizer.vocabulary
    for token, kind in zip(vocabulary.tokens, vocabulary.types, strict=True):
        text = token.decode("utf-8", "ignore")
        if kind == gguf.TokenType.USER_DEFINED and not _is_marked(text):
            raise CheckpointError(
                f"{text!r} was added to {path}, which does not say how a text that holds it is "
                "cut; save the tokenizer with transformers, so that a tokenizer.json is beside it"
            )


def _is_marked(text: str) -> bool:
    """Whether an added token looks like no part of a text, as <|im_start|> and [PAD] do."""
    return len(text) > 2 and text[0] in "<[{|" and text[-1] in ">]}|"


def _within(special: str) -> str:
    return f"x{special}y"


def _remark(
    tokenizer: TokenizerMetadata,
    path: Path,
    texts: Sequence[str],
    expected: Sequence[list[int]],
    found: Sequence[list[int]],
) -> None:
    """Say that texts get other tokens that few data sets hold."""
    differ = [text for text, own, ours in zip(texts, expected, found, strict=True) if own != ours]
    if differ:
        tokenizer.remarks.append(
            f"llama.cpp gives some texts that begin with a space, or within which a special token "
            f"stands, such as {min(differ, key=len)!r}, other tokens than {path.name}; others get "
            "the same"
        )


def _of_sentencepiece(path: Path, adds_prefix: bool | None) -> Encode:
    from sentencepiece import SentencePieceProcessor

    model = path.read_bytes()
    if adds_prefix is not None:
        # normalizer_spec (3) with add_dummy_prefix (3): what comes last in a message counts.
        model += bytes((0x1A, 2, 0x18, adds_prefix))
    processor = SentencePieceProcessor(model_proto=model)
    return lambda text: list(processor.encode(text))


def _without_added(texts: Sequence[str], tokenizer: TokenizerMetadata) -> list[str]:
    """Return the texts without what was added to a SentencePiece model, which knows nothing of it.

    It takes the text of its own special tokens for text, too.
    """
    vocabulary = tokenizer.vocabulary
    added = [
        token.decode("utf-8", "ignore")
        for token, kind in zip(vocabulary.tokens, vocabulary.types, strict=True)
        if kind in (gguf.TokenType.USER_DEFINED, gguf.TokenType.CONTROL)
    ]
    return [text for text in texts if not any(each and each in text for each in added)]


def _tokens(
    tokenizer: TokenizerMetadata, texts: Sequence[str], engine: Engine
) -> list[tuple[list[int], list[int]]]:
    """Return the tokens that llama.cpp gives texts with a GGUF of the vocabulary alone.

    Returns:
        For each text, its tokens, and these with what is added to a text.
    """
    with temporary_folder("tokenizer") as folder:
        path = folder / "vocabulary.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        try:
            tokenizer.add_to(writer)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
        finally:
            writer.close()
        try:
            return engine.tokens(path, texts)
        except (EngineError, GgufError) as error:
            raise CheckpointError(
                f"llama.cpp cannot use the tokenizer of {tokenizer.directory} ({error}); bring a "
                "checkpoint with another one"
            ) from error


def _compare(
    path: Path, texts: Sequence[str], expected: Sequence[list[int]], found: Sequence[list[int]]
) -> None:
    different = [
        index for index, (own, ours) in enumerate(zip(expected, found, strict=True)) if own != ours
    ]
    if not different:
        return
    # The shortest one says most.
    index = min(different, key=lambda each: len(texts[each]))
    own, ours = expected[index], found[index]
    start = next(
        (at for at, (a, b) in enumerate(zip(own, ours, strict=False)) if a != b),
        min(len(own), len(ours)),
    )
    raise CheckpointError(
        f"llama.cpp would give {len(different)} of {len(texts)} texts other tokens than {path}: "
        f"{_short(texts[index])} becomes {_listed(ours, start)} instead of {_listed(own, start)}; "
        "the GGUF would be another model, so evaluate one whose tokenizer llama.cpp has"
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}...")


def _listed(tokens: Sequence[int], start: int) -> str:
    """Return tokens around the first that differs."""
    first = max(0, start - 2)
    shown = ", ".join(map(str, tokens[first : first + _MOST_TOKENS]))
    before = "..., " if first else ""
    after = ", ..." if len(tokens) > first + _MOST_TOKENS else ""
    return f"[{before}{shown}{after}]"
