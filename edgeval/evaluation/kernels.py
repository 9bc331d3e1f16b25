"""Kernels of llama.cpp: which of them each model is computed with on the CPU, and why."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edgeval import llama
from edgeval.engine import running
from edgeval.errors import EngineDiedError, KernelError, listed
from edgeval.evaluation.setup import EvalSetup, ModelSetup
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.parts import model_files
from edgeval.llama import builds
from edgeval.records import KernelChoice
from edgeval.store.store import Store
from edgeval.system.progress import Progress


def settled(paths: Sequence[Path], setup: EvalSetup, store: Store, progress: Progress) -> EvalSetup:
    """Return a setup in which it is settled how models are computed; say once with which kernels.

    Scores of other kernels are others. So a model goes on with those that it was begun with, where
    both are sound.

    Args:
        paths: The GGUFs.
        setup: What is evaluated and how.
        store: What was begun.
        progress: Where it is said.
    """
    models: dict[Path, ModelSetup] = {}
    with running() as engine:
        for path in paths:
            with contextlib.suppress(EngineDiedError, KernelError):
                gguf = engine.info(path, setup.options.pre)
                models[gguf.path] = _as_begun(setup.of(gguf), store)
    chosen = [(model.gguf.file_type, model.kernels) for model in models.values()]
    for sentence in kernel_sentences(chosen):
        progress.log(sentence)
    return replace(setup, models=models)


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


def _as_begun(model: ModelSetup, store: Store) -> ModelSetup:
    """Return a model with the kernels that its scores in the store are of, if both are sound."""
    options, choice = model.evaluation.options, model.kernels
    is_free = options.kernels == "auto" and choice.speedup is not None
    if not is_free or options.fresh:
        return model
    sha256 = sha256_of(*model_files(model.gguf.path))
    other: llama.Kernels = "plain" if choice.kernels == "default" else "default"
    reason = None if other == "default" else "as it was begun"
    as_begun = replace(model, kernels=KernelChoice(kernels=other, reason=reason))
    is_begun = not store.holds(model.score_key(sha256)) and store.holds(as_begun.score_key(sha256))
    return as_begun if is_begun else model
