"""Client of llama.cpp, whether it runs in this process or in one of its own."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeval.engine.messages import (
    Begun,
    EngineFacts,
    EngineJob,
    ImatrixPlan,
    KernelPair,
    KernelsReady,
    Scored,
)
from edgeval.gguf.imatrix_file import Importances
from edgeval.gguf.parts import model_state
from edgeval.llama import Device, GgufInfo
from edgeval.llama.placement import Placement, PlacementOptions
from edgeval.records import KernelRace, KernelTrial
from edgeval.system.files import FileState

if TYPE_CHECKING:
    from edgeval.llama import Metadata, Recipe, Weights


class Engine(ABC):
    """llama.cpp, asked from outside of the process or inside it.

    What is asked with ``stream`` is answered bit by bit. Who stops listening ends the work; so does
    an interruption.
    """

    def __init__(self) -> None:
        self._infos: dict[tuple[Path, tuple[FileState | None, ...], str | None], GgufInfo] = {}

    @abstractmethod
    def stream(
        self, job: str, *arguments: Any, doing: str, timeout_s: float | None = None
    ) -> Generator[Any, None, None]:
        """Yield what a job of ``jobs.Jobs`` yields.

        Args:
            job: Its name.
            arguments: Its arguments.
            doing: What it does, for a sentence about its death, for example ``scoring a.gguf``.
            timeout_s: Seconds after which a process that does not answer is ended.

        Raises:
            EngineDiedError: If the process that computes ends by itself.
            EdgevalError: What the job raises.
        """

    @abstractmethod
    def peak_rss_bytes(self) -> int | None:
        """Return the most memory that a process of its own has held; None if there is none."""

    @abstractmethod
    def start(self) -> None:
        """Start the process, if there is none yet: it gets ready while other things are done."""

    @abstractmethod
    def close(self) -> None:
        """End the process, if there is one; harmless when called twice."""

    @contextlib.contextmanager
    def beside(self, environment: Mapping[str, str]) -> Iterator[Engine]:
        """Yield an engine with a process of its own, for what may die; it ends with the context.

        Args:
            environment: Variables that the process has beside those of this one.
        """
        from edgeval.engine.process import Worker

        with contextlib.closing(Worker(environment)) as other:
            yield other

    def ask(
        self,
        job: str,
        *arguments: Any,
        doing: str = "asking llama.cpp",
        timeout_s: float | None = None,
    ) -> Any:
        """Return the only answer of a job; see ``stream``."""
        (answer,) = self.stream(job, *arguments, doing=doing, timeout_s=timeout_s)
        return answer

    def facts(self) -> EngineFacts:
        """Return what computes.

        Raises:
            EngineError: If llama.cpp cannot be loaded.
        """
        facts: EngineFacts = self.ask("facts", doing="loading llama.cpp")
        return facts

    def backends(self, timeout_s: float) -> tuple[tuple[str, ...], tuple[Device, ...]]:
        """Return what llama.cpp was built with beside the CPU, and its GPUs.

        Args:
            timeout_s: Seconds after which a driver that does not answer is given up.

        Raises:
            EngineError: If llama.cpp cannot be loaded or its registry read, or a driver hangs.
        """
        found: tuple[tuple[str, ...], tuple[Device, ...]] = self.ask(
            "backends", doing="listing the devices", timeout_s=timeout_s
        )
        return found

    def device_memory(self, device: Device) -> tuple[int, int]:
        """Return a GPU's memory that is free now and all of it, in bytes."""
        free, total = self.ask("device_memory", device, doing=f"asking {device.name}")
        return free, total

    def choose_devices(self, backend: str, names: Sequence[str]) -> tuple[Device, ...]:
        """Return the GPUs to compute on; see ``llama.choose_devices``."""
        found: tuple[Device, ...] = self.ask(
            "choose_devices", backend, tuple(names), doing="listing the devices"
        )
        return found

    def file_type(self, name: str) -> str:
        """Return a file type's canonical name; see ``llama.file_type``."""
        return str(self.ask("file_type", name))

    def writable_type(self, name: str) -> str:
        """Return the canonical name of a type that is written; see ``llama.writable_type``."""
        return str(self.ask("writable_type", name))

    def writable_types(self) -> tuple[str, ...]:
        """Return the file types that are written; see ``llama.writable_types``."""
        found: tuple[str, ...] = self.ask("writable_types")
        return found

    def info(self, path: Path, pre: str | None = None) -> GgufInfo:
        """Return what llama.cpp says of a GGUF without its weights.

        Args:
            path: The file.
            pre: The pre-tokenizer to use instead of the file's own; None for that.

        Raises:
            GgufError: If the file is missing, not a GGUF or damaged.
            EngineError: If llama.cpp refuses it, for example for an unknown architecture.
        """
        key = path, model_state(path), pre
        if key not in self._infos:
            self._infos[key] = self.ask("info", path, pre, doing=f"reading {path.name}")
        return self._infos[key]

    def tokens(self, path: Path, texts: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        """Return the tokens of texts, in which special tokens are known.

        Args:
            path: The GGUF; its weights are not read, and need not be there.
            texts: The texts.

        Returns:
            For each text, its tokens, and these with the BOS and EOS tokens that the GGUF adds.

        Raises:
            GgufError: If the file is damaged.
            EngineError: If llama.cpp refuses it, or it has no token for a character.
        """
        found: list[tuple[list[int], list[int]]] = self.ask(
            "tokens", path, tuple(texts), doing=f"tokenizing with {path.name}"
        )
        return found

    def place(self, path: Path, options: PlacementOptions) -> Placement:
        """Return where a model is computed; see ``placement.place``."""
        placement: Placement = self.ask("place", path, options, doing=f"reading {path.name}")
        return placement

    def score(self, job: EngineJob, doing: str) -> Generator[Begun | Scored, None, None]:
        """Yield what a model and a plan are, then what each batch completes.

        Raises:
            EngineError: If llama.cpp refuses the model or a batch, or a score is not finite.
            EdgevalError: If the model does not fit in memory, or has other tokens than the
                reference that it is compared with.
        """
        yield from self.stream("score", job, doing=doing)

    def release(self) -> None:
        """Free the model that the last job was about."""
        self.ask("release")

    def recipe(self, source: Path, ftype: str, weights: Weights | None = None) -> Recipe:
        """Return what quantizing a GGUF would make; see ``llama.recipe``."""
        recipe: Recipe = self.ask(
            "recipe", source, ftype, weights, doing=f"planning {source.name} as {ftype}"
        )
        return recipe

    def quantize(
        self,
        source: Path,
        target: Path,
        ftype: str,
        threads: int,
        *,
        weights: Weights | None = None,
        metadata: Metadata | None = None,
        requantize: bool = False,
    ) -> Generator[str, None, None]:
        """Quantize a GGUF, and yield what llama.cpp logs; see ``llama.quantize_file``."""
        yield from self.stream(
            "quantize",
            source,
            target,
            ftype,
            threads,
            weights,
            metadata,
            requantize,
            doing=f"quantizing {source.name} to {ftype}",
        )

    def imatrix(
        self,
        path: Path,
        text: str,
        name: str,
        chunk_tokens: int,
        most_chunks: int | None,
        threads: int,
        pre: str | None = None,
    ) -> Generator[ImatrixPlan | int | dict[str, Importances], None, None]:
        """Yield what is decoded, then how many chunks were, and last what tensors have seen.

        Args:
            path: The GGUF.
            text: What is decoded.
            name: What the text is called in a sentence.
            chunk_tokens: Tokens of a chunk.
            most_chunks: Most chunks; None for all.
            threads: CPU threads.
            pre: The pre-tokenizer to use instead of the file's own; None for that.

        Raises:
            DataError: If the text is too short.
            EngineError: If llama.cpp refuses the model, or an activation is not finite.
        """
        yield from self.stream(
            "imatrix",
            path,
            text,
            name,
            chunk_tokens,
            most_chunks,
            threads,
            pre,
            doing=f"computing the importance matrix of {path.name}",
        )

    def try_kernels(
        self, pairs: Sequence[KernelPair], folder: Path, threads: int, is_copying: bool
    ) -> Generator[KernelsReady | KernelTrial, None, None]:
        """Yield, for each pair, that its model is loaded, and what came of it.

        Args:
            pairs: What is tried.
            folder: Where models are written to.
            threads: CPU threads.
            is_copying: Whether ``default`` is tried in copies of the process.
        """
        yield from self.stream(
            "try_kernels",
            tuple(pairs),
            folder,
            threads,
            is_copying,
            doing="trying llama.cpp's kernels",
        )

    def race_kernels(
        self, path: Path, threads: int
    ) -> Generator[KernelsReady | KernelRace, None, None]:
        """Yield that ``plain`` computes a part of a model, and how fast both paths are with it.

        Raises:
            EngineError: If llama.cpp refuses the part.
        """
        yield from self.stream("race_kernels", path, threads, doing="timing llama.cpp's kernels")
