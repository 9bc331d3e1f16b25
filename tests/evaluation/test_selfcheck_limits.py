"""Limits of self-checks: what sound GPUs differ by, and what broken ones would."""

from __future__ import annotations

import json
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from edgeval import llama
from edgeval.evaluation import closeness
from edgeval.records import SelfCheck
from edgeval.tasks.item import Item, ItemScore
from tests.helpers.fakes import make_device
from tests.helpers.paths import GOLDEN

pytestmark = pytest.mark.usefixtures("plain_kernels")

DEVICE = make_device("cuda")


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        llama, "choose_devices", lambda backend, _: () if backend == "cpu" else (DEVICE,)
    )


# What sound GPUs differ by, and what broken ones would


def recorded(model: str) -> dict[str, dict[str, list[ItemScore]]]:
    """Return what a CPU and an NVIDIA H200 said of 24 items with each type of a ladder."""
    path = GOLDEN / "self_checks_h200.json"
    found = json.loads(path.read_text(encoding="utf-8"))[model]
    items = [
        Item(str(n), "group", ("c",), tuple("x" * size for size in each["n_chars"]), each["gold"])
        for n, each in enumerate(found["items"])
    ]
    n_tokens = [tuple(each["n_tokens"]) for each in found["items"]]
    return {
        name: {
            where: [
                ItemScore(item, tuple(values), n, tuple(values), (False,) * len(n))
                for item, n, values in zip(items, n_tokens, logprobs, strict=True)
            ]
            for where, logprobs in both.items()
        }
        for name, both in found["logprobs"].items()
    }


def judged(
    file_type: str,
    ours: list[ItemScore],
    theirs: list[ItemScore],
    reference: list[ItemScore] | None,
) -> SelfCheck:
    own = None if reference is None else closeness.token_change(theirs, reference)
    found = closeness.shift(ours, theirs, "acc_norm")
    assert found is not None
    return SelfCheck(
        n_items=len(ours),
        n_same_picks=len(ours),
        max_logprob_change=0,
        mean_logprob_change=0,
        token_change=closeness.token_change(ours, theirs),
        own_change=own,
        bar=closeness.bar(file_type, own),
        shift_points=found[0],
        shift_bar_points=found[1],
        speedup=1,
    )


QUANTIZED = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")


@pytest.mark.parametrize("model", ["demo", "smol"])
@pytest.mark.parametrize("file_type", ["F16", *QUANTIZED])
def test_a_sound_gpu_passes_with_room(model: str, file_type: str) -> None:
    scores = recorded(model)
    quantized = file_type in QUANTIZED
    found = judged(
        file_type,
        scores[file_type]["cuda"],
        scores[file_type]["cpu"],
        scores["F16"]["cpu"] if quantized else None,
    )
    assert found.has_passed
    assert found.token_change < 0.75 * found.bar
    assert found.shift_points is not None and found.shift_bar_points is not None
    assert abs(found.shift_points) < found.shift_bar_points - 0.05


@pytest.mark.parametrize("file_type", QUANTIZED)
def test_no_limit_is_as_wide_as_the_drift_of_what_is_stated(file_type: str) -> None:
    scores = recorded("demo")
    reference = scores["F16"]["cpu"]
    changes = {name: closeness.token_change(scores[name]["cpu"], reference) for name in QUANTIZED}
    limit = closeness.bar(file_type, changes[file_type])
    # Those whose difference in accuracy is beyond the margin, on all items.
    assert limit < 0.6 * changes["Q3_K_M"]
    assert limit < 0.3 * changes["Q2_K"]
    # What no type could be held to before was above all of them.
    assert closeness.bar("Q2_K", None) > changes["Q2_K"]


@pytest.mark.parametrize("model", ["demo", "smol"])
@pytest.mark.parametrize(
    ("file_type", "rougher"),
    [("Q8_0", "Q4_0"), ("Q6_K", "Q4_0"), ("Q4_K_M", "Q4_0"), ("Q3_K_M", "Q2_K")],
)
def test_a_gpu_that_computes_as_roughly_as_a_smaller_type_fails(
    model: str, file_type: str, rougher: str
) -> None:
    scores = recorded(model)
    theirs, reference = scores[file_type]["cpu"], scores["F16"]["cpu"]
    found = judged(file_type, scores[rougher]["cpu"], theirs, reference)
    assert not found.has_passed
    assert found.token_change > 1.3 * found.bar
    assert "nats a token from the CPU's on average" in closeness.too_far(found)


@pytest.mark.parametrize("points", [0.5, -3.0])
def test_a_shift_that_all_items_share_is_seen_where_its_size_is_allowed(points: float) -> None:
    """Leads that move by so much move as many points of accuracy as are said."""
    scores = recorded("demo")["F16"]
    theirs = scores["cpu"]

    def moved(by: float) -> list[ItemScore]:
        return [
            replace(
                score,
                logprobs=tuple(
                    value + by * size * (at == score.item.gold)
                    for at, (value, size) in enumerate(
                        zip(score.logprobs, score.n_chars, strict=True)
                    )
                ),
            )
            for score in scores["cuda"]
        ]

    unit = closeness.shift(moved(1e-4), theirs, "acc_norm")
    sound = closeness.shift(scores["cuda"], theirs, "acc_norm")
    assert unit is not None and sound is not None
    by = 1e-4 * points / (unit[0] - sound[0])
    found = judged("F16", moved(by), theirs, None)
    assert found.shift_points == pytest.approx(sound[0] + points)
    assert found.token_change < found.bar
    assert not found.has_passed
    assert "leads are shifted as by" in closeness.too_far(found)


def test_a_shift_is_the_drift_that_it_makes() -> None:
    """Many leads around zero, each moved by as much: as many items turn as are foreseen."""
    item = Item("0", "group", ("c",), ("x", "x"), 0)
    normal = NormalDist(0.5, 1)
    leads, change = np.array([normal.inv_cdf((n + 0.5) / 4000) for n in range(4000)]), -0.05

    def scored(values: Any) -> list[ItemScore]:
        return [ItemScore(item, (v, 0.0), (1, 1), (v, 0.0), (False,) * 2) for v in values]

    found = closeness.shift(scored(leads + change), scored(leads), "acc")
    assert found is not None
    turned = 100 * (np.mean(leads + change > 0) - np.mean(leads > 0))
    assert found[0] == pytest.approx(turned, rel=0.1)
    assert found[1] == pytest.approx(closeness.SHIFT_POINTS)
    assert closeness.shift(scored(leads[:7]), scored(leads[:7]), "acc") is None


@pytest.mark.parametrize(
    ("file_type", "own_change", "expected"),
    [
        ("F32", None, 0.005),
        ("F16", 0.3, 0.015),
        ("BF16", None, 0.015),
        ("Q8_0", 0.01, 0.02),
        ("Q8_0", 0.0001, 0.005),
        ("Q6_K", 0.01, 0.02),
        ("Q5_1", 0.01, 0.008),
        ("Q5_K_S", 0.01, 0.016),
        ("Q4_0", 0.1, 0.04),
        ("IQ4_XS", 0.1, 0.08),
        ("Q3_K_S", 0.1, 0.04),
        ("IQ2_XXS", 0.1, 0.02),
        ("TQ1_0", 0.1, 0.01),
        ("Q4_0", None, 0.08),
        ("Q4_K_M", None, 0.25),
        ("unknown", 0.1, 0.25),
    ],
)
def test_limits_are_a_share_of_what_quantization_does(
    file_type: str, own_change: float | None, expected: float
) -> None:
    assert closeness.bar(file_type, own_change) == pytest.approx(expected)
