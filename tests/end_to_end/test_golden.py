"""The demo checkpoint's log-probabilities are those of lm-evaluation-harness, choice by choice.

The golden values were made by scripts/demo/claim.py (lm-evaluation-harness 0.4.13, hf,
float32, CPU, transformers 5.23.0) on the first 200 held-out items, with and without BOS.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgeval.checkpoints.cards import cards_folder
from edgeval.checkpoints.convert.convert import convert
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.gguf.contents import sha256_of
from edgeval.stats import metrics
from edgeval.tasks.item import ItemScore
from tests.helpers.paths import GOLDEN

RECORDED = json.loads((GOLDEN / "demo_lm_eval.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def demo_f32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("demo") / "demo-F32.gguf"
    return convert(cards_folder() / "demo", target, "f32")


def _scores(gguf: Path, protocol: str, limit: int | None) -> list[ItemScore]:
    items = cards_folder() / "demo" / "items.jsonl"
    setup = prepare(Options(items, protocol, limit, order="file"))
    return list(evaluate_file(gguf, setup).scores.values())


def test_the_golden_values_are_of_this_checkpoint() -> None:
    weights = cards_folder() / "demo" / "model.safetensors"
    assert RECORDED["checkpoint_sha256"] == {"model.safetensors": sha256_of(weights)}


@pytest.mark.parametrize(
    ("protocol", "limit"),
    [
        ("lm-eval", None),
        ("lm-eval-bos", 200),
        pytest.param("lm-eval-bos", None, marks=pytest.mark.slow),
    ],
)
def test_choices_and_accuracies_are_those_of_the_harness(
    protocol: str, limit: int | None, demo_f32: Path
) -> None:
    """Each choice of 200 items within a thousandth nat, and the accuracies of the whole split."""
    scores = _scores(demo_f32, protocol, limit)
    first = scores[:200]
    assert [int(score.item.id) for score in first] == RECORDED["items"]
    expected = np.array(RECORDED["logprobs"][protocol])
    np.testing.assert_allclose([score.logprobs for score in first], expected, atol=1e-3, rtol=0)
    ours = [metrics.pick(score, "acc") for score in first]
    assert ours == expected.argmax(axis=1).tolist()
    if limit is None:
        found = metrics.metrics_of(scores, 1000, metrics.METRICS)
        for name, value in RECORDED["whole_split"][protocol].items():
            assert found[name].value == pytest.approx(value, abs=1e-12)
