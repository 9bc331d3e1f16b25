"""A checkpoint's tokenizer as GGUF metadata, as llama.cpp's converter writes it."""

from __future__ import annotations

import gguf

from edgeval.checkpoint import Checkpoint
from edgeval.errors import CheckpointError
from edgeval.tokenizer.sentencepiece_model import read_sentencepiece
from edgeval.tokenizer.tokenizer_json import read_tokenizer_json
from edgeval.tokenizer.vocabulary import Vocabulary, optional_json

_CODE_LLAMA_SIZE = 32016
_CODE_LLAMA_SPECIALS = {"prefix": 32007, "suffix": 32008, "middle": 32009, "eot": 32010}
_GRANITE_SIZE = 49152


def add_tokenizer(writer: gguf.GGUFWriter, checkpoint: Checkpoint, vocab_size: int) -> None:
    """Add a tokenizer's tokens, merges or scores, types and special tokens to a GGUF.

    ``tokenizer.model`` is used where there is one, ``tokenizer.json`` otherwise.

    Raises:
        CheckpointError: If the checkpoint has neither, or they cannot be used.
    """
    vocabulary = _read(checkpoint, vocab_size)
    _add_vocabulary(writer, checkpoint, vocabulary)
    _add_special_tokens(writer, checkpoint, vocabulary)


def _read(checkpoint: Checkpoint, vocab_size: int) -> Vocabulary:
    model = checkpoint.directory / "tokenizer.model"
    if model.is_file():
        return read_sentencepiece(model, vocab_size)
    content = checkpoint.directory / "tokenizer.json"
    if content.is_file():
        return read_tokenizer_json(content, vocab_size)
    raise CheckpointError(
        f"{checkpoint.directory} has no tokenizer.model and no tokenizer.json; add the file, or "
        "bring a GGUF made by llama.cpp"
    )


def _add_vocabulary(
    writer: gguf.GGUFWriter, checkpoint: Checkpoint, vocabulary: Vocabulary
) -> None:
    config = optional_json(checkpoint.directory / "tokenizer_config.json")
    adds_prefix = config.get("add_prefix_space")
    if adds_prefix is None:
        adds_prefix = vocabulary.adds_space_prefix
    if adds_prefix is not None:
        writer.add_add_space_prefix(bool(adds_prefix))
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre_tokenizer)
    writer.add_token_list(vocabulary.tokens)
    if vocabulary.scores is not None:
        writer.add_token_scores(vocabulary.scores)
    writer.add_token_types(vocabulary.types)


def _add_special_tokens(
    writer: gguf.GGUFWriter, checkpoint: Checkpoint, vocabulary: Vocabulary
) -> None:
    """Add which tokens have a role, which are added to a text, the merges and the chat template."""
    n_tokens = len(vocabulary.tokens)
    special = gguf.SpecialVocab(
        checkpoint.directory, load_merges=vocabulary.scores is None, n_vocab=n_tokens
    )
    special.add_special_token |= vocabulary.adds
    special.add_to_gguf(writer, quiet=True)
    # Two families are known by the size of their vocabulary; llama.cpp's converter does so too.
    if n_tokens == _CODE_LLAMA_SIZE:
        more = gguf.SpecialVocab(
            checkpoint.directory, special_token_types=tuple(_CODE_LLAMA_SPECIALS)
        )
        more.special_token_ids = _CODE_LLAMA_SPECIALS | more.special_token_ids
        more.add_to_gguf(writer, quiet=True)
    elif n_tokens == _GRANITE_SIZE:
        writer.add_add_bos_token(False)
