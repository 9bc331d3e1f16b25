"""What is asked of llama.cpp, each step in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edgeval import cards, device, llama
from edgeval.console import TerminalProgress, stderr_console
from edgeval.doctor.machine import unused_gpu
from edgeval.errors import EngineError
from edgeval.evaluate import evaluate
from edgeval.ladder import ladder_files
from edgeval.pipeline import find_source, locate
from edgeval.progress import Progress
from edgeval.records import Backend, CpuTrial, Finding, Gpu, GpuCheck, Look, Record
from edgeval.selfcheck import self_check
from edgeval.setup import Options, prepare
from edgeval.store import Store

_TYPES = ("F16", "Q8_0", "Q4_K_M")
_CPU_ITEMS = 24

_POINTER = "; edgeval doctor tells more"
"""How messages end that send the user here."""


def look(model: str, backend: str, *names: str) -> Iterator[Look]:
    """Yield what llama.cpp was built with, and finds here.

    Args:
        model: What will be checked; only its name is.
        backend: As for ``llama.choose_devices``.
        names: GPUs that are meant; none for all of the backend, or of all backends.

    Raises:
        EdgevalError: If there is no such model, or llama.cpp's registry cannot be read.
    """
    locate(model)
    wanted = backend.lower()
    here, built = llama.devices(), llama.built_backends()
    advice = []
    for name in built:
        has_device = any(each.backend == name for each in here)
        if name in llama.GPU_BACKENDS and name != wanted and not has_device:
            advice += _choose(name)[1]
    unused = unused_gpu(built)
    if unused is not None and unused.backend != wanted:
        advice.append(
            f"{unused.description} is here, and llama-cpp-python was built without "
            f"{unused.backend}; to use it, build it again: {llama.rebuild_command(unused.backend)}"
        )
    every = wanted == "auto" and not names
    chosen, problems = (here, []) if every else _choose(wanted, names)
    automatic = llama.choose_devices("auto")
    yield Look(
        backends=[
            Backend(name=name, is_tested=name in ("cpu", *llama.VERIFIED_BACKENDS))
            for name in (*built, "cpu")
        ],
        devices=[_gpu(each, automatic) for each in here],
        chosen=[each.name for each in chosen],
        findings=[
            *(Finding(kind="problem", sentence=sentence) for sentence in problems),
            *(Finding(kind="advice", sentence=sentence) for sentence in advice),
        ],
    )


def check(model: str, name: str) -> Iterator[GpuCheck]:
    """Yield how close a GPU comes to the CPU, for each type of a model.

    Args:
        model: Card name, hub repository, checkpoint directory or GGUF.
        name: llama.cpp's name of the GPU.

    Raises:
        EdgevalError: If the model cannot be found, made or read.
    """
    setup = prepare(Options(data=_data(model), devices=(name,)))
    with TerminalProgress(stderr_console()) as progress, Store(None) as store:
        for path in _files(model, _TYPES, progress):
            with llama.Vocabulary(path) as vocabulary:
                file_type = vocabulary.file_type
            try:
                found = self_check(path, setup, store, progress)
            except EngineError as error:
                yield GpuCheck(device=name, type=file_type, error=str(error))
            else:
                yield GpuCheck(device=name, type=file_type, result=found)


def try_cpu(model: str) -> Iterator[CpuTrial]:
    """Yield a small evaluation on the CPU alone.

    Args:
        model: Card name, hub repository, checkpoint directory or GGUF.

    Raises:
        EdgevalError: If the model cannot be found, made, read or evaluated.
    """
    options = Options(data=_data(model), limit=_CPU_ITEMS, backend="cpu")
    with TerminalProgress(stderr_console()) as progress:
        (run,) = evaluate(_files(model, _TYPES[:1], progress), options, progress=progress).runs
    n_items = next(iter(run.metrics.values())).total
    yield CpuTrial(type=run.type, n_items=n_items, tokens_per_s=run.tokens_per_s)


STEPS: dict[str, Callable[..., Iterator[Record]]] = {"look": look, "check": check, "cpu": try_cpu}


def _gpu(here: llama.Device, automatic: Sequence[llama.Device]) -> Gpu:
    free, total = here.memory()
    return Gpu(
        name=here.name,
        description=here.description,
        backend=here.backend,
        is_automatic=here in automatic,
        free_bytes=free,
        total_bytes=total,
    )


def _choose(backend: str, names: Sequence[str] = ()) -> tuple[tuple[llama.Device, ...], list[str]]:
    """Return the devices that are meant, and why there are none."""
    try:
        return llama.choose_devices(backend, names), []
    except EngineError as error:
        return (), [str(error).removesuffix(_POINTER)]


def _data(model: str) -> Path:
    """Return the items of a model's card, or else the demo's."""
    card = cards.find(model)
    demo = cards.cards()["demo"]
    return cards.cards_folder() / str((card and card.data) or demo.data)


def _files(model: str, types: Sequence[str], progress: Progress) -> list[Path]:
    """Return a checkpoint's GGUFs of some types; of a GGUF, itself."""
    source = find_source(locate(model), progress=progress)
    if source.kind == "gguf":
        return [source.path]
    return ladder_files(source, types, threads=device.physical_cores(), progress=progress)
