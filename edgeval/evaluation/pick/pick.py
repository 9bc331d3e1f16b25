"""pick(): which of several GGUFs to take → the smallest that is shown to be good enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from edgeval.checkpoints.claims import Claimed
from edgeval.checkpoints.locate import locate, model_names
from edgeval.engine import running
from edgeval.errors import EdgevalError, EngineError, listed
from edgeval.evaluation import reference_checks
from edgeval.evaluation.against import against
from edgeval.evaluation.defaults import with_card_data, with_protocol
from edgeval.evaluation.each_task import require_one_task
from edgeval.evaluation.few_items import too_few_items
from edgeval.evaluation.options import RESULTS_FOLDER, Options
from edgeval.evaluation.pick import plan as plans
from edgeval.evaluation.pick.choices import Choice
from edgeval.evaluation.pick.commands import run_command
from edgeval.evaluation.pick.demands import MAX_DRIFT_POINTS, Demands
from edgeval.evaluation.pick.downloads import Downloads
from edgeval.evaluation.pick.journal import Journal, digest_of
from edgeval.evaluation.pick.plan import Plan
from edgeval.evaluation.pick.results import save_report
from edgeval.evaluation.pick.search import Search
from edgeval.evaluation.pick.setting import begun
from edgeval.evaluation.pick.standard import require_room
from edgeval.evaluation.setup import prepare
from edgeval.hub.cache import Cache
from edgeval.llama import machine
from edgeval.quantization.cache import clean
from edgeval.quantization.rungs import file_stem
from edgeval.records.pick import Pick
from edgeval.report.folder import reserved
from edgeval.store.presence import require_place
from edgeval.store.store import Store
from edgeval.system.progress import ProgressOption, progress_of

_DIGITS = 8


class PickResult(NamedTuple):
    """What a pick leaves: its record, the folder that holds it, and where the answer is.

    ``path`` is None where nothing may be recommended, or the file is not on this machine any more.
    """

    pick: Pick
    folder: Path
    path: Path | None


@running()
def pick(
    model: str | Path | Sequence[str | Path],
    options: Options | None = None,
    *,
    max_drift: float = MAX_DRIFT_POINTS,
    max_size: str | int | None = None,
    min_speed: float | None = None,
    reference: str | Path | None = None,
    force_compare: bool = False,
    deletes: bool | Callable[[], bool] = False,
    out: str | Path | None = None,
    overwrite: bool = False,
    command: str = "",
    progress: ProgressOption = "auto",
) -> PickResult:
    """Pick the smallest of several GGUFs that is shown to be good enough.

    Files are tried from the smallest on, and of a repository downloaded one at a time; what is
    larger than the answer is not downloaded. The same call goes on where it was interrupted.

    Args:
        model: Repository of the hub that holds GGUFs, a folder of them, or a GGUF; or several.
        options: What is evaluated and how; by default all of HellaSwag, and no store, without which
            an interruption loses the scores. ``until`` and ``margin`` are ``max_drift``.
        max_drift: The file is shown to be at most so many points worse than the reference.
        max_size: Largest size, in bytes or as ``"2G"``; None for any.
        min_speed: Fewest tokens a second that it generates on this machine; None for any.
        reference: What the files are compared with, as ``run`` takes it; by default the most
            precise of them.
        force_compare: Whether files are compared that are not shown to be of one model.
        deletes: Whether files that were downloaded here are deleted as soon as they have lost; or
            what is asked, once the plan was said and before anything is downloaded.
        out: Folder of the record and the report. By default one in ``edgeval-results`` that is
            named after what decides the answer.
        overwrite: Whether another pick, or a report, that it holds is replaced.
        command: The command line, for the record.
        progress: Where to show progress; None for nowhere.

    Returns:
        The record, its folder, and where the answer is.

    Raises:
        EdgevalError: If anything cannot be used, or the reference not be evaluated; what is known
            by then is kept.
    """
    started = time.perf_counter()
    bars = progress_of(progress)
    models = model_names(model)
    demands = Demands.of(max_drift, max_size, min_speed, force_compare)
    options = _asked(options or Options(), demands)
    require_one_task(options, "edgeval pick")
    location = locate(*models)
    clean(bars, *([options.store.parent] if options.store else []))
    wanted = against(None if reference is None else str(reference))
    plan = plans.planned(location, models, wanted, demands, offline=options.offline, progress=bars)
    published = Claimed(plan.card)
    claims, _ = published.on(options.task)
    options = with_protocol(with_card_data(options, plan.card), claims, plan.known)
    setup = prepare(options)
    if plan.known is not None:
        reference_checks.require_items(plan.known, setup)
    if options.store is not None:
        require_place(options.store)
    new = begun(plan, demands, setup, command)
    folder = _default_folder(plan, new) if out is None else Path(out)
    with reserved(folder, overwrite=True, progress=bars):
        journal = Journal(folder, new, overwrite=overwrite, is_fresh=options.fresh)
        if not journal.record.is_complete:
            require_room(plan, setup)
            for sentence in plans.sentences(plan, demands):
                bars.log(sentence)
            if few := too_few_items(setup, len(plan.candidates), "file"):
                bars.log(f"{few} and more (--limit)")
        may_delete = _may_delete(plan, journal, deletes)
        downloads = Downloads(journal, offline=options.offline, deletes=may_delete, progress=bars)
        try:
            with Store(options.store) as store:
                search = Search(plan, demands, setup, store, journal, downloads, bars)
                if journal.record.is_complete:
                    search.discard()
                else:
                    search.run()
            answer = _answer(plan, journal.record)
            journal.update(commands=[] if answer is None else [run_command(answer)])
        finally:
            _count(journal, started)
        save_report(journal.record, published, folder)
        return PickResult(journal.record, folder, _path(answer))


def require_all(pick: Pick) -> None:
    """Refuse to call it done where something failed.

    Raises:
        EngineError: If something did.
    """
    failed = [each.label for each in pick.files if each.outcome == "failed"]
    if failed:
        raise EngineError(
            f"{listed(failed)} failed, for the reason that is said; everything else is complete, "
            "and the same command tries again"
        )


def _asked(options: Options, demands: Demands) -> Options:
    """Return options that stop as soon as it is decided whether a file is within the margin.

    Raises:
        EdgevalError: If they ask for something else.
    """
    for name in ("until", "margin"):
        if getattr(options, name) not in (None, demands.margin_points):
            raise EdgevalError(f"of a pick, --{name} is what --max-drift says; leave it out")
    if options.order == "file":
        raise EdgevalError(
            "a pick needs items in random order, since the first of a file are no sample of it; "
            "leave out the order, or give --limit instead"
        )
    return replace(options, until=demands.margin_points, margin=None)


def _default_folder(plan: Plan, new: Pick) -> Path:
    return RESULTS_FOLDER / f"pick-{file_stem(new.model.name)}-{digest_of(new.setting)[:_DIGITS]}"


def _may_delete(plan: Plan, journal: Journal, deletes: bool | Callable[[], bool]) -> bool:
    """Return whether what has lost is deleted; asked only if something may be."""
    if isinstance(deletes, bool):
        return deletes
    if journal.record.is_complete:
        return False
    is_concerned = any(each.begun for each in journal.record.files)
    return (is_concerned or any(each.missing_bytes() for each in plans.to_download(plan))) and (
        deletes()
    )


def _count(journal: Journal, started: float) -> None:
    """Keep what this command took."""
    with running() as engine:
        worker = engine.peak_rss_bytes()
    record, peak = journal.record, machine.peak_rss_bytes() + (worker or 0)
    known_worker = max(filter(None, (record.worker_peak_rss_bytes, worker)), default=None)
    journal.update(
        elapsed_s=record.elapsed_s + time.perf_counter() - started,
        peak_rss_bytes=max(record.peak_rss_bytes, peak),
        worker_peak_rss_bytes=known_worker,
    )


def _answer(plan: Plan, record: Pick) -> Choice | None:
    return next((each for each in plan.choices if each.label == record.recommended), None)


def _path(choice: Choice | None) -> Path | None:
    """Return where a file is on this machine; None if it is not."""
    if choice is None or choice.repo is None or choice.gguf is None:
        return None if choice is None else choice.path
    path = Cache(choice.repo.repo).snapshots / choice.repo.commit / choice.gguf.name
    return path if path.is_file() else None
