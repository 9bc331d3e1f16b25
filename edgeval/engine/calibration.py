"""Calibration: how fast a small part of what is to be scored is, in little time.

A batch of the plan may take a minute on a small machine. So batches of short pieces come first, and
tell whether larger ones fit the time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil

from edgeval import llama
from edgeval.engine.loaded import Loaded
from edgeval.engine.messages import EngineJob
from edgeval.engine.planned import Planned
from edgeval.engine.speed_messages import Calibration
from edgeval.llama import memory
from edgeval.scoring.logits import reduce_logits
from edgeval.scoring.plan import Plan, plan
from edgeval.scoring.score import REDUCING_THREADS, score_requests, settings_for
from edgeval.tasks.requests import Request, Work

_PIECES_TOKENS = (8, 32, 128)
_LARGEST_SHARE = 0.1
"""Of what is to be decoded: a calibration is to cost little beside what it foretells."""
_FEWEST_BATCHES = 2

Timed = tuple[tuple[int, float], ...]


def calibrate(job: EngineJob, budget_s: float, loaded: Loaded) -> Calibration:
    """Return how much a job decodes, and how fast a part of that is.

    Args:
        job: What is to be scored.
        budget_s: About how many seconds it may take, with loading: if that takes longer, only a
            few tokens are decoded. With 0 nothing is, and no weights are loaded.
        loaded: What is loaded.

    Raises:
        NoRoomError: If the model does not fit the memory that is free now.
        EngineError: If llama.cpp refuses it, or fails.
    """
    started = time.perf_counter()
    planned = Planned.of(job, loaded)
    plan_s = time.perf_counter() - started
    vocabulary, whole, todo = planned.vocabulary, planned.whole, planned.todo
    placement = job.placement
    settings = settings_for(whole, vocabulary.file_type, job.threads, placement.ubatch_tokens)
    need = memory.estimate(vocabulary.info, settings, placement.n_sessions)
    other = None if loaded.has_model else psutil.Process().memory_info().rss
    load_s, closer_s, batches, is_full = 0.0, 0.0, Timed(), False
    if budget_s > 0 and todo.tokens:
        model, _, begun = loaded.for_plan(job, vocabulary, whole)
        load_s = begun.load_s
        requests = [request for at in job.todo for request in planned.choices[at]]
        probe = _Probe(model, job, budget_s - load_s)
        batches = probe.pieces(requests)
        part = probe.affordable(todo, batches, len(requests))
        if part is not None:
            batches, is_full = probe.timed(part) or batches, True
        if job.closer:
            closer_s = probe.closer_row_s(_end_of(requests[0], _PIECES_TOKENS[0])) * _n_rows(
                job, planned
            )
    return Calibration(todo.tokens, plan_s, load_s, batches, is_full, closer_s, need.total, other)


class _Probe:
    """Decodes parts of a plan until its time is over."""

    def __init__(self, model: llama.Model, job: EngineJob, budget_s: float) -> None:
        self._model, self._job = model, job
        self._end_s = time.perf_counter() + budget_s

    @property
    def _left_s(self) -> float:
        return self._end_s - time.perf_counter()

    def pieces(self, requests: Sequence[Request]) -> Timed:
        """Return what batches of the ends of requests take: the largest ones that fit the time."""
        found = Timed()
        for size in _PIECES_TOKENS:
            ends = [_end_of(request, size) for request in requests[: 4 * size]]
            part = plan(ends, size, shares=False)
            if found and _rate(found) * size * (_FEWEST_BATCHES + 1) > self._left_s / 2:
                break
            found = self.timed(part.only(_spread(len(ends), _FEWEST_BATCHES + 1))) or found
        return found

    def affordable(self, todo: Plan, known: Timed, n_requests: int) -> Plan | None:
        """Return batches of a plan that fit the time left; None if too few do."""
        batch_s = _rate(known) * todo.tokens / todo.n_batches
        largest_s = _rate(known) * (todo.max_tokens + todo.max_trunk)
        fewest = _FEWEST_BATCHES + self._job.placement.n_sessions
        if fewest > todo.n_batches or largest_s * fewest > self._left_s:
            return None
        n_batches = min(self._left_s / batch_s, _LARGEST_SHARE * todo.n_batches)
        return todo.only(_spread(n_requests, max(fewest, int(n_batches))))

    def timed(self, part: Plan) -> Timed:
        """Return what batches take until the time is over, without the first one: it warms up."""
        work, found, job = Work(), list[tuple[int, float]](), self._job
        placement = job.placement
        settings = settings_for(part, self._model.file_type, job.threads, placement.ubatch_tokens)
        with contextlib.closing(
            score_requests(self._model, part, settings, work, n_sessions=placement.n_sessions)
        ) as batches:
            for _ in batches:
                done = work.take()
                found.append((done.tokens_decoded, done.elapsed_s))
                if self._left_s <= 0:
                    break
        return tuple(found[1:] or found)

    def closer_row_s(self, request: Request) -> float:
        """Return the seconds that a closer look at a distribution takes besides its score."""
        part, job = plan([request], len(request.tokens), shares=False), self._job
        threads = min(job.threads, REDUCING_THREADS)
        settings = settings_for(
            part, self._model.file_type, job.threads, job.placement.ubatch_tokens
        )
        (batch,) = part
        with llama.Session(self._model, settings) as session, ThreadPoolExecutor(threads) as pool:
            logits = session.decode(batch).copy()
            taken = []
            for wanted in (None, None, {0: None}):
                began_s = time.perf_counter()
                reduce_logits(logits, batch, pool, threads, wanted)
                taken.append(time.perf_counter() - began_s)
        _, plain_s, closer_s = taken
        return max(0.0, closer_s - plain_s) / len(batch.targets)


def _n_rows(job: EngineJob, planned: Planned) -> int:
    """Return how many distributions are looked at closer."""
    looked_at = [request for at in job.closer for request in planned.choices[at]]
    return sum(len(request.tokens) - request.start for request in looked_at)


def _rate(batches: Timed) -> float:
    """Return seconds a token."""
    return sum(seconds for _, seconds in batches) / sum(tokens for tokens, _ in batches)


def _spread(n: int, count: int) -> list[int]:
    """Return so many places, far from one another."""
    places: list[int] = np.unique(np.linspace(0, n - 1, count).astype(int)).tolist()
    return places


def _end_of(request: Request, n_tokens: int) -> Request:
    """Return the last tokens of a request, of which at least one is scored."""
    left_out = max(0, len(request.tokens) - n_tokens)
    return Request(request.tokens[left_out:], max(1, request.start - left_out))
