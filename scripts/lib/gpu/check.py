"""What all sections share: the device, the items and the models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from edgeval import llama
from edgeval.checkpoints.convert.convert import convert
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.quantization.quantize import quantize
from scripts.lib.paths import DEMO
from scripts.lib.peers.bench import Bench
from scripts.lib.peers.build import Peers
from scripts.lib.peers.process import PeerError

TYPES = ("F32", "F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")
MIB = 1024 * 1024

FindDevice = Callable[[], llama.Device]
"""Finds the device; llama.cpp's pointer to it is another one in another process."""


@dataclass(frozen=True)
class Check:
    """One run of the checks.

    Attributes:
        folder: Where everything is kept that is made.
        find_device: Finds the device that is checked.
        threads: CPU threads.
        checkpoint: The model whose whole ladder is made.
        items: Its own items.
        data: Real items in the schema of ``Rowan/hellaswag``; None leaves out what needs them.
        text: The same items in llama.cpp's six-line format.
        tokenizer: Llama 2's SentencePiece model, of the TinyLlama-shaped model.
        tools: Folder of llama.cpp's tools, if they are built already.
        types: File types whose scores are held to the CPU's.
        limit: Most items in any section; for rehearsals.
        rounds: How often edgeval and llama.cpp's tools are run in turn.
        memory_model: Whose ladder memory is measured with: ``demo`` or ``tinyllama``; None for the
            larger one that is there.
        layers: Layers of the TinyLlama-shaped model; 22 is TinyLlama's.
    """

    folder: Path
    find_device: FindDevice
    threads: int
    checkpoint: Path = DEMO
    items: Path = DEMO / "items.jsonl"
    data: Path | None = None
    text: Path | None = None
    tokenizer: Path | None = None
    tools: Path | None = None
    types: tuple[str, ...] = TYPES
    limit: int | None = None
    rounds: int = 2
    memory_model: str | None = None
    layers: int = 22

    @cached_property
    def device(self) -> llama.Device:
        """The device that is checked."""
        return self.find_device()

    @cached_property
    def bench(self) -> Bench:
        """The TinyLlama-shaped model, the real items and llama.cpp's tools.

        Raises:
            PeerError: If a file is not named that they are made of.
        """
        if self.data is None or self.text is None or self.tokenizer is None:
            raise PeerError("it needs real items and a tokenizer: --data, --text and --tokenizer")
        return Bench(
            folder=self.folder,
            data=self.data,
            text=self.text,
            tokenizer=self.tokenizer,
            peers=self._peers(),
            threads=self.threads,
            n_items=self.limit or 1,
            n_lm_eval_items=0,
            rounds=self.rounds,
            limit=self.limit,
            layers=self.layers,
        )

    def ladder(self, types: Sequence[str]) -> list[Path]:
        """Return the checkpoint's GGUFs of some types, made if they are not there."""
        folder = self.folder / "gguf"
        folder.mkdir(parents=True, exist_ok=True)
        made: dict[str, Path] = {}
        for dtype in ("f32", "f16"):
            path = folder / f"{self.checkpoint.name}-{dtype.upper()}.gguf"
            # Made anew: it takes no time, and what a rung was made of is compared with it.
            path.unlink(missing_ok=True)
            made[dtype.upper()] = convert(self.checkpoint, path, dtype)
        return self._rungs(made, types)

    def tinyllama(self, types: Sequence[str]) -> list[Path]:
        """Return the TinyLlama-shaped GGUFs of some types, made if they are not there.

        Raises:
            PeerError: If there are no items or no tokenizer to make it with.
        """
        return self._rungs({"F16": self.bench.tinyllama_gguf("F16")}, types)

    def setup(self, data: Path, limit: int | None, **options: Any) -> EvalSetup:
        """Return how items are scored on the device; ``on_cpu()`` of it on the CPU.

        Args:
            data: The items.
            limit: At most so many of them; None for all.
            options: Further ones of ``Options``.
        """
        return setup_on(self.device, self.options(data, limit, **options))

    def options(self, data: Path, limit: int | None, **options: Any) -> Options:
        """Return the options of ``setup``."""
        limits = [each for each in (limit, self.limit) if each is not None]
        return Options(
            data=data,
            limit=min(limits, default=None),
            order="file",
            # The device is set by itself: llama.cpp need not know it.
            backend="cpu",
            threads=self.threads,
            **options,
        )

    def _rungs(self, made: dict[str, Path], types: Sequence[str]) -> list[Path]:
        source = made["F16"]
        rest = [name for name in types if name not in made]
        paths = quantize(source, rest, source.parent, threads=self.threads) if rest else []
        found = made | dict(zip(rest, paths, strict=True))
        return [found[name] for name in types]

    def _peers(self) -> Peers:
        backend = self.device.backend
        options = cmake_options(backend)
        return Peers(self.folder, self.tools, None, build=f"tools-{backend}", cmake_options=options)


def cmake_options(backend: str) -> list[str]:
    """Return what llama.cpp is built with for a backend, as edgeval's own command has it."""
    words = llama.rebuild_command(backend).replace('"', " ").replace("'", " ").split()
    return [word.removeprefix("CMAKE_ARGS=") for word in words if "-DGGML_" in word]


def first_device(backend: str) -> llama.Device:
    """Return the first device of a backend.

    Raises:
        EngineError: If there is none.
    """
    return llama.choose_devices(backend)[0]


def setup_on(device: llama.Device, options: Options) -> EvalSetup:
    """Return a setup that computes on a device."""
    # Layers on a GPU are refused where none is known.
    setup = prepare(replace(options, gpu_layers=None))
    return replace(setup, options=options, devices=(device,), models={})
