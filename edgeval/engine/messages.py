"""Messages between the process that evaluates and the one that computes.

Nothing here loads llama.cpp, so that what is received can be read without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.llama.placement import Placement
from edgeval.llama.prompt import Prompt
from edgeval.records.kernels import Kernels
from edgeval.scoring.results import ItemResult
from edgeval.stats.top_logprobs import TopLogprobs
from edgeval.tasks.item import Item
from edgeval.tasks.requests import Request, Work


@dataclass(frozen=True)
class EngineFacts:
    """What computes.

    Attributes:
        version: Version of the binding, which pins llama.cpp's.
        features: llama.cpp's line of backends and CPU features.
    """

    version: str
    features: str


@dataclass(frozen=True, kw_only=True)
class ModelJob:
    """What is asked of a model that is loaded for it, and how that is computed.

    Attributes:
        path: The GGUF.
        placement: Where the model is computed, and in how large batches.
        threads: CPU threads.
        kernels: llama.cpp's kernels for the CPU.
        is_forced: Whether a model is loaded that does not fit the memory free now.
        title: What it is called in a sentence about memory.
        pre: The pre-tokenizer to use instead of the file's own; None for that.
        maps: Whether the file is mapped wherever llama.cpp maps one by itself; see ``Model``.
    """

    path: Path
    placement: Placement
    threads: int
    kernels: Kernels
    is_forced: bool
    title: str
    pre: str | None = None
    maps: bool = False


@dataclass(frozen=True, kw_only=True)
class EngineJob(ModelJob):
    """Items that are scored together, and how.

    Attributes:
        protocol: Name of the protocol that makes requests of the items.
        items: The items, in the order in which they are planned.
        todo: Indices of those that are to be scored: only their batches are decoded.
        closer: Indices of items that are looked at closer: with None a sketch is made, with the
            sketch of a reference the divergence from it is computed.
    """

    protocol: str
    items: Sequence[Item]
    todo: Sequence[int]
    closer: Mapping[int, TopLogprobs | None]


@dataclass(frozen=True)
class Begun:
    """What a model and a plan are, told before the first batch.

    Attributes:
        file_type: llama.cpp's name for how the model is quantized.
        n_params: Number of parameters.
        tensor_bytes: Bytes of all tensors.
        load_s: Seconds of loading; 0 where it was loaded for the last job.
        lower_bound: Tokens in the prefix tree of all items.
        n_batch: Most tokens in one batch.
        n_ubatch: Most tokens computed at once.
    """

    file_type: str
    n_params: int
    tensor_bytes: int
    load_s: float
    lower_bound: int
    n_batch: int
    n_ubatch: int


@dataclass(frozen=True)
class Scored:
    """What one batch completed.

    Attributes:
        results: By the indices of the items.
        work: What was done since the batch before.
    """

    results: Mapping[int, ItemResult]
    work: Work


@dataclass(frozen=True)
class Vocabulary:
    """What is to be known of a GGUF's tokenizer where others make texts of tokens.

    Attributes:
        bos: The token that it puts before every text by its own default, if any.
        eos: Likewise the one that it puts after every text.
        first: Its BOS token, or EOS token without one, whether it puts it anywhere or not.
        mark: The text of that one.
        end: Its EOS token, whether it puts it anywhere or not.
        end_mark: The text of that one.
        controls: Of a SentencePiece vocabulary, the texts of its control tokens by their ids.
        n_context_train: Tokens of the model's window.
    """

    bos: int | None
    eos: int | None
    first: int | None
    mark: str | None
    end: int | None
    end_mark: str | None
    controls: Mapping[int, str]
    n_context_train: int


@dataclass(frozen=True, kw_only=True)
class RequestsJob(ModelJob):
    """Requests that are scored together.

    Attributes:
        requests: The requests.
    """

    requests: Sequence[Request]


@dataclass(frozen=True)
class RequestSum:
    """What a model says about one request.

    Attributes:
        logprob: Sum of the log-probabilities of its scored tokens, in nats.
        is_greedy: Whether each of them was a most probable one.
    """

    logprob: float
    is_greedy: bool


@dataclass(frozen=True)
class Summed:
    """What one batch of requests completed.

    Attributes:
        sums: By the indices of the requests.
        work: What was done since the batch before.
    """

    sums: Mapping[int, RequestSum]
    work: Work


@dataclass(frozen=True, kw_only=True)
class WritingJob(ModelJob):
    """Prompts that texts are written behind.

    Attributes:
        prompts: The prompts.
        n_sequences: Most of them that are written behind at once.
    """

    prompts: Sequence[Prompt]
    n_sequences: int


@dataclass(frozen=True)
class Written:
    """A text that was written behind a prompt.

    Attributes:
        index: That of the prompt.
        text: The text without special tokens; what stopped it is a part of it.
        n_tokens: Tokens that were generated.
    """

    index: int
    text: str
    n_tokens: int


@dataclass(frozen=True)
class ImatrixPlan:
    """What is decoded for an importance matrix.

    Attributes:
        n_chunks: Number of chunks of the text.
        window: Tokens that the model was trained on at once.
    """

    n_chunks: int
    window: int


@dataclass(frozen=True)
class KernelPair:
    """What is tried at once.

    Attributes:
        kind: A tensor type, a name of ``gguf_types.TensorType``.
        kernels: llama.cpp's kernels for the CPU.
    """

    kind: str
    kernels: Kernels


@dataclass(frozen=True)
class KernelsReady:
    """A small model is loaded and about to be computed; told because that may be the end.

    Attributes:
        buffer: llama.cpp's name of the memory that rearranged weights are in; None if none are.
    """

    buffer: str | None
