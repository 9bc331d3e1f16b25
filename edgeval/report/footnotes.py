"""Footnotes of a ladder: what its speeds belong to, and what energy and heat came with them."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval.records import Evaluation, ModelRun, Report
from edgeval.report import energy, heat, speeds
from edgeval.report.record_view import RecordView


def sentences(view: RecordView[Report | Evaluation]) -> list[str]:
    """Return them, as far as anything is known."""
    return [*speeds.sentences(view), *of_sensors(view.named)]


def of_sensors(named: Sequence[tuple[str, ModelRun]]) -> list[str]:
    """Return what runs took, and how hot it was, as far as sensors tell.

    Args:
        named: The runs by the names of their types; those of one type on several tasks are summed.
    """
    return [*energy.sentences(named), *heat.sentences(named)]
