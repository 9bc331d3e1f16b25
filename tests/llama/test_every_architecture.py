from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval import llama
from edgeval.gguf.architectures import ALL_ROWS, PREDICTING
from edgeval.scoring.plan import Plan, plan
from edgeval.scoring.score import score_requests, settings_for
from edgeval.system.engine_version import binding_version
from edgeval.tasks.hellaswag import HELLASWAG
from edgeval.tasks.protocol import get
from edgeval.tasks.requests import Request
from tests.helpers.paths import GOLDEN
from tests.helpers.tiny_architectures import BUILDERS, write_spec

RECORDED = json.loads((GOLDEN / "tiny_architectures.json").read_text(encoding="utf-8"))
SPECS: dict[str, Any] = RECORDED["architectures"]

pytestmark = pytest.mark.skipif(
    binding_version() != RECORDED["version"], reason="another llama.cpp may want other tensors"
)


def test_most_architectures_are_looked_at() -> None:
    """Of the rest, llama.cpp wants what is not guessed: see the script that records these."""
    known = SPECS.keys() | (BUILDERS.keys() & PREDICTING)
    assert len(known) >= 85 and known <= PREDICTING


@pytest.mark.parametrize("name", SPECS)
def test_every_choice_scores_as_when_it_is_decoded_alone(
    name: str, tmp_path: Path, tiny_f32: Path, tiny_items: Path
) -> None:
    """Whatever an architecture keeps of the tokens before, sequences share it rightly."""
    spec = SPECS[name]
    path = write_spec(tmp_path / "a.gguf", name, tiny_f32, spec["keys"], spec["shapes"])
    protocol = get("lm-eval")
    items = HELLASWAG.load(tiny_items).items(protocol.rendering)[:2]
    with llama.Tokenizer(path) as vocabulary:
        requests = [each for item in items for each in protocol.requests(item, vocabulary)]
        shares = not vocabulary.info.is_recurrent
    with llama.Model(path) as model:
        together = _logprobs(model, requests, shares)
        alone = [_logprobs(model, [each], shares)[0] for each in requests]
    for ours, theirs in zip(together, alone, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3)
    assert np.ptp([each.sum() for each in alone]) > 0.1


@pytest.mark.parametrize("name", SPECS)
def test_what_stays_in_the_cache_scores_as_when_it_is_decoded_again(
    name: str, tmp_path: Path, tiny_f32: Path
) -> None:
    spec = SPECS[name]
    path = write_spec(tmp_path / "a.gguf", name, tiny_f32, spec["keys"], spec["shapes"])
    with llama.Tokenizer(path) as vocabulary:
        info = vocabulary.info
    random = np.random.default_rng(1)
    # Longer than a batch, and than the windows of those that have them.
    first = random.integers(5, 90, 110)
    requests = [
        Request(np.append(first, random.integers(5, 90, 8)).astype(np.int32), 114)
        for _ in range(12)
    ]
    shares, keeps = not info.is_recurrent, not info.is_hybrid
    planned = plan(requests, 48, shares=shares, keeps=keeps)
    assert planned.n_batches > 1 or not shares
    assert planned.max_trunk == (110 if shares and keeps else 0)
    with llama.Model(path) as model:
        kept = _scored(model, planned)
        alone = [_logprobs(model, [each], shares)[0] for each in requests]
    for ours, theirs in zip(kept, alone, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ALL_ROWS)
def test_one_that_has_all_rows_would_give_others(
    name: str, tmp_path: Path, tiny_f32: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp hands out the logits of the first tokens, whichever were asked for."""
    spec = SPECS[name]
    path = write_spec(tmp_path / "a.gguf", name, tiny_f32, spec["keys"], spec["shapes"])
    request = [Request(np.array([1, 5, 9, 13, 7, 30, 31], np.int32), 5)]
    with llama.Model(path) as model:
        (right,) = _logprobs(model, request, True)
        (every,) = _logprobs(model, [Request(request[0].tokens, 1)], True)
        monkeypatch.setattr(model, "selects_rows", True)
        (wrong,) = _logprobs(model, request, True)
    np.testing.assert_allclose(right, every[4:], rtol=0, atol=1e-4)
    assert abs(wrong - right).max() > 0.1


def _logprobs(model: llama.Model, requests: list[Request], shares: bool) -> list[Any]:
    return _scored(model, plan(requests, 256, shares=shares))


def _scored(model: llama.Model, planned: Plan) -> list[Any]:
    found: dict[int, Any] = {}
    for batch in score_requests(model, planned, settings_for(planned, "F32", 1, 64)):
        found |= batch
    return [found[index].logprobs for index in sorted(found)]
