"""Evaluation of GGUF files as they are, on the same items."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgeval import __version__
from edgeval.engine import running
from edgeval.errors import EdgevalError
from edgeval.evaluation.early_stopping import sequential_accuracy
from edgeval.evaluation.failures import Failures
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.selfcheck import checked
from edgeval.evaluation.setup import prepare
from edgeval.gguf.parts import model_files, read_header
from edgeval.llama import machine
from edgeval.quantization.cache import clean
from edgeval.records import Evaluation
from edgeval.stats import metrics
from edgeval.store.store import Store
from edgeval.system.files import require_writable, write_text
from edgeval.system.progress import ProgressOption, progress_of
from edgeval.tasks.item import ItemScore


@running()
def evaluate(
    paths: Sequence[str | Path],
    options: Options | None = None,
    *,
    samples: str | Path | None = None,
    progress: ProgressOption = "auto",
) -> Evaluation:
    """Evaluate GGUF files on the same items.

    Args:
        paths: The files.
        options: What is evaluated and how; by default all of HellaSwag, and no store.
        samples: Where to write each item's log-probabilities as JSON lines; for one file only.
        progress: Where to show progress; None for nowhere.

    Raises:
        EdgevalError: If a file, an option or the data cannot be used.
    """
    if samples is not None and len(paths) != 1:
        raise EdgevalError("--samples holds the items of one GGUF; evaluate the files one by one")
    options = options or Options()
    samples = None if samples is None else Path(samples)
    files = [Path(path) for path in paths]
    missing = [path for path in files if not path.is_file()]
    if missing:
        read_header(missing[0])
    # Any file of a split model names all of it.
    files = [model_files(path)[0] for path in files]
    bars = progress_of(progress)
    clean(bars, *(path.parent for path in (options.store, samples) if path is not None))
    if samples is not None:
        require_writable(samples)
    setup = prepare(options)
    runs = []
    most: Collection[int] = ()
    failures = Failures(len(paths), bars)
    with Store(options.store) as store:
        setup = checked(files, setup, store, bars)
        for path in files:
            sequential = sequential_accuracy(setup)
            measured = failures.attempt(
                functools.partial(
                    evaluate_file, path, setup, store, sequential=sequential, progress=bars
                ),
                read_header(path).file_type,
                path.name,
                doing="scoring",
            )
            if measured is None:
                continue
            runs.append(measured.run)
            most = max(most, measured.scores.keys(), key=len)
            if samples is not None:
                write_samples(samples, list(measured.scores.values()))
    failures.require_any()
    return Evaluation(
        edgeval_version=__version__,
        created_at=datetime.now(timezone.utc),
        data=setup.data_of(most),
        protocol=setup.protocol_info(),
        engine=setup.engine(),
        device=machine.describe(),
        runs=runs,
        failures=failures.found,
    )


def sample_row(score: ItemScore) -> dict[str, Any]:
    """Return one item's scores as a JSON object; arrays have one entry a choice, logs in nats."""
    return {
        "item": score.item.id,
        "group": score.item.group,
        "gold": score.item.gold,
        "logprobs": list(score.logprobs),
        "n_tokens": list(score.n_tokens),
        "n_chars": list(score.n_chars),
        "n_bytes": list(score.n_bytes),
        "is_greedy": list(score.is_greedy),
        "picks": metrics.picks(score),
    }


def write_samples(path: Path, scores: Sequence[ItemScore]) -> None:
    """Write one JSON line an item."""
    write_text(path, "".join(f"{json.dumps(sample_row(score))}\n" for score in scores))
