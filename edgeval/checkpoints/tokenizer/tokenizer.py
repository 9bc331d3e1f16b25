"""Tokenizer metadata of a GGUF, as llama.cpp's converter writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import gguf

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.tokenizer.distinct import make_distinct
from edgeval.checkpoints.tokenizer.ends import Ends, said_by_tokenizer_json
from edgeval.checkpoints.tokenizer.sentencepiece_model import read_sentencepiece
from edgeval.checkpoints.tokenizer.special_tokens import SpecialTokens, read_special_tokens
from edgeval.checkpoints.tokenizer.tokenizer_json import read_tokenizer_json
from edgeval.checkpoints.tokenizer.vocabulary import Vocabulary, optional_json
from edgeval.errors import CheckpointError

__all__ = ["TokenizerMetadata", "read_tokenizer"]

_CODE_LLAMA_SIZE = 32016
_CODE_LLAMA_SPECIALS = {"prefix": 32007, "suffix": 32008, "middle": 32009, "eot": 32010}
_GRANITE_SIZE = 49152


@dataclass
class TokenizerMetadata:
    """A checkpoint's tokenizer.

    Attributes:
        directory: The checkpoint.
        vocabulary: Its tokens, and how a text becomes them.
        special: Which tokens have a role, and which are added to a text.
        more: Tokens with further roles.
        remarks: What a user should know of it, sentences.
    """

    directory: Path
    vocabulary: Vocabulary
    special: SpecialTokens
    more: SpecialTokens
    remarks: list[str] = field(default_factory=list)

    @property
    def adds_prefix(self) -> bool | None:
        """Whether a text gets a space in front; None for llama.cpp's default."""
        config = optional_json(self.directory / "tokenizer_config.json")
        wish = config.get("add_prefix_space")
        return self.vocabulary.adds_space_prefix if wish is None else bool(wish)

    def add_to(self, writer: gguf.GGUFWriter) -> None:
        """Add tokens, merges or scores, types, special tokens and the chat template to a GGUF."""
        vocabulary = self.vocabulary
        if self.adds_prefix is not None:
            writer.add_add_space_prefix(self.adds_prefix)
        writer.add_tokenizer_model(vocabulary.model)
        writer.add_tokenizer_pre(vocabulary.pre_tokenizer)
        writer.add_token_list(vocabulary.tokens)
        if vocabulary.scores is not None:
            writer.add_token_scores(vocabulary.scores)
        writer.add_token_types(vocabulary.types)
        if vocabulary.merges:
            writer.add_token_merges(vocabulary.merges)
        self.special.add_to(writer)
        self.more.add_to(writer)


def read_tokenizer(checkpoint: Checkpoint, vocab_size: int) -> TokenizerMetadata:
    """Return a checkpoint's tokenizer.

    ``tokenizer.model`` is used where there is one, ``tokenizer.json`` otherwise.

    Raises:
        CheckpointError: If the checkpoint has neither, or they cannot be used.
    """
    directory = checkpoint.directory
    vocabulary = _read(directory, vocab_size)
    make_distinct(vocabulary, directory)
    special = read_special_tokens(directory, vocab_size)
    more = SpecialTokens()
    # Two families are known by the size of their vocabulary; llama.cpp's converter does so too.
    if vocab_size == _CODE_LLAMA_SIZE:
        found = read_special_tokens(directory, vocab_size, tuple(_CODE_LLAMA_SPECIALS))
        more.ids = _CODE_LLAMA_SPECIALS | found.ids
    elif vocab_size == _GRANITE_SIZE:
        special.adds["bos"] = False
    tokenizer = TokenizerMetadata(directory, vocabulary, special, more)
    _settle_ends(tokenizer)
    return tokenizer


def _read(directory: Path, vocab_size: int) -> Vocabulary:
    model = directory / "tokenizer.model"
    if model.is_file():
        return read_sentencepiece(model, vocab_size)
    content = directory / "tokenizer.json"
    if content.is_file():
        return read_tokenizer_json(content, vocab_size)
    raise CheckpointError(
        f"{directory} has no tokenizer.model and no tokenizer.json; add the file, or bring a GGUF "
        "made by llama.cpp"
    )


def _settle_ends(tokenizer: TokenizerMetadata) -> None:
    """Let a text get BOS and EOS where Hugging Face transformers adds them.

    Where convert_hf_to_gguf.py would add others, transformers is followed: what
    lm-evaluation-harness evaluates is what it gives.
    """
    special, vocabulary = tokenizer.special, tokenizer.vocabulary
    path = tokenizer.directory / "tokenizer.json"
    said = optional_json(tokenizer.directory / "tokenizer_config.json")
    wishes = {role: said.get(f"add_{role}_token") for role in ("bos", "eos")}
    if path.is_file():
        ends = said_by_tokenizer_json(path)
    else:
        ends = Ends.of_flags(wishes)
        if ends.bos is None:
            tokenizer.remarks.append(
                f"tokenizer_config.json does not say whether a text gets a BOS token "
                f"(add_bos_token): this GGUF says {_yes(vocabulary.adds_bos(special.adds))}, as "
                "llama.cpp and transformers 4 take it; transformers 5 adds none"
            )
    ends.settle(special, vocabulary, path)
    named = optional_json(tokenizer.directory / "special_tokens_map.json") | said
    if path.is_file() and ends.bos and named.get("bos_token") is None:
        tokenizer.remarks.append(
            "tokenizer.json adds a BOS token, and tokenizer_config.json names none (bos_token): "
            "lm-evaluation-harness adds another to a text that begins with it, and edgeval does not"
        )
    for role, wish in wishes.items():
        default = vocabulary.adds_bos({}) if role == "bos" else False
        added = special.adds.get(role, default)
        if isinstance(wish, bool) and wish != added:
            tokenizer.remarks.append(
                f"tokenizer_config.json says add_{role}_token: {str(wish).lower()}, and "
                f"tokenizer.json the contrary: the latter counts, as for transformers 5"
            )


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
