"""Reasoning of a verdict: one paragraph that a reviewer can follow, from the record alone."""

from __future__ import annotations

from edgeval.errors import counted
from edgeval.gguf.remarks import remarks_on
from edgeval.records import Claim, ModelRun, Report, Stopping, protocol_label
from edgeval.records.claims import NOT_STATED
from edgeval.report import formatting as fmt
from edgeval.report import speeds, verdicts
from edgeval.report.facts import citation
from edgeval.report.machines import check_of_run, where
from edgeval.report.record_view import RecordView
from edgeval.stats.verdict import Judgement, judge, row_contradiction

_View = RecordView[Report]

_HASH_DIGITS = 12


def reasoning(view: RecordView[Report], claim: Claim) -> str:
    """Return what was measured and claimed, what differs, what follows and how sure it is.

    Args:
        view: The view of a record whose reference did not fail.
        claim: One of its claims.
    """
    report = view.record
    run = view.judged_run.run
    judgement = judge(claim, run, report.data, report.protocol, report.base_model)
    sentences = [
        _measured(view, judgement),
        _setting(view),
        _claimed(claim),
        row_contradiction(report, claim),
        _differences(judgement),
        _conclusion(report, claim, judgement),
        verdicts.confidence(judgement),
    ]
    return " ".join(filter(None, sentences))


def not_measured(report: Report) -> str:
    """Return the published numbers on other tasks as a sentence; empty if there are none."""
    numbers = [f"{claim.data} {claim.printed}" for claim in report.other_claims]
    # Beside the record of one task of several, the others may have been measured.
    what = "Not measured here" if report.n_together == 1 else "Published on other tasks"
    return f"{what}: {', '.join(numbers)}." if numbers else ""


def _measured(view: _View, judgement: Judgement) -> str:
    run, data, n_items = view.judged_run.run, view.record.data, view.judged_run.n_items
    items = f"all {n_items:,} items"
    drawn = ""
    if n_items < data.n_total:
        items = f"a slice of {n_items:,} of {data.n_total:,} items"
        drawn = (
            "; the first in the file's order, which are no random sample"
            if data.order == "file"
            else f"; drawn at random with seed {data.seed}"
        )
    return (
        f"{view.record.model.title}, as {run.label} ({run.file}, SHA-256 {_short(run.sha256)}), "
        f"scores {judgement.metric} {fmt.accuracy(judgement.measured.value)} on {items} of "
        f"{data.name} (SHA-256 {_short(data.fingerprint)}{drawn}). {_known(view, judgement)}"
    ).rstrip()


def _known(view: _View, judgement: Judgement) -> str:
    """Return what is known of the whole split, as a sentence; empty if nothing is."""
    stopping, interval = view.judged_run.run.stopping, judgement.measured.split_interval
    data = view.record.data
    if judgement.is_whole:
        return "Every item of the split was scored, so this number has no sampling error."
    if stopping is not None:
        return (
            f"{_stopped(stopping)} The {fmt.level(interval)} interval for all "
            f"{data.n_total:,} items of {data.name}, valid at every look, is "
            f"{fmt.accuracy_interval(interval)}."
        )
    if not judgement.is_sample:
        return ""
    return (
        f"The exact {fmt.level(interval)} interval for all {judgement.population:,} items of the "
        f"split is {fmt.accuracy_interval(interval)}."
    )


def _stopped(stopping: Stopping) -> str:
    points = fmt.points(stopping.points)
    after = f"It stopped early, after {stopping.n_items:,} items"
    if stopping.is_decided:
        return f"{after}, as soon as what was asked was decided to ±{points}."
    return f"{after}, the most that it might use, before what was asked was decided to ±{points}."


def _setting(view: _View) -> str:
    """Return with what it was measured, by which kernels and, of a GPU, how that was checked."""
    run = view.judged_run.run
    parts = (
        _tool(view),
        *remarks_on([run]),
        _kernels(run),
        check_of_run(run),
    )
    return " ".join(part for part in parts if part)


def _tool(view: _View) -> str:
    protocol, engine, run = view.record.protocol, view.record.engine, view.judged_run.run
    known = run.from_reference
    if known is not None:
        return (
            f"It was not measured here but read from {known.file} (SHA-256 "
            f"{_short(known.sha256)}), and there with protocol {protocol.label} (version "
            f"{protocol.version}) by llama.cpp through {known.engine}, on backend "
            f"{where(known.backend, run.offload)}, on {known.device.cpu}."
        )
    return (
        f"It was measured with protocol {protocol.label} (version {protocol.version}) by llama.cpp "
        f"through {engine.version}, on backend {where(engine.backend, run.offload)}"
        f"{_computed(view)}."
    )


def _computed(view: _View) -> str:
    """Return on what machine with how many threads, also of what the store had."""
    run, record = view.judged_run.run, view.record
    here = f" with {counted(record.engine.threads, 'thread')}, on {record.device.cpu}"
    if not run.n_from_store:
        return here
    before = speeds.from_store(run)
    if run.n_from_store == view.judged_run.n_items:
        return f"; all its scores come from the store, computed on {before}"
    return f"{here}; {run.n_from_store:,} of its scores come from the store, computed on {before}"


def _kernels(run: ModelRun) -> str:
    if run.kernels == "default" or run.from_reference is not None:
        return ""
    why = f" ({run.kernels_reason})" if run.kernels_reason else ""
    return f"It was computed with llama.cpp's plain kernels{why}."


def _claimed(claim: Claim) -> str:
    metric = ", of a metric that is not stated," if claim.metric == NOT_STATED else ""
    how = protocol_label(claim.protocol, claim.shots)
    protocol = f"a protocol that is {how}" if claim.protocol == NOT_STATED else f"protocol {how}"
    count = f", which is {claim.correct:,} right items" if claim.correct is not None else ""
    return (
        f"The claim is {claim.with_metric}{metric} with {protocol} on the {claim.n_items:,} items "
        f"of {claim.data} ({citation(claim.citation)}){count}."
    )


def _differences(judgement: Judgement) -> str:
    if judgement.match.kind == "exact":
        return "Protocol and items are the claim's and no weights are quantized: an exact match."
    relation = "a proxy of" if judgement.match.kind == "proxy" else "another than"
    differences = "; ".join(judgement.match.differences)
    return f"This measurement is {relation} the one claimed ({differences})."


def _conclusion(report: Report, claim: Claim, judgement: Judgement) -> str:
    why = verdicts.reason(claim, judgement, report.data)
    return f"{why[0].upper()}{why[1:]}: {verdicts.outcome(claim, judgement)}."


def _short(digest: str) -> str:
    return f"{digest[:_HASH_DIGITS]}\N{HORIZONTAL ELLIPSIS}"
