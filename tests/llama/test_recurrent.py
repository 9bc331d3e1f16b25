from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeval import llama
from edgeval.engine import running
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.evaluation.pipeline import run
from edgeval.llama import SessionSettings, memory
from edgeval.scoring.plan import plan
from edgeval.scoring.score import score_requests, settings_for
from edgeval.store.runs import list_runs
from edgeval.tasks.hellaswag import HELLASWAG
from edgeval.tasks.protocol import get
from edgeval.tasks.requests import Request
from tests.helpers.buffers import buffers
from tests.helpers.tiny_architectures import BUILDERS, write

RECURRENT = ("mamba", "mamba2", "rwkv6")


def _requests(path: Path, items: Path, count: int = 6) -> list[Request]:
    protocol = get("lm-eval")
    with llama.Tokenizer(path) as vocabulary:
        found = HELLASWAG.load(items).items(protocol.rendering)[:count]
        return [each for item in found for each in protocol.requests(item, vocabulary)]


def _mamba(tokens: npt.NDArray[np.int32], weights: dict[str, Any]) -> npt.NDArray[np.float64]:
    """Return the log-probabilities after each token: Mamba (arXiv 2312.00752), algorithm 2."""

    def norm(x: Any) -> Any:
        return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-5)

    def silu(x: Any) -> Any:
        return x / (1 + np.exp(-x))

    w = {name: values.astype(np.float64) for name, values in weights.items()}
    x = w["token_embd.weight"][tokens]
    for layer in range(2):
        own = {name[6:]: each for name, each in w.items() if name.startswith(f"blk.{layer}.")}
        inner, gate = np.split(norm(x) @ own["ssm_in.weight"].T, 2, axis=-1)
        width = own["ssm_conv1d.weight"].shape[1]
        padded = np.pad(inner, ((width - 1, 0), (0, 0)))
        convolved = sum(
            own["ssm_conv1d.weight"][:, at] * padded[at : at + len(x)] for at in range(width)
        )
        u = silu(convolved + own["ssm_conv1d.bias"])
        rank = own["ssm_dt.weight"].shape[1]
        delta, b, c = np.split(u @ own["ssm_x.weight"].T, [rank, rank + 16], axis=-1)
        delta = np.log1p(np.exp(delta @ own["ssm_dt.weight"].T + own["ssm_dt.bias"]))
        state, outputs = np.zeros_like(own["ssm_a"]), []
        for t in range(len(x)):
            decay = np.exp(delta[t][:, np.newaxis] * own["ssm_a"])
            state = decay * state + (delta[t] * u[t])[:, np.newaxis] * b[t]
            outputs.append(state @ c[t] + own["ssm_d"] * u[t])
        x = x + (np.array(outputs) * silu(gate)) @ own["ssm_out.weight"].T
    logits = norm(x) @ w["output.weight"].T
    logits -= logits.max(axis=-1, keepdims=True)
    found: npt.NDArray[np.float64] = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return found


def test_mamba_scores_what_its_paper_computes(
    tmp_path: Path, tiny_f32: Path, tiny_items: Path
) -> None:
    """An implementation of its own, in float64, one text after the other."""
    path = write(tmp_path / "mamba.gguf", "mamba", tiny_f32)
    _, weights = BUILDERS["mamba"](np.random.default_rng(1))
    requests = _requests(path, tiny_items)
    planned = plan(requests, 256, shares=False)
    found: dict[int, Any] = {}
    with llama.Model(path) as model:
        for batch in score_requests(model, planned, settings_for(planned, "F32", 2)):
            found |= batch
    for index, request in enumerate(requests):
        expected = _mamba(request.tokens[:-1], weights)
        rows = range(request.start - 1, len(request.tokens) - 1)
        theirs = expected[rows, request.tokens[request.start :]]
        np.testing.assert_allclose(found[index].logprobs, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", RECURRENT)
def test_a_recurrent_model_is_evaluated_and_its_ladder_too(
    name: str, tmp_path: Path, tiny_f32: Path, tiny_items: Path
) -> None:
    path = write(tmp_path / f"{name}.gguf", name, tiny_f32)
    options = Options(data=tiny_items, limit=10, kernels="plain", store=tmp_path / "a.db")
    first = evaluate([path], options).runs[0]
    smaller = evaluate([path], Options(data=tiny_items, limit=10, batch_tokens=64)).runs[0]
    assert smaller.metrics == first.metrics
    # Nothing is shared: what is decoded is all there is, and nothing is decoded twice.
    assert first.tokens_decoded == first.tokens_lower_bound == smaller.tokens_decoded
    record, _ = run(str(path), options, types=["F32", "Q8_0"], out=tmp_path / "made")
    assert [each.type for each in record.runs] == ["F32", "Q8_0"]
    assert record.runs[0].metrics == first.metrics
    assert record.drift[0].divergence is not None
    assert 0 < record.drift[0].mean_abs_logprob_change < 1


def test_a_recurrent_model_goes_on_where_it_was_interrupted(
    tmp_path: Path, tiny_f32: Path, tiny_items: Path
) -> None:
    path = write(tmp_path / "mamba.gguf", "mamba", tiny_f32)
    store = tmp_path / "a.db"
    evaluate([path], Options(data=tiny_items, limit=4, store=store))
    more = evaluate([path], Options(data=tiny_items, limit=10, store=store)).runs[0]
    fresh = evaluate([path], Options(data=tiny_items, limit=10)).runs[0]
    assert more.metrics == fresh.metrics
    assert [run.n_items for run in list_runs(store)] == [10]


@pytest.mark.parametrize("name", RECURRENT)
def test_the_estimate_is_what_its_states_take(name: str, tmp_path: Path, tiny_f32: Path) -> None:
    path = write(tmp_path / f"{name}.gguf", name, tiny_f32)
    settings = SessionSettings(512, 256, 24, 1, "f32", False)
    with llama.Tokenizer(path) as vocabulary, llama.Model(path) as model:
        need, found = memory.estimate(vocabulary.info, settings), buffers(model, settings)
    # llama.cpp prints hundredths of a MiB.
    assert need.cache == pytest.approx(found["RS"], abs=2**20 / 100)
    assert need.compute == pytest.approx(found["compute"], rel=0.35)


@pytest.mark.parametrize("name", ["lfm2", "jamba"])
def test_the_estimate_of_a_hybrid_is_what_its_layers_take(
    name: str, tmp_path: Path, tiny_f32: Path
) -> None:
    path = write(tmp_path / f"{name}.gguf", name, tiny_f32)
    settings = SessionSettings(512, 256, 24, 1, "f16", True)
    with llama.Tokenizer(path) as vocabulary, llama.Model(path) as model:
        need, found = memory.estimate(vocabulary.info, settings), buffers(model, settings)
    assert need.cache == pytest.approx(found["RS"] + found["KV"], abs=2**20 / 50)


def test_which_models_share_no_prefix_is_asked_of_llama_cpp(tmp_path: Path, tiny_f32: Path) -> None:
    found = {}
    with running() as engine:
        for name in (*RECURRENT, "lfm2", "jamba", "llama"):
            path = write(tmp_path / f"{name}.gguf", name, tiny_f32)
            found[name] = engine.info(path).is_recurrent
    assert found == {name: name in RECURRENT for name in found}
