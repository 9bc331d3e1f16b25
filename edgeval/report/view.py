"""What all views share: the rows of the ladder and the sentences about it, from a saved record."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.records import Claim, Drift, Interval, ModelRun, Report, Verdict, VerdictStatus
from edgeval.remarks import mix_in_short
from edgeval.report import formatting as fmt
from edgeval.report import outcomes
from edgeval.report.comparison import (
    Reading,
    compared_runs,
    is_of_split,
    margin,
    primary,
    reading,
    split_estimate,
)
from edgeval.report.failures import failed_clause, not_compared
from edgeval.report.items import (
    is_slice,
    items_in_short,
    items_of,
    judged_run,
    reference_items,
    stopping_of,
    until_decided,
)
from edgeval.report.speeds import EMPTY as EMPTY
from edgeval.report.speeds import rate
from edgeval.verdict import judge, row_contradiction

STATUS_LABELS: dict[VerdictStatus, str] = {
    "reproduced": "Reproduced",
    "partial": "Partial",
    "not_reproduced": "Not reproduced",
    "inconclusive": "Inconclusive",
}
"""The statuses of a verdict as a heading."""

EVERY_LOOK = "The intervals are valid at every look."
"""What is true of evaluations that stopped early."""

NO_CLAIM = "No published number is recorded for this model and task, so there is no verdict."


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
        accuracy: Primary metric in percent; where the ladder is for the split, that on the split.
        interval: Its interval for new items, in percent, or that for the split if the ladder is.
        split_interval: Its interval for the whole split, in percent; ``exact`` if that is known.
        difference: Accuracy minus the reference's in points with its paired interval, or
            ``reference``.
        difference_points: The difference alone.
        difference_interval: The paired interval alone; empty where there is none.
        flips: Items lost and gained against the reference.
        lost: Items lost alone.
        gained: Items gained alone.
        mcnemar_p: Exact two-sided p-value.
        agreement: Items with the same pick as the reference, in percent.
        tokens_per_s: Decoded tokens a second, as ``speeds.rate`` says it.
        reading: What the paired interval says.
    """

    type: str
    source: str
    mix: str
    items: str
    size: str
    bits_per_weight: str
    accuracy: str
    interval: str
    split_interval: str
    difference: str
    difference_points: str
    difference_interval: str
    flips: str
    lost: str
    gained: str
    mcnemar_p: str
    agreement: str
    tokens_per_s: str
    reading: Reading


def ladder_rows(report: Report) -> list[LadderRow]:
    """Return a row for each run, the reference first; types that failed have none."""
    return [_ladder_row(report, run, found) for run, found in compared_runs(report)]


def interval_sentence(report: Report) -> str:
    """Return what the accuracies and intervals of a ladder speak about, if not only of its items.

    It is empty where each accuracy is that of the items, as usual.
    """
    if not is_of_split(report):
        return ""
    level = fmt.level(primary(report, report.runs[0]).split_interval)
    is_estimated = any(found.split_accuracy for found in report.drift)
    sum_of = f": that of {report.runs[0].label} plus the difference" if is_estimated else ""
    found = f"Accuracies and their {level} intervals are for the whole split{sum_of}."
    has_looks = stopping_of(report) is not None and is_slice(report)
    return f"{found} {EVERY_LOOK}" if has_looks else found


def conclusion(report: Report) -> str:
    """Return the main result in a few sentences: what is equivalent, drifted, undecided, failed."""
    reference = report.reference
    if reference is None:
        return not_compared(report)
    pairs = compared_runs(report)
    if not report.drift:
        return _alone(report, reference)
    groups: dict[Reading, list[tuple[ModelRun, Drift]]] = {}
    for run, found in pairs[1:]:
        if found is not None:
            groups.setdefault(reading(found), []).append((run, found))
    close = groups.get("equivalent", []) + groups.get("small drift", [])
    sentences = [f"{_evaluated(report)}{_smallest(report, close, reference)}."]
    rest = [
        *_drifted_clauses(report, groups.get("drifted", [])),
        *_undecided_clauses(report, groups.get("undecided", [])),
    ]
    if rest:
        text = "; ".join(rest)
        sentences.append(f"{text[0].upper()}{text[1:]}.")
    if report.failures:
        sentences.append(f"{failed_clause(report.failures)}.")
    return " ".join(sentences)


def claim_in_short(claim: Claim) -> str:
    """Return what was published, for a heading: ``acc_norm 59.20, HellaSwag 0-shot``."""
    return f"{claim.metric} {claim.printed}, {claim.citation.column}"


def verdict_sentences(report: Report) -> list[str]:
    """Return each verdict as a sentence that begins with its status."""
    return [
        f"{STATUS_LABELS[verdict.status]}. {verdict_sentence(report, verdict)}"
        for verdict in report.verdicts
    ]


def verdict_sentence(report: Report, verdict: Verdict) -> str:
    """Return what was measured, what was published, and what follows, without the status."""
    run, claim = judged_run(report), report.claims[report.verdicts.index(verdict)]
    found = judge(claim, run, report.data, report.protocol)
    difference = fmt.signed(100 * verdict.score - claim.value, 2)
    same = ", the same to the item count" if outcomes.is_to_the_item(claim, found) else ""
    sentences = (
        f"On {reference_items(report)}, {run.label} scores {fmt.accuracy(verdict.score)}, and the "
        f"published number is {claim.printed} ({difference} points): "
        f"{outcomes.reason(claim, found, report.data)}{same}.",
        outcomes.confidence(found),
        row_contradiction(report),
    )
    return " ".join(filter(None, sentences))


def _ladder_row(report: Report, run: ModelRun, found: Drift | None) -> LadderRow:
    measured = primary(report, run)
    estimate = split_estimate(measured, found)
    split = "exact" if _is_exact(estimate.interval) else fmt.accuracy_interval(estimate.interval)
    known = run.from_reference
    shown: Reading = reading(found)
    is_alone = len(report.runs) + len(report.failures) == 1
    if run is report.reference and not is_alone:
        shown = "reference"
    points = fmt.signed(found.difference_points, 2) if found else shown
    interval = fmt.difference_interval(found.stated) if found else ""
    lost = f"{found.right_to_wrong:,}" if found else EMPTY
    gained = f"{found.wrong_to_right:,}" if found else EMPTY
    p, agreement = (found.mcnemar_p, found.pick_agreement) if found else (None, None)
    return LadderRow(
        type=run.label,
        source=f"from {known.file}" if known else "",
        mix=mix_in_short(run.mix),
        items=f"{items_of(report, run):,}",
        size=fmt.size(run.file_bytes),
        bits_per_weight=fmt.plain(run.bits_per_weight, 2),
        accuracy=fmt.accuracy(estimate.value),
        interval=split if is_of_split(report) else fmt.accuracy_interval(measured.stated_interval),
        split_interval=split,
        difference=f"{points} {interval}".strip(),
        difference_points=points,
        difference_interval=interval,
        flips=f"{lost} lost / {gained} gained" if found else EMPTY,
        lost=lost,
        gained=gained,
        mcnemar_p=EMPTY if p is None else fmt.p_value(p),
        agreement=EMPTY if agreement is None else fmt.accuracy(agreement),
        tokens_per_s=rate(report, run),
        reading=shown,
    )


def _is_exact(interval: Interval) -> bool:
    return interval.low == interval.high


def _alone(report: Report, run: ModelRun) -> str:
    found = primary(report, run).stated_interval
    level, interval = fmt.level(found), fmt.accuracy_interval(found)
    known = f"{level} interval for new items {interval}"
    if stopping_of(report) is not None:
        known = f"{level} interval for the split {interval}"
    if stopping_of(report) is not None and _is_exact(found):
        known = "exact for the split"
    why = failed_clause(report.failures) or "No other type was evaluated"
    return (
        f"{_evaluated(report)}{run.label} answers {fmt.accuracy(primary(report, run).value)}% "
        f"correctly ({known}). {why}, so there is no drift to report."
    )


def _evaluated(report: Report) -> str:
    """Return on which items, or when they were enough, for the beginning of the conclusion."""
    stopping = stopping_of(report)
    if stopping is None or not is_slice(report):
        return f"On {items_in_short(report)}, "
    return f"{until_decided(report, stopping)}: "


def _smallest(report: Report, close: list[tuple[ModelRun, Drift]], reference: ModelRun) -> str:
    within = f"within {margin(report)}"
    # Of a type that failed nobody knows whether it is equivalent.
    kind = "evaluated type" if report.failures else "type"
    if not close:
        return f"no {kind} is shown to be equivalent to {reference.label} {within}"
    run, found = min(close, key=lambda pair: pair[0].file_bytes)
    caveat = ", a small but measurable drift" if reading(found) == "small drift" else ""
    sizes = f"{fmt.size(run.file_bytes)} instead of {fmt.size(reference.file_bytes)}"
    return (
        f"{run.label} ({sizes}) is the smallest {kind} that is equivalent to {reference.label} "
        f"{within}: {fmt.signed(found.difference_points, 2)} points "
        f"{fmt.difference_interval(found.stated)}{caveat}"
    )


def _drifted_clauses(report: Report, drifted: list[tuple[ModelRun, Drift]]) -> list[str]:
    if not drifted:
        return []
    names = [
        f"{run.label} ({fmt.signed(found.difference_points, 2)} points)" for run, found in drifted
    ]
    if stopping_of(report) is not None:
        return [f"{fmt.listed(names)} drifted by more than {margin(report)}"]
    its = "its interval excludes" if len(names) == 1 else "their intervals exclude"
    return [f"{fmt.listed(names)} drifted: {its} zero"]


def _undecided_clauses(report: Report, undecided: list[tuple[ModelRun, Drift]]) -> list[str]:
    if not undecided:
        return []
    names = fmt.listed([run.label for run, _ in undecided])
    verb = "is" if len(undecided) == 1 else "are"
    if stopping_of(report) is not None:
        was = "was" if len(undecided) == 1 else "were"
        return [f"{names} {was} undecided when the items ran out"]
    more = max(found.stated.items_needed or 0 for _, found in undecided)
    left = report.data.n_total - max(items_of(report, run) for run, _ in undecided)
    split = "" if more <= left else ", more than the split has left"
    return [
        f"{names} {verb} undecided (up to about {fmt.about(more)} more items would tell{split})"
    ]
