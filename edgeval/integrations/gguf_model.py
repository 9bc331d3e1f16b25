"""GGUF model that others send requests to: found, placed and computed as edgeval's commands do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeval import __version__
from edgeval.checkpoints.locate import fetch_model, locate
from edgeval.engine import (
    Begun,
    Engine,
    RequestsJob,
    RequestSum,
    Summed,
    Vocabulary,
    Worker,
    WritingJob,
    Written,
    current,
    kernels,
)
from edgeval.errors import ChangedFileError, EdgevalError
from edgeval.evaluation.kernels import kernel_sentences
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.identity import tokenizer_fingerprint
from edgeval.gguf.parts import model_files, model_state, read_header
from edgeval.integrations.arguments import ModelArguments
from edgeval.llama import machine
from edgeval.llama.defaults import SCORING_VERSION, attention_of
from edgeval.llama.placement import PlacementOptions
from edgeval.llama.prompt import Prompt
from edgeval.records import KernelChoice
from edgeval.records.score_key import features_of
from edgeval.system.progress import Progress
from edgeval.system.untrusted import printable
from edgeval.tasks.requests import Int32, Request, Work


class GgufModel:
    """A GGUF that answers requests; llama.cpp runs in a process of its own.

    Attributes:
        path: The file; of a split model the first one.
        sha256: Its hash.
        header: What it says before its weights.
        vocabulary: What is to be known of its tokenizer.
        window: Most tokens of a text.
        work: What scoring took so far.
        lower_bound: Tokens in the prefix trees of all that was scored.
    """

    def __init__(self, arguments: ModelArguments, progress: Progress) -> None:
        """Find a model, and how it is computed; its weights are loaded for the first request.

        Args:
            arguments: The model, and how it is computed.
            progress: Where downloads, hashing and the choice of kernels are shown.

        Raises:
            EdgevalError: If there is no such model, it cannot be run, or its kernels are wrong.
        """
        self._arguments = arguments
        self.path = _found(arguments, progress)
        self.header = read_header(self.path)
        self.sha256 = sha256_of(*model_files(self.path), progress=progress)
        self._state = model_state(self.path)
        known = current()
        self._engine: Engine = Worker() if known is None else known
        self._is_own = known is None
        self.vocabulary: Vocabulary = self._ask("vocabulary", self.path, arguments.pre)
        self.window = arguments.max_length or self.vocabulary.n_context_train
        self._threads = arguments.threads or machine.physical_cores()
        self._place(progress)
        self.work, self.lower_bound = Work(), 0

    def _place(self, progress: Progress) -> None:
        """Find out where the model is computed, in how large batches, and with which kernels."""
        arguments, engine = self._arguments, self._engine
        self._gguf = engine.info(self.path, arguments.pre)
        devices = engine.choose_devices(arguments.backend, arguments.devices)
        if arguments.gpu_layers and not devices:
            raise EdgevalError(
                f"gpu_layers={arguments.gpu_layers} needs a GPU, and the CPU computes here; leave "
                "it out, or see what edgeval doctor tells"
            )
        wanted = PlacementOptions(
            devices=() if arguments.gpu_layers == 0 else devices,
            all_devices=bool(arguments.devices),
            gpu_layers=arguments.gpu_layers,
            batch_tokens=arguments.batch_tokens,
            force=arguments.force,
            pre=arguments.pre,
        )
        self._placement = engine.place(self.path, wanted)
        self._kernels = KernelChoice(kernels="default")
        if self._placement.gpu_layers < self._placement.n_layers:
            self._kernels = kernels.choose(
                self.path, arguments.kernels, engine, self._threads, progress=progress
            )
        for sentence in kernel_sentences([(self._gguf.file_type, self._kernels)]):
            progress.log(sentence)
        if self._placement.offload.devices:
            names = ", ".join(each.description for each in self._placement.offload.devices)
            progress.log(
                f"computing with {self._placement.offload.backend} on {names}, which is not checked"
            )

    def close(self) -> None:
        """End the process of its own; the next request would start another one."""
        if self._is_own:
            self._engine.close()

    def facts(self) -> dict[str, Any]:
        """Return what computes which file, for a record of results."""
        engine, header, placement = self._engine.facts(), self.header, self._placement
        return {
            "edgeval_version": __version__,
            "gguf_name": header.text("general.name"),
            "gguf_file": self.path.name,
            "gguf_sha256": self.sha256,
            "gguf_type": self._gguf.file_type,
            "llama_cpp": engine.version,
            "backend": placement.offload.backend,
            "devices": [each.description for each in placement.offload.devices],
            "gpu_layers": placement.gpu_layers,
            "kernels": self._kernels.kernels,
            "threads": self._threads,
            "batch_tokens": placement.batch_tokens,
            "pre": self._arguments.pre,
            "add_bos_token": self._arguments.add_bos_token,
            "max_length": self.window,
            "tokens_decoded": self.work.tokens_decoded,
            "tokens_lower_bound": self.lower_bound,
            "seconds_scoring": self.work.elapsed_s,
            "n_params": header.n_params,
        }

    @property
    def identity(self) -> str:
        """Hash of all that could change an answer, as hexadecimal digits."""
        engine, placement = self._engine.facts(), self._placement
        key = [
            SCORING_VERSION,
            self.sha256,
            engine.version,
            features_of(engine.features, self._kernels.kernels),
            placement.offload.backend,
            [each.description for each in placement.offload.devices],
            placement.gpu_layers,
            placement.batch_tokens,
            attention_of(self._gguf.file_type),
            self._arguments.pre,
            self._arguments.add_bos_token,
            self.window,
        ]
        return hashlib.sha256(json.dumps(key, default=list).encode()).hexdigest()

    @property
    def tokenizer_fingerprint(self) -> str:
        """Hash of what decides the tokens of a text."""
        return tokenizer_fingerprint(self.header, self._arguments.pre)

    def encode(self, texts: Sequence[str]) -> Iterator[Sequence[Int32]]:
        """Yield the tokens of texts, some at a time; special tokens are known, and none is added.

        Raises:
            EngineError: If the vocabulary has no token for a character.
        """
        doing = f"tokenizing with {self.path.name}"
        yield from self._stream("encode", self.path, texts, self._arguments.pre, doing=doing)

    def decode(self, tokens: Int32) -> str:
        """Return the text of tokens, without special ones."""
        return str(self._ask("decode", self.path, tokens, self._arguments.pre))

    def score(self, requests: Sequence[Request]) -> Iterator[Mapping[int, RequestSum]]:
        """Yield what each batch completes, by the indices of the requests.

        Raises:
            EngineError: If llama.cpp refuses the model or a batch, or a score is not finite.
            NoRoomError: If the model does not fit in memory.
            ChangedFileError: If the file is another one now.
        """
        job = RequestsJob(requests=requests, **self._job())
        for answer in self._stream("score_requests", job, doing=f"scoring {self.path.name}"):
            if isinstance(answer, Begun):
                self.lower_bound += answer.lower_bound
                continue
            assert isinstance(answer, Summed)
            self.work.add(answer.work)
            yield answer.sums

    def write(self, prompts: Sequence[Prompt], n_sequences: int) -> Iterator[Written]:
        """Yield each text as soon as it is written.

        Args:
            prompts: What they are written behind.
            n_sequences: Most of them at once; fewer where memory is short.

        Raises:
            EngineError: If llama.cpp refuses the model or a batch.
            NoRoomError: If the model does not fit in memory.
            ChangedFileError: If the file is another one now.
        """
        job = WritingJob(prompts=prompts, n_sequences=n_sequences, **self._job())
        yield from self._stream("write", job, doing=f"generating with {self.path.name}")

    def _job(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "placement": self._placement,
            "threads": self._threads,
            "kernels": self._kernels.kernels,
            "is_forced": self._arguments.force,
            "title": self.path.name,
            "pre": self._arguments.pre,
        }

    def _stream(self, job: str, *arguments: Any, doing: str) -> Iterator[Any]:
        self._require_unchanged()
        yield from self._engine.stream(job, *arguments, doing=doing)
        self._require_unchanged()

    def _ask(self, job: str, *arguments: Any) -> Any:
        (answer,) = self._engine.stream(job, *arguments, doing=f"reading {self.path.name}")
        return answer

    def _require_unchanged(self) -> None:
        if model_state(self.path) != self._state:
            raise ChangedFileError(
                f"{self.path} changed since it was hashed, so its answers would be given for "
                "another file's; run again when no other program writes it"
            )


def _found(arguments: ModelArguments, progress: Progress) -> Path:
    """Return the only GGUF of a name.

    Raises:
        EdgevalError: If there is none, or there are several.
    """
    path = Path(arguments.pretrained).expanduser()
    if path.is_file():
        return model_files(path)[0]
    found = fetch_model(locate(arguments.pretrained), offline=arguments.offline, progress=progress)
    shown = printable(arguments.pretrained)
    if found.kind == "checkpoint":
        raise EdgevalError(f"{shown} is a checkpoint, and no GGUF; edgeval convert makes one of it")
    if len(found.ggufs) > 1:
        names = ", ".join(each.path.name for each in found.ggufs[:8])
        raise EdgevalError(f"{shown} holds several GGUFs ({names}); name one of them")
    return found.path
