"""Bench: each GGUF is loaded, timed and scored with, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from edgeval import __version__
from edgeval.benchmark.file_bench import SPINNING, FileBench
from edgeval.benchmark.options import BenchOptions
from edgeval.benchmark.quality import with_quality
from edgeval.benchmark.watch import Watch
from edgeval.checkpoints import cards
from edgeval.checkpoints.locate import fetch_model, locate
from edgeval.engine import running
from edgeval.evaluation.kernels import kernel_sentences
from edgeval.evaluation.options import DEFAULT_LADDER, Options
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.parts import model_files
from edgeval.llama import machine
from edgeval.quantization.ladder import ladder_files
from edgeval.records.bench import Bench, BenchedFile
from edgeval.scoring.timing import Meter, n_cpus
from edgeval.system.engine_version import binding_version
from edgeval.system.progress import Progress, ProgressOption, progress_of


@running()
def bench(
    models: str | Path | Sequence[str | Path] = "demo",
    options: BenchOptions | None = None,
    *,
    command: str = "",
    progress: ProgressOption = "auto",
) -> Bench:
    """Time how fast this machine computes models.

    Args:
        models: Card names, hub repositories, checkpoint directories, GGUFs or folders of them.
        options: What is timed; by default what llama-bench times, and scoring.
        command: The command line, for the record.
        progress: Where to show progress; None for nowhere.

    Returns:
        What was measured.

    Raises:
        EdgevalError: If there is no such model, it cannot be computed, or does not fit in memory.
    """
    options, shown = options or BenchOptions(), progress_of(progress)
    created_at, names = datetime.now(timezone.utc), _listed(models)
    demo = cards.cards_folder() / str(cards.cards()["demo"].data)
    setup = prepare(
        Options(
            data=demo,
            limit=1,
            backend=options.backend,
            devices=options.devices,
            gpu_layers=options.gpu_layers,
            kernels=options.kernels,
            force=options.force,
            offline=options.offline,
            threads=max(options.thread_counts),
        )
    )
    paths = [path for name in names for path in _files(name, options, setup, shown)]
    meter = Meter()
    with Watch.over(options, shown, has_gpus=bool(setup.devices)) as watch:
        files = [_benched(path, options, setup, watch, shown) for path in paths]
    cpu_load = meter.cpu_load()
    if options.store is not None:
        files = with_quality(files, paths, options.store, options.data, shown)
    engine = setup.engine()
    return Bench(
        edgeval_version=__version__,
        created_at=created_at,
        command=command,
        binding_version=binding_version(),
        features=engine.features,
        device=machine.describe(),
        conditions=machine.conditions(paths[0], options.cooling),
        price=options.price,
        n_cpus=n_cpus(),
        cpu_load=cpu_load,
        sensors=watch.summary(),
        files=files,
    )


def _listed(models: str | Path | Sequence[str | Path]) -> list[str]:
    return [str(models)] if isinstance(models, str | Path) else [str(each) for each in models]


def _files(
    name: str, options: BenchOptions, setup: EvalSetup, progress: Progress
) -> Iterator[Path]:
    """Yield the GGUFs that a name stands for, made of a checkpoint if they have to be."""
    source = fetch_model(locate(name), offline=options.offline, progress=progress)
    if source.ggufs:
        yield from (model_files(each.path)[0] for each in source.ggufs)
        return
    types = options.types or DEFAULT_LADDER
    with running() as engine:
        wanted = [engine.writable_type(each) for each in types]
    yield from ladder_files(source, wanted, threads=setup.threads, progress=progress)


def _benched(
    path: Path, options: BenchOptions, setup: EvalSetup, watch: Watch, progress: Progress
) -> BenchedFile:
    """Return what one file gives, in a process that holds nothing else."""
    parts = model_files(path)
    sha256 = sha256_of(*parts, progress=progress)
    with running() as engine:
        how = setup.of(engine.info(path))
        engine.release()
        for sentence in kernel_sentences([(how.gguf.file_type, how.kernels)]):
            progress.log(sentence)
        with engine.beside(SPINNING) as timer, engine.beside({}) as scorer:
            return FileBench(path, how, options, timer, scorer, watch, progress).file(sha256, parts)
