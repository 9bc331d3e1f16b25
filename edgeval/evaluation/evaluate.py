"""Evaluation of GGUF files as they are, on the same items."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from edgeval import __version__
from edgeval.engine import running
from edgeval.evaluation.each_task import require_one_task
from edgeval.evaluation.early_stopping import sequential_accuracy
from edgeval.evaluation.failures import Failures
from edgeval.evaluation.file_scorer import FileResult, evaluate_file
from edgeval.evaluation.forecast.live import Confirm, foreseen
from edgeval.evaluation.forecast.parts import parts_of_files
from edgeval.evaluation.options import Options
from edgeval.evaluation.samples import SampleFile
from edgeval.evaluation.selfcheck import checked
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.gguf.parts import model_files, read_header
from edgeval.llama import machine
from edgeval.quantization.cache import clean
from edgeval.records import Evaluation
from edgeval.scoring.energy import watched
from edgeval.scoring.observer import NoObserver, Observer, Part
from edgeval.store.store import Store
from edgeval.system.progress import ProgressOption, progress_of


@running()
@watched()
def evaluate(
    paths: Sequence[str | Path],
    options: Options | None = None,
    *,
    samples: str | Path | None = None,
    texts: bool = False,
    confirm: Confirm | None = None,
    observer: Observer | None = None,
    progress: ProgressOption = "auto",
) -> Evaluation:
    """Evaluate GGUF files on the same items.

    Args:
        paths: The files.
        options: What is evaluated and how; by default all of HellaSwag, and no store.
        samples: A ``.jsonl``, ``.csv`` or ``.parquet`` file, for a row an item and file: its
            log-probabilities, lengths and picks.
        texts: Whether that file has the items' texts too.
        confirm: Takes the forecast of an evaluation of more than two minutes before it begins; what
            it raises ends it. None makes no forecast.
        observer: Who is told of scores as batches land; None for nobody.
        progress: Where to show progress; None for nowhere.

    Raises:
        EdgevalError: If a file, an option or the data cannot be used.
    """
    options, sample_file = options or Options(), SampleFile.of(samples, texts)
    require_one_task(options, "edgeval eval")
    files = [Path(path) for path in paths]
    missing = [path for path in files if not path.is_file()]
    if missing:
        read_header(missing[0])
    # Any file of a split model names all of it.
    files = list(dict.fromkeys(model_files(path)[0] for path in files))
    bars = progress_of(progress)
    written_to = [Path(path) for path in (options.store, samples) if path is not None]
    clean(bars, *(path.parent for path in written_to))
    setup = prepare(options)
    found: list[FileResult] = []
    failures = Failures(len(files), bars)
    with Store(options.store) as store:
        setup = checked(files, setup, store, bars)
        if confirm is not None:
            bars = foreseen(parts_of_files(files, setup, store), bars, "", confirm)
        parts, watching = _parts(files, setup), observer or NoObserver()
        watching.expect(parts)
        for path, part in zip(files, parts, strict=True):
            seen = watching.begin(part, None, is_drawn=options.until is not None)
            sequential = sequential_accuracy(setup)
            measured = failures.attempt(
                functools.partial(
                    evaluate_file,
                    path,
                    # Files share the items of one setup, unless somebody sees each of them.
                    setup if observer is None else replace(setup, observer=seen),
                    store,
                    sequential=sequential,
                    progress=bars,
                ),
                read_header(path).file_type,
                path.name,
                doing="scoring",
            )
            seen.end(None if measured is None else measured.run, None)
            if measured is not None:
                found.append(measured)
    failures.require_any()
    if sample_file is not None:
        sample_file.write([(setup, [(each.run, each.scores) for each in found])])
    return Evaluation(
        edgeval_version=__version__,
        created_at=datetime.now(timezone.utc),
        data=setup.data_of(max((each.scores for each in found), key=len)),
        protocol=setup.protocol_info(),
        engine=setup.engine(),
        device=machine.describe(),
        conditions=machine.conditions(options.store),
        runs=[each.run for each in found],
        failures=failures.found,
    )


def _parts(files: Sequence[Path], setup: EvalSetup) -> list[Part]:
    """Return what an observer is told of the files; those that are called the same have folders."""
    names = Counter(path.name for path in files)
    labels = [path.name if names[path.name] == 1 else str(path) for path in files]
    metric = setup.protocol.metric
    return [Part(label, setup.data.task, metric, setup.limit) for label in labels]
