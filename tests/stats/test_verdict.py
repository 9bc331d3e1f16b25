"""Verdicts: a status for each measurement, and how sure it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import betabinom, hypergeom

from edgeval.records import Claim, Interval, ModelRun, ProtocolInfo, Stopping, VerdictStatus
from edgeval.stats.metrics import metric
from edgeval.stats.verdict import confidence, judge, status
from tests.helpers.claims import CLAIM, N_SPLIT, judgement, make_data, make_protocol, make_run


def claiming(value: float) -> Claim:
    return CLAIM.model_copy(update={"value": value})


# Statuses, each from a measurement


@pytest.mark.parametrize(
    ("correct", "expected"),
    [
        (5945, "reproduced"),  # 59.20
        (5845, "reproduced"),  # 58.206
        (6045, "reproduced"),  # 60.197
        (5844, "not_reproduced"),  # 58.196
        (6046, "not_reproduced"),  # 60.207
    ],
)
def test_the_whole_split_in_full_precision_decides(correct: int, expected: VerdictStatus) -> None:
    found = judgement(make_run(correct))
    assert (found.status, found.protocol_match) == (expected, "exact")
    assert found.score == correct / N_SPLIT
    assert found.confidence is None


@pytest.mark.parametrize(
    ("correct", "total", "expected"),
    [
        (60, 100, "inconclusive"),  # About +- 9.5 points: far wider than the tolerance.
        (1, 1, "inconclusive"),
        (40, 100, "inconclusive"),  # 30.9 to 50: outside, but a slice does not refute.
        (0, 100, "inconclusive"),
        (5369, 9000, "partial"),  # +- 0.4 points: within, though 59.2 itself is out.
        (5328, 9000, "partial"),
        (5000, 9000, "inconclusive"),
    ],
)
def test_a_slice_agrees_or_says_nothing(correct: int, total: int, expected: VerdictStatus) -> None:
    found = judgement(make_run(correct, total), make_data(total))
    assert (found.status, found.protocol_match) == (expected, "proxy")
    assert found.score == correct / total
    assert (found.confidence is not None) == (expected == "partial")


def test_quantized_weights_agree_at_most_partially_and_refute_nothing() -> None:
    assert judgement(make_run(5945, type_="Q8_0")).status == "partial"
    assert judgement(make_run(5000, type_="Q2_K")).status == "inconclusive"
    assert judgement(make_run(0, type_="Q2_K")).status == "inconclusive"


def test_another_metric_is_inconclusive_whatever_was_measured() -> None:
    run = make_run(5945, metric_name="acc_token")
    protocol = ProtocolInfo(name="llama.cpp", version=1, metric="acc_token")
    found = judgement(run, protocol=protocol)
    assert (found.status, found.protocol_match) == ("inconclusive", "mismatch")
    assert found.score == 5945 / N_SPLIT


@pytest.mark.parametrize("order", ["random", "simple", "file"])
@pytest.mark.parametrize("n_total", [500, 10041, 10043, 20000])
def test_a_file_of_another_size_says_nothing_of_the_claims_items(n_total: int, order: str) -> None:
    # Who chose its items, and how, nobody knows: 59.2 % of them are right here, and all scored.
    correct = n_total * 592 // 1000
    data = make_data(n_total, n_total, name="items.jsonl", fingerprint="b" * 64, order=order)
    found = judgement(make_run(correct, n_total, n_total), data)
    assert (found.protocol_match, found.status) == ("proxy", "inconclusive")
    assert found.confidence is None


@pytest.mark.parametrize(("n_items", "expected"), [(9000, "inconclusive"), (N_SPLIT, "reproduced")])
def test_the_first_items_of_a_file_are_no_sample(n_items: int, expected: VerdictStatus) -> None:
    run = make_run(n_items * 592 // 1000, n_items)
    assert judgement(run, make_data(n_items)).status == expected.replace("inconclusive", "partial")
    assert judgement(run, make_data(n_items, order="file")).status == expected


# Evaluations that stopped early


def stopped_early(ends: tuple[float, float], *, population: int = N_SPLIT) -> ModelRun:
    """Return a run of 300 items, 59 % of them right, with an interval that is not Wilson's."""
    run = make_run(177, 300, population)
    interval = Interval(low=ends[0], high=ends[1], level=0.95)
    found = run.metrics["acc_norm"].model_copy(
        update={"interval": None, "split_interval": interval}
    )
    stopping = Stopping(points=1.0, is_decided=True, design="random order", n_items=300)
    return run.model_copy(update={"metrics": {"acc_norm": found}, "stopping": stopping})


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((0.585, 0.600), "partial"),
        ((0.592, 0.640), "inconclusive"),
        ((0.595, 0.640), "inconclusive"),
        ((0.603, 0.640), "inconclusive"),
    ],
)
def test_what_stopped_early_is_judged_by_its_own_interval(
    ends: tuple[float, float], expected: VerdictStatus
) -> None:
    run, data = stopped_early(ends), make_data(300, order="simple")
    found = judge(CLAIM, run, data, make_protocol())
    assert found.status == expected
    assert found.measured == run.metrics["acc_norm"]
    assert found.match.differences == ("a slice: 300 of 10,042 items",)
    assert found.confidence is None  # How many items there would be was not fixed.


def test_what_stopped_early_on_a_part_of_the_claims_items_decides_nothing() -> None:
    run = stopped_early((0.603, 0.640), population=500)
    found = judge(CLAIM, run, make_data(300, 500, order="simple"), make_protocol())
    assert (found.match.kind, found.status) == ("proxy", "inconclusive")
    assert found.match.differences == ("a slice: 300 of 10,042 items",)
    assert not found.is_sample


# The tolerance


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("claim_hundredths", range(207, 9800, 301))
def test_exactly_one_point_away_is_within_the_tolerance(
    claim_hundredths: int, direction: int
) -> None:
    measured = metric(claim_hundredths + 100 * direction, 10_000, 10_000)
    assert status(claiming(claim_hundredths / 100), measured, "exact") == "reproduced"
    assert confidence(claiming(claim_hundredths / 100), measured, 10_000) == 1


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("claim_hundredths", range(207, 9800, 301))
def test_a_hundredth_more_than_one_point_away_is_not(claim_hundredths: int, direction: int) -> None:
    measured = metric(claim_hundredths + 101 * direction, 10_000, 10_000)
    assert status(claiming(claim_hundredths / 100), measured, "exact") == "not_reproduced"
    assert confidence(claiming(claim_hundredths / 100), measured, 10_000) == 0


@pytest.mark.parametrize(
    ("low", "high", "exact", "proxy"),
    [
        (58.5, 59.9, "reproduced", "partial"),
        (58.0, 59.5, "inconclusive", "inconclusive"),  # holds the claim, leaves the tolerance
        (59.5, 60.1, "reproduced", "partial"),  # within the tolerance, without the claim
        (59.5, 60.5, "inconclusive", "inconclusive"),
        (60.3, 61.0, "not_reproduced", "inconclusive"),
        (57.0, 58.1, "not_reproduced", "inconclusive"),
    ],
)
def test_status_by_interval(
    low: float, high: float, exact: VerdictStatus, proxy: VerdictStatus
) -> None:
    measured = metric(1, 2, 3)
    interval = measured.interval.model_copy(update={"low": low / 100, "high": high / 100})
    measured = measured.model_copy(update={"split_interval": interval})
    assert status(CLAIM, measured, "exact") == exact
    assert status(CLAIM, measured, "proxy") == proxy
    for kind in ("exact", "proxy", "mismatch"):
        assert status(CLAIM, measured, kind, is_sample=False) == "inconclusive"
    assert status(CLAIM, measured, "mismatch") == "inconclusive"


@pytest.mark.parametrize(
    ("tolerance", "expected"),
    [(0.5, "not_reproduced"), (0.79, "not_reproduced"), (0.8, "reproduced"), (2.0, "reproduced")],
)
def test_a_claim_has_its_own_tolerance(tolerance: float, expected: VerdictStatus) -> None:
    claim = Claim(**(CLAIM.model_dump() | {"tolerance_points": tolerance}))
    measured = metric(600, 1000, 1000)
    assert status(claim, measured, "exact") == expected
    assert confidence(claim, measured, 1000) == (expected == "reproduced")


# Confidence


@pytest.mark.parametrize(
    ("correct", "total", "population", "value", "tolerance"),
    [(3, 5, 20, 50.0, 10.0), (0, 4, 30, 3.0, 3.0), (7, 7, 25, 99.0, 5.0), (11, 40, 100, 30.0, 4.0)],
)
def test_confidence_by_whole_numbers(
    correct: int, total: int, population: int, value: float, tolerance: float
) -> None:
    # Each number of right items has the weight of the ways to draw what was drawn.
    weights = [
        math.comb(right, correct) * math.comb(population - right, total - correct)
        for right in range(population + 1)
    ]
    within = [
        abs(100 * right - value * population) <= tolerance * population
        for right in range(population + 1)
    ]
    expected = sum(w for w, is_in in zip(weights, within, strict=True) if is_in) / sum(weights)
    claim = CLAIM.model_copy(update={"value": value, "tolerance_points": tolerance})
    found = confidence(claim, metric(correct, total, population), population)
    assert found == pytest.approx(expected, rel=1e-9)


def test_confidence_is_scipys() -> None:
    least, most = math.ceil(0.582 * N_SPLIT), math.floor(0.602 * N_SPLIT)
    unseen = betabinom(N_SPLIT - 1000, 596, 406)
    expected = unseen.cdf(most - 595) - unseen.cdf(least - 1 - 595)
    found = confidence(CLAIM, metric(595, 1000, N_SPLIT), N_SPLIT)
    assert found == pytest.approx(expected, abs=1e-9)


def test_confidence_grows_with_the_slice() -> None:
    sizes = (100, 1000, 5000, 10000)
    found = [confidence(CLAIM, metric(n * 592 // 1000, n, N_SPLIT), N_SPLIT) for n in sizes]
    assert found == sorted(found)
    assert found[0] < 0.2
    assert found[-1] > 0.999


@pytest.mark.parametrize("correct", [0, 10])
def test_confidence_of_extreme_proportions_is_a_probability(correct: int) -> None:
    assert 0 <= confidence(CLAIM, metric(correct, 10, N_SPLIT), N_SPLIT) < 0.01


SLICES = [(20, 276), (100, 276), (250, 276), (400, 1000), (900, 1000)]


@pytest.mark.parametrize(("total", "population"), SLICES)
def test_confidence_is_calibrated(total: int, population: int) -> None:
    # Over all splits and all samples of them: where partial is said with so much confidence, it is
    # right so often, whatever the confidence is.
    claim = CLAIM.model_copy(update={"n_items": population, "tolerance_points": 6.0})
    data = make_data(total, population)
    right = np.arange(population + 1)
    is_right = np.abs(100 * right / population - claim.value) <= claim.tolerance_points
    n_partial = 0
    for correct in range(total + 1):
        found = judge(claim, make_run(correct, total, population), data, make_protocol())
        if found.status == "partial":
            n_partial += 1
            chance = hypergeom.pmf(correct, population, right, total)
            assert found.confidence is not None
            assert found.confidence == pytest.approx(chance[is_right].sum() / chance.sum())
            assert found.confidence > 0.9
    assert n_partial > 0 or total < 150


@pytest.mark.parametrize("tolerance", [1.0, 6.0])
@pytest.mark.parametrize(("total", "population"), [*SLICES, (1, 276), (275, 276), (6000, N_SPLIT)])
def test_a_wrong_value_is_seldom_partial(total: int, population: int, tolerance: float) -> None:
    # Whatever the truth outside the tolerance is, in at most 2.5 % of all slices.
    claim = CLAIM.model_copy(update={"n_items": population, "tolerance_points": tolerance})
    data, protocol = make_data(total, population), make_protocol()
    near = [c for c in range(total + 1) if abs(100 * c / total - claim.value) <= tolerance]
    partial = [
        correct
        for correct in near
        if judge(claim, make_run(correct, total, population), data, protocol).status == "partial"
    ]
    right = np.arange(population + 1)
    wrong = right[np.abs(100 * right / population - claim.value) > tolerance + 1e-9]
    if partial:
        chance = hypergeom.cdf(partial[-1], population, wrong, total)
        chance -= hypergeom.cdf(partial[0] - 1, population, wrong, total)
        assert chance.max() <= 0.025 + 1e-9
    assert partial or total < 900
