"""Results of a pick: the report of what was tried, from its record."""

from __future__ import annotations

from pathlib import Path

from edgeval import __version__
from edgeval.checkpoints.claims import Claimed
from edgeval.records import Failure, Report
from edgeval.records.pick import Pick
from edgeval.report import record_files
from edgeval.report.derived import renewed
from edgeval.report.record_files import HTML_NAME, MARKDOWN_NAME, RECORD_NAME, VERDICT_NAME
from edgeval.stats.verdict import judged


def save_report(pick: Pick, published: Claimed, folder: Path) -> None:
    """Write the report of the files that were compared; without any, none of another pick stays.

    Args:
        pick: The record.
        published: The numbers that the reference is judged by.
        folder: Where it is written to.

    Raises:
        EdgevalError: If a file cannot be written.
    """
    report = report_of(pick, published)
    if report is not None:
        record_files.save(report, folder)
        return
    for name in (RECORD_NAME, MARKDOWN_NAME, HTML_NAME, VERDICT_NAME):
        (folder / name).unlink(missing_ok=True)


def report_of(pick: Pick, published: Claimed) -> Report | None:
    """Return the report of the files that were compared, the largest first; None without any.

    Args:
        pick: The record.
        published: The numbers that the reference is judged by.
    """
    if pick.reference_run is None:
        return None
    claims, other_claims = published.on(pick.data.task, pick.data)
    compared = [each for each in reversed(pick.files) if each.run and each.drift]
    failed = [each for each in pick.files if each.outcome == "failed"]
    record = Report(
        edgeval_version=__version__,
        created_at=pick.created_at,
        command=pick.command,
        model=pick.model,
        base_model=pick.base_model,
        data=pick.data,
        protocol=pick.protocol,
        engine=pick.engine,
        device=pick.device,
        runs=[pick.reference_run, *(each.run for each in compared if each.run)],
        failures=[
            Failure.of(each.label, each.file, doing="being tried", reason=each.reason or "")
            for each in failed
        ],
        unlike=[sentence for each in compared for sentence in each.unlike],
        drift=[each.drift for each in compared if each.drift],
        other_claims=other_claims,
        elapsed_s=pick.elapsed_s,
        peak_rss_bytes=pick.peak_rss_bytes,
        worker_peak_rss_bytes=pick.worker_peak_rss_bytes,
    )
    return renewed(judged(record, claims))
