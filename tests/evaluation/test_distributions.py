"""Distributions of an evaluation: the same however often it is interrupted."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval import llama
from edgeval.checkpoints.cards import cards_folder
from edgeval.checkpoints.convert.convert import convert
from edgeval.errors import EdgevalError
from edgeval.evaluation import file_scorer
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.kl_items import ReferenceTopLogprobs
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.quantization.quantize import quantize
from edgeval.scoring.plan import plan
from edgeval.scoring.score import settings_for
from edgeval.stats.top_logprobs import TopLogprobs
from edgeval.store.store import Store
from tests.helpers.distributions import evaluated, exact_kl, same, setup_of
from tests.helpers.fakes import Lines, StopAfter


@pytest.fixture(scope="module")
def tiny_q4(tiny_f16: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path,) = quantize(tiny_f16, ["Q4_0"], tmp_path_factory.mktemp("q4"))
    return path


def test_scores_are_the_same_with_and_without(
    tiny_f16: Path, tiny_q4: Path, tiny_items: Path
) -> None:
    setup = setup_of(tiny_items)
    made = evaluated(tiny_f16, setup, 15)
    compared = evaluate_file(tiny_q4, setup, wanted=made.top_logprobs)
    plain = [evaluate_file(path, setup) for path in (tiny_f16, tiny_q4)]
    assert [each.scores for each in plain] == [made.scores, compared.scores]
    assert [(each.top_logprobs, each.divergence) for each in plain] == [(None, None)] * 2
    assert made.top_logprobs is not None
    assert list(made.top_logprobs.of_index) == list(setup.indices[:15])
    lengths = [len(each) for each in made.top_logprobs.of_index.values()]
    assert lengths == [sum(score.n_tokens) for score in list(made.scores.values())[:15]]
    assert compared.divergence is not None
    assert (compared.divergence.n_items, compared.divergence.n_positions) == (15, sum(lengths))
    assert 0 < compared.divergence.kl_nats < 1
    assert 0.3 < compared.divergence.top1_agreement < 1


def test_a_model_does_not_diverge_from_itself(tiny_f16: Path, tiny_items: Path) -> None:
    setup = setup_of(tiny_items, limit=12)
    wanted = evaluated(tiny_f16, setup, 12).top_logprobs
    found = evaluate_file(tiny_f16, setup, wanted=wanted).divergence
    assert found is not None
    assert (found.kl_nats, found.kl_error_nats, found.top1_agreement) == (0, 0, 1)


def test_interrupted_runs_end_with_the_same_divergence(
    tiny_f16: Path,
    tiny_q4: Path,
    tiny_items: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 0.0)
    setup = setup_of(tiny_items)
    made = evaluated(tiny_f16, setup, 20)
    expected = evaluate_file(tiny_q4, setup, wanted=made.top_logprobs)
    with Store(tmp_path / "a.db") as store:
        for n_items in (3, 9):
            with pytest.raises(KeyboardInterrupt):
                evaluated(tiny_f16, setup, 20, store, progress=StopAfter(n_items))
        again = evaluated(tiny_f16, setup, 20, store)
        assert same(again.top_logprobs, made.top_logprobs)
        with pytest.raises(KeyboardInterrupt):
            evaluate_file(tiny_q4, setup, store, wanted=again.top_logprobs, progress=StopAfter(7))
        resumed = evaluate_file(tiny_q4, setup, store, wanted=again.top_logprobs)
        lines = Lines()
        repeated = evaluate_file(tiny_q4, setup, store, wanted=again.top_logprobs, progress=lines)
    assert resumed.divergence == repeated.divergence == expected.divergence
    assert resumed.scores == expected.scores
    assert repeated.run.speed is None
    assert lines.lines == [f"{tiny_q4.name}: 40 of 40 items already scored"]


def test_what_is_wanted_later_is_what_would_have_been_seen(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    setup, lines = setup_of(tiny_items), Lines()
    expected = evaluated(tiny_f16, setup, 20)
    with Store(tmp_path / "a.db") as store:
        scored = evaluate_file(tiny_f16, setup, store)
        few = evaluated(tiny_f16, setup, 5, store, progress=lines)
        more = evaluated(tiny_f16, setup, 20, store, progress=lines)
    name = tiny_f16.name
    assert lines.lines == [
        f"{name}: 40 of 40 items already scored",
        f"{name}: decoding 5 of them once more",
        f"{name}: 40 of 40 items already scored",
        f"{name}: decoding 15 of them once more",
    ]
    assert scored.scores == few.scores == more.scores
    assert same(more.top_logprobs, expected.top_logprobs)
    # In the batches of these items only.
    assert few.run.tokens_decoded < 1.5 * scored.run.tokens_decoded


def test_no_divergence_is_answered_for_another_reference(
    tiny_f16: Path, tiny_f32: Path, tiny_q4: Path, tiny_items: Path, tmp_path: Path
) -> None:
    setup = setup_of(tiny_items, limit=10)
    with Store(tmp_path / "a.db") as store:
        references = [
            evaluated(path, setup, 10, store).top_logprobs for path in (tiny_f16, tiny_q4)
        ]
        found = [evaluate_file(tiny_q4, setup, store, wanted=each) for each in references]
        again = evaluate_file(tiny_q4, setup, store, wanted=references[0])
    divergences = [each.divergence for each in found]
    assert divergences[0] is not None
    assert divergences[1] is not None
    assert divergences[0].kl_nats > 1e-3
    assert divergences[1].kl_nats == 0
    assert again.divergence == divergences[0]


def test_a_reference_of_other_tokens_is_refused(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    setup = setup_of(tiny_items, limit=2)
    made = evaluated(tiny_f16, setup, 2).top_logprobs
    assert made is not None
    for of_place in (
        {place: each.part(slice(1, None)) for place, each in made.of_index.items()},
        {
            place: TopLogprobs(each.ids + 512, each.logprobs)
            for place, each in made.of_index.items()
        },
    ):
        with pytest.raises(EdgevalError, match=r"item .* other tokens .* one tokenizer"):
            evaluate_file(tiny_f16, setup, wanted=ReferenceTopLogprobs(made.reference, of_place))


def _full_logits(gguf: Path, setup: EvalSetup) -> dict[int, Any]:
    """Return for each item of a setup its logits at all scored positions, choice after choice."""
    found: dict[int, Any] = {}
    with contextlib.ExitStack() as stack:
        vocabulary = stack.enter_context(llama.Tokenizer(gguf))
        kernels = setup.of(vocabulary.info).kernels.kernels
        model = stack.enter_context(llama.Model(gguf, kernels=kernels))
        choices = [setup.protocol.requests(item, vocabulary) for item in setup.items]
        planned = plan([request for each in choices for request in each], 1024)
        numbers = [i for i, requests in enumerate(choices) for _ in requests]
        parts: dict[int, Any] = {}
        with llama.Session(model, settings_for(planned, model.file_type, 2)) as session:
            for batch in planned:
                logits = session.decode(batch)[batch.rows]
                bounds = [0, *itertools.accumulate(batch.counts.tolist())]
                for request, part in zip(
                    batch.requests.tolist(), itertools.pairwise(bounds), strict=True
                ):
                    parts[request] = logits[slice(*part)].copy()
    for request in sorted(parts):
        found.setdefault(numbers[request], []).append(parts[request])
    return {index: np.concatenate(each) for index, each in found.items()}


def test_the_demo_diverges_by_a_little_less_than_its_full_logits_say(tmp_path: Path) -> None:
    f16 = convert(cards_folder() / "demo", tmp_path / "demo-F16.gguf", "f16")
    (q4_k_m,) = quantize(f16, ["Q4_K_M"], tmp_path)
    setup = prepare(Options(data=cards_folder() / "demo" / "items.jsonl", limit=20, threads=2))
    made = evaluated(f16, setup, 20)
    found = evaluate_file(q4_k_m, setup, wanted=made.top_logprobs).divergence
    first, second = (_full_logits(path, setup) for path in (f16, q4_k_m))
    exact = np.concatenate([exact_kl(first[index], second[index]) for index in range(20)])
    same = np.concatenate([first[i].argmax(1) == second[i].argmax(1) for i in range(20)])
    assert found is not None
    assert found.n_positions == len(exact)
    assert found.top1_agreement == same.mean()
    assert 0.95 * exact.mean() <= found.kl_nats <= exact.mean() + 1e-6
    assert found.kl_full_nats == pytest.approx(exact.mean(), rel=0.01)
    assert found.kl_upper_nats is not None
    assert exact.mean() <= found.kl_upper_nats <= 1.02 * exact.mean()
