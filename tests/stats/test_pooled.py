"""Pooled comparison: values by hand, and how often its intervals hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgeval.stats.mcnemar import holm, mcnemar
from edgeval.stats.pooled import Part, weighted_sum
from edgeval.stats.split_difference import bounds
from tests.helpers.suites import FLIPS, TASKS, example_suite, row_claims


def test_a_sum_adds_squares_of_distances_or_the_ends() -> None:
    parts = [Part(0.5, 1.0, 0.0, 4.0), Part(0.5, 3.0, 1.0, 3.0)]
    value, low, high = weighted_sum(parts)
    assert value == 2.0
    assert low == pytest.approx(2.0 - math.hypot(0.5, 1.0))
    assert high == pytest.approx(2.0 + 1.5)
    assert weighted_sum(parts, adds_ends=True) == (2.0, 0.5, 3.5)


def test_whole_splits_are_counted() -> None:
    suite = example_suite()
    n_all = sum(n for n, _ in TASKS.values())
    for drift in suite.pooled:
        lost, gained = (len(TASKS) * each for each in FLIPS[drift.label])
        assert (drift.right_to_wrong, drift.wrong_to_right) == (lost, gained)
        assert drift.n_items == n_all
        points = drift.by_items.difference_points
        assert points == pytest.approx(100 * (gained - lost) / n_all)
        assert drift.by_items.split.low == pytest.approx(points)
        assert drift.by_items.split.high == pytest.approx(points)
        mean = sum(100 * (gained - lost) / 3 / n for n, _ in TASKS.values()) / len(TASKS)
        assert drift.by_tasks.difference_points == pytest.approx(mean)
    of_f16 = next(each for each in suite.averages if each.label == "F16")
    expected = sum(correct / n for n, correct in TASKS.values()) / len(TASKS)
    assert of_f16.value == pytest.approx(expected)
    assert of_f16.split_interval.low == pytest.approx(of_f16.split_interval.high)


def test_holm_is_over_all_that_is_tested() -> None:
    suite = example_suite()
    p_values = [drift.mcnemar_p for report in suite.reports for drift in report.drift]
    p_values += [drift.mcnemar_p for drift in suite.pooled]
    told = [drift.mcnemar_p_holm for report in suite.reports for drift in report.drift]
    told += [drift.mcnemar_p_holm for drift in suite.pooled]
    assert len(p_values) == 2 * 3 + 2
    assert told == holm([p for p in p_values if p is not None])
    assert p_values[-1] == mcnemar(3 * 40, 3 * 120)


def test_slices_share_the_error_among_tasks() -> None:
    suite = example_suite(400)
    for report in suite.reports:
        assert report.n_together == 5
        for drift in report.drift:
            if drift.n_items < report.data.n_total:
                assert drift.split.n_compared == 2 * 5
                error = 0.025 / 10
                low, high = bounds(
                    drift.wrong_to_right,
                    drift.right_to_wrong,
                    drift.n_items,
                    report.data.n_total,
                    error,
                )
                interval, size = drift.split.interval_points, report.data.n_total
                assert interval.low >= 100 * low / size - 1e-9
                assert interval.high <= 100 * high / size + 1e-9
    for pooled in suite.pooled:
        split = pooled.by_items.split
        assert split.low < pooled.by_items.difference_points < split.high


def test_an_average_is_judged_where_its_whole_row_is() -> None:
    suite = example_suite()
    (claim,), (verdict,) = suite.average_claims, suite.average_verdicts
    assert (claim.value, claim.n_items) == (51.44, sum(n for n, _ in TASKS.values()))
    assert verdict.protocol_match == "exact"
    mean = 100 * sum(correct / n for n, correct in TASKS.values()) / len(TASKS)
    assert verdict.status == ("reproduced" if abs(mean - 51.44) <= 1 else "not_reproduced")
    assert example_suite(claims=row_claims(60.0)).average_verdicts[0].status == "not_reproduced"
    (short,) = [example_suite(claims=row_claims()[:1])]
    assert short.average_claims == []
    # Another split: no more than a proxy, or another measurement.
    changed = [each.model_copy(update={"shots": 5}) for each in row_claims()]
    assert example_suite(claims=changed).average_verdicts[0].status == "inconclusive"


@pytest.mark.parametrize("weights", ["items", "tasks"])
def test_the_interval_of_samples_holds_the_truth(weights: str) -> None:
    """Of 400 draws of three tasks, hardly any interval misses a truth that all items tell."""
    rng = np.random.default_rng(0)
    sizes, shares = (500, 2000, 1200), ((0.10, 0.04), (0.05, 0.05), (0.20, 0.02))
    splits = []
    for size, (lost, gained) in zip(sizes, shares, strict=True):
        split = np.zeros(size, np.int8)
        split[: int(size * lost)] = -1
        split[int(size * lost) : int(size * (lost + gained))] = 1
        splits.append(split)
    of_items = [size / sum(sizes) for size in sizes]
    weight = of_items if weights == "items" else [1 / 3] * 3
    truth = sum(each * 100 * split.mean() for each, split in zip(weight, splits, strict=True))
    missed = 0
    for _ in range(400):
        parts = []
        for each, split in zip(weight, splits, strict=True):
            drawn = rng.choice(split, 200, replace=False)
            gained, lost = int((drawn == 1).sum()), int((drawn == -1).sum())
            low, high = (
                100 * end / len(split) for end in bounds(gained, lost, 200, len(split), 0.025)
            )
            parts.append(Part(each, 100 * (gained - lost) / 200, low, high))
        _, low, high = weighted_sum(parts)
        missed += not low <= truth <= high
    # Of 400 with 5 % each, 34 are as many as one run in a thousand has.
    assert missed <= 34
