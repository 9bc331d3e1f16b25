"""Run a plan on sessions of a model and yield what it says about each request and item."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from edgeval.llama import Backend, CacheType, Model, Session, SessionSettings
from edgeval.plan import Batch, Plan, Request, Work, common_prefix_length
from edgeval.reduction import BatchScore, Bools, Float64, reduce_logits
from edgeval.sketch import ItemDivergence, Sketch
from edgeval.sketching import RequestDivergence, Wanted, not_finite, of_item, of_requests
from edgeval.tasks import Item, ItemScore

SCORING_VERSION = 1
"""Raised when the same setting would give other scores: kept ones are not looked at then."""

BATCH_TOKENS = 1024
"""Tokens a batch with flash attention: hardly a prefix is decoded twice, and the logits of a larger
batch would take more memory than its tokens are worth."""

PLAIN_BATCH_TOKENS = 256
"""Tokens a batch without it: attention is then over all cells of the cache for every token."""

UBATCH_TOKENS = 512
"""Matrix products gain nothing beyond this size on a CPU."""


@dataclass(frozen=True)
class RequestScore:
    """What a model says about the scored tokens of one request. Arrays have shape (n_scored,).

    Attributes:
        logprobs: Log-probability of each token after those before it, in nats, float64.
        is_greedy: Whether no token was more probable; where two are equally so, both are greedy.
        seen: What was seen of whole distributions, where a closer look was wanted.
    """

    logprobs: Float64
    is_greedy: Bools
    seen: Sketch | RequestDivergence | None = None


@dataclass(frozen=True)
class ItemResult:
    """What a model says about an item.

    Attributes:
        score: Its score.
        seen: What was seen of whole distributions, where a closer look was wanted.
    """

    score: ItemScore
    seen: Sketch | ItemDivergence | None = None


def is_reference(file_type: str) -> bool:
    """Return whether a model is run as the reference implementation computes.

    Without flash attention and with an f32 cache, F32 models agree with it to 1e-4 nats. All other
    models are faster with it and an f16 cache, which change less than their rounded weights do.
    """
    return file_type == "F32"


def batch_tokens_for(file_type: str) -> int:
    """Return how many tokens a batch of a model is filled up to by default."""
    return PLAIN_BATCH_TOKENS if is_reference(file_type) else BATCH_TOKENS


def attention_of(file_type: str) -> tuple[CacheType, bool]:
    """Return the type of the KV cache and whether flash attention is used for a type of model."""
    return ("f32", False) if is_reference(file_type) else ("f16", True)


def settings_for(plan: Plan, file_type: str, threads: int) -> SessionSettings:
    """Return the settings in which a plan is carried out on a model of a type."""
    cache_type, flash_attention = attention_of(file_type)
    return SessionSettings(
        n_batch=plan.max_tokens,
        n_ubatch=min(plan.max_tokens, UBATCH_TOKENS),
        n_sequences=plan.max_sequences,
        threads=threads,
        cache_type=cache_type,
        flash_attention=flash_attention,
    )


def n_sessions(backend: Backend) -> int:
    """Return how many sessions take turns.

    The CPU has no cores to spare while it decodes. A GPU leaves them idle: one batch is reduced
    while the next is decoded into the other session's buffer.
    """
    return 1 if backend == "cpu" else 2


def score_requests(
    model: Model,
    plan: Plan,
    settings: SessionSettings,
    work: Work | None = None,
    wanted: Wanted | None = None,
) -> Iterator[dict[int, RequestScore]]:
    """Score requests batch by batch.

    Args:
        model: A loaded model.
        plan: The batches.
        settings: How to run the model; see ``settings_for``.
        work: Counts what was done so far.
        wanted: The requests that are looked at closer.

    Yields:
        The scores of each batch's requests, by their indices.

    Raises:
        EngineError: If llama.cpp fails.
    """
    work = work if work is not None else Work()
    with contextlib.ExitStack() as stack:
        sessions = [
            stack.enter_context(Session(model, settings)) for _ in range(n_sessions(model.backend))
        ]
        pool = stack.enter_context(ThreadPoolExecutor(settings.threads))
        results = decode_batches(plan, sessions, pool, settings.threads, wanted)
        while True:
            started = time.perf_counter()
            batch, score = next(results, (None, None))
            work.elapsed_s += time.perf_counter() - started
            if batch is None or score is None:
                return
            work.tokens_decoded += len(batch.tokens)
            work.logit_rows += batch.n_rows
            yield dict(_split(batch, score))


def score_items(
    model: Model,
    items: Sequence[Item],
    choices: Sequence[Sequence[Request]],
    plan: Plan,
    settings: SessionSettings,
    work: Work | None = None,
    wanted: Wanted | None = None,
) -> Iterator[dict[int, ItemResult]]:
    """Score items as soon as all their choices are.

    Args:
        model: A loaded model.
        items: The items.
        choices: For each item, the requests of its choices under a protocol.
        plan: A plan of all these requests, in this order.
        settings: How to run the model; see ``settings_for``.
        work: Counts what was done so far.
        wanted: The items that are looked at closer; scores are the same to the last bit.

    Yields:
        The scores of the items that each batch completes, by their indices.

    Raises:
        EngineError: If llama.cpp fails, or a log-probability is not finite.
        EdgevalError: If a reference that is wanted has other tokens than the model.
    """
    closer = of_requests(wanted or {}, items, choices, model.n_vocab)
    item_of_request = [index for index, requests in enumerate(choices) for _ in requests]
    first_request = np.cumsum([0, *map(len, choices)])
    partial: dict[int, dict[int, RequestScore]] = {}
    for batch in score_requests(model, plan, settings, work, closer):
        complete = {}
        for request, request_score in batch.items():
            index = item_of_request[request]
            scores = partial.setdefault(index, {})
            scores[request - first_request[index]] = request_score
            if len(scores) == len(choices[index]):
                ordered = [scores[choice] for choice in range(len(scores))]
                del partial[index]
                score = _item_score(items[index], choices[index], ordered)
                parts = [each.seen for each in ordered if each.seen is not None]
                complete[index] = ItemResult(score, of_item(items[index], parts))
        yield complete


def decode_batches(
    batches: Iterable[Batch],
    sessions: Sequence[Session],
    pool: ThreadPoolExecutor,
    threads: int,
    wanted: Wanted | None = None,
) -> Iterator[tuple[Batch, BatchScore]]:
    """Decode batches on the sessions in turn, and reduce their logits on the pool.

    Yields:
        Each batch, and the scores of its tokens in the order of its ``targets``.
    """
    pending: deque[tuple[Batch, Callable[[], BatchScore]]] = deque()
    # The next batch is made, and with several sessions decoded, while this one is reduced.
    for batch, session in zip(batches, itertools.cycle(sessions), strict=False):
        if len(pending) == len(sessions):
            done, finish = pending.popleft()
            yield done, finish()
        logits = session.decode(batch)
        pending.append((batch, reduce_logits(logits, batch, pool, threads, wanted)))
    for done, finish in pending:
        yield done, finish()


def _split(batch: Batch, score: BatchScore) -> Iterator[tuple[int, RequestScore]]:
    ends = np.cumsum(batch.counts)
    requests = batch.requests.tolist()
    for request, begin, end in zip(requests, ends - batch.counts, ends, strict=True):
        part, seen = slice(begin, end), score.seen.get(request)
        yield request, RequestScore(score.logprobs[part], score.is_greedy[part], seen)


def _item_score(
    item: Item, requests: Sequence[Request], scores: Sequence[RequestScore]
) -> ItemScore:
    choices = [score.logprobs for score in scores]
    if not all(np.isfinite(choice).all() for choice in choices):
        raise not_finite(item)
    # Choices may begin with the same tokens; the context itself is never scored.
    shared = max(0, common_prefix_length(requests) - requests[0].start)
    return ItemScore(
        item=item,
        logprobs=tuple(float(choice.sum()) for choice in choices),
        n_tokens=tuple(len(choice) for choice in choices),
        token_means=tuple(float(choice[shared:].mean()) for choice in choices),
        is_greedy=tuple(bool(score.is_greedy.all()) for score in scores),
    )
