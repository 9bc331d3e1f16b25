"""Each task asks what lm-evaluation-harness asks, hears the same, and counts it the same.

The golden values were made by scripts/golden/task_scores.py with lm-evaluation-harness 0.4.13 (hf,
float32, CPU): its own tasks over the items of tests/data/tasks, with and without BOS.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgeval.checkpoints.cards import cards_folder
from edgeval.checkpoints.convert.convert import convert
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.gguf.contents import sha256_of
from edgeval.tasks import registry
from edgeval.tasks.item import Item
from tests.helpers.paths import GOLDEN, TASK_ITEMS

RECORDED = json.loads((GOLDEN / "demo_task_scores.json").read_text(encoding="utf-8"))
CASES = [(name, int(shots)) for name, found in RECORDED["tasks"].items() for shots in found]
HARNESS_METRICS = {"acc", "acc_norm"}


@pytest.fixture(scope="module")
def demo_f32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(
        cards_folder() / "demo", tmp_path_factory.mktemp("demo") / "demo-F32.gguf", "f32"
    )


def prepared(name: str, shots: int, protocol: str | None = None) -> EvalSetup:
    return prepare(
        Options(
            TASK_ITEMS / f"{name}.jsonl",
            protocol,
            order="file",
            shots=shots,
            shots_data=TASK_ITEMS / f"{name}.shots.jsonl" if shots else None,
            task=name,
        )
    )


def asked(item: Item) -> list[list[str]]:
    return [[context, f"{item.delimiter}{choice}"] for context, choice in item.pairs]


def digests(items: Iterator[Item]) -> list[str]:
    return [hashlib.sha256(json.dumps(asked(item)).encode()).hexdigest() for item in items]


def test_every_task_was_recorded_of_this_checkpoint() -> None:
    assert RECORDED["tasks"].keys() == registry.TASKS.keys()
    weights = cards_folder() / "demo" / "model.safetensors"
    assert RECORDED["checkpoint_sha256"] == {"model.safetensors": sha256_of(weights)}


@pytest.mark.parametrize(("name", "shots"), CASES)
def test_what_is_asked_is_what_the_harness_asks(name: str, shots: int) -> None:
    recorded = RECORDED["tasks"][name][str(shots)]
    items = prepared(name, shots).items
    assert asked(items[0]) == recorded["first_asked"]
    assert len(items) == 40
    assert digests(iter(items)) == recorded["asked_sha256"]


@pytest.mark.parametrize("protocol", ["lm-eval", "lm-eval-bos"])
@pytest.mark.parametrize(("name", "shots"), CASES)
def test_choices_and_metrics_are_those_of_the_harness(
    name: str, shots: int, protocol: str, demo_f32: Path
) -> None:
    """Each choice within a thousandth nat, and every metric to the last digit."""
    recorded = RECORDED["tasks"][name][str(shots)][protocol]
    found = evaluate_file(demo_f32, prepared(name, shots, protocol))
    scores = list(found.scores.values())
    assert len(scores) == len(recorded["logprobs"])
    for score, expected in zip(scores, recorded["logprobs"], strict=True):
        np.testing.assert_allclose(score.logprobs, expected, atol=1e-3, rtol=0)
    ours = {metric: one.value for metric, one in found.run.metrics.items()}
    assert tuple(ours) == registry.task(name).metrics
    assert ours.keys() & HARNESS_METRICS == recorded["metrics"].keys()
    for metric, value in recorded["metrics"].items():
        # The harness divides sums of floats, by subject where there are some.
        assert ours[metric] == pytest.approx(value, abs=1e-12)
