"""Why a verdict is what it is: one paragraph that a reviewer can follow, from the record alone."""

from __future__ import annotations

from edgeval.gguf.remarks import remarks_on
from edgeval.records import Claim, Report, Stopping
from edgeval.report import claim_outcome, speeds
from edgeval.report import formatting as fmt
from edgeval.report.backends import where
from edgeval.report.facts import place
from edgeval.report.items import items_of, judged_run
from edgeval.report.selfchecks import check_of_run
from edgeval.stats.verdict import Judgement, judge, row_contradiction

_HASH_DIGITS = 12


def reasoning(report: Report, claim: Claim) -> str:
    """Return what was measured and claimed, what differs, what follows and how sure it is.

    Args:
        report: A record whose reference did not fail.
        claim: One of its claims.
    """
    found = judge(claim, judged_run(report), report.data, report.protocol)
    sentences = [
        _measured(report, found),
        _setting(report),
        _claimed(claim),
        row_contradiction(report),
        _differences(found),
        _conclusion(report, claim, found),
        claim_outcome.confidence(found),
    ]
    return " ".join(filter(None, sentences))


def not_measured(report: Report) -> str:
    """Return the published numbers on other tasks as a sentence; empty if there are none."""
    numbers = [f"{claim.data} {claim.printed}" for claim in report.other_claims]
    return f"Not measured here: {', '.join(numbers)}." if numbers else ""


def _measured(report: Report, found: Judgement) -> str:
    run, data = judged_run(report), report.data
    n_items = items_of(report, run)
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
        f"{report.model.title}, as {run.label} ({run.file}, SHA-256 {_short(run.sha256)}), scores "
        f"{found.metric} {fmt.accuracy(found.measured.value)} on {items} of {data.name} "
        f"(SHA-256 {_short(data.fingerprint)}{drawn}). {_known(report, found)}"
    ).rstrip()


def _known(report: Report, found: Judgement) -> str:
    """Return what is known of the whole split, as a sentence; empty if nothing is."""
    stopping, interval = judged_run(report).stopping, found.measured.split_interval
    if found.is_whole:
        return "Every item of the split was scored, so this number has no sampling error."
    if stopping is not None:
        return (
            f"{_stopped(stopping)} The {fmt.level(interval)} interval for all "
            f"{report.data.n_total:,} items of {report.data.name}, valid at every look, is "
            f"{fmt.accuracy_interval(interval)}."
        )
    if not found.is_sample:
        return ""
    return (
        f"The exact {fmt.level(interval)} interval for all {found.population:,} items of the split "
        f"is {fmt.accuracy_interval(interval)}."
    )


def _stopped(stopping: Stopping) -> str:
    points = fmt.points(stopping.points)
    after = f"It stopped early, after {stopping.n_items:,} items"
    if stopping.is_decided:
        return f"{after}, as soon as what was asked was decided to ±{points}."
    return f"{after}, the most that it might use, before what was asked was decided to ±{points}."


def _setting(report: Report) -> str:
    """Return with what it was measured, by which kernels and, of a GPU, how that was checked."""
    parts = (
        _tool(report),
        *remarks_on([judged_run(report)]),
        _kernels(report),
        check_of_run(judged_run(report)),
    )
    return " ".join(part for part in parts if part)


def _tool(report: Report) -> str:
    protocol, engine, run = report.protocol, report.engine, judged_run(report)
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
        f"{_computed(report)}."
    )


def _computed(report: Report) -> str:
    """Return on what machine with how many threads, also of what the store had."""
    run = judged_run(report)
    here = f" with {speeds.threads(report.engine.threads)}, on {report.device.cpu}"
    if not run.n_from_store:
        return here
    n_items, before = items_of(report, run), speeds.from_store(run)
    if run.n_from_store == n_items:
        return f"; all its scores come from the store, computed on {before}"
    return f"{here}; {run.n_from_store:,} of its scores come from the store, computed on {before}"


def _kernels(report: Report) -> str:
    run = judged_run(report)
    if run.kernels == "default" or run.from_reference is not None:
        return ""
    why = f" ({run.kernels_reason})" if run.kernels_reason else ""
    return f"It was computed with llama.cpp's plain kernels{why}."


def _claimed(claim: Claim) -> str:
    cited = claim.citation
    paper = f"arXiv:{cited.paper_arxiv_id}, " if cited.paper_arxiv_id else ""
    words = f", “{cited.quoted_text}”" if cited.quoted_text else ""
    count = f", which is {claim.correct:,} right items" if claim.correct is not None else ""
    return (
        f"The claim is {claim.metric} {claim.printed} with protocol {claim.protocol} on the "
        f"{claim.n_items:,} items of {claim.data} ({paper}{place(cited)}{words}){count}."
    )


def _differences(found: Judgement) -> str:
    if found.match.kind == "exact":
        return "Protocol and items are the claim's and no weights are quantized: an exact match."
    what = "a proxy of" if found.match.kind == "proxy" else "another than"
    return f"This measurement is {what} the one claimed ({'; '.join(found.match.differences)})."


def _conclusion(report: Report, claim: Claim, found: Judgement) -> str:
    why = claim_outcome.reason(claim, found, report.data)
    return f"{why[0].upper()}{why[1:]}: {claim_outcome.outcome(claim, found)}."


def _short(digest: str) -> str:
    return f"{digest[:_HASH_DIGITS]}\N{HORIZONTAL ELLIPSIS}"
