"""Distributions read from logits, where they are wanted and only there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval.errors import EngineError
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.scoring.distributions import RequestDivergence, of_item
from edgeval.scoring.logits import reduce_logits
from edgeval.stats.top_logprobs import TopLogprobs, draw, kl, rest, top
from edgeval.tasks.requests import Batch
from tests.helpers.distributions import sketched


def _batch(rows: Any, counts: list[int]) -> Batch:
    empty = np.zeros(0, dtype=np.int32)
    requests = np.arange(5, 5 + len(counts))
    none = np.zeros(0, dtype=np.int8)
    counted = np.array(counts, dtype=np.int32)
    return Batch(requests, empty, empty, empty, empty, none, rows, np.zeros_like(rows), counted)


@pytest.mark.parametrize("threads", [1, 3])
def test_logits_are_read_where_it_is_wanted_only(threads: int) -> None:
    rng = np.random.default_rng(0)
    first = (3 * rng.standard_normal((50, 77))).astype(np.float32)
    second = (first + 0.3 * rng.standard_normal((50, 77))).astype(np.float32)
    rows = rng.integers(0, 50, 60).astype(np.int32)
    batch, positions = _batch(rows, [20, 25, 15]), {5: slice(0, 20), 7: slice(45, 60)}
    with ThreadPoolExecutor(threads) as pool:
        plain = reduce_logits(first, batch, pool, threads)
        made = reduce_logits(first, batch, pool, threads, {5: None, 7: None, 8: None})
        sketches = {request: each for request, each in made.seen.items() if each}
        compared = reduce_logits(second, batch, pool, threads, sketches)
    assert plain.seen == {}
    np.testing.assert_array_equal(plain.logprobs, made.logprobs)
    np.testing.assert_array_equal(plain.is_greedy, made.is_greedy)
    assert made.seen.keys() == compared.seen.keys() == positions.keys()
    for request, part in positions.items():
        one, other = first[rows[part]], second[rows[part]]
        found, apart = made.seen[request], compared.seen[request]
        assert isinstance(found, TopLogprobs)
        assert isinstance(apart, RequestDivergence)
        np.testing.assert_array_equal(found.ids[:, :32], top(one, 32))
        np.testing.assert_array_equal(found.ids[:, 32:], draw(one, top(one, 32), 4))
        assert found.n_drawn == 4
        np.testing.assert_allclose(found.logprobs, sketched(one, found.ids), atol=2e-6)
        assert (np.diff(found.logprobs[:, :32], axis=1) <= 0).all()
        ours, theirs = sketched(one, found.ids), sketched(other, found.ids)
        np.testing.assert_allclose(apart.kl, kl(ours[:, :32], theirs[:, :32]), atol=2e-6)
        np.testing.assert_allclose(apart.rest, rest(ours, theirs, 4), rtol=1e-4, atol=2e-6)
        left = 1 - np.exp(ours[:, :32].astype(np.float64)).sum(axis=1)
        np.testing.assert_allclose(apart.remainder, left, atol=1e-6)
        assert apart.is_same_top.tolist() == (one.argmax(1) == other.argmax(1)).tolist()


def test_what_is_not_finite_names_the_item(tiny_items: Path) -> None:
    item = prepare(Options(data=tiny_items, limit=1)).items[0]
    ids = np.zeros((1, 2), np.uint32)
    broken = TopLogprobs(ids, np.array([[0.0, -np.inf]], np.float32))
    one, none = np.array([0.5]), np.zeros((1, 0))
    apart = RequestDivergence(np.array([np.inf]), np.array([True]), one, none)
    drawn = RequestDivergence(one, np.array([True]), one, np.array([[0.1, np.nan]]))
    for part in (broken, apart, drawn):
        with pytest.raises(EngineError, match=rf"item {item.id}: .* not finite"):
            of_item(item, [part])
