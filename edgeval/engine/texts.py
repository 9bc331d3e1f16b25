"""Texts of others: requests that are scored as they are, and prompts that are written behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from edgeval import llama
from edgeval.engine.loaded import Loaded
from edgeval.engine.messages import Begun, RequestsJob, RequestSum, Summed, WritingJob, Written
from edgeval.errors import EngineError
from edgeval.llama import memory
from edgeval.llama.writing import Writer, writing_settings
from edgeval.scoring.plan import plan
from edgeval.scoring.score import RequestScore, score_requests
from edgeval.system.free_memory import available
from edgeval.tasks.requests import Work

_LOGIT_BYTES = 4


def score(job: RequestsJob, loaded: Loaded) -> Iterator[Begun | Summed]:
    """Yield what a model and a plan are, then what each batch of requests completes."""
    vocabulary = loaded.vocabulary(job.path, job.pre)
    whole = plan(
        job.requests,
        job.placement.batch_tokens,
        shares=not vocabulary.info.is_recurrent,
        keeps=not vocabulary.info.is_hybrid,
    )
    model, settings, begun = loaded.for_plan(job, vocabulary, whole)
    yield begun
    work = Work()
    batches = score_requests(model, whole, settings, work, None, job.placement.n_sessions)
    with contextlib.closing(batches):
        for scores in batches:
            sums = {index: _sum(each, job.title) for index, each in scores.items()}
            yield Summed(sums, work.take())


def _sum(score: RequestScore, title: str) -> RequestSum:
    if not np.isfinite(score.logprobs).all():
        raise EngineError(
            f"{title} computes a log-probability that is not finite; the model file is damaged or "
            "this backend computes it wrongly, so make the file again or compute it on the CPU"
        )
    return RequestSum(float(score.logprobs.sum()), bool(score.is_greedy.all()))


def write(job: WritingJob, loaded: Loaded) -> Iterator[Written]:
    """Yield each text as soon as it is written."""
    vocabulary = loaded.vocabulary(job.path, job.pre)
    settings, need = _fitting(job, vocabulary)
    with llama.Session(loaded.model(job, need), settings) as session:
        for index, tokens in Writer(session, vocabulary, job.prompts).write():
            yield Written(index, vocabulary.detokenize(tokens), len(tokens))


def _fitting(
    job: WritingJob, vocabulary: llama.Tokenizer
) -> tuple[llama.SessionSettings, memory.Memory]:
    """Return settings for as many texts at once as there is memory for, and what they take."""
    n_sequences = job.n_sequences
    while True:
        settings = writing_settings(
            job.prompts,
            n_sequences,
            vocabulary.file_type,
            job.threads,
            job.placement.ubatch_tokens,
        )
        estimate = memory.estimate(vocabulary.info, settings)
        # One row of logits a text is read, or those of a ubatch where a model computes all.
        rows = max(settings.n_sequences, settings.n_ubatch)
        logits = rows * vocabulary.n_vocab * _LOGIT_BYTES
        need = replace(estimate, logits=logits)
        if n_sequences == 1 or job.placement.left_to_machine(need).total <= available().n_bytes:
            return settings, need
        n_sequences //= 2
