"""Sameness of two GGUFs' models, whatever they are quantized to: in what they differ, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgeval.errors import counted
from edgeval.gguf.header import Header
from edgeval.gguf.identity import model_shape, norms_fingerprint
from edgeval.gguf.pre_tokenizers import KEY
from edgeval.system.untrusted import printable

_TOKENIZER = "tokenizer.ggml."
_EOS = "eos_token_id"
_ENDS = ("add_bos_token", "add_eos_token")
_UNREAD = frozenset(
    (
        "padding_token_id", _EOS, "eot_token_id", "eom_token_id", "mask_token_id",
        "cls_token_id", "seperator_token_id", "add_sep_token", "prefix_token_id",
        "suffix_token_id", "middle_token_id", "fim_pre_token_id", "fim_suf_token_id",
        "fim_mid_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id",
    )
)  # fmt: skip
"""Publishers correct these, and a text that is scored has the same tokens with any of them."""
_CHARS = 60


def differences(header: Header, other: Header, pre: str | None = None) -> list[str]:
    """Return in what two GGUFs are of different models; nothing if they may be of one.

    Quantizing changes the types of tensors and leaves everything that is compared: architecture,
    shape, names of the tensors, what decides the tokens of a text, and the norms, which stay F32.
    What ``general.*`` calls a model is no evidence, and is not compared.

    Args:
        header: The one that the other is compared with.
        other: The other one.
        pre: The pre-tokenizer that is used instead of their own.

    Returns:
        Clauses with the other one's value first, for use behind its name: ``has 2 layers, not 4``.

    Raises:
        GgufError: If a file cannot be read, or has a hyperparameter that is no number.
    """
    return [
        *_shapes(header, other),
        *_tensors(header, other),
        *_tokenizers(header, other, pre),
    ] or [*_norms(header, other)]


def names_differ(header: Header, other: Header) -> str:
    """Return what two GGUFs call their models, as a clause, if that is not the same."""
    ours, theirs = (each.text("general.name") for each in (header, other))
    if ours is None or theirs is None or ours == theirs:
        return ""
    return f"it calls itself {printable(theirs, _CHARS)!r}, not {printable(ours, _CHARS)!r}"


def _shapes(header: Header, other: Header) -> Iterator[str]:
    for (name, ours), (_, theirs) in zip(model_shape(header), model_shape(other), strict=True):
        if ours != theirs:
            yield f"has {name.replace('_', ' ')} {_short(theirs)}, not {_short(ours)}"


def _tensors(header: Header, other: Header) -> Iterator[str]:
    ours, theirs = (
        {tensor.name: tensor.shape for tensor in each.tensors} for each in (header, other)
    )
    for what, left in (
        ("lacks", ours.keys() - theirs.keys()),
        ("has", theirs.keys() - ours.keys()),
    ):
        if left:
            more = f" and {counted(len(left) - 1, 'more tensor')}" if len(left) > 1 else ""
            where = "which it has not" if what == "has" else "which it has"
            yield f"{what} the tensor {printable(min(left), _CHARS)}{more}, {where}"
    for name in ours:
        if name in theirs and ours[name] != theirs[name]:
            yield f"has {printable(name, _CHARS)} of shape {theirs[name]}, not {ours[name]}"
            return


def _tokenizers(header: Header, other: Header, pre: str | None) -> Iterator[str]:
    """Yield in which keys that decide the tokens of a text two GGUFs differ."""
    ours, theirs = (_tokenizer(each, pre) for each in (header, other))
    for name in sorted(ours.keys() | theirs.keys()):
        if name in _ENDS and not (name in ours and name in theirs):
            # What is not said is llama.cpp's default.
            continue
        if not _is_same(ours.get(name), theirs.get(name)):
            yield (
                f"has another tokenizer: {_TOKENIZER}{printable(name, _CHARS)} is "
                f"{_short(theirs.get(name))}, not {_short(ours.get(name))}"
            )


def _tokenizer(header: Header, pre: str | None) -> dict[str, Any]:
    metadata = header.metadata if pre is None else header.metadata | {KEY: pre}
    names = {key.removeprefix(_TOKENIZER): key for key in metadata if key.startswith(_TOKENIZER)}
    unread = _UNREAD - {_EOS} if metadata.get(f"{_TOKENIZER}add_eos_token") is True else _UNREAD
    return {name: metadata[key] for name, key in names.items() if name not in unread}


def _norms(header: Header, other: Header) -> Iterator[str]:
    ours, theirs = norms_fingerprint(header), norms_fingerprint(other)
    if None not in (ours, theirs) and ours != theirs:
        yield "has the same shape, and other weights in its norms: one was trained further"


def _is_same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
        return np.array_equal(ours, theirs)
    return type(ours) is type(theirs) and bool(ours == theirs)


def _short(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, list | np.ndarray) and len(value) > 8:
        return f"another list of {len(value):,}"
    return printable(str(value), _CHARS)
