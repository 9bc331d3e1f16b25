"""Named, versioned protocols: how items become requests, and which metric counts.

A change of meaning is a new version: a score is never compared with one of another version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol as TypingProtocol

import numpy as np

from edgeval.errors import DataError, EdgevalError, closest
from edgeval.plan import Int32, Request, common_prefix_length
from edgeval.tasks import Item
from edgeval.tasks.hellaswag import Rendering

DEFAULT = "lm-eval"


class Tokenizer(TypingProtocol):
    """The part of a model that a protocol needs."""

    bos: int | None
    n_context_train: int

    def tokenize(self, text: str, *, parse_special: bool = False) -> Int32:
        """Return the token ids of a text, without BOS or EOS."""


@dataclass(frozen=True)
class Protocol:
    """How an item is scored.

    Attributes:
        name: What users type.
        version: Raised when the meaning changes.
        rendering: The task's rendering of a record.
        bos: Whether the tokenizer's own BOS token, if it has one, goes before every text.
        metric: The primary metric.
        few_shot: Whether the tool can show solved items before the one it asks.
        tool: The tool whose numbers these are.
        versions: Its versions that give them.
        encode: Makes the requests of one item.
    """

    name: str
    version: int
    rendering: Rendering
    bos: bool
    metric: str
    few_shot: bool
    tool: str
    versions: str
    encode: Callable[[Protocol, Item, Tokenizer], list[Request]]

    def requests(self, item: Item, tokenizer: Tokenizer) -> list[Request]:
        """Return one request a choice, truncated on the left to the model's window.

        Raises:
            DataError: If a choice is empty, or alone longer than the window.
        """
        if not all(item.choices):
            raise DataError(f"item {item.id}: a choice has no text; correct the item")
        requests = self.encode(self, item, tokenizer)
        return [_truncated(request, tokenizer.n_context_train, item) for request in requests]

    def prefix(self, tokenizer: Tokenizer) -> list[int]:
        """Return the tokens before every text: the BOS token or nothing."""
        return [tokenizer.bos] if self.bos and tokenizer.bos is not None else []


def get(name: str) -> Protocol:
    """Return the protocol of a name.

    Raises:
        EdgevalError: If there is none.
    """
    if name not in PROTOCOLS:
        raise EdgevalError(
            f"unknown protocol {name!r}{closest(name, PROTOCOLS)}; edgeval has "
            f"{', '.join(PROTOCOLS)}"
        )
    return PROTOCOLS[name]


def _encode_pair(protocol: Protocol, item: Item, tokenizer: Tokenizer) -> list[Request]:
    """Encode as lm-evaluation-harness does (``TemplateLM._encode_pair``).

    The context's trailing spaces move to the continuation; the choice's tokens are those of the
    whole string after as many as the context alone has.
    """
    context = item.context.rstrip()
    spaces = item.context[len(context) :]
    bos = protocol.prefix(tokenizer)
    start = len(bos) + len(tokenizer.tokenize(context, parse_special=True))
    requests = []
    for choice in item.choices:
        text = f"{context}{spaces} {choice}"
        whole = [*bos, *tokenizer.tokenize(text, parse_special=True)]
        requests.append(_request(whole, start, item))
    return requests


def _encode_shared(protocol: Protocol, item: Item, tokenizer: Tokenizer) -> list[Request]:
    """Encode as llama-perplexity --hellaswag does: the tokens all choices share are context."""
    bos = protocol.prefix(tokenizer)
    texts = [f"{item.context} {choice}" for choice in item.choices]
    wholes = [np.array([*bos, *tokenizer.tokenize(text)], dtype=np.int32) for text in texts]
    shared = common_prefix_length([Request(whole, 1) for whole in wholes])
    return [_request(whole, shared, item) for whole in wholes]


def _request(tokens: Sequence[int] | Int32, start: int, item: Item) -> Request:
    if start < 1:
        raise DataError(f"item {item.id}: the context has no tokens to predict from; correct it")
    if start >= len(tokens):
        raise DataError(f"item {item.id}: a choice has no tokens of its own; correct it")
    return Request(np.asarray(tokens, dtype=np.int32), start)


def _truncated(request: Request, window: int, item: Item) -> Request:
    """Drop tokens on the left, as lm-evaluation-harness does.

    The last token is never an input, so one more than the window fits.
    """
    excess = len(request.tokens) - (window + 1)
    if excess <= 0:
        return request
    if excess >= request.start:
        raise DataError(
            f"item {item.id}: a choice has {len(request.tokens) - request.start} tokens, more than "
            f"the model's window of {window}; remove the item or use a model with a larger window"
        )
    return Request(request.tokens[excess:], request.start - excess)


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="lm-eval",
            version=1,
            rendering="lm-eval",
            bos=False,
            metric="acc_norm",
            few_shot=True,
            tool="lm-evaluation-harness",
            versions="0.3.0 to at least 0.4.5",
            encode=_encode_pair,
        ),
        Protocol(
            name="lm-eval-bos",
            version=1,
            rendering="lm-eval",
            bos=True,
            metric="acc_norm",
            few_shot=True,
            tool="lm-evaluation-harness",
            versions="from at latest 0.4.9.2",
            encode=_encode_pair,
        ),
        Protocol(
            name="llama.cpp",
            version=1,
            rendering="text",
            bos=True,
            metric="acc_token",
            few_shot=False,
            tool="llama-perplexity --hellaswag",
            versions="since pull request 5017, January 2024",
            encode=_encode_shared,
        ),
    )
}
