from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from reference_llama import ReferenceLlama

from edgeval import llama, protocol
from edgeval.evaluate import Options, evaluate, evaluate_file, prepare
from edgeval.llama import SessionSettings
from edgeval.plan import Batch, Request, plan
from edgeval.score import score_items, settings_for, token_logprobs
from edgeval.tasks import ItemScore


def _scores(
    gguf: Path, items: Path, batch_tokens: int, threads: int, order: str
) -> list[ItemScore]:
    setup = prepare(Options(data=items, order=order))  # type: ignore[arg-type]
    with llama.Model(gguf) as model:
        requests = [setup.protocol.requests(item, model) for item in setup.items]
        settings = SessionSettings(batch_tokens, 1024, 512, threads)
        return list(score_items(model, setup.items, requests, settings))


@pytest.mark.parametrize("name", protocol.PROTOCOLS)
def test_logprobs_are_those_of_an_independent_forward_pass(
    name: str, tiny_checkpoint: Path, tiny_f32: Path, tiny_items: Path
) -> None:
    setup = prepare(Options(data=tiny_items, protocol=name, limit=12))
    reference = ReferenceLlama(tiny_checkpoint)
    _, scores = evaluate_file(tiny_f32, setup)
    with llama.Model(tiny_f32) as model:
        requests = [setup.protocol.requests(item, model) for item in setup.items]
    for score, choices in zip(scores, requests, strict=True):
        expected = [reference.choice_logprobs(each.tokens, each.start) for each in choices]
        assert score.logprobs == pytest.approx([each.sum() for each in expected], abs=1e-4)
        assert score.n_tokens == tuple(len(each) for each in expected)


def test_token_means_start_after_the_tokens_all_choices_share(
    tiny_checkpoint: Path, tiny_f32: Path, tiny_items: Path
) -> None:
    setup = prepare(Options(data=tiny_items, protocol="lm-eval", limit=1))
    reference = ReferenceLlama(tiny_checkpoint)
    context = np.array([1, 20, 21, 22], dtype=np.int32)
    endings = ([30, 31, 40, 41], [30, 31, 50], [30, 31, 60, 61, 62], [30, 31, 70])
    requests = [Request(np.array([*context, *ending], dtype=np.int32), 4) for ending in endings]
    with llama.Model(tiny_f32) as model:
        settings = SessionSettings(256, 256, 256, threads=1)
        (score,) = score_items(model, setup.items, [requests], settings)
    expected = [reference.choice_logprobs(request.tokens, 4) for request in requests]
    assert score.token_means == pytest.approx([each[2:].mean() for each in expected], abs=1e-4)
    assert score.logprobs == pytest.approx([each.sum() for each in expected], abs=1e-4)


def test_batch_size_threads_and_order_do_not_change_the_scores(
    tiny_f32: Path, tiny_items: Path
) -> None:
    base = {s.item.id: s.logprobs for s in _scores(tiny_f32, tiny_items, 256, 2, "random")}
    for batch_tokens, threads, order in ((100, 1, "random"), (1024, 2, "file")):
        for score in _scores(tiny_f32, tiny_items, batch_tokens, threads, order):
            assert score.logprobs == pytest.approx(base[score.item.id], abs=1e-4)


def test_the_same_run_twice_is_bitwise_equal(tiny_f16: Path, tiny_items: Path) -> None:
    first, second = (_scores(tiny_f16, tiny_items, 256, 2, "random") for _ in range(2))
    assert first == second


def test_work_is_counted(tiny_f16: Path, tiny_items: Path) -> None:
    result = evaluate([tiny_f16], Options(data=tiny_items))
    setup = prepare(Options(data=tiny_items))
    with llama.Model(tiny_f16) as model:
        requests = [setup.protocol.requests(item, model) for item in setup.items]
    batches = list(plan(requests, settings_for(requests, 2).batch_tokens))
    assert result.runs[0].tokens_decoded == sum(len(batch.tokens) for batch in batches)
    assert result.runs[0].logit_rows == sum(batch.n_rows for batch in batches)


@pytest.mark.parametrize("threads", [1, 3])
def test_token_logprobs_are_a_log_softmax(threads: int) -> None:
    rng = np.random.default_rng(0)
    logits = (30 * rng.standard_normal((101, 77))).astype(np.float32)
    rows = rng.integers(0, 101, 300).astype(np.int32)
    targets = rng.integers(0, 77, 300).astype(np.int32)
    empty = np.zeros(0, dtype=np.int32)
    batch = Batch(
        range(0), empty, empty, empty, empty, np.zeros(0, dtype=np.int8), rows, targets, empty
    )
    with ThreadPoolExecutor(threads) as pool:
        found = token_logprobs(logits, batch, pool, threads)
    exact = logits.astype(np.float64)
    exact -= np.logaddexp.reduce(exact, axis=1, keepdims=True)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, exact[rows, targets], atol=2e-5)


def test_settings_hold_the_dearest_item() -> None:
    def request(length: int) -> Request:
        return Request(np.arange(length, dtype=np.int32), 1)

    assert settings_for([[request(10)]], 2).n_batch == 256
    assert settings_for([[request(10)], [request(701)]], 2).n_batch == 700
