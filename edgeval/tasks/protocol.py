"""Named, versioned protocols: how items become requests, and which metric counts.

A change of meaning is a new version: a score is never compared with one of another version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol as TypingProtocol

import numpy as np

from edgeval.errors import DataError, EdgevalError, closest
from edgeval.tasks.item import Item
from edgeval.tasks.names import FAMILIES, Family
from edgeval.tasks.requests import Int32, Request, common_prefix_length
from edgeval.tasks.task import TEXT_SUFFIX, Rendering, Task

DEFAULT = "lm-eval"


class Tokenizes(TypingProtocol):
    """The part of a model that a protocol needs.

    Attributes:
        bos: The token that it puts before every text by its own default, if any.
        eos: The one that it puts after every text, if any.
        first: Its BOS token, or EOS token without one, whether it puts it anywhere or not.
        mark: The text of that one.
        controls: Texts of special tokens, by id, within or after which versions of tools put spaces
            or not.
        n_context_train: Tokens of the model's window.
    """

    bos: int | None
    eos: int | None
    first: int | None
    mark: str | None
    controls: Mapping[int, str]
    n_context_train: int

    def tokenize(self, text: str, *, parse_special: bool = False) -> Int32:
        """Return the token ids of a text, without BOS or EOS."""


@dataclass(frozen=True)
class Protocol:
    """How an item is scored.

    Attributes:
        name: What users type.
        version: Raised when the meaning changes.
        rendering: The rendering of a task's rows; not every task has it.
        adds_ends: Whether texts get the BOS and EOS tokens that the tokenizer adds by its own
            default.
        metric: The primary metric, where the task has no other.
        few_shot: Whether the tool can show solved items before the one it asks.
        tool: The tool whose numbers these are.
        versions: Its versions that give them.
        encode: Makes the requests of one item.
    """

    name: str
    version: int
    rendering: Rendering
    adds_ends: bool
    metric: str
    few_shot: bool
    tool: str
    versions: str
    encode: Callable[[Protocol, Item, Tokenizes], list[Request]]

    @property
    def family(self) -> Family:
        """The protocols that its numbers may stand for, but for their BOS policy."""
        return FAMILIES[self.name]

    def requests(self, item: Item, tokenizer: Tokenizes) -> list[Request]:
        """Return one request a choice, truncated on the left to the model's window.

        Raises:
            DataError: If a choice is empty, or alone longer than the window.
        """
        if not all(item.choices):
            raise DataError(f"item {item.id}: a choice has no text; correct the item")
        requests = self.encode(self, item, tokenizer)
        return [_truncated(request, tokenizer.n_context_train, item) for request in requests]

    def ended(self, tokens: Int32, tokenizer: Tokenizes) -> list[int]:
        """Return the tokens of a text with those that the tokenizer adds, where they are wanted."""
        before = [tokenizer.bos] if self.adds_ends and tokenizer.bos is not None else []
        after = [tokenizer.eos] if self.adds_ends and tokenizer.eos is not None else []
        return [*before, *tokens.tolist(), *after]


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


def of_task(task: Task, name: str | None = None, data: Path | None = None) -> Protocol:
    """Return the protocol that a task's items are scored by, with the task's primary metric.

    Args:
        task: The task.
        name: Name of the protocol; None for the default of the data.
        data: The local file that is evaluated, if it is one.

    Raises:
        EdgevalError: If there is none of that name, or the task has no rendering for it.
    """
    is_text = data is not None and data.suffix.lower() == TEXT_SUFFIX
    protocol = get(name or ("llama.cpp" if is_text and task.read_text else DEFAULT))
    if protocol.rendering not in task.renderings:
        able = [each.name for each in PROTOCOLS.values() if each.rendering in task.renderings]
        raise EdgevalError(
            f"task {task.name} has no {protocol.name} protocol; use --protocol {' or '.join(able)}"
        )
    return replace(protocol, metric=task.metric or protocol.metric)


def _encode_pair(protocol: Protocol, item: Item, tokenizer: Tokenizes) -> list[Request]:
    """Encode as lm-evaluation-harness does (``TemplateLM._encode_pair``).

    Its versions since pull request 531 of June 2023 do; those before encoded the two apart.

    The context's trailing spaces move to the continuation; the choice's tokens are those of the
    whole string after as many as the context alone has. They follow the tokens that the context has
    alone: of a token that reaches over the boundary nothing is left, and where the tokenizer adds
    EOS, it stands after the context and the choice loses its first token.
    """
    before: dict[str, list[int]] = {}
    requests = []
    for context, choice in item.pairs:
        if protocol.adds_ends and not context and tokenizer.first is not None:
            requests.append(_after_first(choice, item, tokenizer))
            continue
        if context not in before:
            before[context] = _as_harness(protocol, context.rstrip(), item, tokenizer)
        start = len(before[context])
        whole = _as_harness(protocol, f"{context} {choice}", item, tokenizer)
        requests.append(_request([*before[context], *whole[start:]], start, item))
    return requests


def _as_harness(protocol: Protocol, text: str, item: Item, tokenizer: Tokenizes) -> list[int]:
    """Return the tokens of a text, to which nothing is added if it begins with BOS already.

    Source: ``HFLM.tok_encode`` of lm-evaluation-harness 0.4.13.

    Raises:
        DataError: If a special token stands before the end: its tokenizers do not agree on what
            follows.
    """
    tokens = tokenizer.tokenize(text, parse_special=True)
    special = next((each for each in tokens[:-1].tolist() if each in tokenizer.controls), None)
    if special is not None:
        raise DataError(
            f"item {item.id} holds {tokenizer.controls[special]!r}, a special token of the model, "
            "and transformers' tokenizers split what follows it in more than one way, so "
            "lm-evaluation-harness has no one number for it; remove the item, or use --protocol "
            "llama.cpp, which takes it for text"
        )
    if tokenizer.mark and text.startswith(tokenizer.mark):
        return list(tokens.tolist())
    return protocol.ended(tokens, tokenizer)


def _after_first(choice: str, item: Item, tokenizer: Tokenizes) -> Request:
    """Return the request of a choice without context, as ``TemplateLM.loglikelihood`` makes it."""
    tokens = tokenizer.tokenize(f" {choice}", parse_special=True).tolist()
    if tokenizer.first is not None and tokens[:1] != [tokenizer.first]:
        tokens = [tokenizer.first, *tokens]
    return _request(tokens, 1, item)


def _encode_shared(protocol: Protocol, item: Item, tokenizer: Tokenizes) -> list[Request]:
    """Encode as llama-perplexity --hellaswag does: the tokens all choices share are context.

    Each text gets BOS and EOS where the GGUF says so (``common_tokenize``).
    """
    texts = [f"{context} {choice}" for context, choice in item.pairs]
    wholes = [
        np.array(protocol.ended(tokenizer.tokenize(text), tokenizer), np.int32) for text in texts
    ]
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
            version=2,
            rendering="lm-eval",
            adds_ends=False,
            metric="acc_norm",
            few_shot=True,
            tool="lm-evaluation-harness",
            versions=(
                "git master from 2 June 2023 (pull request 531) and 0.4.0 to 0.4.9.1; not the tag "
                "v0.3.0, which encodes context and continuation apart and has no hf-causal"
            ),
            encode=_encode_pair,
        ),
        Protocol(
            name="lm-eval-bos",
            version=2,
            rendering="lm-eval",
            adds_ends=True,
            metric="acc_norm",
            few_shot=True,
            tool="lm-evaluation-harness",
            versions="from 0.4.9.2",
            encode=_encode_pair,
        ),
        Protocol(
            name="llama.cpp",
            version=2,
            rendering="text",
            adds_ends=True,
            metric="acc_token",
            few_shot=False,
            tool="llama-perplexity --hellaswag",
            versions="since pull request 5017, January 2024",
            encode=_encode_shared,
        ),
    )
}
