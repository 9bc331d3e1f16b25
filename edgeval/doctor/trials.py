"""Trials: each type on the CPU, and each GPU held to it."""

from __future__ import annotations

from pathlib import Path

from edgeval.checkpoints import cards
from edgeval.checkpoints.locate import fetch_model, locate
from edgeval.engine import kernels, running
from edgeval.engine.kernels.paths import cpu_build, paths_of_trials
from edgeval.errors import EngineError
from edgeval.evaluation.closeness import too_far
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.kernels import kernel_sentences
from edgeval.evaluation.options import DEFAULT_LADDER, Options
from edgeval.evaluation.selfcheck import self_check
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.evaluation.yardstick import yardstick
from edgeval.gguf.parts import read_header
from edgeval.llama import machine
from edgeval.quantization.ladder import Ladder
from edgeval.records import Gpu, GpuCheck, KernelChoice, Look, TypeTrial
from edgeval.store.store import Store
from edgeval.system.progress import Progress

_GPU_TYPES = ("F16", "Q8_0", "Q4_K_M")
_N_ITEMS = 8


class Trials:
    """What is tried with one model.

    Attributes:
        problems: Sentences on what failed.
        advice: Sentences on what could be better.
    """

    def __init__(self, model: str, progress: Progress) -> None:
        """Find the model, and what of it can be made.

        Raises:
            EdgevalError: If it cannot be found or read.
        """
        self.problems: list[str] = []
        self.advice: list[str] = []
        self._progress = progress
        self._data = _data(model)
        self._files: dict[str, Path] = {}
        self._failed: list[TypeTrial] = []
        source = fetch_model(locate(model), progress=progress)
        if source.kind == "gguf":
            self._files[read_header(source.path).file_type] = source.path
            return
        threads = machine.physical_cores()
        ladder = Ladder(source, DEFAULT_LADDER, threads=threads, progress=progress)
        for rung in ladder.rungs:
            try:
                self._files[rung.name] = ladder.make(rung)
            except EngineError as error:
                self._fail(rung.name, error)

    def types(self) -> list[TypeTrial]:
        """Return what the CPU makes of each type.

        Raises:
            EdgevalError: If a model does not fit in memory.
        """
        setup = prepare(Options(data=self._data, limit=_N_ITEMS, backend="cpu"))
        found, chosen = list(self._failed), []
        for name, path in self._files.items():
            try:
                trial, choice = self._tried(setup, name, path)
            except EngineError as error:
                found.append(self._fail(name, error))
            else:
                found.append(trial)
                chosen.append((name, choice))
        self.advice += kernel_sentences(chosen)
        return found

    def gpus(self, seen: Look) -> list[GpuCheck]:
        """Return how close the GPUs that are meant come to the CPU.

        Raises:
            EdgevalError: If a model does not fit in memory.
        """
        by_name = {each.name: each for each in seen.devices}
        return [
            self._checked(by_name[name], file_type, path)
            for name in seen.chosen
            for file_type, path in self._files.items()
            if file_type in _GPU_TYPES or len(self._files) == 1
        ]

    def _tried(self, setup: EvalSetup, name: str, path: Path) -> tuple[TypeTrial, KernelChoice]:
        with running() as engine:
            choice = setup.of(engine.info(path)).kernels
            trials = kernels.check_types(kernels.types_of(path), engine)
            build = cpu_build(engine)
        run = evaluate_file(path, setup, progress=self._progress).run
        changes = [
            each.max_logprob_change
            for each in trials
            if each.kernels == choice.kernels and each.max_logprob_change is not None
        ]
        trial = TypeTrial(
            type=name,
            kernels=choice.kernels,
            kernels_reason=choice.reason,
            kernel_paths=paths_of_trials(trials, choice.kernels, build),
            max_logprob_change=max(changes, default=None),
            tokens_per_s=run.speed.tokens_per_s if run.speed else None,
        )
        return trial, choice

    def _fail(self, name: str, error: EngineError) -> TypeTrial:
        self.problems.append(str(error))
        return TypeTrial(type=name, error=str(error))

    def _checked(self, gpu: Gpu, file_type: str, path: Path) -> GpuCheck:
        where = f"{gpu.backend} on {gpu.name} ({gpu.description})"
        setup = prepare(Options(data=self._data, devices=(gpu.name,)))
        try:
            with Store(None) as store:
                held_to = yardstick(list(self._files.items()), None, setup)
                result = self_check(path, setup, store, self._progress, reference=held_to)
        except EngineError as error:
            self.problems.append(f"{where} cannot compute {file_type}: {error}")
            return GpuCheck(device=gpu.name, type=file_type, error=str(error))
        if not result.has_passed:
            self.problems.append(
                f"{where} fails the self-check with {file_type}: {too_far(result)}; update the "
                "driver and llama-cpp-python, or use --backend cpu"
            )
        return GpuCheck(device=gpu.name, type=file_type, result=result)


def _data(model: str) -> Path:
    """Return the items of a model's card, or else the demo's."""
    card = cards.find(model)
    demo = cards.cards()["demo"]
    return cards.cards_folder() / str((card and card.data) or demo.data)
