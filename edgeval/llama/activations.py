"""Activations that a model's tensors are multiplied with, seen through llama.cpp's callback."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeval.errors import EngineError
from edgeval.gguf.imatrix_file import Importances
from edgeval.llama.library import Owner, engine, llama_cpp
from edgeval.llama.model import Model
from edgeval.llama.session import decode_tokens
from edgeval.llama.tensors import Tensor, functions, has_layout, operation
from edgeval.tasks.requests import Int32

_BATCH_TOKENS = 2048
_UBATCH_TOKENS = 512
_MIN_ROWS = 16
"""llama-imatrix looks at no product of fewer rows."""


class Activations(Owner):
    """A model that decodes chunks of text, and what its tensors were multiplied with meanwhile.

    It is set up as llama.cpp's tools/imatrix is, and looks at the same products: those of at least
    16 rows with the tensors of a block, and all with experts. It computes on the CPU. A context
    manager that frees its buffers.

    Attributes:
        seen: Sums of squares so far, by tensor name.
        n_sequences: Most chunks in one batch.
    """

    def __init__(self, model: Model, chunk_tokens: int, threads: int) -> None:
        """Allocate the cache and the compute buffers.

        Raises:
            EngineError: If llama.cpp cannot allocate them.
        """
        log = engine()
        log.errors.clear()
        self.seen: dict[str, Importances] = {}
        self.n_sequences = max(1, _BATCH_TOKENS // chunk_tokens)
        self._model = model
        self._failure: BaseException | None = None
        self._is_known = False
        self._callback = llama_cpp.ggml_backend_sched_eval_callback(self._on_tensor)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = chunk_tokens * self.n_sequences
        self._n_batch = params.n_batch = min(_BATCH_TOKENS, params.n_ctx)
        params.n_ubatch = min(_UBATCH_TOKENS, params.n_batch)
        params.n_seq_max = self.n_sequences
        params.n_threads = params.n_threads_batch = threads
        params.offload_kqv = params.op_offload = False
        params.cb_eval = self._callback
        handle = llama_cpp.llama_init_from_model(model.handle, params)
        if not handle:
            raise EngineError(
                f"llama.cpp cannot run {model.path.name} with {params.n_ctx:,} tokens a batch: "
                f"{log.reason()}; free some memory, or use a smaller context or a quantized model"
            )
        super().__init__(handle, llama_cpp.llama_free)

    def decode(self, chunks: Int32) -> None:
        """Decode chunks of text side by side, and add what is looked at to ``seen``.

        Args:
            chunks: Token ids, shape (n_chunks, chunk_tokens), int32; at most ``n_sequences``.

        Raises:
            EngineError: If llama.cpp refuses them, or an activation is not finite.
        """
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.handle), True)
        n_chunks, chunk_tokens = chunks.shape
        for start in range(0, chunk_tokens, self._n_batch):
            part = chunks[:, start : start + self._n_batch]
            width = part.shape[1]
            ones = np.ones(part.size, np.int32)
            status = decode_tokens(
                self.handle,
                np.ascontiguousarray(part).ravel(),
                np.tile(np.arange(start, start + width, dtype=np.int32), n_chunks),
                ones,
                np.repeat(np.arange(n_chunks, dtype=np.int32), width),
                # Where no logits are asked for, the last block skips its feed-forward layer.
                ones.astype(np.int8),
            )
            if self._failure is not None:
                raise self._failure
            if status != 0:
                raise EngineError(
                    f"llama.cpp could not decode {part.size:,} tokens with "
                    f"{self._model.path.name} (status {status}): {engine().reason()}"
                )

    def _on_tensor(self, address: int, ask: bool, _user_data: object) -> bool:
        """Answer whether a tensor is wanted (``ask``), or look at it once it is computed.

        An answer of False to the latter ends the computation.
        """
        if self._failure is not None:
            return ask
        try:
            tensor = Tensor.from_address(address)
            if not self._is_known:
                self._is_known = has_layout(tensor, address)
            if ask:
                return _is_wanted(tensor, address)
            self._look_at(tensor, address)
        except BaseException as error:  # noqa: BLE001 - it cannot pass through C; decode raises it
            self._failure = error
            return False
        return True

    def _look_at(self, tensor: Tensor, address: int) -> None:
        weights, inputs = tensor.src[0].contents, tensor.src[1].contents
        name = weights.name.decode()
        rows = _values(inputs, np.dtype(np.float32))
        if operation(address) == "MUL_MAT_ID":
            chosen = _values(tensor.src[2].contents, np.dtype(np.int32))
            self._add_experts(name, weights.ne[2], rows[0], chosen[0, 0])
            return
        # A matrix of several dimensions has columns of its own in each; they count as one expert's.
        depth, height = weights.ne[3], weights.ne[2]
        n_columns = rows.shape[-1]
        entry = self._entry(name, 1, depth * height * n_columns)
        sums = entry.sums.reshape(depth, height, n_columns)
        for outer, inner in np.ndindex(*rows.shape[:2]):
            part = rows[outer, inner]
            sums[outer % depth, inner % height] += np.einsum("rc,rc->c", part, part)
        entry.counts[0] += rows[..., 0].size // (depth * height)
        self._require_finite(name, entry.sums)

    def _add_experts(
        self, name: str, n_experts: int, rows: npt.NDArray[np.float32], chosen: Int32
    ) -> None:
        """Add to each expert the rows that were sent to it.

        Args:
            name: The tensor that holds all experts.
            n_experts: How many these are.
            rows: Shape (n_tokens, n_slots, n_columns); one slot may serve all of a token's experts.
            chosen: The experts of each token, shape (n_tokens, n_experts_used).
        """
        entry = self._entry(name, n_experts, rows.shape[-1])
        for expert in np.unique(chosen):
            tokens, slots = np.nonzero(chosen == expert)
            part = rows[tokens, slots % rows.shape[1]]
            entry.sums[expert] += np.einsum("rc,rc->c", part, part)
            entry.counts[expert] += len(part)
        self._require_finite(name, entry.sums)

    def _entry(self, name: str, n_experts: int, n_columns: int) -> Importances:
        fresh = Importances(
            np.zeros((n_experts, n_columns), np.float32), np.zeros(n_experts, np.int64)
        )
        found = self.seen.setdefault(name, fresh)
        if found.sums.shape != fresh.sums.shape:
            raise EngineError(
                f"{self._model.path.name} multiplies {name} in two ways, which no importance "
                "matrix can tell apart; quantize it without one"
            )
        return found

    def _require_finite(self, name: str, sums: npt.NDArray[np.float32]) -> None:
        if not np.isfinite(sums).all():
            raise EngineError(
                f"the activations of {name} in {self._model.path.name} are not finite; "
                "the model is damaged, so convert or download it again"
            )


def _is_wanted(tensor: Tensor, address: int) -> bool:
    name = operation(address)
    if name != "MUL_MAT":
        return name == "MUL_MAT_ID"
    weights, inputs = tensor.src[0].contents, tensor.src[1].contents
    is_f32 = bool(inputs.type == llama_cpp.GGML_TYPE_F32)
    return is_f32 and inputs.ne[1] >= _MIN_ROWS and weights.name.startswith(b"blk.")


def _values(tensor: Tensor, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return a copy of a tensor's values, outermost of its four dimensions first."""
    address = ctypes.addressof(tensor)
    buffer = np.empty(functions().ggml_nbytes(address), np.uint8)
    functions().ggml_backend_tensor_get(address, buffer.ctypes.data, 0, buffer.nbytes)
    shape, strides = tuple(tensor.ne)[::-1], tuple(tensor.nb)[::-1]
    return np.ndarray(shape, dtype, buffer, strides=strides)
