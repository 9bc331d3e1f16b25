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

from edgeval import __version__, device, fewshot, llama, memory, metrics, sampling
from edgeval.checkpoint import sha256_of
from edgeval.errors import EdgevalError
from edgeval.files import write_text
from edgeval.origin import imatrix_info
from edgeval.plan import plan
from edgeval.progress import NoProgress, Progress
from edgeval.protocol import DEFAULT, Protocol, get
from edgeval.records import DataSource, Engine, Evaluation, ModelRun, ProtocolInfo, ShotPool
from edgeval.score import Work, batch_tokens_for, n_sessions, score_items, settings_for
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
        shots: Solved items to show before each item.
        shots_data: A local file to draw them from; None for the hub's train split.
        backend: ``auto``, ``cpu``, ``cuda`` or ``metal``.
        threads: CPU threads; None for one a physical core.
        batch_tokens: Tokens that a batch is filled up to; None for what suits each type.
        force: Whether a model is loaded that does not fit the memory free now.
        offline: Never touch the network.
    """

    data: Path | None = None
    protocol: str | None = None
    limit: int | None = None
    order: sampling.Order = "random"
    seed: int = 0
    shots: int = 0
    shots_data: Path | None = None
    backend: str = "auto"
    threads: int | None = None
    batch_tokens: int | None = None
    force: bool = False
    offline: bool = False


@dataclass(frozen=True)
class Setup:
    """Options that were checked and resolved, before anything large is loaded."""

    protocol: Protocol
    items: Sequence[Item]
    data: DataSource
    backend: llama.Backend
    threads: int
    batch_tokens: int | None
    force: bool
    shots: int = 0

    def engine(self) -> Engine:
        """Return what will compute the numbers."""
        return Engine(
            version=llama.engine_version(),
            features=llama.system_info(),
            backend=self.backend,
            threads=self.threads,
        )

    def protocol_info(self) -> ProtocolInfo:
        """Return the protocol as a record."""
        protocol = self.protocol
        return ProtocolInfo(
            name=protocol.name, version=protocol.version, metric=protocol.metric, shots=self.shots
        )


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
    if options.batch_tokens is not None and options.batch_tokens < 1:
        raise EdgevalError(f"--batch {options.batch_tokens} holds no token; use 1 or more")
    is_text = options.data is not None and options.data.suffix.lower() == ".txt"
    protocol = get(options.protocol or ("llama.cpp" if is_text else DEFAULT))
    _check_shots(options, protocol)
    data_set = hellaswag.load(options.data, offline=options.offline)
    everything = data_set.items(protocol.rendering)
    groups = [item.group for item in everything]
    chosen = sampling.order_items(groups, options.order, options.seed)[: options.limit]
    items = [everything[index] for index in chosen]
    pool = None
    if options.shots:
        solved = hellaswag.load(options.shots_data, offline=options.offline, split="train")
        pool = ShotPool(
            name=solved.name, fingerprint=solved.fingerprint, n_items=len(solved.records)
        )
        shown = fewshot.draw(everything, solved.items(protocol.rendering), options.shots)
        items = [fewshot.prompt(everything[index], shown[index]) for index in chosen]
    data = DataSource(
        name=data_set.name,
        fingerprint=data_set.fingerprint,
        n_total=len(everything),
        n_items=len(items),
        order=options.order,
        seed=options.seed,
        groups=dict(sorted(Counter(item.group for item in items).items())),
        shot_pool=pool,
    )
    threads = options.threads or device.physical_cores()
    return Setup(
        protocol,
        items,
        data,
        backend,
        threads,
        options.batch_tokens,
        options.force,
        options.shots,
    )


def _check_shots(options: Options, protocol: Protocol) -> None:
    shots = options.shots
    if shots < 0:
        raise EdgevalError(f"--shots {shots} cannot be shown; use 0 or more")
    if options.shots_data is not None and not shots:
        raise EdgevalError("--shots-data is read only for shots; say how many with --shots N")
    if shots and not protocol.few_shot:
        raise EdgevalError(
            f"protocol {protocol.name} has no shots, as {protocol.tool} has none; leave out "
            "--shots, or use --protocol lm-eval or lm-eval-bos"
        )
    if shots and options.data is not None and options.shots_data is None:
        raise EdgevalError(
            f"the items are not the hub's, so --shots {shots} needs solved items to draw from; "
            "name a file with --shots-data FILE (.jsonl, .json or .parquet in the hub's schema)"
        )


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
    """Load one GGUF and score every item of the setup.

    Returns:
        What was measured, and the scores in the order of the items.

    Raises:
        EdgevalError: If the file cannot be evaluated, or does not fit in memory.
    """
    with llama.Vocabulary(path) as vocabulary:
        choices = [setup.protocol.requests(item, vocabulary) for item in setup.items]
        imatrix = imatrix_info(vocabulary.metadata)
        batch_tokens = setup.batch_tokens or batch_tokens_for(vocabulary.file_type)
        planned = plan([request for each in choices for request in each], batch_tokens)
        settings = settings_for(planned, vocabulary.file_type, setup.threads)
        # Where a GPU computes, the weights go to its own memory.
        if setup.backend != "cuda" and not setup.force:
            need = memory.estimate(vocabulary, settings, n_sessions(setup.backend))
            memory.require(need, path.name)
    started = time.perf_counter()
    with llama.Model(path, setup.backend) as model:
        load_s = time.perf_counter() - started
        work = Work()
        scores: dict[int, ItemScore] = {}
        correct = 0
        metric = setup.protocol.metric
        bars = progress or NoProgress()
        with bars.task(f"score {model.file_type}", len(choices), "items") as task:
            for index, score in score_items(model, setup.items, choices, planned, settings, work):
                scores[index] = score
                correct += metrics.picks(score)[metric] == score.item.gold
                task.advance(1, f"{metric} {100 * correct / len(scores):.1f}")
        in_order = [scores[index] for index in range(len(choices))]
        run = ModelRun(
            type=model.file_type,
            imatrix=imatrix,
            file=path.name,
            sha256=sha256_of(path),
            file_bytes=path.stat().st_size,
            bits_per_weight=8 * model.tensor_bytes / model.n_params,
            n_params=model.n_params,
            metrics=metrics.metrics_of(in_order, setup.data.n_total),
            tokens_decoded=work.tokens_decoded,
            tokens_lower_bound=planned.lower_bound,
            logit_rows=work.logit_rows,
            batch_tokens=planned.batch_tokens,
            n_batch=settings.n_batch,
            n_ubatch=settings.n_ubatch,
            cache_type=settings.cache_type,
            flash_attention=settings.flash_attention,
            elapsed_s=work.elapsed_s,
            load_s=load_s,
            tokens_per_s=work.tokens_decoded / work.elapsed_s,
        )
    return run, in_order


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
