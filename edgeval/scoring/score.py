"""Scorer: a plan is run on sessions of a model, request by request and item by item."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from edgeval.llama import Model, Session, SessionSettings
from edgeval.llama.defaults import UBATCH_TOKENS, attention_of
from edgeval.scoring.distributions import (
    RequestDivergence,
    Wanted,
    not_finite,
    of_item,
    of_requests,
)
from edgeval.scoring.logits import BatchScore, Bools, Float64, reduce_logits
from edgeval.scoring.plan import Plan
from edgeval.scoring.results import ItemResult
from edgeval.stats.top_logprobs import TopLogprobs
from edgeval.tasks.item import Item, ItemScore
from edgeval.tasks.requests import Batch, Request, Work, common_prefix_length

REDUCING_THREADS = 8
"""More wait for Python's lock: with three sessions side by side on a GPU, six and eight were 1.3
times as fast as twelve and sixteen."""


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
    seen: TopLogprobs | RequestDivergence | None = None


def settings_for(
    plan: Plan, file_type: str, threads: int, ubatch_tokens: int = UBATCH_TOKENS
) -> SessionSettings:
    """Return the settings in which a plan is carried out on a model of a type."""
    cache_type, flash_attention = attention_of(file_type)
    return SessionSettings(
        n_batch=plan.max_tokens,
        n_ubatch=min(plan.max_tokens, ubatch_tokens),
        n_sequences=plan.max_sequences,
        threads=threads,
        cache_type=cache_type,
        flash_attention=flash_attention,
        n_trunk=plan.max_trunk,
    )


def score_requests(
    model: Model,
    plan: Plan,
    settings: SessionSettings,
    work: Work | None = None,
    wanted: Wanted | None = None,
    n_sessions: int = 1,
) -> Generator[dict[int, RequestScore], None, None]:
    """Score requests batch by batch.

    Args:
        model: A loaded model.
        plan: The batches.
        settings: How to run the model; see ``settings_for``.
        work: Counts what was done so far.
        wanted: The requests that are looked at closer.
        n_sessions: Sessions that decode side by side; scores are the same with any number.

    Yields:
        The scores of each batch's requests, by their indices.

    Raises:
        EngineError: If llama.cpp fails.
    """
    work = work if work is not None else Work()
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(Session(model, settings)) for _ in range(n_sessions)]
        threads = min(settings.threads, REDUCING_THREADS)
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        results = stack.enter_context(
            contextlib.closing(decode_batches(plan, sessions, pool, threads, wanted))
        )
        last = time.perf_counter()
        for batch, score, n_tokens in results:
            # With the time in which the last scores were saved: sessions decode meanwhile.
            now = time.perf_counter()
            work.elapsed_s += now - last
            last = now
            work.tokens_decoded += n_tokens
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
    n_sessions: int = 1,
) -> Generator[dict[int, ItemResult], None, None]:
    """Score items as soon as all their choices are.

    Args:
        model: A loaded model.
        items: The items.
        choices: For each item, the requests of its choices under a protocol.
        plan: A plan of all these requests, in this order.
        settings: How to run the model; see ``settings_for``.
        work: Counts what was done so far.
        wanted: The items that are looked at closer; scores are the same to the last bit.
        n_sessions: Sessions that decode side by side; scores are the same with any number.

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
    for batch in score_requests(model, plan, settings, work, closer, n_sessions):
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
) -> Generator[tuple[Batch, BatchScore, int], None, None]:
    """Decode batches on sessions side by side, and reduce their logits on the pool.

    Each session has a thread of its own, which decodes a batch and waits for its reduction: another
    session's batch is computed meanwhile. Closing the generator drops what is not begun.

    Yields:
        Each batch, the scores of its tokens in the order of its ``targets``, and how many tokens
        were decoded for it.
    """
    idle: SimpleQueue[Session] = SimpleQueue()
    for session in sessions:
        idle.put(session)

    def score(batch: Batch) -> tuple[Batch, BatchScore, int]:
        session = idle.get()
        try:
            before = session.tokens_decoded
            logits = session.decode(batch)
            scores = reduce_logits(logits, batch, pool, threads, wanted)
            return batch, scores, session.tokens_decoded - before
        finally:
            idle.put(session)

    pending: deque[Future[tuple[Batch, BatchScore, int]]] = deque()
    with ThreadPoolExecutor(len(sessions), "decode") as workers:
        try:
            # One more than can be decoded now: no session waits for its batch to be made.
            for batch in batches:
                if len(pending) > len(sessions):
                    yield pending.popleft().result()
                pending.append(workers.submit(score, batch))
            while pending:
                yield pending.popleft().result()
        finally:
            workers.shutdown(cancel_futures=True)


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
    # Choices after one context may begin with the same tokens; the context itself is never scored.
    is_one = len(item.contexts) == 1
    shared = max(0, common_prefix_length(requests) - requests[0].start) if is_one else 0
    return ItemScore(
        item=item,
        logprobs=tuple(float(choice.sum()) for choice in choices),
        n_tokens=tuple(len(choice) for choice in choices),
        token_means=tuple(float(choice[shared:].mean()) for choice in choices),
        is_greedy=tuple(bool(score.is_greedy.all()) for score in scores),
    )
