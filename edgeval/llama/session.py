"""A model ready to decode batches."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeval.errors import EngineError
from edgeval.llama.library import engine, llama_cpp
from edgeval.llama.model import Model
from edgeval.plan import MAX_SEQUENCES, Batch

CACHE_TYPE = "f32"
"""Type of the KV cache. With f16 the log-probabilities of an F32 model move by more than 1e-3."""


@dataclass(frozen=True)
class SessionSettings:
    """How a model is run; part of every record.

    Attributes:
        batch_tokens: Tokens that a batch is filled up to; an item that costs more is alone.
        n_batch: Most tokens in one batch, and cells of the KV cache; at least ``MAX_SEQUENCES``,
            because llama.cpp makes room for the logits of every sequence.
        n_ubatch: Most tokens computed at once.
        threads: CPU threads.
    """

    batch_tokens: int
    n_batch: int
    n_ubatch: int
    threads: int


class Session:
    """A model ready to decode batches; a context manager that frees its buffers.

    The KV cache is unified and f32, and flash attention is off: the setting in which an F32 model
    gives the reference implementation's log-probabilities to about 1e-4 nats.
    """

    def __init__(self, model: Model, settings: SessionSettings) -> None:
        """Allocate the cache and the compute buffers.

        Raises:
            EngineError: If llama.cpp cannot allocate them.
        """
        self._log = engine()
        self._log.errors.clear()
        self.model = model
        self.settings = settings
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = settings.n_batch
        params.n_batch = settings.n_batch
        params.n_ubatch = settings.n_ubatch
        params.n_seq_max = MAX_SEQUENCES
        params.n_threads = params.n_threads_batch = settings.threads
        params.type_k = params.type_v = llama_cpp.GGML_TYPE_F32
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.kv_unified = True
        params.offload_kqv = params.op_offload = model.backend != "cpu"
        self._context = llama_cpp.llama_init_from_model(model.handle, params)
        if not self._context:
            raise EngineError(
                f"llama.cpp cannot run {model.path.name} with {settings.n_batch} tokens a batch: "
                f"{self._log.reason()}; free some memory or use a smaller model"
            )
        self._memory = llama_cpp.llama_get_memory(self._context)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the session; harmless when called twice."""
        if self._context:
            llama_cpp.llama_free(self._context)
            self._context = None

    def decode(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Decode one batch in an empty cache.

        Returns:
            The logits that the batch reads, shape (n_rows, n_vocab), float32: a view of llama.cpp's
            own buffer, valid until the next call.

        Raises:
            EngineError: If llama.cpp refuses the batch.
        """
        llama_cpp.llama_memory_clear(self._memory, False)
        # The struct borrows these arrays: they must live until llama_decode returns.
        ends = np.cumsum(batch.sequence_counts, dtype=np.uintp)
        offsets = ends - batch.sequence_counts.astype(np.uintp)
        ids = np.ascontiguousarray(batch.sequence_ids)
        id_pointers = offsets * np.uintp(ids.itemsize) + np.uintp(ids.ctypes.data)
        raw = llama_cpp.llama_batch(
            n_tokens=len(batch.tokens),
            token=_pointer(batch.tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(batch.positions, ctypes.c_int32),
            n_seq_id=_pointer(batch.sequence_counts, ctypes.c_int32),
            seq_id=_pointer(id_pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(batch.reads_logits, ctypes.c_int8),
        )
        status = llama_cpp.llama_decode(self._context, raw)
        if status != 0:
            raise EngineError(
                f"llama.cpp could not decode a batch of {len(batch.tokens)} tokens with "
                f"{self.model.path.name} (status {status}): {self._log.reason()}"
            )
        logits = llama_cpp.llama_get_logits(self._context)
        return np.ctypeslib.as_array(logits, shape=(batch.n_rows, self.model.n_vocab))


def _pointer(array: npt.NDArray[Any], ctype: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctype))
