"""Ends of a text: the tokens that it gets in front and behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeval.checkpoints.tokenizer.library import load
from edgeval.checkpoints.tokenizer.special_tokens import SpecialTokens
from edgeval.checkpoints.tokenizer.vocabulary import Vocabulary
from edgeval.errors import CheckpointError

_TEXT = "a b"


@dataclass(frozen=True)
class Ends:
    """What transformers adds to a text.

    Attributes:
        bos: The tokens in front, or whether it is the BOS token; None if nothing says it.
        eos: Likewise at the end.
    """

    bos: tuple[int, ...] | bool | None
    eos: tuple[int, ...] | bool | None

    @classmethod
    def of_flags(cls, flags: Mapping[str, object]) -> Ends:
        """Return what the flags of ``tokenizer_config.json`` say, where nothing else does."""
        bos, eos = (
            flags[role] if isinstance(flags[role], bool) else None for role in ("bos", "eos")
        )
        return cls(bool(bos) if bos is not None else None, bool(eos) if eos is not None else None)

    def settle(self, special: SpecialTokens, vocabulary: Vocabulary, path: Path) -> None:
        """Let special tokens say the same.

        Raises:
            CheckpointError: If tokens are added that a GGUF cannot say.
        """
        defaults = {"bos": vocabulary.adds_bos({}), "eos": False}
        for role, end in (("bos", self.bos), ("eos", self.eos)):
            if end is None:
                continue
            is_added = end if isinstance(end, bool) else _is_one(role, end, special, path)
            if special.adds.get(role, defaults[role]) != is_added:
                special.adds[role] = is_added


def said_by_tokenizer_json(path: Path) -> Ends:
    """Return what the library of a ``tokenizer.json`` adds to a text.

    Raises:
        CheckpointError: If the file cannot be used.
    """
    tokenizer = load(path)
    bare = tokenizer.encode(_TEXT, add_special_tokens=False).ids
    whole = tokenizer.encode(_TEXT).ids
    starts = [at for at in range(len(whole)) if whole[at : at + len(bare)] == bare]
    if not starts:
        raise CheckpointError(
            f"{path} adds tokens within a text, which a GGUF cannot say; evaluate another model"
        )
    return Ends(tuple(whole[: starts[0]]), tuple(whole[starts[0] + len(bare) :]))


def _is_one(role: str, tokens: tuple[int, ...], special: SpecialTokens, path: Path) -> bool:
    if len(tokens) > 1:
        raise CheckpointError(
            f"{path} adds the tokens {list(tokens)} to a text, and a GGUF can only say that it "
            f"gets one {role.upper()} token; correct its post_processor"
        )
    if tokens:
        # What is added is what counts, whatever else is called by that name.
        special.ids[role] = tokens[0]
    return bool(tokens)
