"""Session: a model ready to decode batches."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeval.errors import EngineError
from edgeval.gguf.architectures import refusal
from edgeval.llama.defaults import SessionSettings
from edgeval.llama.library import Owner, engine, llama_cpp
from edgeval.llama.model import Model
from edgeval.tasks.requests import Batch, Int32


class Session(Owner):
    """A model ready to decode batches; a context manager that frees its buffers."""

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
        params.n_ctx, params.n_batch = settings.n_cells, settings.n_batch
        params.n_ubatch = settings.n_ubatch
        params.n_seq_max = settings.n_sequences
        params.n_threads = params.n_threads_batch = settings.threads
        params.type_k = params.type_v = (
            llama_cpp.GGML_TYPE_F32 if settings.cache_type == "f32" else llama_cpp.GGML_TYPE_F16
        )
        params.flash_attn_type = (
            llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
            if settings.flash_attention
            else llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        # Sequences share the cells of their common prefix only in a unified cache.
        params.kv_unified = True
        params.offload_kqv = params.op_offload = bool(model.offload.devices)
        handle = llama_cpp.llama_init_from_model(model.handle, params)
        if not handle:
            raise EngineError(
                f"llama.cpp cannot run {model.path.name} with {settings.n_batch} tokens a batch: "
                f"{self._log.reason()}; free some memory or use a smaller model"
            )
        super().__init__(handle, llama_cpp.llama_free)
        self._memory = llama_cpp.llama_get_memory(handle)
        self._is_believed = model.is_known
        self._trunk: Int32 = np.empty(0, dtype=np.int32)
        self.tokens_decoded = 0
        # Who keeps nothing of the tokens before sees all of a text at once.
        if not self._memory or not llama_cpp.llama_get_causal_attn(handle):
            self.close()
            raise EngineError(f"{model.path} {refusal('no causal language model')}")

    def decode(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Decode one batch behind its trunk, which alone is in the cache before.

        Returns:
            The logits that the batch reads, shape (n_rows, n_vocab), float32: as a rule a view of
            llama.cpp's own buffer, valid until the next call.

        Raises:
            EngineError: If llama.cpp refuses the batch, or computes no logits.
        """
        logits = self._decode(batch)
        if not self._is_believed:
            # Logits that nobody computes are what the memory held: that has to change.
            self._buffer(batch)[:] = np.nan
            logits = self._decode(batch)
            self._is_believed = not np.isnan(logits).all()
        if not self._is_believed or _is_constant(logits):
            raise EngineError(
                f"{self.model.path} finds all tokens equally likely after every text, as a model "
                "does whose logits are not computed; evaluate a model that generates text"
            )
        return logits

    def _decode(self, batch: Batch) -> npt.NDArray[np.float32]:
        reads = batch.reads_logits if self.model.selects_rows else np.ones_like(batch.reads_logits)
        self._hold(batch.trunk)
        self._decode_tokens(
            batch.tokens, batch.positions, batch.sequence_counts, batch.sequence_ids, reads
        )
        logits = self._buffer(batch)
        return logits if self.model.selects_rows else logits[batch.reads_logits.astype(bool)]

    def _hold(self, trunk: Int32) -> None:
        """Have a trunk in the cache, for all sequences, and nothing else.

        It is always decoded alone: what a batch finds does not depend on the batches before it.
        """
        n_held, n_sequences = len(self._trunk), self.settings.n_sequences
        if n_held and np.array_equal(trunk, self._trunk) and self._forget(n_held):
            return
        llama_cpp.llama_memory_clear(self._memory, False)
        self._trunk = trunk
        for start in range(0, len(trunk), self.settings.n_batch):
            part = np.ascontiguousarray(trunk[start : start + self.settings.n_batch])
            self._decode_tokens(
                part,
                np.arange(start, start + len(part), dtype=np.int32),
                np.full(len(part), n_sequences, dtype=np.int32),
                np.tile(np.arange(n_sequences, dtype=np.int32), len(part)),
                np.full(len(part), not self.model.selects_rows, dtype=np.int8),
            )

    def _forget(self, n_held: int) -> bool:
        """Remove what comes after so many tokens from the cache; return whether it can."""
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, -1, n_held, -1))

    def _decode_tokens(
        self,
        tokens: Int32,
        positions: Int32,
        counts: Int32,
        ids: Int32,
        reads: npt.NDArray[np.int8],
    ) -> None:
        status = decode_tokens(self.handle, tokens, positions, counts, ids, reads)
        if status != 0:
            raise self.refused(len(tokens), status)
        self.tokens_decoded += len(tokens)

    def extend(self, tokens: Int32, start: int) -> None:
        """Decode more of one text, and wait until the logits after its last token are there.

        Args:
            tokens: Token ids, shape (n,), int32.
            start: How many tokens of the text were decoded before; with 0 a new one begins.

        Raises:
            EngineError: If llama.cpp refuses them.
        """
        if start == 0:
            self.clear()
        n_tokens = len(tokens)
        reads = np.ones(n_tokens, dtype=np.int8)
        reads[:-1] = not self.model.selects_rows
        self._decode_tokens(
            np.ascontiguousarray(tokens),
            np.arange(start, start + n_tokens, dtype=np.int32),
            np.ones(n_tokens, dtype=np.int32),
            np.zeros(n_tokens, dtype=np.int32),
            reads,
        )
        llama_cpp.llama_get_logits(self.handle)

    def clear(self) -> None:
        """Forget all that was decoded."""
        self._hold(np.empty(0, dtype=np.int32))

    def follow(self, tokens: Int32) -> None:
        """Decode tokens behind all in the cache, one by one, and wait for the logits of each.

        Little else is done between two: of a small model's token it would be a few per cent.

        Args:
            tokens: Token ids, shape (n,), int32.

        Raises:
            EngineError: If llama.cpp refuses one.
        """
        token = ctypes.c_int32()
        batch = llama_cpp.llama_batch_get_one(ctypes.pointer(token), 1)
        for each in tokens.tolist():
            token.value = each
            status = llama_cpp.llama_decode(self.handle, batch)
            if status != 0:
                raise self.refused(1, status)
            llama_cpp.llama_get_logits(self.handle)
        self.tokens_decoded += len(tokens)

    def refused(self, n_tokens: int, status: int) -> EngineError:
        """Return the error to raise where llama.cpp refuses a batch."""
        return EngineError(
            f"llama.cpp could not decode a batch of {n_tokens} tokens with "
            f"{self.model.path.name} (status {status}): {self._log.reason()}"
        )

    def _buffer(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Return the rows that llama.cpp has of a batch: those that it reads, or all."""
        n_rows = batch.n_rows if self.model.selects_rows else len(batch.tokens)
        pointer = llama_cpp.llama_get_logits(self.handle)
        return np.ctypeslib.as_array(pointer, shape=(n_rows, self.model.n_vocab))


def _is_constant(logits: npt.NDArray[np.float32]) -> bool:
    """Return whether each row of logits is one number, repeated."""
    # As a rule two logits tell.
    is_row = np.equal(logits, logits[:, :1]).all(axis=1) if logits[0, 0] == logits[0, -1] else None
    return is_row is not None and bool(is_row.all())


def decode_tokens(
    context: Any,
    tokens: Int32,
    positions: Int32,
    sequence_counts: Int32,
    sequence_ids: Int32,
    reads_logits: npt.NDArray[np.int8],
) -> int:
    """Call ``llama_decode`` and return its status, 0 for success.

    Args:
        context: llama.cpp's context.
        tokens: Token ids, shape (n_tokens,), int32.
        positions: Position of each token in its sequences, shape (n_tokens,), int32.
        sequence_counts: Number of sequences each token belongs to, shape (n_tokens,), int32.
        sequence_ids: The sequence ids of all tokens, concatenated, int32.
        reads_logits: 1 where the logits after a token are read, shape (n_tokens,), int8.
    """
    # The struct borrows these arrays: they must live until llama_decode returns.
    ends = np.cumsum(sequence_counts, dtype=np.uintp)
    offsets = ends - sequence_counts.astype(np.uintp)
    ids = np.ascontiguousarray(sequence_ids)
    id_pointers = offsets * np.uintp(ids.itemsize) + np.uintp(ids.ctypes.data)
    raw = llama_cpp.llama_batch(
        n_tokens=len(tokens),
        token=_pointer(tokens, ctypes.c_int32),
        embd=None,
        pos=_pointer(positions, ctypes.c_int32),
        n_seq_id=_pointer(sequence_counts, ctypes.c_int32),
        seq_id=_pointer(id_pointers, ctypes.POINTER(ctypes.c_int32)),
        logits=_pointer(reads_logits, ctypes.c_int8),
    )
    return int(llama_cpp.llama_decode(context, raw))


def _pointer(array: npt.NDArray[Any], ctype: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctype))
