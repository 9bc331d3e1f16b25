"""Record of a run: a ladder is made, scored on its tasks, compared and judged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from edgeval import __version__
from edgeval.checkpoints.claims import Claimed
from edgeval.checkpoints.locate import ModelLocation, ask_hub, fetch_model
from edgeval.engine import running
from edgeval.evaluation import reference_checks
from edgeval.evaluation.defaults import with_card_data
from edgeval.evaluation.each_task import options_of_each
from edgeval.evaluation.expected import require_made, require_rungs
from edgeval.evaluation.failures import Failures
from edgeval.evaluation.few_items import too_few_items
from edgeval.evaluation.ladder import made_files, measured
from edgeval.evaluation.ladder_files import ToMake, Wanted, made_ladder, ready_ladder
from edgeval.evaluation.options import Options
from edgeval.evaluation.samples import SampleFile
from edgeval.evaluation.task_run import TaskRun, checked_once, of_checkpoint, prepared
from edgeval.llama import machine
from edgeval.quantization.rungs import LadderFiles, LadderRung
from edgeval.records import Failure, Report, Suite
from edgeval.report.derived import renewed, renewed_suite
from edgeval.report.gate.conditions import Condition
from edgeval.stats.verdict import judged
from edgeval.store.presence import require_place
from edgeval.store.store import Store
from edgeval.system.progress import Progress
from edgeval.tasks import registry


@dataclass(frozen=True)
class Asked:
    """What was asked of a run, besides how it is evaluated.

    Attributes:
        wanted: The ladder.
        published: The numbers that it is judged by.
        conditions: What its record will be held to.
        samples: Where its items' scores are written.
    """

    wanted: Wanted
    published: Claimed
    conditions: Sequence[Condition]
    samples: SampleFile | None


def made_record(
    location: ModelLocation,
    asked: Asked,
    options: Options,
    command: str,
    progress: Progress,
) -> Report | Suite:
    """Evaluate a ladder, and return what there is to report.

    Args:
        location: The model.
        asked: What was asked for.
        options: What is evaluated and how.
        command: The command line.
        progress: Where to show progress.

    Returns:
        The record of the task or, of several, that of all.

    Raises:
        EdgevalError: If anything cannot be used.
    """
    started = time.perf_counter()
    created_at = datetime.now(timezone.utc)
    wanted, references = asked.wanted, asked.wanted.against.references
    each = options_of_each(options)
    for one in each:
        one.require_usable()
        if location.named and one.data is not None:
            # What is wrong with a file of this disk is said before the network is waited for.
            registry.task(one.task).load(one.data)
    location = ask_hub(location, wanted.types, offline=options.offline, progress=progress)
    published = asked.published.of(location, progress)
    known, is_ready = wanted.known, wanted.is_ready(location)
    wanted.require_usable(location)
    to_make = None if is_ready else ToMake.of(wanted, progress)
    each = [with_card_data(one, published.card, location.card) for one in each]
    claims = [claim for one in each for claim in published.on(one.task_name)[0]]
    if to_make is not None:
        require_made(asked.conditions, to_make.types, wanted, options.kl_items, claims)
    tasks = prepared(each, published, references)
    if options.store is not None:
        require_place(options.store)
    source = fetch_model(location, offline=options.offline, progress=progress)
    tasks = of_checkpoint(tasks, source.info if source.kind == "checkpoint" else None)
    setup = tasks[0].setup
    ladder: LadderFiles
    unlike: list[str] = []
    if to_make is not None:
        ladder = made_ladder(to_make, wanted, source, setup, progress)
    else:
        ladder = ready = ready_ladder(wanted, location, source, setup, progress)
        unlike = list(ready.unlike)
    require_rungs(asked.conditions, ladder.rungs, wanted, options.kl_items, claims)
    _warn_of_few_items(tasks, len(ladder.rungs) - (known is None), progress)
    making = Failures(len(ladder.rungs), progress)
    files = made_files(ladder, making, has_reference=known is None)
    if known is not None and files:
        unlike += reference_checks.unlike(known, files[0][1], options.pre, wanted.is_forced)
    with Store(options.store) as store:
        tasks = checked_once(tasks, files, store, progress)
        results = measured(files, tasks, store, progress, making)
    for result in results:
        ladder.require_same(result.runs)
    if asked.samples is not None:
        asked.samples.write(
            (task.setup, result.scored) for task, result in zip(tasks, results, strict=True)
        )
    with running() as engine:
        worker_peak = engine.peak_rss_bytes()
    elapsed_s, peak = time.perf_counter() - started, machine.peak_rss_bytes() + (worker_peak or 0)
    reports = [
        judged(
            Report(
                edgeval_version=__version__,
                created_at=created_at,
                command=command,
                model=source.info,
                base_model=_source_of(location, published) if is_ready else None,
                data=task.setup.data_of(result.indices),
                protocol=task.setup.protocol_info(),
                engine=task.setup.engine(),
                device=machine.describe(),
                conditions=machine.conditions(options.store),
                runs=result.runs,
                failures=_in_order(result.failures, ladder.rungs),
                same_files=list(ladder.same_files),
                unlike=unlike,
                drift=result.drift,
                n_together=task.setup.n_together,
                other_claims=task.other_claims,
                elapsed_s=elapsed_s,
                peak_rss_bytes=peak,
                worker_peak_rss_bytes=worker_peak,
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


def _warn_of_few_items(tasks: Sequence[TaskRun], n_compared: int, progress: Progress) -> None:
    for task in tasks:
        setup = task.setup
        if setup.options.until is None and (
            few := too_few_items(setup, n_compared * setup.n_together, "type")
        ):
            of_task = f"{setup.data.task}: " if setup.n_together > 1 else ""
            progress.log(f"{of_task}{few} (--limit), or --until {setup.margin_points:g}")


def _source_of(location: ModelLocation, published: Claimed) -> str | None:
    """Return what ready files are of, by their own word or by that of who named a card."""
    return location.base_model or (published.card.repo if published.card else None)


def _in_order(failures: Sequence[Failure], rungs: Sequence[LadderRung]) -> list[Failure]:
    """Return failures in the order of the ladder."""
    order = [rung.label for rung in rungs]
    return sorted(failures, key=lambda failure: order.index(failure.label))
