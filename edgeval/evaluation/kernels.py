"""Which kernels of llama.cpp each model is computed with on the CPU, and why."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeval import llama
from edgeval.engine import running
from edgeval.errors import EngineDiedError, KernelError, listed
from edgeval.evaluation.setup import Setup
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.parts import model_files
from edgeval.llama import builds
from edgeval.records import KernelChoice
from edgeval.store.store import Store
from edgeval.system.progress import Progress


def settle_kernels(paths: Sequence[Path], setup: Setup, store: Store, progress: Progress) -> None:
    """Choose the kernels that models are computed with on the CPU, and say why once.

    Scores of other kernels are others. So a model goes on with those that it was begun with, where
    both are sound.

    Args:
        paths: The GGUFs.
        setup: What is evaluated and how.
        store: What was begun.
        progress: Where it is said.
    """
    chosen: list[tuple[str, KernelChoice]] = []
    with running() as engine:
        for path in paths:
            with contextlib.suppress(EngineDiedError, KernelError):
                gguf = engine.info(path, setup.options.pre)
                choice = _begun_with(store, setup, gguf, setup.kernels(gguf))
                setup.use_kernels(gguf, choice)
                chosen.append((gguf.file_type, choice))
    for sentence in kernel_sentences(chosen):
        progress.log(sentence)


def kernel_sentences(chosen: Sequence[tuple[str, KernelChoice]]) -> Iterator[str]:
    """Yield which types are not computed with llama.cpp's own choice of kernels, and why.

    Args:
        chosen: File types, and the kernels that are chosen for them.
    """
    others = [(name, each) for name, each in chosen if each.reason is not None]
    faster = [(name, each) for name, each in others if each.speedup is not None]
    faulty = [(name, each) for name, each in others if each.speedup is None]
    if faulty:
        names = listed(list(dict.fromkeys(name for name, _ in faulty)))
        _, first = faulty[0]
        died = "illegal instruction" in str(first.reason)
        remedy = f"; {builds.remedy_for_illegal_instruction()}" if died else ""
        yield (
            f"llama.cpp's {first.kernels} kernels compute {names}, because {first.reason}{remedy}"
        )
    if faster:
        gains = listed([f"{name} {each.speedup:.2f} times" for name, each in faster])
        threads = sorted({each.threads for _, each in faster if each.threads is not None})
        plural = "" if threads == [1] else "s"
        timed = f", timed with {listed(list(map(str, threads)))} thread{plural}" if threads else ""
        yield f"llama.cpp's plain kernels compute {gains} as fast as its default ones here{timed}"


def _begun_with(
    store: Store, setup: Setup, gguf: llama.GgufInfo, choice: KernelChoice
) -> KernelChoice:
    """Return the kernels that a model's scores in the store are of, if both are sound."""
    is_free = setup.options.kernels == "auto" and choice.speedup is not None
    if not is_free or setup.options.fresh:
        return choice
    other: llama.Kernels = "plain" if choice.kernels == "default" else "default"
    sha256 = sha256_of(*model_files(gguf.path))
    if store.holds(setup.score_key(sha256, gguf, choice.kernels)):
        return choice
    if not store.holds(setup.score_key(sha256, gguf, other)):
        return choice
    return KernelChoice(kernels=other, reason=None if other == "default" else "as it was begun")
