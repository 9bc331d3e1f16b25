"""Jobs that llama.cpp is asked to do: the part that loads it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from edgeval import llama
from edgeval.engine import calibration, speed, texts
from edgeval.engine.loaded import Loaded
from edgeval.engine.messages import (
    Begun,
    EngineFacts,
    EngineJob,
    ImatrixPlan,
    KernelPair,
    KernelsReady,
    ModelJob,
    RequestsJob,
    Scored,
    Summed,
    Vocabulary,
    WritingJob,
    Written,
)
from edgeval.engine.planned import Planned
from edgeval.engine.speed_messages import Calibration, Generated, GenerationJob, LoadTimes, SpeedJob
from edgeval.errors import DataError
from edgeval.gguf.imatrix_file import Importances
from edgeval.llama import machine, memory
from edgeval.llama.generation import generation_settings, timed
from edgeval.llama.placement import Placement, PlacementOptions, place
from edgeval.records import KernelRace, KernelTrial
from edgeval.scoring.score import score_items
from edgeval.tasks.requests import Int32, Work

_MIN_CHUNKS = 2
_TEXTS_AT_ONCE = 256


class Jobs:
    """The jobs, and the model that the last one was about.

    Each job yields its answers; ``client.Engine`` says what they are.
    """

    def __init__(self) -> None:
        self._loaded = Loaded()

    def close(self) -> None:
        """Free what is loaded."""
        self._loaded.close()

    def release(self) -> Iterator[None]:
        """Free what is loaded."""
        self.close()
        yield None

    def peak_rss_bytes(self) -> Iterator[int]:
        """Yield the most memory that this process has held."""
        yield machine.peak_rss_bytes()

    def facts(self) -> Iterator[EngineFacts]:
        """Yield what computes."""
        yield EngineFacts(version=llama.engine_version(), features=llama.system_info())

    def backends(self) -> Iterator[tuple[tuple[str, ...], tuple[llama.Device, ...]]]:
        """Yield what llama.cpp was built with beside the CPU, and its GPUs."""
        yield llama.built_backends(), llama.devices()

    def device_memory(self, device: llama.Device) -> Iterator[tuple[int, int]]:
        """Yield a GPU's memory that is free, and all of it, in bytes."""
        yield device.memory()

    def choose_devices(
        self, backend: str, names: Sequence[str]
    ) -> Iterator[tuple[llama.Device, ...]]:
        """Yield the GPUs to compute on."""
        yield llama.choose_devices(backend, names)

    def file_type(self, name: str) -> Iterator[str]:
        """Yield the canonical name of a file type."""
        yield llama.file_type(name)

    def writable_type(self, name: str) -> Iterator[str]:
        """Yield the canonical name of a file type that is written."""
        yield llama.writable_type(name)

    def writable_types(self) -> Iterator[tuple[str, ...]]:
        """Yield the file types that are written."""
        yield llama.writable_types()

    def info(self, path: Path, pre: str | None = None) -> Iterator[llama.GgufInfo]:
        """Yield what a GGUF is without its weights."""
        yield self._loaded.vocabulary(path, pre).info

    def tokens(
        self, path: Path, texts: Sequence[str]
    ) -> Iterator[list[tuple[list[int], list[int]]]]:
        """Yield the tokens of texts, each without and with what is added to it."""
        with llama.Tokenizer(path) as vocabulary:
            yield [
                (
                    vocabulary.tokenize(text, parse_special=True).tolist(),
                    vocabulary.tokenize(text, parse_special=True, adds_ends=True).tolist(),
                )
                for text in texts
            ]

    def place(self, path: Path, options: PlacementOptions) -> Iterator[Placement]:
        """Yield where a model is computed."""
        yield place(self._loaded.vocabulary(path, options.pre).info, options)

    def recipe(
        self, source: Path, ftype: str, weights: llama.Weights | None
    ) -> Iterator[llama.Recipe]:
        """Yield what quantizing would make."""
        yield llama.recipe(source, ftype, weights)

    def quantize(
        self,
        source: Path,
        target: Path,
        ftype: str,
        threads: int,
        weights: llama.Weights | None,
        metadata: llama.Metadata | None,
        requantize: bool,
    ) -> Iterator[str]:
        """Quantize, and yield what is logged meanwhile."""
        lines: SimpleQueue[str | None] = SimpleQueue()

        def work() -> None:
            try:
                llama.quantize_file(
                    source,
                    target,
                    ftype,
                    threads,
                    lines.put,
                    weights=weights,
                    metadata=metadata,
                    requantize=requantize,
                )
            finally:
                lines.put(None)

        with ThreadPoolExecutor(1, "quantize") as pool:
            result = pool.submit(work)
            while (line := lines.get()) is not None:
                yield line
            result.result()

    def imatrix(
        self,
        path: Path,
        text: str,
        name: str,
        chunk_tokens: int,
        most_chunks: int | None,
        threads: int,
        pre: str | None = None,
    ) -> Iterator[ImatrixPlan | int | dict[str, Importances]]:
        """Yield what is to be decoded, then how many chunks were, and last what was seen."""
        with llama.Tokenizer(path, pre) as vocabulary:
            vocabulary.info.require_predicting()
            chunks = _chunks(vocabulary, text, name, chunk_tokens)[:most_chunks]
            yield ImatrixPlan(len(chunks), vocabulary.n_context_train)
        with (
            llama.Model(path, pre=pre) as model,
            llama.Activations(model, chunk_tokens, threads) as activations,
        ):
            for start in range(0, len(chunks), activations.n_sequences):
                part = chunks[start : start + activations.n_sequences]
                activations.decode(part)
                yield len(part)
            yield activations.seen

    def try_kernels(
        self, pairs: Sequence[KernelPair], folder: Path, threads: int, is_copying: bool
    ) -> Iterator[KernelsReady | KernelTrial]:
        """Yield what comes of trying tensor types with kernels; see ``kernels.trial``."""
        from edgeval.engine.kernels.trial import try_kernels

        yield from try_kernels(pairs, folder, threads, is_copying)

    def race_kernels(self, path: Path, threads: int) -> Iterator[KernelsReady | KernelRace]:
        """Yield what comes of timing both paths with a part of a model; see ``kernels.race``."""
        from edgeval.engine.kernels.race import race

        yield from race(path, threads)

    def score(self, job: EngineJob) -> Generator[Begun | Scored, None, None]:
        """Yield what a model and a plan are, then what each batch completes."""
        planned = Planned.of(job, self._loaded)
        vocabulary, choices, todo = planned.vocabulary, planned.choices, planned.todo
        model, settings, begun = self._loaded.for_plan(job, vocabulary, planned.whole)
        yield begun
        work = Work()
        with contextlib.closing(
            score_items(
                model,
                job.items,
                choices,
                todo,
                settings,
                work,
                job.closer,
                job.placement.n_sessions,
            )
        ) as batches:
            for results in batches:
                yield Scored(results, work.take())

    def vocabulary(self, path: Path, pre: str | None = None) -> Iterator[Vocabulary]:
        """Yield what is to be known of a GGUF's tokenizer."""
        known = self._loaded.vocabulary(path, pre)
        yield Vocabulary(**{each.name: getattr(known, each.name) for each in fields(Vocabulary)})

    def encode(
        self, path: Path, texts: Sequence[str], pre: str | None = None
    ) -> Iterator[list[Int32]]:
        """Yield the tokens of texts, some at a time; special tokens are known, and none added."""
        vocabulary = self._loaded.vocabulary(path, pre)
        for first in range(0, len(texts), _TEXTS_AT_ONCE):
            some = texts[first : first + _TEXTS_AT_ONCE]
            yield [vocabulary.tokenize(text, parse_special=True) for text in some]

    def decode(self, path: Path, tokens: Int32, pre: str | None = None) -> Iterator[str]:
        """Yield the text of tokens without special ones."""
        yield self._loaded.vocabulary(path, pre).detokenize(tokens)

    def score_requests(self, job: RequestsJob) -> Iterator[Begun | Summed]:
        """Yield what comes of scoring requests as they are; see ``texts.score``."""
        yield from texts.score(job, self._loaded)

    def write(self, job: WritingJob) -> Iterator[Written]:
        """Yield texts that are written behind prompts; see ``texts.write``."""
        yield from texts.write(job, self._loaded)

    def generate(self, job: GenerationJob) -> Iterator[Generated]:
        """Yield what generating a text takes."""
        vocabulary = self._loaded.vocabulary(job.path, job.pre)
        n_tokens = job.n_prompt + job.n_generated
        settings = generation_settings(
            vocabulary.file_type, n_tokens, job.threads, job.placement.ubatch_tokens
        )
        model = self._loaded.model(job, memory.estimate(vocabulary.info, settings))
        with llama.Session(model, settings) as session:
            yield Generated(*timed(session, job.n_prompt, job.n_generated))

    def calibrate(self, job: EngineJob, budget_s: float) -> Iterator[Calibration]:
        """Yield how fast a part of a job is; see ``calibration.calibrate``."""
        yield calibration.calibrate(job, budget_s, self._loaded)

    def load(self, job: ModelJob) -> Iterator[LoadTimes]:
        """Yield what loading a model anew takes; see ``speed.load``."""
        yield from speed.load(job, self._loaded)

    def time_test(self, job: SpeedJob) -> Iterator[float]:
        """Yield how long each repetition of a test takes; see ``speed.times``."""
        yield from speed.times(job, self._loaded)


def _chunks(vocabulary: llama.Tokenizer, text: str, name: str, chunk_tokens: int) -> Int32:
    """Return a text's chunks, shape (n_chunks, chunk_tokens), int32."""
    start = [] if vocabulary.bos is None else [vocabulary.bos]
    tokens = np.concatenate([np.array(start, np.int32), vocabulary.tokenize(text)])
    n_chunks = len(tokens) // chunk_tokens
    if n_chunks < _MIN_CHUNKS:
        raise DataError(
            f"{name} has {len(tokens):,} tokens, and an importance matrix needs {_MIN_CHUNKS} "
            f"chunks of {chunk_tokens:,}; bring a longer text or use a smaller --context"
        )
    cut: Int32 = tokens[: n_chunks * chunk_tokens].reshape(n_chunks, chunk_tokens)
    if vocabulary.bos is not None:
        cut[:, 0] = vocabulary.bos
    return cut
