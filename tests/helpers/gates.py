"""Reports for gates: with divergences, with early stopping, with a failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeval.records import Divergence, Report
from tests.helpers.reports import example_report


def make_kl(nats: float, error: float | None = 0.001, **changes: Any) -> Divergence:
    """Return a divergence that was estimated on 100 items, whose lower bound is 1 % lower."""
    fields: dict[str, Any] = {
        "n_items": 100,
        "n_positions": 4205,
        "kl_nats": 0.99 * nats,
        "kl_error_nats": error,
        "top1_agreement": 0.95,
        "remainder_mass": 0.14,
        "kl_full_nats": nats,
        "kl_full_error_nats": error,
        "kl_upper_nats": 1.01 * nats,
        "drawn": "random",
    }
    return Divergence(**(fields | changes))


def with_divergences(report: Report, known: Mapping[str, Divergence]) -> Report:
    """Return a report in which these types have these divergences, and the others none."""
    drift = [each.model_copy(update={"divergence": known.get(each.label)}) for each in report.drift]
    return report.model_copy(update={"drift": drift})


def kl_report(**nats: float) -> Report:
    """Return a report in which types have divergences of so many nats a position."""
    return with_divergences(
        example_report(), {name: make_kl(value) for name, value in nats.items()}
    )
