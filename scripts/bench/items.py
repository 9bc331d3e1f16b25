"""Measure how many items decide whether a ladder's accuracies are within a point of the reference.

The items of a data set that were scored in full are drawn again and again as if they had not been,
in each of the ways in which an evaluation could draw them. Example::

    for gguf in demo-F16.gguf demo-Q8_0.gguf demo-Q4_0.gguf; do
      edgeval eval $gguf --data items.jsonl --samples ${gguf%.gguf}.jsonl
    done
    python -m scripts.bench.items demo-F16.jsonl demo-Q8_0.jsonl demo-Q4_0.jsonl
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table
from scipy.stats import hypergeom

from edgeval.stats.intervals import LEVEL
from edgeval.stats.ladder_test import error_of
from edgeval.stats.samplers import RandomSampler, Sampler
from edgeval.stats.split_difference import bounds
from edgeval.stats.stopping_rules import RangeRule
from edgeval.stats.weighted_sampler import WeightedSampler

FIRST_ITEMS = 100
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
LENGTHS = {"acc": None, "acc_norm": "n_chars", "acc_bytes": "n_bytes"}

Ints = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """What one model says of all items. Arrays have one entry an item.

    Attributes:
        name: The samples' file, without its ending.
        items: Their names, to tell whether two models scored the same ones.
        is_right: 1 where the pick is the gold choice, else 0.
        margins: How much more the gold choice gets than the best other one.
    """

    name: str
    items: list[str]
    is_right: Ints
    margins: Float64


Draw = Callable[[int], Sampler]
"""A survey for a seed."""


def main(
    samples: Annotated[
        list[Path],
        typer.Argument(help="Files of edgeval eval --samples, the reference's first."),
    ],
    points: Annotated[float, typer.Option(min=0.01, help="Margin in points.")] = 1.0,
    seeds: Annotated[int, typer.Option(min=1, help="Number of random orders.")] = 20,
    metric: Annotated[str, typer.Option(help=f"One of {', '.join(LENGTHS)}.")] = "acc_norm",
) -> None:
    """Print the mean number of items, and the fewest and most, that decide for each type."""
    if metric not in LENGTHS:
        raise typer.BadParameter(f"--metric {metric} is none of {', '.join(LENGTHS)}")
    if len(samples) < 2:
        raise typer.BadParameter("name the reference's samples and those of one other type")
    reference, *others = (read(path, metric) for path in samples)
    for other in others:
        if other.items != reference.items:
            raise typer.BadParameter(f"{other.name} has other items than {reference.name}")
    size, margin = len(reference.items), points / 100
    typer.echo(
        f"{size:,} items, {reference.name} has {100 * reference.is_right.mean():.2f} % right; "
        f"within {points:g} points, {seeds} seeds.\n"
        f"No flip in a random sample tells that fewer than {points:g} % flip one way after "
        f"{floor(size, margin):,} items, the fewest that any valid interval needs."
    )
    table = Table("", *(other.name for other in others), header_style="bold")
    for name, cells in rows(reference, others, margin, seeds).items():
        table.add_row(name, *cells)
    Console(width=200).print(table)


def read(path: Path, metric: str) -> Scored:
    """Return what a samples file says, by one metric."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    values = [_values(row, metric) for row in rows]
    golds = [row["gold"] for row in rows]
    return Scored(
        name=path.stem,
        items=[row["item"] for row in rows],
        is_right=np.array(
            [int(np.argmax(v)) == gold for v, gold in zip(values, golds, strict=True)]
        ).astype(np.int64),
        margins=np.array(
            [v[gold] - np.delete(v, gold).max() for v, gold in zip(values, golds, strict=True)]
        ),
    )


def rows(
    reference: Scored, others: Sequence[Scored], margin: float, seeds: int
) -> dict[str, list[str]]:
    """Return the table's rows; a cell a type."""
    error = error_of(len(others))
    columns = [column(reference, other, margin, seeds, error) for other in others]
    return {name: [cells[name] for cells in columns] for name in columns[0]}


def column(
    reference: Scored, other: Scored, margin: float, seeds: int, error: float
) -> dict[str, str]:
    """Return what one type needs in every way of drawing.

    Args:
        reference: What it is compared with.
        other: The type.
        margin: The margin, as a share of the items.
        seeds: Number of random orders.
        error: Probability of each end of an interval to miss, so that the ladder's hold together.
    """
    size, level = len(reference.items), 1 - 2 * error
    flips = other.is_right - reference.is_right
    changes = other.margins - reference.margins
    known = float(reference.is_right.mean())
    beside, drift = RangeRule(known - margin, known + margin), RangeRule(-margin, margin)

    def orders(seed: int) -> list[int]:
        order: list[int] = np.random.default_rng(seed).permutation(size).tolist()
        return order

    def weighted(n_first: int) -> Draw:
        return lambda seed: WeightedSampler(
            reference.margins,
            reference.is_right,
            drift,
            seed,
            first=orders(seed)[:n_first],
            level=level,
        )

    def stopped(draw: Draw, values: Ints) -> list[int]:
        return [n_items(draw(seed), values, changes) for seed in range(seeds)]

    unpaired = stopped(
        lambda seed: RandomSampler(orders(seed), size, (0, 1), beside, level=level), other.is_right
    )
    in_order = stopped(
        lambda seed: RandomSampler(orders(seed), size, (-1, 0, 1), drift, level=level), flips
    )
    first = stopped(weighted(0), flips)
    after_some = stopped(weighted(FIRST_ITEMS), flips)
    two, one = (
        two_slices(reference.is_right, other.is_right, margin),
        one_slice(other.is_right, margin),
    )
    ratios = {"a": float(np.mean(unpaired)), "b": two, "c": one, "d": float(np.mean(in_order))}
    return {
        "difference, points": f"{100 * flips.mean():+.2f}",
        "flips, lost + gained": f"{int((flips < 0).sum()):,} + {int((flips > 0).sum()):,}",
        "(a) unpaired, reference known": spread(unpaired),
        "(b) fixed, two unpaired slices": f"{two:,}",
        "(c) fixed, one unpaired slice": f"{one:,}",
        "fixed, paired": f"{paired(flips, margin, error):,}",
        "(d) paired, random order": spread(in_order),
        "(e) paired, weighted": spread(first),
        f"(e2) the same after {FIRST_ITEMS} at random": spread(after_some),
        **{f"({way}) over (e)": f"{n / np.mean(first):.1f}" for way, n in ratios.items()},
    }


def spread(counts: Sequence[int]) -> str:
    """Return the mean of some numbers of items, and the least and greatest."""
    return f"{np.mean(counts):,.0f} ({min(counts):,}\N{EN DASH}{max(counts):,})"


def n_items(survey: Sampler, values: Ints, changes: Float64) -> int:
    """Follow a survey to its end and return how many items it took."""
    while not survey.is_over:
        places = survey.next_block()
        survey.add(values[places].tolist(), changes[places].tolist())
    return survey.sequence.n


def one_slice(is_right: Ints, margin: float) -> int:
    """Return the size of a slice whose 95 % interval has a half-width of the margin.

    With variance V of an item and N items, n = n0 / (1 + n0 / N) with n0 = (z / margin)^2 V
    (Cochran 1977, Sampling Techniques, section 4.4; V is that with N - 1).
    """
    return _with_correction(Z**2 * float(is_right.var(ddof=1)) / margin**2, len(is_right))


def two_slices(reference: Ints, other: Ints, margin: float) -> int:
    """Return the size of each of two independent slices, for the difference of their accuracies."""
    variance = float(reference.var(ddof=1) + other.var(ddof=1))
    return _with_correction(Z**2 * variance / margin**2, len(other))


def paired(flips: Ints, margin: float, error: float) -> int:
    """Return the size of a slice whose exact interval has a half-width of the margin.

    The flips are taken to be as frequent in it as in all items.
    """
    size = len(flips)
    up, down = float((flips > 0).mean()), float((flips < 0).mean())

    def is_enough(n: int) -> bool:
        low, high = bounds(round(up * n), round(down * n), n, size, error)
        return high - low <= 2 * margin * size

    low, high = 1, size
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    return low


def floor(size: int, margin: float) -> int:
    """Return after how many items without a flip more than the margin's share is excluded.

    With the fewest flips that are more than it, 2.5 % of random samples have none.
    """
    flips = math.floor(round(margin * size, 6)) + 1
    return next(
        n for n in range(1, size + 1) if hypergeom.pmf(0, size, flips, n) <= (1 - LEVEL) / 2
    )


def _with_correction(endless: float, size: int) -> int:
    return math.ceil(endless / (1 + endless / size))


def _values(row: dict[str, Any], metric: str) -> Float64:
    lengths = LENGTHS[metric]
    values = np.array(row["logprobs"], dtype=np.float64)
    return values if lengths is None else values / np.array(row[lengths])


if __name__ == "__main__":
    typer.run(main)
