"""Accuracies and their intervals: pure functions of log-probabilities."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence

from edgeval.records import Interval, Metric
from edgeval.stats.intervals import LEVEL, split_interval, wilson
from edgeval.tasks.item import ItemScore

METRICS: dict[str, Callable[[ItemScore], Sequence[float]]] = {
    "acc": lambda score: score.logprobs,
    "acc_norm": lambda score: _ratio(score.logprobs, score.n_chars),
    "acc_bytes": lambda score: _ratio(score.logprobs, score.n_bytes),
    "acc_token": lambda score: score.token_means,
}
"""For each metric, the value that the pick has the most of; ties go to the first choice."""

ANOTHER_TEXT = 1
"""What a model picks that does not generate the only choice of an item."""


def picks(score: ItemScore, names: Iterable[str]) -> dict[str, int]:
    """Return the index of the picked choice under each of some metrics."""
    return {name: pick(score, name) for name in names}


def pick(score: ItemScore, name: str) -> int:
    """Return the index of the picked choice under one metric.

    The only choice of an item is picked if each of its tokens is a most probable one: so
    lm-evaluation-harness counts its tasks of the kind ``loglikelihood``.
    """
    if score.item.n_choices == 1:
        return 0 if score.is_greedy[0] else ANOTHER_TEXT
    return _argmax(METRICS[name](score))


def margin(score: ItemScore, name: str) -> float:
    """Return a metric's value of the gold choice minus the best of the others.

    Args:
        score: Scores of an item.
        name: The metric, whose unit it is in.
    """
    return lead(values(score, name), score.item.gold)


def values(score: ItemScore, name: str) -> Sequence[float]:
    """Return what a metric makes of each choice; of an only choice, its log-probability.

    Args:
        score: Scores of an item.
        name: The metric, whose unit they are in.
    """
    return score.logprobs if score.item.n_choices == 1 else METRICS[name](score)


def lead(values: Sequence[float], gold: int) -> float:
    """Return the value of the gold choice minus the best of the others.

    That of an only choice is its log-probability minus that of all other texts.

    Args:
        values: Values of an item's choices; see ``values``.
        gold: The right choice.
    """
    if len(values) == 1:
        return -math.log(math.expm1(max(-values[0], sys.float_info.epsilon)))
    return values[gold] - max(value for at, value in enumerate(values) if at != gold)


def metric(correct: int, total: int, population: int, *, is_random: bool = True) -> Metric:
    """Return an accuracy with its two intervals.

    Args:
        correct: Number of items whose pick is the gold choice.
        total: Number of items scored, at least 1.
        population: Number of items in the split, of which ``total`` were drawn.
        is_random: Whether they were drawn at random; of others only what is certain is known.
    """
    if not is_random and total < population:
        return _certain(correct, total, population)
    return Metric(
        correct=correct,
        total=total,
        value=correct / total,
        interval=wilson(correct / total, total),
        split_interval=split_interval(correct, total, max(total, population)),
    )


def _certain(correct: int, total: int, population: int) -> Metric:
    """Return an accuracy of items that are no sample, with what is certain of the split."""
    ends = correct, correct + population - total
    low, high = (count / population for count in ends)
    return Metric(
        correct=correct,
        total=total,
        value=correct / total,
        interval=None,
        split_interval=Interval(low=low, high=high, level=LEVEL),
    )


def metrics_of(
    scores: Sequence[ItemScore], population: int, names: Sequence[str], *, is_random: bool = True
) -> dict[str, Metric]:
    """Return some metrics over the scores, which must not be empty; see ``metric``."""
    chosen = [picks(score, names) for score in scores]
    return {
        name: metric(
            sum(pick[name] == score.item.gold for pick, score in zip(chosen, scores, strict=True)),
            len(scores),
            population,
            is_random=is_random,
        )
        for name in names
    }


def nats_per_token(scores: Sequence[ItemScore]) -> float:
    """Return the mean of -log p over the tokens of the right choices, in nats.

    A model that knows nothing of a language has the logarithm of its vocabulary's size.

    Args:
        scores: Scores of one item or more.
    """
    golds = [score.item.gold for score in scores]
    total = math.fsum(score.logprobs[gold] for score, gold in zip(scores, golds, strict=True))
    n_tokens = sum(score.n_tokens[gold] for score, gold in zip(scores, golds, strict=True))
    return max(0.0, -total / n_tokens)


def _argmax(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


def _ratio(values: Sequence[float], lengths: Sequence[int]) -> list[float]:
    return [value / length for value, length in zip(values, lengths, strict=True)]
