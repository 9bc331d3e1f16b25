"""Agreement: how far two machines' numbers of right items may be apart."""

from __future__ import annotations

from collections.abc import Iterable

from edgeval.records import UNQUANTIZED, ModelRun
from edgeval.records.comparison import Agreement, CountPair
from edgeval.report.compare.chance import probability, tolerance

FALSE_ALARM = 0.01
"""The most probable that two sound machines are said to differ, in all counts of two records."""

SHARE = 0.005
"""The share of items that may turn from right to wrong, or back, by rounding alone. With other
kernels, batch sizes or builds of a CPU it was at most 1 of 300 (BENCHMARKS.md)."""

OFFLOADED_SHARE = 0.01
"""The same for unquantized models on a GPU beside the CPU, or on two: there at most 3 of 400."""

QUANTIZED_SHARE = 0.03
"""The same for quantized ones, whose activations a GPU rounds in other blocks than a CPU does, and
is as near to the exact result: at most 11 of 400."""

FROM_BEST: tuple[Agreement, ...] = ("equal", "within tolerance", "differs")
"""The agreements, the best first."""


def share(run: ModelRun, reference: ModelRun) -> float:
    """Return the share of items that may turn from right to wrong, or back, by rounding alone.

    Kernels add in different orders, so that the last digits of a log-probability differ, and an
    item whose two best choices are that close may be picked otherwise.
    """
    return share_of(run.type, is_same_place=run.offload == reference.offload)


def share_of(file_type: str | None, *, is_same_place: bool) -> float:
    """Return the same for two runs of a type.

    Args:
        file_type: llama.cpp's name of the type; None if it is not known.
        is_same_place: Whether the same layers were computed on the same GPUs.
    """
    if is_same_place:
        return SHARE
    return OFFLOADED_SHARE if file_type in UNQUANTIZED else QUANTIZED_SHARE


def n_counts(run: ModelRun, reference: ModelRun) -> int:
    """Return how many numbers of right items two runs have in common."""
    return len(run.metrics.keys() & reference.metrics.keys())


def count_pairs(run: ModelRun, reference: ModelRun, level: float) -> dict[str, CountPair]:
    """Return how many items two runs of the same items have right, by each metric of both.

    A record holds numbers of right items, not picks: changes that cancel out cannot be seen in it.

    Args:
        run: The run.
        reference: The other.
        level: How probable it may be that one of the counts of sound machines is said to differ:
            ``FALSE_ALARM`` over the number of all that are compared (Bonferroni).
    """
    items = share(run, reference)
    return {
        name: count_pair(
            measured.correct, reference.metrics[name].correct, measured.total, items, level
        )
        for name, measured in run.metrics.items()
        if name in reference.metrics
    }


def worst(agreements: Iterable[Agreement]) -> Agreement:
    """Return the worst of several agreements."""
    return max(agreements, key=FROM_BEST.index)


def count_pair(
    correct: int, reference_correct: int, total: int, items: float, level: float
) -> CountPair:
    """Return how two numbers of right items agree.

    Args:
        correct: The one.
        reference_correct: The other.
        total: Number of items that both are of.
        items: The share of them that rounding may turn; see ``share``.
        level: How improbable it is to be that sound machines are said to differ.
    """
    distance = abs(correct - reference_correct)
    limit = tolerance(total, items, level)
    agreement: Agreement = "differs" if distance > limit else "within tolerance"
    return CountPair(
        correct=correct,
        reference_correct=reference_correct,
        total=total,
        share=items,
        p_value=probability(distance, total, items),
        tolerance=limit,
        false_alarm=level,
        agreement=agreement if distance else "equal",
    )
