"""Encodings: how an item's texts become the requests of a protocol."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeval.errors import DataError
from edgeval.tasks.item import Item
from edgeval.tasks.protocol import Protocol, Tokenizes
from edgeval.tasks.requests import Int32, Request, common_prefix_length


def requests_of(protocol: Protocol, item: Item, tokenizer: Tokenizes) -> list[Request]:
    """Return one request a choice, truncated on the left to the model's window.

    Raises:
        DataError: If a choice is empty, or alone longer than the window.
    """
    if not all(item.choices):
        raise DataError(f"item {item.id}: a choice has no text; correct the item")
    encode = _encode_pair if protocol.encoding == "pair" else _encode_shared
    requests = encode(protocol, item, tokenizer)
    return [_truncated(request, tokenizer.n_context_train, item) for request in requests]


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
    for (context, choice), text in zip(item.pairs, item.texts, strict=True):
        if protocol.adds_ends and not context and tokenizer.first is not None:
            requests.append(_after_first(choice, item, tokenizer))
            continue
        if context not in before:
            before[context] = _as_harness(protocol, context.rstrip(), item, tokenizer)
        start = len(before[context])
        whole = _as_harness(protocol, text, item, tokenizer)
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
    tokens = tokenizer.tokenize(f"{item.delimiter}{choice}", parse_special=True).tolist()
    if tokenizer.first is not None and tokens[:1] != [tokenizer.first]:
        tokens = [tokenizer.first, *tokens]
    return _request(tokens, 1, item)


def _encode_shared(protocol: Protocol, item: Item, tokenizer: Tokenizes) -> list[Request]:
    """Encode as llama-perplexity --hellaswag does: the tokens all choices share are context.

    Each text gets BOS and EOS where the GGUF says so (``common_tokenize``).
    """
    wholes = [
        np.array(protocol.ended(tokenizer.tokenize(text), tokenizer), np.int32)
        for text in item.texts
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
