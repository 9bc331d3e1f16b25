"""Generation speed: token after token in one session, with the tokens' own positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeval import llama
from edgeval.engine import running
from edgeval.engine.kernels.trial import batch_of
from edgeval.errors import NoRoomError
from edgeval.evaluation import generation
from edgeval.evaluation.generation import generation_speed
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.llama.generation import generation_settings, timed
from edgeval.llama.library import llama_cpp
from edgeval.system import free_memory


@pytest.fixture
def setup(tiny_items: Path) -> EvalSetup:
    return prepare(Options(data=tiny_items, kernels="plain", check=False, threads=1))


def last_logits(session: llama.Session) -> np.ndarray:
    pointer = llama_cpp.llama_get_logits_ith(session.handle, -1)
    return np.ctypeslib.as_array(pointer, shape=(session.model.n_vocab,)).copy()


def test_a_text_that_is_extended_has_the_logits_of_one_that_is_decoded_at_once(
    tiny_f32: Path,
) -> None:
    tokens = np.arange(5, 25, dtype=np.int32)
    settings = generation_settings("F32", len(tokens), threads=1, ubatch_tokens=512)
    with llama.Model(tiny_f32) as model, llama.Session(model, settings) as session:
        whole = session.decode(batch_of(tokens))[-1].copy()
        session.extend(tokens[:12], 0)
        for at in range(12, len(tokens)):
            session.extend(tokens[at : at + 1], at)
        assert np.abs(last_logits(session) - whole).max() < 1e-4
        session.extend(tokens[:3], 0)
        assert np.abs(last_logits(session) - whole).max() > 1e-2


@pytest.mark.parametrize(("n_prompt", "n_generated"), [(1, 1), (3, 5), (64, 8)])
def test_each_token_is_timed_after_a_warm_up(
    n_prompt: int, n_generated: int, tiny_f16: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[int, int]] = []
    extend = llama.Session.extend

    def spied(self: llama.Session, tokens: np.ndarray, start: int) -> None:
        steps.append((start, len(tokens)))
        extend(self, tokens, start)

    monkeypatch.setattr(llama.Session, "extend", spied)
    settings = generation_settings("F16", n_prompt + n_generated, threads=1, ubatch_tokens=512)
    with llama.Model(tiny_f16) as model, llama.Session(model, settings) as session:
        prompt_s, token_s = timed(session, n_prompt, n_generated)
    assert prompt_s > 0 and len(token_s) == n_generated and min(token_s) > 0
    warm = min(8, n_prompt)
    assert steps[:3] == [(0, warm), (warm, 1), (0, n_prompt)]
    assert steps[3:] == [(at, 1) for at in range(n_prompt, n_prompt + n_generated)]


def test_the_speed_is_that_of_the_median_token(
    tiny_f16: Path, setup: EvalSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeval.engine import jobs

    asked: list[tuple[int, int]] = []

    def pretended(session: llama.Session, *counts: int) -> tuple[float, list[float]]:
        asked.append(counts)  # type: ignore[arg-type]
        return 2.0, [0.25, 0.5, 100.0]

    monkeypatch.setattr(jobs, "timed", pretended)
    found = generation_speed(tiny_f16, setup, n_prompt=16, n_generated=3)
    assert asked == [(16, 3)]
    assert (found.tokens_per_s, found.prompt_tokens_per_s) == (2.0, 8.0)
    assert (found.n_prompt, found.n_generated, found.threads) == (16, 3, 1)
    assert (found.kernels, found.gpus) == ("plain", [])


def test_it_is_measured_with_the_engine_of_a_process_of_its_own(
    tiny_f16: Path, setup: EvalSetup
) -> None:
    found = generation_speed(tiny_f16, setup)
    assert found.n_prompt == generation.PROMPT_TOKENS
    assert 0 < found.tokens_per_s < 1e6
    with running() as engine, engine.beside({}) as other:
        from edgeval.engine import GenerationJob

        model = setup.of(engine.info(tiny_f16))
        job = GenerationJob(
            path=tiny_f16,
            n_prompt=4,
            n_generated=3,
            placement=model.placement,
            threads=1,
            kernels="plain",
            is_forced=False,
            title="tiny",
        )
        answer = other.ask("generate", job)
    assert len(answer.token_s) == 3


def test_a_model_that_does_not_fit_is_refused(
    tiny_f16: Path, setup: EvalSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = free_memory.Available(1000, "of memory are free", "close other programs")
    monkeypatch.setattr("edgeval.llama.memory.available", lambda: left)
    with pytest.raises(NoRoomError, match=r"tiny-F16\.gguf takes about"):
        generation_speed(tiny_f16, setup)
