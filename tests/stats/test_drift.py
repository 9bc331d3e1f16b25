from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from edgeval.records import Drift
from edgeval.stats.drift import drift
from edgeval.stats.intervals import bonett_price
from edgeval.stats.mcnemar import holm, mcnemar
from edgeval.stats.metrics import metrics_of
from edgeval.stats.paired import judged, unknown
from edgeval.tasks.item import ItemScore
from tests.helpers.fakes import make_item, make_score, score_picking

GOLD = 2


def run(picks: Sequence[int]) -> list[ItemScore]:
    return [score_picking(pick, gold=GOLD, name=str(at)) for at, pick in enumerate(picks)]


def compare(picks: Sequence[int], reference: Sequence[int]) -> Drift:
    return drift("Q4_0", run(picks), "F16", run(reference), "acc_norm")


@pytest.mark.parametrize("gained", range(13))
@pytest.mark.parametrize("lost", range(13))
def test_mcnemar_is_the_exact_binomial_test(gained: int, lost: int) -> None:
    expected = binomtest(gained, gained + lost, 0.5).pvalue if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected, rel=1e-12)


def test_mcnemar_by_hand() -> None:
    # Of 6 flips 1 or fewer one way: 2 * (1 + 6) / 2^6.
    assert mcnemar(1, 5) == mcnemar(5, 1) == pytest.approx(14 / 64)
    # 3 of 6: twice the lower tail, 2 * 42 / 64, is more than certainty.
    assert mcnemar(3, 3) == 1


def test_mcnemar_of_many_flips_stays_finite() -> None:
    assert mcnemar(4000, 4001) == pytest.approx(1, abs=0.02)
    assert 0 <= mcnemar(0, 10042) < 1e-300


def test_bonett_price_by_hand() -> None:
    # (4 + 1) / 100 - (9 + 1) / 100 = -0.05;
    # 1.959964 * sqrt((0.05 + 0.10 - 0.05^2) / 100) = 1.959964 * 0.0384057 = 0.0752738.
    found = bonett_price(gained=4, lost=9, total=98)
    assert found.low == pytest.approx(-12.52738, abs=1e-5)
    assert found.high == pytest.approx(2.52738, abs=1e-5)
    assert found.level == 0.95


def test_bonett_price_has_a_width_without_flips() -> None:
    # 0 +- 1.959964 * sqrt(0.02 / 100).
    found = bonett_price(gained=0, lost=0, total=98)
    assert found.high == -found.low == pytest.approx(100 * 1.959964 * math.sqrt(0.0002), abs=1e-4)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 300))
def test_bonett_price_mirrors_and_stays_within_100_points(
    gained: int, lost: int, same: int
) -> None:
    total = gained + lost + same
    found, mirrored = bonett_price(gained, lost, total), bonett_price(lost, gained, total)
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low))
    assert -100 <= found.low < found.high <= 100


def test_flips_by_hand() -> None:
    #           right→wrong  wrong→right  wrong→wrong  right→right  wrong→wrong  right→wrong
    reference = [2, 0, 1, 2, 3, 2]
    quantized = [0, 2, 3, 2, 3, 1]
    found = compare(quantized, reference)
    assert (found.type, found.reference, found.n_items) == ("Q4_0", "F16", 6)
    assert (found.right_to_wrong, found.wrong_to_right) == (2, 1)
    assert found.difference_points == pytest.approx(100 * (1 - 2) / 6)
    assert found.pick_agreement == 2 / 6
    assert found.mcnemar_p == 1
    # What that shows depends on the other types of the ladder.
    assert (found.split, found.new_items) == (unknown(1.0), None)
    assert [(flip.item, flip.gold, flip.reference_pick, flip.pick) for flip in found.flips] == [
        ("0", 2, 2, 0),
        ("1", 2, 0, 2),
        ("5", 2, 2, 1),
    ]


def test_a_flip_names_its_group() -> None:
    item = make_item(choices=["a", "b"], gold=0, group="wikihow")
    scores, reference = [make_score([-2, -1], item)], [make_score([-1, -2], item)]
    found = drift("Q2_K", scores, "F16", reference, "acc")
    assert [flip.group for flip in found.flips] == ["wikihow"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_the_difference_is_that_of_the_accuracies(pairs: list[tuple[int, int]]) -> None:
    quantized, reference = run([ours for ours, _ in pairs]), run([theirs for _, theirs in pairs])
    found = drift("Q4_0", quantized, "F16", reference, "acc")
    accuracy, of_reference = (
        metrics_of(scores, len(scores), ["acc"])["acc"].value for scores in (quantized, reference)
    )
    assert found.difference_points == pytest.approx(100 * (accuracy - of_reference))
    assert found.right_to_wrong + found.wrong_to_right == len(found.flips)


def test_only_the_picks_of_the_named_metric_count() -> None:
    # By sum the pick stays 0; by character (-2 against -1, then -2 against -2.5) it moves.
    item = make_item(choices=["a", "bbbb"], gold=0)
    reference, quantized = [make_score([-2, -4], item)], [make_score([-2, -10], item)]
    by_sum, by_character = (
        drift("Q4_0", quantized, "F16", reference, name) for name in ("acc", "acc_norm")
    )
    assert by_sum.wrong_to_right == 0
    assert by_character.wrong_to_right == 1


def test_logprob_changes_by_hand() -> None:
    # Changes -0.1, 0.3, 0.0, -0.2: the 99th percentile of their sizes is 0.97 of the way from 0.2
    # to 0.3, their sum 0, and the sum of their squares 0.14. The lead of the first choice, which is
    # gold, goes from 1.0 to 0.6 and from 1.0 to 1.2.
    items = [make_item(choices=["a", "b"], name="1"), make_item(choices=["a", "b"], name="2")]
    reference = [make_score([-1.0, -2.0], items[0]), make_score([-3.0, -4.0], items[1])]
    quantized = [make_score([-1.1, -1.7], items[0]), make_score([-3.0, -4.2], items[1])]
    found = drift("Q4_0", quantized, "F16", reference, "acc")
    assert found.mean_abs_logprob_change == pytest.approx(0.15)
    assert found.mean_logprob_change == pytest.approx(0)
    assert found.rms_logprob_change == pytest.approx(math.sqrt(0.14 / 4))
    assert found.mean_margin_shift == pytest.approx((-0.4 + 0.2) / 2)
    assert found.p99_abs_logprob_change == pytest.approx(0.297)


def test_items_may_have_different_numbers_of_choices() -> None:
    items = [make_item(choices=["a", "b"], name="1"), make_item(choices=["a", "b", "c"], name="2")]
    scores = [make_score([-1, -2], items[0]), make_score([-1, -2, -3], items[1])]
    found = drift("Q4_0", scores, "F16", scores, "acc")
    assert found.mean_abs_logprob_change == 0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_a_run_does_not_drift_from_itself(picks: list[int]) -> None:
    found = compare(picks, picks)
    assert found.difference_points == 0
    assert found.mcnemar_p == 1
    assert found.flips == []
    assert found.pick_agreement == 1
    assert found.mean_abs_logprob_change == found.p99_abs_logprob_change == 0
    (alone,) = judged([found], len(picks), 1.0)
    assert alone.new_items is not None
    assert alone.new_items.low < 0 < alone.new_items.high
    assert alone.split.interval_points.low == alone.split.interval_points.high == 0


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(run([0, 1]), id="fewer"),
        pytest.param(run([0, 1, 2, 3]), id="more"),
        pytest.param(run([0, 1, 2])[::-1], id="another order"),
        pytest.param(
            [*run([0, 1]), score_picking(2, gold=GOLD + 1, name="2")], id="another gold choice"
        ),
    ],
)
def test_other_items_are_refused(others: list[ItemScore]) -> None:
    with pytest.raises(ValueError, match="same items in the same order"):
        drift("Q4_0", run([0, 1, 2]), "F16", others, "acc")


def test_a_signed_change_says_which_way() -> None:
    item = make_item(choices=["ab", "abcd"], gold=1)
    found = drift(
        *("Q4_0", [make_score([-3.0, -6.0], item)], "F16", [make_score([-2.0, -4.0], item)]),
        *("acc_norm",),
    )
    assert found.mean_logprob_change == -1.5
    # By character the gold choice led by -1 - -1 = 0, and now by -1.5 - -1.5 = 0.
    assert found.mean_margin_shift == 0


# Several types


def test_holm_by_hand() -> None:
    # Sorted: 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1, which stays at the 0.06 before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.6]) == [1, 1]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_never_helps(p_values: list[float]) -> None:
    found = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, found, strict=True))
    assert sorted(found) == [q for _, q in sorted(zip(p_values, found, strict=True))]


def test_p_values_are_adjusted_over_the_ladder() -> None:
    reference = [GOLD] * 40
    close, far = compare([0, *reference[1:]], reference), compare([0] * 9 + [GOLD] * 31, reference)
    assert far.mcnemar_p_holm == far.mcnemar_p == 2 / 2**9
    both = judged([close, far], 40, 1.0)
    assert [each.mcnemar_p for each in both] == [close.mcnemar_p, far.mcnemar_p]
    assert [each.mcnemar_p_holm for each in both] == [1, 2 * far.mcnemar_p]


def test_intervals_for_new_items_hold_together() -> None:
    reference = [GOLD] * 40
    ours = compare([0, *reference[1:]], reference)
    (alone,), (first, second) = judged([ours], 40, 1.0), judged([ours, ours], 40, 1.0)
    assert alone.new_items == bonett_price(0, 1, 40)
    wider = bonett_price(0, 1, 40, level=0.975)
    assert first.new_items == second.new_items
    assert first.new_items is not None
    assert (first.new_items.low, first.new_items.high) == (wider.low, wider.high)
    assert first.new_items.level == 0.95
