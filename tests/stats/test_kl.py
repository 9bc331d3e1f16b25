"""Divergences from sketches of distributions: a lower bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeval.stats import top_logprobs
from edgeval.stats.kl import divergence
from edgeval.stats.top_logprobs import ItemDivergence, TopLogprobs, kl, top
from tests.helpers.distributions import exact_kl, sketched

N_POSITIONS = 5


@st.composite
def logits_of_two(draw: st.DrawFn) -> tuple[Any, Any]:
    """Logits of two models: peaked and flat ones, near ones and far ones, with ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_vocab = draw(st.integers(1, 300))
    scale, apart = (10.0 ** draw(st.floats(-3, 1.5)) for _ in range(2))
    first = scale * rng.standard_normal((N_POSITIONS, n_vocab))
    second = first + apart * rng.standard_normal((N_POSITIONS, n_vocab))
    if draw(st.booleans()):
        first, second = np.round(first), np.round(second)
    return first.astype(np.float32), second.astype(np.float32)


@given(logits_of_two(), st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_the_divergence_is_a_lower_bound_and_never_negative(
    logits: tuple[Any, Any], n_tokens: int
) -> None:
    first, second = logits
    ids = top(first, min(n_tokens, first.shape[1]))
    found, exact = kl(sketched(first, ids), sketched(second, ids)), exact_kl(first, second)
    assert found.dtype == np.float64
    assert (found <= exact * (1 + 1e-6) + 1e-6).all()
    assert (found >= -1e-9).all()
    assert np.isfinite(found).all()


@given(logits_of_two())
@settings(max_examples=100, deadline=None)
def test_all_tokens_give_the_divergence_itself(logits: tuple[Any, Any]) -> None:
    first, second = logits
    ids = top(first, first.shape[1])
    found = kl(sketched(first, ids), sketched(second, ids))
    np.testing.assert_allclose(found, exact_kl(first, second), rtol=1e-5, atol=1e-6)


def test_the_divergence_of_hand_made_distributions() -> None:
    # Of 0.5, 0.25 and 0.25 two tokens are listed; and so of 0.25, 0.25 and 0.5.
    reference, other = np.log([[0.5, 0.25]]), np.log([[0.25, 0.25]])
    expected = 0.5 * np.log(2) + 0.25 * np.log(0.25 / 0.5)
    found = kl(reference.astype(np.float32), other.astype(np.float32))
    np.testing.assert_allclose(found, [expected], atol=1e-6)


def test_what_nothing_is_left_of_is_still_finite() -> None:
    certain = np.array([[0.0, -200.0]], np.float32)
    unsure = np.array([[np.log(0.5), -200.0]], np.float32)
    assert kl(certain, certain) == 0
    np.testing.assert_allclose(kl(certain, unsure), np.log(2), atol=1e-5)
    # The remainder of 0.5 is compared with one that rounds to nothing: 2**-22 at most.
    np.testing.assert_allclose(kl(unsure, certain), 0.5 * np.log(0.25 * 2**22), rtol=1e-3)


@given(logits_of_two(), st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_the_top_is_the_beginning_of_a_stable_sort(logits: tuple[Any, Any], n_tokens: int) -> None:
    for rows in logits:
        n = min(n_tokens, rows.shape[1])
        expected = np.argsort(-rows, axis=1, kind="stable")[:, :n]
        np.testing.assert_array_equal(top(rows, n), expected)


@given(logits_of_two(), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_packed_sketches_come_back(logits: tuple[Any, Any], n_tokens: int) -> None:
    ids = top(logits[0], min(n_tokens, logits[0].shape[1]))
    whole = TopLogprobs(ids, sketched(logits[0], ids))
    for n_drawn in range(min(3, ids.shape[1])):
        found = top_logprobs.unpack(
            top_logprobs.pack(TopLogprobs(whole.ids, whole.logprobs, n_drawn))
        )
        np.testing.assert_array_equal(found.ids, whole.ids)
        np.testing.assert_array_equal(found.logprobs, whole.logprobs)
        assert (found.ids.dtype, found.logprobs.dtype) == (np.uint32, np.float32)
        assert (found.n_drawn, found.n_listed) == (n_drawn, ids.shape[1] - n_drawn)


def test_another_version_is_refused() -> None:
    packed = top_logprobs.pack(
        TopLogprobs(np.zeros((1, 1), np.uint32), np.zeros((1, 1), np.float32))
    )
    assert top_logprobs.is_current(packed)
    with pytest.raises(ValueError, match=r"version 2 .* b'\\x03'"):
        top_logprobs.unpack(b"\x03" + packed[1:])


def test_items_in_sum_and_their_clustered_error() -> None:
    found = divergence([ItemDivergence(10, 1.0, 9, 0.5), ItemDivergence(30, 2.0, 27, 1.5)])
    assert (found.n_items, found.n_positions) == (2, 40)
    assert found.kl_nats == 3 / 40
    assert found.top1_agreement == 0.9
    # The residuals are 1 - 0.75 and 2 - 2.25: sqrt(2 / 1 * 2 * 0.25 ** 2) / 40.
    assert found.kl_error_nats == pytest.approx(0.5 / 40)
    assert found.remainder_mass == 2 / 40
    assert (found.kl_full_nats, found.kl_full_error_nats, found.kl_upper_nats) == (None,) * 3
    assert divergence([ItemDivergence(10, 1.0, 9, 0.5)]).kl_error_nats is None


def test_the_error_is_that_of_means_where_items_are_equally_long() -> None:
    rng = np.random.default_rng(0)
    means = rng.random(50)
    found = divergence([ItemDivergence(7, 7 * each, 7, 0.1) for each in means])
    assert found.kl_nats == pytest.approx(means.mean())
    assert found.kl_error_nats == pytest.approx(means.std(ddof=1) / np.sqrt(50))
