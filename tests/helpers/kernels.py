"""Trials and races of kernels, made up or with faults."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeval.engine import Engine
from edgeval.engine.kernels.small_model import small_model
from edgeval.engine.kernels.writing import write_gguf
from edgeval.engine.messages import EngineFacts, KernelsReady
from edgeval.errors import EngineDiedError
from edgeval.gguf.parts import read_header
from edgeval.gguf.types import TensorType
from edgeval.records import KernelRace, KernelTrial

SIGILL = "an illegal instruction (SIGILL)"


def trial(kind: str, kernels: Any, **changes: Any) -> KernelTrial:
    found: dict[str, Any] = {"status": "sound", "max_logprob_change": 0.01, "bar": 1.0}
    return KernelTrial(type=kind, kernels=kernels, **(found | changes))


def race(default_s: float | list[float], plain_s: float, **changes: Any) -> KernelRace:
    found: dict[str, Any] = {
        "n_tokens": 128,
        "default_s": [default_s] * 5 if isinstance(default_s, (int, float)) else default_s,
        "plain_s": [plain_s] * 5,
        "logprob_spread": 1.0,
        "logprob_change": 0.01,
    }
    return KernelRace(**(found | changes))


class Scripted(Engine):
    """An engine that says of kernels what it is told to, and counts what it is asked."""

    def __init__(
        self,
        changes: Mapping[tuple[str, str], dict[str, Any]] | None = None,
        answers: Sequence[Any] = (),
        system_info: str = "",
    ) -> None:
        super().__init__()
        self.changes = changes or {}
        self.answers = answers
        self.system_info = system_info
        self.asked: list[str] = []

    @contextlib.contextmanager
    def beside(self, environment: Mapping[str, str]) -> Iterator[Engine]:
        yield self

    def stream(
        self, job: str, *arguments: Any, doing: str, timeout_s: float | None = None
    ) -> Generator[Any, None, None]:
        self.asked.append(job)
        if job == "race_kernels":
            assert read_header(arguments[0]).tensors
            for answer in self.answers:
                if isinstance(answer, Exception):
                    raise answer
                yield answer
            return
        if job == "facts":
            yield EngineFacts(version="llama-cpp-python 0.3.36", features=self.system_info)
            return
        assert job == "try_kernels"
        for pair in arguments[0]:
            change = self.changes.get((pair.kind, pair.kernels), {})
            yield KernelsReady(change.get("buffer"))
            if change.get("status") == "died":
                raise EngineDiedError(doing, change["cause"], "do something")
            yield trial(pair.kind, pair.kernels, **change)

    def peak_rss_bytes(self) -> int | None:
        return None

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass


REARRANGED = {("Q4_K", "default"): {"buffer": "CPU_REPACK"}}


# The part of a model that is timed.


def write_mixture(path: Path, n_blocks: int = 6) -> Path:
    """Write a model whose even blocks have more bits, and one number a block."""
    few, more = small_model("Q4_K"), small_model("Q6_K")
    header_path = path.with_name("one.gguf")
    few.write(header_path)
    metadata = read_header(header_path).metadata | {
        "llama.block_count": n_blocks,
        "llama.attention.head_count_kv": [2] * n_blocks,
        "llama.feed_forward_length": [768 + 256 * (block == 3) for block in range(n_blocks)],
    }
    tensors: dict[str, Any] = {}
    for name in few.matrices:
        for block in range(n_blocks):
            is_more = block % 2 == 0 and name == "blk.0.ffn_down.weight"
            source = more if is_more else few
            kind = TensorType[source.kind]
            tensors[name.replace("blk.0.", f"blk.{block}.")] = (source.matrices[name], kind)
    for name, norm in few.norms.items():
        for block in range(n_blocks):
            new = name.replace("blk.0.", f"blk.{block}.")
            tensors[new] = (norm.view(np.uint8), TensorType["F32"])
    write_gguf(path, metadata, tensors)
    return path
