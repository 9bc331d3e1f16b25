"""Record of a run: a ladder is made, scored on its tasks, compared and judged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timezone

from edgeval import __version__
from edgeval.checkpoints.locate import ModelLocation
from edgeval.engine import running
from edgeval.errors import EdgevalError
from edgeval.evaluation.forecast.forecast import forecast
from edgeval.evaluation.forecast.live import Confirm, foreseen
from edgeval.evaluation.forecast.parts import parts_of_run
from edgeval.evaluation.ladder import measured
from edgeval.evaluation.options import Options
from edgeval.evaluation.ready_run import Asked, ReadyRun
from edgeval.evaluation.task_run import checked_once
from edgeval.llama import machine
from edgeval.quantization.rungs import LadderRung
from edgeval.records import Failure, Report, Suite
from edgeval.records.forecast import Forecast
from edgeval.report.derived import renewed, renewed_suite
from edgeval.scoring.observer import NoObserver, Observer
from edgeval.stats.evidence import evidence, most_told
from edgeval.stats.verdict import judged
from edgeval.store.store import Store
from edgeval.system.progress import Progress
from edgeval.system.written import written_bytes


def foretold(
    location: ModelLocation, asked: Asked, options: Options, command: str, progress: Progress
) -> Forecast:
    """Return what a run will take; its files are made, and nothing is scored.

    Args:
        location: The model.
        asked: What was asked for.
        options: What is evaluated and how.
        command: The command line.
        progress: Where to show progress.

    Raises:
        EdgevalError: If anything cannot be used, or nothing is left to be scored.
    """
    ready = ReadyRun.of(location, asked, options, progress)
    with Store(options.store) as store:
        tasks = checked_once(ready.tasks, ready.files, store, progress)
        parts = parts_of_run(tasks, ready.files, store)
        found = forecast(parts, progress, command, is_asked=True)
    if found is None:
        raise EdgevalError(
            "nothing is left to forecast: the store has all scores, or no file can be computed"
        )
    return found


def made_record(
    location: ModelLocation,
    asked: Asked,
    options: Options,
    command: str,
    progress: Progress,
    confirm: Confirm | None = None,
    observer: Observer | None = None,
) -> Report | Suite:
    """Evaluate a ladder, and return what there is to report.

    Args:
        location: The model.
        asked: What was asked for.
        options: What is evaluated and how.
        command: The command line.
        progress: Where to show progress.
        confirm: What is told before a long run; None makes no forecast.
        observer: Who is told of scores as batches land; None for nobody.

    Returns:
        The record of the task or, of several, that of all.

    Raises:
        EdgevalError: If anything cannot be used.
    """
    started, written_before = time.perf_counter(), written_bytes()
    created_at = datetime.now(timezone.utc)
    ready = ReadyRun.of(location, asked, options, progress)
    with Store(options.store) as store:
        tasks = checked_once(ready.tasks, ready.files, store, progress)
        began_s, shown = time.perf_counter(), progress
        if confirm is not None and ready.files:
            parts = parts_of_run(tasks, ready.files, store)
            shown = foreseen(parts, progress, command, confirm)
        # Neither the trial nor the wait for an answer is time of the run.
        started += time.perf_counter() - began_s
        results = measured(ready.files, tasks, store, shown, ready.making, observer or NoObserver())
    for result in results:
        ready.ladder.require_same(result.runs)
    if asked.samples is not None:
        asked.samples.write(
            (task.setup, result.scored) for task, result in zip(tasks, results, strict=True)
        )
    with running() as engine:
        worker_peak = engine.peak_rss_bytes()
    elapsed_s, written = time.perf_counter() - started, _more(written_before, written_bytes())
    peak = machine.peak_rss_bytes() + (worker_peak or 0)
    reports = [
        judged(
            Report(
                edgeval_version=__version__,
                created_at=created_at,
                command=command,
                model=ready.source.info,
                base_model=ready.base_model,
                data=task.setup.data_of(result.indices),
                protocol=task.setup.protocol_info(),
                engine=task.setup.engine(),
                device=machine.describe(),
                conditions=machine.conditions(options.store),
                runs=result.runs,
                failures=_in_order(result.failures, ready.ladder.rungs),
                same_files=list(ready.ladder.same_files),
                unlike=ready.unlike,
                drift=result.drift,
                evidence=evidence(
                    result.drift,
                    result.scores,
                    task.setup.protocol.metric,
                    most=most_told(len(tasks)),
                ),
                n_together=task.setup.n_together,
                other_claims=task.other_claims,
                elapsed_s=elapsed_s,
                peak_rss_bytes=peak,
                worker_peak_rss_bytes=worker_peak,
                written_bytes=written,
            ),
            task.claims,
        )
        for task, result in zip(tasks, results, strict=True)
    ]
    if len(reports) == 1:
        return renewed(reports[0])
    return renewed_suite(
        Suite(
            edgeval_version=__version__,
            created_at=created_at,
            command=command,
            reports=reports,
            elapsed_s=elapsed_s,
            peak_rss_bytes=peak,
        )
    )


def _more(before: int | None, after: int | None) -> int | None:
    """Return by how much a counter has grown; None if it cannot be read."""
    return None if before is None or after is None else max(0, after - before)


def _in_order(failures: Sequence[Failure], rungs: Sequence[LadderRung]) -> list[Failure]:
    """Return failures in the order of the ladder."""
    order = [rung.label for rung in rungs]
    return sorted(failures, key=lambda failure: order.index(failure.label))
