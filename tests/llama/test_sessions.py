"""Sessions that decode side by side, each in a thread; here the CPU stands in for a GPU."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval import llama
from edgeval.errors import EngineError
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.llama import Session
from edgeval.llama.library import llama_cpp
from edgeval.scoring import logits, score
from edgeval.scoring.plan import Plan, plan
from edgeval.scoring.score import decode_batches, settings_for

CALLBACK = llama_cpp.ggml_abort_callback
BATCH_TOKENS = 100


@dataclass
class Running:
    """Sessions of a model, and what they are to decode."""

    plan: Plan
    sessions: list[Session]
    pool: ThreadPoolExecutor

    def decoded(self, n_sessions: int) -> Any:
        return decode_batches(self.plan, self.sessions[:n_sessions], self.pool, 1)


@pytest.fixture
def running(tiny_f16: Path, tiny_items: Path) -> Iterator[Running]:
    setup = prepare(Options(data=tiny_items))
    with llama.Tokenizer(tiny_f16) as vocabulary:
        choices = [setup.protocol.requests(item, vocabulary) for item in setup.items]
    planned = plan([request for each in choices for request in each], BATCH_TOKENS)
    settings = settings_for(planned, "F16", threads=1)
    with contextlib.ExitStack() as stack:
        model = stack.enter_context(llama.Model(tiny_f16))
        sessions = [stack.enter_context(Session(model, settings)) for _ in range(3)]
        pool = stack.enter_context(ThreadPoolExecutor(2))
        yield Running(planned, sessions, pool)


def _decoding() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("decode")]


@pytest.mark.parametrize("n_sessions", [2, 3])
def test_several_sessions_give_what_one_gives_in_the_same_order(
    n_sessions: int, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = list(running.decoded(1))
    decode, used = Session.decode, set()

    def unsteady(session: Session, batch: Any) -> Any:
        used.add(running.sessions.index(session))
        time.sleep(0.01 * (session is running.sessions[0]))
        return decode(session, batch)

    monkeypatch.setattr(Session, "decode", unsteady)
    together = list(running.decoded(n_sessions))
    assert used == set(range(n_sessions))
    assert len(alone) == len(together) == running.plan.n_batches > 2 * n_sessions
    for (batch, expected, _), (same_batch, found, _) in zip(alone, together, strict=True):
        np.testing.assert_array_equal(batch.requests, same_batch.requests)
        np.testing.assert_array_equal(expected.logprobs, found.logprobs)
        np.testing.assert_array_equal(expected.is_greedy, found.is_greedy)
    assert _decoding() == []


def test_batches_are_made_as_they_are_needed(running: Running) -> None:
    made = []

    def batches() -> Iterator[Any]:
        for batch in running.plan:
            made.append(batch)
            yield batch

    found = decode_batches(batches(), running.sessions[:2], running.pool, 1)  # type: ignore[arg-type]
    next(found)
    # Two are decoded, and one waits for the session that is ready first.
    assert len(made) == 4
    found.close()


def test_a_generator_that_is_closed_early_leaves_no_thread(running: Running) -> None:
    found = running.decoded(3)
    next(found)
    assert _decoding() != []
    found.close()
    assert _decoding() == []


@pytest.mark.parametrize("part", ["decode", "reduce"])
def test_what_fails_in_a_thread_is_raised_and_the_others_stop(
    part: str, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(5))

    def failing(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if next(left, None) is None:
                raise EngineError("the device is gone")
            return function(*arguments)

        return call

    if part == "decode":
        monkeypatch.setattr(Session, "decode", failing(Session.decode))
    else:
        monkeypatch.setattr(score, "reduce_logits", failing(logits.reduce_logits))
    found = []
    with pytest.raises(EngineError, match="the device is gone"):
        found.extend(running.decoded(3))
        pytest.fail("not raised")
    assert _decoding() == []
