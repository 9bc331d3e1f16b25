"""Speed of a model: what loading takes, and tests that are timed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import numpy as np

from edgeval import llama
from edgeval.engine.loaded import Loaded
from edgeval.engine.messages import ModelJob
from edgeval.engine.speed_messages import LoadTimes, SpeedJob
from edgeval.errors import EngineError
from edgeval.llama import memory
from edgeval.llama.layouts import layouts
from edgeval.llama.paths import Layout
from edgeval.llama.speed import seconds_of, speed_settings
from edgeval.llama.speed_test import SpeedTest


def load(job: ModelJob, loaded: Loaded) -> Iterator[LoadTimes]:
    """Load a model anew, decode a token, and yield what that takes."""
    loaded.close()
    started = time.perf_counter()
    model, settings = _model(job, loaded, SpeedTest(n_prompt=1))
    load_s = time.perf_counter() - started
    with llama.Session(model, settings) as session:
        session.extend(np.zeros(1, dtype=np.int32), 0)
        first_token_s = time.perf_counter() - started
    yield LoadTimes(
        load_s,
        first_token_s,
        model.description,
        model.n_params,
        model.tensor_bytes,
        _layouts(model, job.threads),
    )


def times(job: SpeedJob, loaded: Loaded) -> Iterator[float]:
    """Yield how long each repetition of a test takes; see ``speed.seconds_of``."""
    model, settings = _model(job, loaded, job.test)
    with llama.Session(model, settings) as session:
        yield from seconds_of(session, job.test, job.repetitions, warms_up=job.warms_up)


def _layouts(model: llama.Model, threads: int) -> list[Layout]:
    """Return where the matrices lie; no speed depends on knowing it."""
    with contextlib.suppress(EngineError):
        return layouts(model, threads)
    return []


def _model(
    job: ModelJob, loaded: Loaded, test: SpeedTest
) -> tuple[llama.Model, llama.SessionSettings]:
    vocabulary = loaded.vocabulary(job.path, job.pre)
    settings = speed_settings(test, job.threads, job.placement.ubatch_tokens)
    return loaded.model(job, memory.estimate(vocabulary.info, settings)), settings
