"""run(): model → ladder → scores → drift → verdict → report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from edgeval import __version__
from edgeval.checkpoints.claims import Claimed, claimed
from edgeval.checkpoints.locate import (
    ModelLocation,
    ask_hub,
    common_name,
    fetch_model,
    locate,
    model_names,
)
from edgeval.engine import running
from edgeval.evaluation import reference_checks
from edgeval.evaluation.against import against
from edgeval.evaluation.defaults import with_card_data, with_protocol
from edgeval.evaluation.expected import require_made, require_rungs
from edgeval.evaluation.failures import Failures
from edgeval.evaluation.few_items import too_few_items
from edgeval.evaluation.ladder import made_files, measured
from edgeval.evaluation.ladder_files import ToMake, Wanted, made_ladder, ready_ladder
from edgeval.evaluation.options import RESULTS_FOLDER, Options
from edgeval.evaluation.samples import SampleFile
from edgeval.evaluation.selfcheck import checked
from edgeval.evaluation.setup import prepare
from edgeval.evaluation.yardstick import yardstick
from edgeval.llama import machine
from edgeval.quantization.cache import clean
from edgeval.quantization.rungs import LadderFiles, LadderRung, file_stem
from edgeval.records import Failure, Report
from edgeval.report import record_files
from edgeval.report.derived import renewed
from edgeval.report.folder import new_folder, remove_unfinished, reserved
from edgeval.report.gate.conditions import Condition, read_conditions
from edgeval.stats.verdict import judged
from edgeval.store.presence import require_place
from edgeval.store.store import Store
from edgeval.system.progress import Progress, ProgressOption, progress_of
from edgeval.tasks import registry


class RunResult(NamedTuple):
    """What a run leaves: the record, and the folder that holds it with its pages."""

    report: Report
    folder: Path

    def _repr_html_(self) -> str | None:
        return self.report._repr_html_()


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


@running()
def run(
    model: str | Path | Sequence[str | Path] = "demo",
    options: Options | None = None,
    *,
    types: Sequence[str] | None = None,
    imatrix: str | Path | None = None,
    reference: str | Path | None = None,
    dtype: str | None = None,
    force_compare: bool = False,
    card: str | Path | None = None,
    claims: Sequence[str] = (),
    out: str | Path | None = None,
    overwrite: bool = False,
    samples: str | Path | None = None,
    texts: bool = False,
    fail_if: Iterable[str | Condition] = (),
    command: str = "",
    progress: ProgressOption = "auto",
) -> RunResult:
    """Evaluate a model's ladder and write the report.

    The ladder is made of one model, or it is of GGUFs that are there already: several that are
    named, those of a folder, or a single quantized one.

    Args:
        model: Card name, hub repository, checkpoint directory or GGUF; or several GGUFs, or folders
            of them.
        options: What is evaluated and how; by default all of HellaSwag, and no store.
        types: File types of the ladder, by default those of ``DEFAULT_LADDER``; of ready files,
            which of them, by default all. The most precise one is the reference, unless another is
            named.
        imatrix: An importance matrix: what it changes is evaluated without it and with it.
        reference: What the others are compared with: a reference file, whose own type is not
            evaluated; a type of the ladder; or, for ready files, a GGUF or the card or repository
            of their model.
        dtype: Type that a checkpoint is converted to before it is quantized, F16, BF16 or F32; by
            default the most precise one in ``types``, or F16. In the default ladder it is the
            reference.
        force_compare: Whether ready files are compared that are not shown to be of one model.
        card: A card's name or file, whose claims are judged instead of those of the model's card.
        claims: More published numbers to judge it by, each as ``hellaswag acc_norm 43.0 SOURCE``;
            before the number may stand how it was measured.
        out: Folder of the report. By default a new one in ``edgeval-results``.
        overwrite: Whether a report that is there is replaced.
        samples: A ``.jsonl``, ``.csv`` or ``.parquet`` file, for a row an item and type: its
            log-probabilities, lengths and picks.
        texts: Whether that file has the items' texts too.
        fail_if: Conditions that ``gate`` will be asked about: refused at once where the run would
            say nothing of them.
        command: The command line, for the record.
        progress: Where to show progress; None for nowhere.

    Returns:
        The record, and the folder it was written to.

    Raises:
        EdgevalError: If anything cannot be used; nothing half-written is left.
    """
    bars, models = progress_of(progress), model_names(model)
    conditions, item_file = read_conditions(fail_if), SampleFile.of(samples, texts)
    location = locate(*models)
    published = claimed(card, claims)
    clean(bars, *(Path(path).parent for path in (options and options.store, samples) if path))
    out = None if out is None else Path(out)
    with report_folder(models, out, command, overwrite=overwrite, progress=bars) as folder:
        wanted = Wanted(
            types,
            imatrix=None if imatrix is None else Path(imatrix),
            dtype=dtype,
            against=against(None if reference is None else str(reference)),
            is_forced=force_compare,
        )
        asked = Asked(wanted, published, conditions, item_file)
        record = _record(location, asked, options or Options(), command, bars)
        record_files.save(record, folder)
        return RunResult(record, folder)


def report_folder(
    models: Sequence[str], out: Path | None, command: str, *, overwrite: bool, progress: Progress
) -> contextlib.AbstractContextManager[Path]:
    """Return a context that has the folder of a run's report to itself.

    Args:
        models: What is evaluated.
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
    stem = common_name([file_stem(model) for model in models])
    name = f"{file_stem(stem)}-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}"
    return new_folder(RESULTS_FOLDER, name)


def _record(
    location: ModelLocation,
    asked: Asked,
    options: Options,
    command: str,
    progress: Progress,
) -> Report:
    """Evaluate a ladder, and return what there is to report."""
    started = time.perf_counter()
    created_at = datetime.now(timezone.utc)
    wanted = asked.wanted
    options.require_usable()
    if location.named and options.data is not None:
        # What is wrong with a file of this disk is said before the network is waited for.
        registry.task(options.task).load(options.data)
    location = ask_hub(location, wanted.types, offline=options.offline, progress=progress)
    published = asked.published.of(location, progress)
    known, is_ready = wanted.known, wanted.is_ready(location)
    wanted.require_usable(location)
    to_make = None if is_ready else ToMake.of(wanted, progress)
    options = with_card_data(options, published.card, location.card)
    claims, _ = published.on(options.task)
    if to_make is not None:
        require_made(asked.conditions, to_make.types, wanted, options.kl_items, claims)
    options = with_protocol(options, claims, known)
    setup = prepare(options)
    claims, other_claims = published.on(options.task, setup.data)
    if known is not None:
        reference_checks.require_items(known, setup)
    if options.store is not None:
        require_place(options.store)
    source = fetch_model(location, offline=options.offline, progress=progress)
    setup = replace(setup, checkpoint=source.info if source.kind == "checkpoint" else None)
    if known is not None:
        reference_checks.require_checkpoint(known, setup.checkpoint)
    ladder: LadderFiles
    unlike: list[str] = []
    if to_make is not None:
        ladder = made_ladder(to_make, wanted, source, setup, progress)
    else:
        ladder = ready = ready_ladder(wanted, location, source, setup, progress)
        unlike = list(ready.unlike)
    require_rungs(asked.conditions, ladder.rungs, wanted, options.kl_items, claims)
    n_compared = len(ladder.rungs) - (known is None)
    if options.until is None and (few := too_few_items(setup, n_compared, "type")):
        progress.log(f"{few} (--limit), or --until {setup.margin_points:g}")
    failures = Failures(len(ladder.rungs), progress)
    files = made_files(ladder, failures, has_reference=known is None)
    if known is not None and files:
        unlike += reference_checks.unlike(known, files[0][1], options.pre, wanted.is_forced)
    with Store(options.store) as store:
        if files:
            held_to = yardstick([(rung.name, path) for rung, path in files], known, setup)
            setup = checked([path for _, path in files], setup, store, progress, held_to)
        result = measured(files, setup, store, progress, known, failures)
    ladder.require_same(result.runs)
    failures.require_any()
    if asked.samples is not None:
        asked.samples.write(result.scored, setup.protocol)
    with running() as engine:
        worker_peak = engine.peak_rss_bytes()
    record = Report(
        edgeval_version=__version__,
        created_at=created_at,
        command=command,
        model=source.info,
        base_model=_source_of(location, published) if is_ready else None,
        data=setup.data_of(result.indices),
        protocol=setup.protocol_info(),
        engine=setup.engine(),
        device=machine.describe(),
        runs=result.runs,
        failures=_in_order(failures.found, ladder.rungs),
        same_files=list(ladder.same_files),
        unlike=unlike,
        drift=result.drift,
        other_claims=other_claims,
        elapsed_s=time.perf_counter() - started,
        peak_rss_bytes=machine.peak_rss_bytes() + (worker_peak or 0),
        worker_peak_rss_bytes=worker_peak,
    )
    return renewed(judged(record, claims))


def _source_of(location: ModelLocation, published: Claimed) -> str | None:
    """Return what ready files are of, by their own word or by that of who named a card."""
    return location.base_model or (published.card.repo if published.card else None)


def _in_order(failures: Sequence[Failure], rungs: Sequence[LadderRung]) -> list[Failure]:
    """Return failures in the order of the ladder."""
    order = [rung.label for rung in rungs]
    return sorted(failures, key=lambda failure: order.index(failure.label))
