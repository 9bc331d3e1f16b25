"""Footnotes of a ladder: what its speeds belong to, and what energy and heat came with them."""

from __future__ import annotations

from edgeval.records import Evaluation, Report
from edgeval.report import energy, heat, speeds
from edgeval.report.record_view import RecordView


def sentences(view: RecordView[Report | Evaluation]) -> list[str]:
    """Return them, as far as anything is known."""
    return [
        *speeds.sentences(view),
        *energy.sentences(view.named),
        *heat.sentences(view.named),
    ]
