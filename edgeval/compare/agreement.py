"""How far two machines' numbers of right items may be apart."""

from __future__ import annotations

from collections.abc import Iterable

from edgeval.compare.records import Agreement, CountPair
from edgeval.records import UNQUANTIZED, ModelRun

ITEMS_A_PICK = 200
"""A backend may pick otherwise on one item in so many: on 0.5 % of them."""

QUANTIZED_ITEMS_A_PICK = 100
"""The same for a quantized model, once on a GPU and once not, or on two GPUs: on 1 % of them."""

FROM_BEST: tuple[Agreement, ...] = ("equal", "within tolerance", "differs")
"""The agreements, the best first."""


def tolerance(total: int, items_a_pick: int = ITEMS_A_PICK) -> int:
    """Return by how many right items two machines may differ on the same items.

    Kernels add in different orders, so that the last digits of a log-probability differ, and an
    item whose two best choices are that close may be picked otherwise. With F32 and F16 weights
    that was at most 1 item of 2,009, and with Q4_K_M 1 of 100 (BENCHMARKS.md); the bar for a
    backend is the same pick on 99.5 % of the items, and so many picks change the number of right
    items by no more than themselves. One item is always within, whatever its share.

    A GPU rounds what meets quantized weights in other blocks than a CPU does, and is as near to
    the exact result: of 1,000 items up to 21 were picked otherwise, some of them right on the one
    and some on the other, and the numbers of right items were up to 6 apart (BENCHMARKS.md).

    A record holds numbers of right items, not picks: changes that cancel out cannot be seen in it.
    """
    return max(1, total // items_a_pick)


def count_pairs(run: ModelRun, reference: ModelRun) -> dict[str, CountPair]:
    """Return how many items two runs of the same items have right, by each metric of both."""
    is_elsewhere = run.offload != reference.offload
    items_a_pick = (
        QUANTIZED_ITEMS_A_PICK if is_elsewhere and run.type not in UNQUANTIZED else ITEMS_A_PICK
    )
    return {
        name: _count_pair(
            measured.correct,
            reference.metrics[name].correct,
            measured.total,
            tolerance(measured.total, items_a_pick),
        )
        for name, measured in run.metrics.items()
        if name in reference.metrics
    }


def worst(agreements: Iterable[Agreement]) -> Agreement:
    """Return the worst of several agreements."""
    return max(agreements, key=FROM_BEST.index)


def _count_pair(correct: int, reference_correct: int, total: int, limit: int) -> CountPair:
    distance = abs(correct - reference_correct)
    found: Agreement = "differs" if distance > limit else "within tolerance"
    return CountPair(
        correct=correct,
        reference_correct=reference_correct,
        total=total,
        tolerance=limit,
        agreement=found if distance else "equal",
    )
