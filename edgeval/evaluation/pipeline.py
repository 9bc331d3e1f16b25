"""run(): model → ladder → scores → drift → verdict → report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from edgeval.checkpoints.claims import claimed
from edgeval.checkpoints.locate import (
    common_name,
    locate,
    model_names,
)
from edgeval.engine import running
from edgeval.evaluation.against import against
from edgeval.evaluation.forecast.live import Confirm
from edgeval.evaluation.ladder_files import Wanted
from edgeval.evaluation.options import RESULTS_FOLDER, Options
from edgeval.evaluation.ready_run import Asked
from edgeval.evaluation.run_record import foretold, made_record
from edgeval.evaluation.samples import SampleFile
from edgeval.quantization.cache import clean
from edgeval.quantization.rungs import file_stem
from edgeval.records import Report, Suite
from edgeval.records.forecast import Forecast
from edgeval.report import record_files
from edgeval.report.folder import new_folder, remove_unfinished, reserved
from edgeval.report.gate.conditions import Condition, read_conditions
from edgeval.scoring.observer import Observer
from edgeval.scoring.sensing import watched
from edgeval.system.progress import Progress, ProgressOption, progress_of


class RunResult(NamedTuple):
    """What a run leaves: the record, and the folder that holds it with its pages.

    The record is a ``Report``; of several tasks it is a ``Suite``, which has one for each.
    """

    report: Report | Suite
    folder: Path

    def _repr_html_(self) -> str | None:
        return self.report._repr_html_()


@running()
@watched()
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
    confirm: Confirm | None = None,
    observer: Observer | None = None,
    progress: ProgressOption = "auto",
) -> RunResult:
    """Evaluate a model's ladder and write the report.

    The ladder is made of one model, or it is of GGUFs that are there already: several that are
    named, those of a folder, or a single quantized one.

    Args:
        model: Card name, hub repository, checkpoint directory or GGUF; or several GGUFs, or folders
            of them.
        options: What is evaluated and how; by default all of HellaSwag, and no store. ``task`` may
            name several, with commas, or a group of them: then ``data`` is a folder with a file a
            task, and each is limited, and may stop early, by itself.
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
        confirm: Takes the forecast of a run of more than two minutes before it begins; what it
            raises ends the run. None makes no forecast.
        observer: Who is told of scores as batches land; None for nobody.
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
        wanted = _wanted(types, imatrix, dtype, reference, is_forced=force_compare)
        asked = Asked(wanted, published, conditions, item_file)
        record = made_record(
            location, asked, options or Options(), command, bars, confirm, observer
        )
        record_files.save(record, folder)
        return RunResult(record, folder)


@running()
def forecast(
    model: str | Path | Sequence[str | Path] = "demo",
    options: Options | None = None,
    *,
    types: Sequence[str] | None = None,
    imatrix: str | Path | None = None,
    reference: str | Path | None = None,
    dtype: str | None = None,
    force_compare: bool = False,
    command: str = "",
    progress: ProgressOption = "auto",
) -> Forecast:
    """Foretell the time, memory and energy of a run, from a trial of about 20 seconds.

    Files of the ladder that are missing are fetched and made, as the run needs them; no score is
    kept.

    Args:
        model: See ``run``, as all others.
        options: What would be evaluated and how.
        types: File types of the ladder.
        imatrix: An importance matrix.
        reference: What the others would be compared with.
        dtype: Type that a checkpoint is converted to before it is quantized.
        force_compare: Whether ready files are compared that are not shown to be of one model.
        command: The command line, for the record.
        progress: Where to show progress.

    Returns:
        What the run will take, by file and task, and what cheaper runs would.

    Raises:
        EdgevalError: If anything cannot be used, or nothing is left to be scored.
    """
    bars, location = progress_of(progress), locate(*model_names(model))
    wanted = _wanted(types, imatrix, dtype, reference, is_forced=force_compare)
    asked = Asked(wanted, claimed(None, ()))
    return foretold(location, asked, options or Options(), command, bars)


def _wanted(
    types: Sequence[str] | None,
    imatrix: str | Path | None,
    dtype: str | None,
    reference: str | Path | None,
    *,
    is_forced: bool,
) -> Wanted:
    return Wanted(
        types,
        imatrix=None if imatrix is None else Path(imatrix),
        dtype=dtype,
        against=against(None if reference is None else str(reference)),
        is_forced=is_forced,
    )


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
