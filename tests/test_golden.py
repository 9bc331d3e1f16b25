"""The demo checkpoint's log-probabilities are those of lm-evaluation-harness, choice by choice.

The golden values were made by scripts/measure_demo_claim.py (lm-evaluation-harness 0.4.13, hf,
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

GOLDEN = json.loads(
    (Path(__file__).parent / "golden" / "demo_lm_eval.json").read_text(encoding="utf-8")
)
POLICIES = ("lm-eval", "lm-eval-bos")


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
    assert GOLDEN["checkpoint_sha256"] == {"model.safetensors": sha256_of(weights)}


@pytest.mark.parametrize("protocol", POLICIES)
def test_every_choice_is_within_a_thousandth_nat(protocol: str, demo_f32: Path) -> None:
    scores = _scores(demo_f32, protocol, 200)
    assert [int(score.item.id) for score in scores] == GOLDEN["items"]
    expected = np.array(GOLDEN["logprobs"][protocol])
    np.testing.assert_allclose([score.logprobs for score in scores], expected, atol=1e-3, rtol=0)
    ours = [metrics.picks(score)["acc"] for score in scores]
    assert ours == expected.argmax(axis=1).tolist()


@pytest.mark.parametrize("protocol", POLICIES)
def test_accuracies_of_the_whole_split_are_equal(protocol: str, demo_f32: Path) -> None:
    found = metrics.metrics_of(_scores(demo_f32, protocol, None), 1000)
    for name, value in GOLDEN["whole_split"][protocol].items():
        assert found[name].value == pytest.approx(value, abs=1e-12)
