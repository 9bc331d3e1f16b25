from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edgeval import llama
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.llama.defaults import batch_tokens_for
from edgeval.scoring.logits import reduce_logits
from edgeval.scoring.plan import plan
from edgeval.scoring.score import RequestScore, score_items, score_requests, settings_for
from edgeval.tasks import protocol
from edgeval.tasks.item import ItemScore
from edgeval.tasks.requests import Batch, Request
from tests.helpers.reference_llama import ReferenceLlama


def _score_requests(
    gguf: Path, requests: list[Request], batch_tokens: int = 256, threads: int = 1
) -> list[RequestScore]:
    planned = plan(requests, batch_tokens)
    with llama.Model(gguf) as model:
        settings = settings_for(planned, model.file_type, threads)
        batches = score_requests(model, planned, settings)
        scores = {index: score for batch in batches for index, score in batch.items()}
        return [scores[index] for index in range(len(requests))]


def _scores(
    gguf: Path, items: Path, batch_tokens: int, threads: int, order: str
) -> list[ItemScore]:
    options = Options(data=items, order=order, batch_tokens=batch_tokens, threads=threads)  # type: ignore[arg-type]
    return list(evaluate_file(gguf, prepare(options)).scores.values())


@pytest.mark.parametrize("name", protocol.PROTOCOLS)
def test_logprobs_are_those_of_an_independent_forward_pass(
    name: str, tiny_checkpoint: Path, tiny_f32: Path, tiny_items: Path
) -> None:
    setup = prepare(Options(data=tiny_items, protocol=name, limit=12))
    reference = ReferenceLlama(tiny_checkpoint)
    scores = list(evaluate_file(tiny_f32, setup).scores.values())
    with llama.Tokenizer(tiny_f32) as vocabulary:
        requests = [setup.protocol.requests(item, vocabulary) for item in setup.items]
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
    planned = plan(requests, 256)
    with llama.Model(tiny_f32) as model:
        settings = settings_for(planned, "F32", threads=1)
        ((result,),) = (
            batch.values()
            for batch in score_items(model, setup.items, [requests], planned, settings)
        )
    expected = [reference.choice_logprobs(request.tokens, 4) for request in requests]
    score = result.score
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


def test_scores_come_in_the_order_of_the_items(tiny_f16: Path, tiny_items: Path) -> None:
    setup = prepare(Options(data=tiny_items, batch_tokens=100))
    scores = list(evaluate_file(tiny_f16, setup).scores.values())
    assert [score.item for score in scores] == setup.items


def test_a_window_of_text_and_a_shared_continuation_are_requests_too(
    tiny_checkpoint: Path, tiny_f32: Path
) -> None:
    rng = np.random.default_rng(0)
    text = rng.integers(3, 500, 120).astype(np.int32)
    contexts = [np.append(rng.integers(3, 500, n), [7, 8]).astype(np.int32) for n in (1, 5, 5)]
    requests = [Request(text, 1), *(Request(each, len(each) - 2) for each in contexts)]
    reference = ReferenceLlama(tiny_checkpoint)
    for request, score in zip(requests, _score_requests(tiny_f32, requests, 40), strict=True):
        expected = reference.choice_logprobs(request.tokens, request.start)
        np.testing.assert_allclose(score.logprobs, expected, atol=1e-4)


def test_greedy_tokens_are_those_the_model_itself_would_continue_with(
    tiny_checkpoint: Path, tiny_f32: Path
) -> None:
    reference = ReferenceLlama(tiny_checkpoint)
    tokens = [1, 20, 21]
    for _ in range(4):
        after = [np.array([*tokens, each], dtype=np.int32) for each in range(512)]
        logprobs = [reference.choice_logprobs(each, len(tokens))[0] for each in after[:8]]
        logits = _score_requests(tiny_f32, [Request(each, len(tokens)) for each in after])
        best = int(np.argmax([score.logprobs[0] for score in logits]))
        assert [score.is_greedy[0] for score in logits] == [each == best for each in range(512)]
        np.testing.assert_allclose([score.logprobs[0] for score in logits[:8]], logprobs, atol=1e-4)
        tokens.append(best)
    (whole,) = _score_requests(tiny_f32, [Request(np.array(tokens, dtype=np.int32), 1)])
    assert whole.is_greedy[2:].all()
    assert not whole.is_greedy[:2].all()


def test_all_tokens_of_one_vocabulary_sum_to_probability_one(tiny_f16: Path) -> None:
    requests = [Request(np.array([1, 20, each], dtype=np.int32), 2) for each in range(512)]
    scores = _score_requests(tiny_f16, requests)
    assert np.exp([score.logprobs[0] for score in scores]).sum() == pytest.approx(1, abs=1e-5)


def test_work_is_counted(tiny_f16: Path, tiny_items: Path) -> None:
    run = evaluate([tiny_f16], Options(data=tiny_items)).runs[0]
    setup = prepare(Options(data=tiny_items))
    with llama.Tokenizer(tiny_f16) as vocabulary:
        choices = [setup.protocol.requests(item, vocabulary) for item in setup.items]
    planned = plan([request for each in choices for request in each], batch_tokens_for("F16"))
    assert run.batch_tokens == 1024
    assert run.tokens_decoded == planned.tokens
    assert run.tokens_lower_bound == planned.lower_bound
    assert run.logit_rows == planned.rows


@pytest.mark.parametrize("threads", [1, 3])
def test_reduced_logits_are_a_log_softmax(threads: int) -> None:
    rng = np.random.default_rng(0)
    logits = (30 * rng.standard_normal((101, 77))).astype(np.float32)
    rows = rng.integers(0, 101, 300).astype(np.int32)
    targets = rng.integers(0, 77, 300).astype(np.int32)
    targets[:50] = logits.argmax(axis=1)[rows[:50]]
    empty = np.zeros(0, dtype=np.int32)
    none = np.zeros(0, dtype=np.int8)
    batch = Batch(np.arange(1), empty, empty, empty, empty, none, rows, targets, empty)
    with ThreadPoolExecutor(threads) as pool:
        found = reduce_logits(logits, batch, pool, threads)
    exact = logits.astype(np.float64)
    exact -= np.logaddexp.reduce(exact, axis=1, keepdims=True)
    assert found.logprobs.dtype == np.float64
    np.testing.assert_allclose(found.logprobs, exact[rows, targets], atol=2e-5)
    np.testing.assert_array_equal(found.is_greedy, logits.argmax(axis=1)[rows] == targets)
    assert found.is_greedy.sum() >= 50


def test_only_f32_models_run_as_the_reference_does() -> None:
    planned = plan([Request(np.arange(701, dtype=np.int32), 1)], 256)
    exact, fast = (settings_for(planned, name, threads=2) for name in ("F32", "Q4_K_M"))
    assert (exact.cache_type, exact.flash_attention) == ("f32", False)
    assert (fast.cache_type, fast.flash_attention) == ("f16", True)
    assert (fast.n_batch, fast.n_ubatch, fast.n_sequences, fast.threads) == (700, 512, 1, 2)
    assert (batch_tokens_for("F32"), batch_tokens_for("F16")) == (256, 1024)
