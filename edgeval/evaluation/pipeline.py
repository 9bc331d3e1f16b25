"""run(): model → ladder → scores → drift → verdict → report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from edgeval import __version__
from edgeval.checkpoints import cards
from edgeval.checkpoints.locate import ModelLocation, fetch_model, locate
from edgeval.engine import running
from edgeval.errors import EdgevalError
from edgeval.evaluation import reference_checks
from edgeval.evaluation.failures import Failures
from edgeval.evaluation.ladder import made_files, measured
from edgeval.evaluation.options import DEFAULT_LADDER, RESULTS_FOLDER, Options
from edgeval.evaluation.reference import Reference, load_reference
from edgeval.evaluation.selfcheck import checked
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.evaluation.yardstick import yardstick
from edgeval.gguf import imatrix_file
from edgeval.gguf.precision import reference_first, with_base
from edgeval.llama import machine
from edgeval.quantization.cache import clean
from edgeval.quantization.ladder import Ladder
from edgeval.quantization.rungs import Rung, file_stem
from edgeval.records import Claim, Failure, Report
from edgeval.report import formatting as fmt
from edgeval.report import record_files
from edgeval.report.derived import renewed
from edgeval.report.folder import new_folder, remove_unfinished, reserved
from edgeval.stats.paired import fewest_items
from edgeval.stats.verdict import judged
from edgeval.store.presence import require_place
from edgeval.store.store import Store
from edgeval.system.progress import Progress, ProgressOption, progress_of


class RunResult(NamedTuple):
    """What a run leaves: the record, and the folder that holds it with its pages."""

    report: Report
    folder: Path

    def _repr_html_(self) -> str | None:
        return self.report._repr_html_()


@running()
def run(
    model: str | Path = "demo",
    options: Options | None = None,
    *,
    types: Sequence[str] = DEFAULT_LADDER,
    imatrix: str | Path | None = None,
    reference: str | Path | None = None,
    dtype: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    command: str = "",
    progress: ProgressOption = "auto",
) -> RunResult:
    """Evaluate a model's ladder and write the report.

    Args:
        model: Card name, hub repository, checkpoint directory or GGUF file.
        options: What is evaluated and how; by default all of HellaSwag, and no store.
        types: File types of the ladder. The most precise one is the reference, unless that is a
            file.
        imatrix: An importance matrix: what it changes is evaluated without it and with it.
        reference: A reference file: all types are compared with it, and its own is not evaluated.
        dtype: Type that a checkpoint is converted to before it is quantized, F16, BF16 or F32; by
            default the most precise one in ``types``, or F16. In the default ladder it is the
            reference.
        out: Folder of the report. By default a new one in ``edgeval-results``.
        overwrite: Whether a report that is there is replaced.
        command: The command line, for the record.
        progress: Where to show progress; None for nowhere.

    Returns:
        The record, and the folder it was written to.

    Raises:
        EdgevalError: If anything cannot be used; nothing half-written is left.
    """
    bars, model = progress_of(progress), str(model)
    location = locate(model)
    clean(bars, *([options.store.parent] if options and options.store else []))
    out = None if out is None else Path(out)
    with report_folder(model, out, command, overwrite=overwrite, progress=bars) as folder:
        record = _record(
            location,
            types,
            options or Options(),
            imatrix=None if imatrix is None else Path(imatrix),
            reference_file=None if reference is None else Path(reference),
            dtype=dtype,
            command=command,
            progress=bars,
        )
        record_files.save(record, folder)
        return RunResult(record, folder)


def report_folder(
    model: str, out: Path | None, command: str, *, overwrite: bool, progress: Progress
) -> contextlib.AbstractContextManager[Path]:
    """Return a context that has the folder of a run's report to itself.

    Args:
        model: As ``run`` takes it.
        out: The folder; by default a new one in ``edgeval-results``.
        command: The command line; the same one may go on where it was killed.
        overwrite: Whether a report that is there is replaced.
        progress: Where it is said what was removed.

    Raises:
        EdgevalError: If the folder cannot be written, holds a report, or is another process's.
    """
    for parent in {RESULTS_FOLDER, RESULTS_FOLDER if out is None else out.parent}:
        remove_unfinished(parent, progress)
    if out is not None:
        return reserved(out, command=command, overwrite=overwrite, progress=progress)
    name = f"{file_stem(model)}-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}"
    return new_folder(RESULTS_FOLDER, name)


def _record(
    location: ModelLocation,
    types: Sequence[str],
    options: Options,
    *,
    imatrix: Path | None,
    reference_file: Path | None,
    dtype: str | None,
    command: str,
    progress: Progress,
) -> Report:
    """Evaluate a ladder, and return what there is to report."""
    started = time.perf_counter()
    created_at = datetime.now(timezone.utc)
    known = None if reference_file is None else load_reference(reference_file)
    base = None if dtype is None else dtype.upper()
    if base is not None and tuple(types) == DEFAULT_LADDER:
        types = with_base(types, base)
    names = _ladder_types(types, known, progress)
    matrix = None if imatrix is None else imatrix_file.read(imatrix)
    setup = prepare(_with_card_data(options, location.card))
    if known is not None:
        reference_checks.require_items(known, setup)
    if options.store is not None:
        require_place(options.store)
    source = fetch_model(location, offline=options.offline, progress=progress)
    setup = replace(setup, checkpoint=source.info if source.kind == "checkpoint" else None)
    if known is not None:
        reference_checks.require_checkpoint(known, setup.checkpoint)
    ladder = Ladder(
        source,
        names,
        threads=setup.threads,
        progress=progress,
        matrix=matrix,
        pre=options.pre,
        known=known.header.type if known else None,
        base=base,
    )
    _warn_of_few_items(setup, len(names) - (known is None), progress)
    claims, other_claims = _claims(source.card, setup.data.task)
    failures = Failures(len(ladder.rungs), progress)
    files = made_files(ladder, failures, has_reference=known is None)
    with Store(options.store) as store:
        if files:
            held_to = yardstick([(rung.name, path) for rung, path in files], known, setup)
            setup = checked([path for _, path in files], setup, store, progress, held_to)
        result = measured(files, setup, store, progress, known, failures)
    ladder.require_same(result.runs)
    failures.require_any()
    with running() as engine:
        worker_peak = engine.peak_rss_bytes()
    record = Report(
        edgeval_version=__version__,
        created_at=created_at,
        command=command,
        model=source.info,
        data=setup.data_of(result.indices),
        protocol=setup.protocol_info(),
        engine=setup.engine(),
        device=machine.describe(),
        runs=result.runs,
        failures=_in_order(failures.found, ladder.rungs),
        same_files=ladder.same_files,
        drift=result.drift,
        other_claims=other_claims,
        elapsed_s=time.perf_counter() - started,
        peak_rss_bytes=machine.peak_rss_bytes() + (worker_peak or 0),
        worker_peak_rss_bytes=worker_peak,
    )
    return renewed(judged(record, claims))


def _warn_of_few_items(setup: EvalSetup, n_compared: int, progress: Progress) -> None:
    """Say before the work if a slice is too small for any type to be shown equivalent."""
    n_items, population = setup.limit, setup.data.n_total
    if n_compared < 1 or n_items >= population or setup.options.until is not None:
        return
    fewest = fewest_items(population, setup.margin_points, n_compared)
    if n_items < fewest:
        points = fmt.points(setup.margin_points)
        progress.log(
            f"{n_items:,} of {population:,} items cannot show that a type is within {points} of "
            f"the reference, even if none flips; that takes {fewest:,} (--limit), or --until "
            f"{setup.margin_points:g}"
        )


def _in_order(failures: Sequence[Failure], rungs: Sequence[Rung]) -> list[Failure]:
    """Return failures in the order of the ladder."""
    order = [(rung.name, rung.matrix is not None) for rung in rungs]
    return sorted(failures, key=lambda each: order.index((each.type, each.has_imatrix)))


def _ladder_types(
    types: Sequence[str], reference: Reference | None, progress: Progress
) -> list[str]:
    """Return the types to evaluate, the reference first; that of a reference file is not."""
    with running() as engine:
        names = [engine.file_type(name) for name in types]
    if not names:
        raise EdgevalError("the ladder is empty; name at least one type with --quant")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise EdgevalError(f"{repeated} is in the ladder twice; name each type once in --quant")
    if reference is None:
        ordered = reference_first(names)
        if ordered != names:
            progress.log(
                f"{ordered[0]} is the reference, being the most precise type asked for; the others "
                "are compared with it"
            )
        return ordered
    own = reference.header.type
    left = [name for name in names if name != own]
    if not left:
        raise EdgevalError(
            f"{reference.path} is {own}, and so is all of the ladder; add a type to --quant that "
            "is compared with it"
        )
    return left


def _with_card_data(options: Options, card: cards.Card | None) -> Options:
    if options.data is None and card is not None and card.data is not None:
        return replace(options, data=cards.cards_folder() / card.data)
    return options


def _claims(card: cards.Card | None, task: str) -> tuple[list[Claim], list[Claim]]:
    """Return a card's claims on the evaluated task, and those on other tasks."""
    if card is None:
        return [], []
    return card.claims_on(task), [claim for claim in card.claims if claim.task != task]
