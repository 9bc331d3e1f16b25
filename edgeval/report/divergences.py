"""The table of how far next-token distributions are apart, and what stands above it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgeval.records import Divergence, Report
from edgeval.report import formatting as fmt
from edgeval.report.comparison import compared_runs
from edgeval.report.details import Table
from edgeval.report.speeds import EMPTY

_KL_DECIMALS, _MOST_KL_DECIMALS = 5, 9


def divergence_table(report: Report) -> Table | None:
    """Return how far each type's next-token distributions are from the reference's, if known."""
    rows = []
    for drift in (each for _, each in compared_runs(report) if each is not None):
        found = drift.divergence
        if found is None:
            continue
        mass = found.remainder_mass
        # Of a record without the estimate, the error is that of the bound.
        error = found.kl_error_nats if found.kl_full_nats is None else found.kl_full_error_nats
        rows.append(
            [
                drift.label,
                *map(_kl, (found.kl_full_nats, error, found.kl_nats, found.kl_upper_nats)),
                EMPTY if mass is None else fmt.accuracy(mass),
                fmt.accuracy(found.top1_agreement),
                f"{drift.right_to_wrong:,}",
                f"{drift.wrong_to_right:,}",
                fmt.signed(drift.difference_points, 2),
                f"{found.n_items:,}",
                f"{found.n_positions:,}",
            ]
        )
    header = ["type", "KL, nats", "standard error", "lower bound", "upper estimate"]
    header += [
        "remainder, %",
        "same top token, %",
        "lost",
        "gained",
        "difference",
        "items",
        "positions",
    ]
    return Table(header, rows) if rows else None


def _kl(nats: float | None) -> str:
    """Return a divergence with five decimals, or as many as show three digits of it."""
    if nats is None:
        return EMPTY
    digits = 2 - math.floor(math.log10(nats)) if nats > 0 else 0
    return fmt.plain(nats, min(_MOST_KL_DECIMALS, max(_KL_DECIMALS, digits)))


def caption(report: Report, reference: str) -> str:
    """Return what stands above the table of divergences."""
    known = [found for drift in report.drift if (found := drift.divergence) is not None]
    is_known = any(found.kl_full_nats is not None for found in known)
    told = (
        "the KL divergence, estimated, its lower bound from the 32 most likely tokens and all "
        "others as one, an upper estimate, and the probability of those others, the remainder"
        if is_known
        else "a lower bound of the KL divergence, from the 32 most likely tokens and all others as "
        "one"
    )
    is_weighted = any(run.stopping and run.stopping.design == "weighted" for run in report.runs)
    no_sample = ", which were drawn by what they can tell and are no sample" if is_weighted else ""
    return (
        f"Next-token distributions beside those of {reference}: {told}{_drawn(known)}. It has no "
        f"direction; the flips and the difference have one, on all items evaluated{no_sample}."
    )


def _drawn(known: Sequence[Divergence]) -> str:
    """Return how the items were drawn whose distributions are compared, as a clause."""
    drawn = {found.drawn for found in known}
    if "file order" in drawn:
        return ", on items of the beginning of a file, which are no sample of the data set"
    if "unknown" in drawn:
        return ", on items that were drawn nobody knows how, and may be no sample of the data set"
    return ", on items drawn at random" if "random" in drawn else ""
