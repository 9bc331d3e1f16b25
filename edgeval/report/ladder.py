"""Ladder rows: one type a row, ready to print, and what their outcomes mean."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.gguf.remarks import mix_in_short
from edgeval.records import Drift, Report
from edgeval.report import formatting as fmt
from edgeval.report.record_view import RecordView, RunOutcome, RunView
from edgeval.report.speeds import EMPTY, rate


@dataclass(frozen=True)
class LadderRow:
    """One type of the ladder, ready to print.

    Attributes:
        type: File type, and whether an importance matrix was used.
        source: Where its scores are from, if they were not measured here; otherwise empty.
        mix: What most of its weights are, where that is not what its type says; otherwise empty.
        items: Number of items it was evaluated on.
        size: File size with its unit.
        bits_per_weight: Tensor bits over parameters.
        accuracy: Primary metric of the split, in percent.
        interval: Its interval, in percent, or ``exact``.
        difference: Accuracy minus the reference's in points with its interval, or ``reference``.
        difference_points: The difference alone.
        difference_interval: The interval alone; empty where there is none.
        new_items: The interval of the difference for new items, in points.
        flips: Items lost and gained against the reference, in words.
        counts: The same under a title that says which is which.
        agreement: Items with the same pick as the reference, in percent.
        tokens_per_s: Decoded tokens a second, as ``speeds.rate`` says it.
        outcome: What is known of the difference.
    """

    type: str
    source: str
    mix: str
    items: str
    size: str
    bits_per_weight: str
    accuracy: str
    interval: str
    difference: str
    difference_points: str
    difference_interval: str
    new_items: str
    flips: str
    counts: str
    agreement: str
    tokens_per_s: str
    outcome: RunOutcome


def ladder_rows(view: RecordView[Report]) -> list[LadderRow]:
    """Return a row for each run, the reference first; types that failed have none."""
    return [_ladder_row(run) for run in view.runs]


def outcome_meanings(view: RecordView[Report]) -> dict[RunOutcome, str]:
    """Return what the outcomes of a ladder mean, in words; none where nothing is compared."""
    if not view.drifts:
        return {}
    within, reference = view.margin, view.runs[0].run.label
    meanings: dict[RunOutcome, str] = {
        "reference": "what the others are compared with",
        "equivalent": f"on the split, its accuracy is no further than {within} from {reference}'s",
        "worse": f"on the split, its accuracy is more than {within} below {reference}'s",
        "different": f"on the split, its accuracy is not {reference}'s; that it is within {within} "
        f"of it, or more than {within} below it, is not shown",
        "open": "it is not shown to be equivalent, worse or different",
        "not compared": "there is nothing to compare it with",
    }
    if not view.is_slice:
        meanings["different"] = (
            f"on the split, its accuracy is more than {within} above {reference}'s"
        )
    shown = {run.outcome for run in view.runs}
    return {outcome: meaning for outcome, meaning in meanings.items() if outcome in shown}


def _ladder_row(row: RunView) -> LadderRow:
    run, drift, estimate = row.run, row.drift, row.estimate
    is_exact = estimate.interval.low == estimate.interval.high
    points = fmt.signed(drift.difference_points, 2) if drift else row.outcome
    interval = _split_interval(drift) if drift else ""
    lost, gained = (drift.right_to_wrong, drift.wrong_to_right) if drift else (0, 0)
    agreement = drift.pick_agreement if drift else None
    return LadderRow(
        type=run.label,
        source=f"from {run.from_reference.file}" if run.from_reference else "",
        mix=mix_in_short(run.mix),
        items=f"{row.n_items:,}",
        size=fmt.size(run.file_bytes),
        bits_per_weight=fmt.plain(run.bits_per_weight, 2),
        accuracy=fmt.accuracy(estimate.value),
        interval="exact" if is_exact else fmt.accuracy_interval(estimate.interval),
        difference=f"{points} {interval}".strip(),
        difference_points=points,
        difference_interval=interval,
        new_items=_new_items(drift),
        flips=f"{lost:,} lost / {gained:,} gained" if drift else EMPTY,
        counts=f"{lost:,} / {gained:,}" if drift else EMPTY,
        agreement=EMPTY if agreement is None else fmt.accuracy(agreement),
        tokens_per_s=rate(row),
        outcome=row.outcome,
    )


def _split_interval(drift: Drift) -> str:
    """Return the interval of a difference on the split; empty where it is known for certain."""
    if drift.split.is_exact:
        return ""
    return fmt.difference_interval(drift.split.interval_points, drift.split.margin_points)


def _new_items(drift: Drift | None) -> str:
    if drift is None or drift.new_items is None:
        return EMPTY
    return fmt.difference_interval(drift.new_items, drift.split.margin_points)
