"""Verdict on a published average: what several tasks together say about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edgeval.records import (
    Claim,
    ClaimCitation,
    Metric,
    ProtocolMatch,
    Report,
    TaskAverage,
    Verdict,
)
from edgeval.stats.contradictions import contradiction
from edgeval.stats.verdict import Judgement, judge, status, verdict_id

AVERAGE_TASK = "average"
"""What stands for the task of a published average."""


def average_claims(claims: Sequence[Claim], tasks: Sequence[str]) -> list[Claim]:
    """Return the published averages whose rows are of the evaluated tasks, each as a claim.

    Args:
        claims: All published numbers of the model, on whatever task.
        tasks: The tasks that were evaluated; an average is judged if its row has no other.
    """
    return [
        _claim(row)
        for row in _rows(claims).values()
        if len(row) > 1 and all(claim.task in tasks for claim in row)
    ]


def average_verdicts(
    claims: Sequence[Claim], reports: Sequence[Report], averages: Sequence[TaskAverage]
) -> list[Verdict]:
    """Return what the reference's mean says about each published average.

    Args:
        claims: The averages, as ``average_claims`` has them.
        reports: A record a task, in which the claims of the row are.
        averages: The means; the reference's is judged, and without it nothing is.
    """
    reference = reports[0].reference
    mean = next((each for each in averages if reference and each.label == reference.label), None)
    if mean is None:
        return []
    return [_verdict(claim, row_of(claim, reports), reports, mean) for claim in claims]


def row_of(claim: Claim, reports: Sequence[Report]) -> list[Claim]:
    """Return the published numbers that an average is of, in their order.

    Args:
        claim: The average, as ``average_claims`` has it.
        reports: A record a task, in which the claims of the row are.
    """
    published = [each for report in reports for each in (*report.claims, *report.other_claims)]
    rows = _rows(dict.fromkeys(published))
    return next(row for row in rows.values() if _claim(row) == claim)


def _rows(claims: Sequence[Claim] | Mapping[Claim, None]) -> dict[str, list[Claim]]:
    """Return the rows of published numbers that have an average, by what that is and cites."""
    found: dict[str, list[Claim]] = {}
    for claim in claims:
        if claim.row_average is not None:
            place = claim.citation.section, claim.citation.row
            found.setdefault(f"{claim.row_average.model_dump_json()} {place}", []).append(claim)
    return found


def _claim(row: Sequence[Claim]) -> Claim:
    first, average = row[0], row[0].row_average
    assert average is not None
    return Claim(
        task=AVERAGE_TASK,
        value=average.value,
        decimals=average.decimals,
        tolerance_points=min(claim.tolerance_points for claim in row),
        metric=" and ".join(dict.fromkeys(claim.metric for claim in row)),
        protocol=first.protocol,
        shots=first.shots,
        data=", ".join(claim.task for claim in row),
        n_items=sum(claim.n_items for claim in row),
        citation=first.citation.model_copy(update={"column": "average", "quoted_text": None}),
    )


def _verdict(
    claim: Claim, row: Sequence[Claim], reports: Sequence[Report], mean: TaskAverage
) -> Verdict:
    by_task = {report.data.task: report for report in reports}
    judged = {each.task: _judged(each, by_task[each.task]) for each in row}
    kind = _kind([each.match.kind for each in judged.values()])
    # The mean of the record is that of its own tasks and metrics.
    is_of_row = {*judged} == {*by_task} and all(
        each.metric == by_task[task].protocol.metric for task, each in judged.items()
    )
    differences = list(_differences(judged))
    if not is_of_row:
        kind = "mismatch"
        differences.append("the mean is of other tasks or metrics than the row")
    total = sum(each.measured.total for each in judged.values())
    measured = Metric(
        correct=sum(each.measured.correct for each in judged.values()),
        total=total,
        value=mean.value,
        interval=mean.interval,
        split_interval=mean.split_interval,
    )
    is_sample = all(each.is_sample for each in judged.values())
    last = reports[-1]
    notes = (f"protocol_match is {kind}", *differences, contradiction(row).rstrip("."))
    return Verdict(
        id=verdict_id(
            claim.model_dump_json(),
            *(run.sha256 for run in [last.reference] if run is not None),
            *(report.data.fingerprint for report in reports),
        ),
        status=status(claim, measured, kind, is_sample),
        score=mean.value,
        confidence=None,
        agent_version=f"edgeval-{last.edgeval_version}",
        computed_at=last.created_at,
        claim_citation=ClaimCitation(
            **claim.citation.model_dump(),
            reported_value=claim.value,
            reported_metric=claim.metric,
            notes="; ".join(filter(None, notes)),
        ),
        protocol_match=kind,
    )


def _judged(claim: Claim, report: Report) -> Judgement:
    run = report.reference
    assert run is not None
    return judge(claim, run, report.data, report.protocol, report.base_model)


def _kind(kinds: Sequence[ProtocolMatch]) -> ProtocolMatch:
    order: tuple[ProtocolMatch, ...] = ("mismatch", "proxy", "exact")
    return next(kind for kind in order if kind in kinds)


def _differences(judged: Mapping[str, Judgement]) -> Iterator[str]:
    """Yield in what the measurement differs from the row: once where all tasks differ alike."""
    tasks_of: dict[str, list[str]] = {}
    for task, each in judged.items():
        for difference in each.match.differences:
            tasks_of.setdefault(difference, []).append(task)
    for difference, tasks in tasks_of.items():
        yield difference if len(tasks) == len(judged) else f"{', '.join(tasks)}: {difference}"
