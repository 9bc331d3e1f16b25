"""Score GGUF files on a slice of a data set, and sum up."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgeval import __version__, device, llama, metrics, sampling
from edgeval.checkpoint import sha256_of
from edgeval.errors import EdgevalError
from edgeval.files import write_text
from edgeval.progress import NoProgress, Progress
from edgeval.protocol import DEFAULT, Protocol, get
from edgeval.records import DataSource, Engine, Evaluation, ModelRun, ProtocolInfo
from edgeval.score import Work, score_items, settings_for
from edgeval.tasks import Item, ItemScore, hellaswag


@dataclass(frozen=True)
class Options:
    """What is evaluated and how; the same for every model of a ladder.

    Attributes:
        data: A local data file; None for the default of the model or the hub.
        protocol: A name of ``protocol.PROTOCOLS``; None for the default of the data.
        limit: Evaluate at most so many items; None for all.
        order: ``random`` or ``file``; see ``sampling.order_items``.
        seed: Seed of the random order.
        backend: ``auto``, ``cpu``, ``cuda`` or ``metal``.
        threads: CPU threads; None for one a physical core.
        offline: Never touch the network.
    """

    data: Path | None = None
    protocol: str | None = None
    limit: int | None = None
    order: sampling.Order = "random"
    seed: int = 0
    backend: str = "auto"
    threads: int | None = None
    offline: bool = False


@dataclass(frozen=True)
class Setup:
    """Options that were checked and resolved, before anything large is loaded."""

    protocol: Protocol
    items: Sequence[Item]
    data: DataSource
    backend: llama.Backend
    threads: int

    def engine(self) -> Engine:
        """Return what will compute the numbers."""
        return Engine(
            version=llama.engine_version(),
            features=llama.system_info(),
            backend=self.backend,
            threads=self.threads,
            cache_type=llama.CACHE_TYPE,
            flash_attention=False,
        )

    def protocol_info(self) -> ProtocolInfo:
        """Return the protocol as a record."""
        protocol = self.protocol
        return ProtocolInfo(name=protocol.name, version=protocol.version, metric=protocol.metric)


def prepare(options: Options) -> Setup:
    """Check the options and load the items.

    Raises:
        EdgevalError: If an option or the data cannot be used.
    """
    backend = llama.choose_backend(options.backend)
    if options.limit is not None and options.limit < 1:
        raise EdgevalError(f"--limit {options.limit} leaves no items; use 1 or more")
    if options.threads is not None and options.threads < 1:
        raise EdgevalError(f"--threads {options.threads} cannot compute; use 1 or more")
    is_text = options.data is not None and options.data.suffix.lower() == ".txt"
    protocol = get(options.protocol or ("llama.cpp" if is_text else DEFAULT))
    data_set = hellaswag.load(options.data, offline=options.offline)
    everything = data_set.items(protocol.rendering)
    groups = [item.group for item in everything]
    chosen = sampling.order_items(groups, options.order, options.seed)[: options.limit]
    items = [everything[index] for index in chosen]
    data = DataSource(
        name=data_set.name,
        fingerprint=data_set.fingerprint,
        n_total=len(everything),
        n_items=len(items),
        order=options.order,
        seed=options.seed,
        groups=dict(sorted(Counter(item.group for item in items).items())),
    )
    return Setup(protocol, items, data, backend, options.threads or device.physical_cores())


def evaluate(
    paths: Sequence[Path],
    options: Options,
    *,
    samples: Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate GGUF files on the same items.

    Args:
        paths: The files.
        options: What is evaluated and how.
        samples: Where to write each item's log-probabilities as JSON lines; for one file only.
        progress: Where to show progress.

    Raises:
        EdgevalError: If a file, an option or the data cannot be used.
    """
    if samples is not None and len(paths) != 1:
        raise EdgevalError("--samples holds the items of one GGUF; evaluate the files one by one")
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise EdgevalError(f"no GGUF file at {missing[0]}; check the path")
    setup = prepare(options)
    runs = []
    for path in paths:
        run, scores = evaluate_file(path, setup, progress=progress)
        runs.append(run)
        if samples is not None:
            write_samples(samples, scores)
    return Evaluation(
        edgeval_version=__version__,
        created_at=datetime.now(timezone.utc),
        data=setup.data,
        protocol=setup.protocol_info(),
        engine=setup.engine(),
        device=device.describe(),
        runs=runs,
    )


def evaluate_file(
    path: Path, setup: Setup, *, progress: Progress | None = None
) -> tuple[ModelRun, list[ItemScore]]:
    """Load one GGUF and score every item of the setup."""
    started = time.perf_counter()
    with llama.Model(path, setup.backend) as model:
        load_s = time.perf_counter() - started
        requests = [setup.protocol.requests(item, model) for item in setup.items]
        settings = settings_for(requests, setup.threads)
        work = Work()
        scores: list[ItemScore] = []
        correct = 0
        metric = setup.protocol.metric
        bars = progress or NoProgress()
        with bars.task(f"score {model.file_type}", len(requests), "items") as task:
            for score in score_items(model, setup.items, requests, settings, work):
                scores.append(score)
                correct += metrics.picks(score)[metric] == score.item.gold
                task.advance(1, f"{metric} {100 * correct / len(scores):.1f}")
        run = ModelRun(
            type=model.file_type,
            file=path.name,
            sha256=sha256_of(path),
            file_bytes=path.stat().st_size,
            bits_per_weight=8 * model.tensor_bytes / model.n_params,
            n_params=model.n_params,
            metrics=metrics.metrics_of(scores, setup.data.n_total),
            tokens_decoded=work.tokens_decoded,
            logit_rows=work.logit_rows,
            batch_tokens=settings.batch_tokens,
            n_batch=settings.n_batch,
            n_ubatch=settings.n_ubatch,
            elapsed_s=work.elapsed_s,
            load_s=load_s,
            tokens_per_s=work.tokens_decoded / work.elapsed_s,
        )
    return run, scores


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
        "picks": metrics.picks(score),
    }


def write_samples(path: Path, scores: Sequence[ItemScore]) -> None:
    """Write one JSON line an item."""
    write_text(path, "".join(f"{json.dumps(sample_row(score))}\n" for score in scores))
