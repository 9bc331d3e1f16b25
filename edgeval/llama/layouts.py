"""Layouts of a loaded model: in which memory its matrices lie, as llama.cpp's callback shows it."""

from __future__ import annotations

import ctypes

import numpy as np

from edgeval.errors import EngineError
from edgeval.gguf.types import TensorType
from edgeval.llama.library import engine, llama_cpp
from edgeval.llama.model import Model
from edgeval.llama.paths import Layout
from edgeval.llama.session import decode_tokens
from edgeval.llama.tensors import Tensor, functions, has_layout, operation

_CELLS = 32
_PRODUCTS = ("MUL_MAT", "MUL_MAT_ID")

# ggml-backend.h's enum ggml_backend_buffer_usage, which the binding does not export.
_WEIGHTS = 1


def layouts(model: Model, threads: int) -> list[Layout]:
    """Decode a token, and return where the matrices lie that the CPU multiplies with.

    Args:
        model: The model; what of it is on GPUs is left out.
        threads: CPU threads.

    Returns:
        One for each type and memory, that of most bytes first.

    Raises:
        EngineError: If llama.cpp does not compute, or its tensors cannot be read.
    """
    seen = _Seen()
    callback = llama_cpp.ggml_backend_sched_eval_callback(seen.on_tensor)
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = _CELLS
    params.n_threads = params.n_threads_batch = threads
    params.offload_kqv = params.op_offload = bool(model.offload.devices)
    params.cb_eval = callback
    log = engine()
    log.errors.clear()
    context = llama_cpp.llama_init_from_model(model.handle, params)
    if not context:
        raise EngineError(f"llama.cpp cannot run {model.path.name}: {log.reason()}")
    try:
        one = np.ones(1, np.int32)
        nothing = np.zeros(1, np.int32)
        status = decode_tokens(context, nothing, nothing, one, nothing, one.astype(np.int8))
    finally:
        llama_cpp.llama_free(context)
    if seen.failure is not None:
        raise seen.failure
    if status != 0:
        raise EngineError(f"llama.cpp cannot decode a token with {model.path.name}: {log.reason()}")
    return seen.layouts()


class _Seen:
    """The matrices of a graph, looked at before it is computed."""

    def __init__(self) -> None:
        self.failure: EngineError | None = None
        self._is_known = False
        self._found: dict[bytes, Layout] = {}

    def layouts(self) -> list[Layout]:
        """Return the sums over all matrices."""
        sums: dict[tuple[str, str | None], int] = {}
        for each in self._found.values():
            key = each.kind, each.buffer
            sums[key] = sums.get(key, 0) + each.n_bytes
        ordered = sorted(sums.items(), key=lambda item: -item[1])
        return [Layout(kind, buffer, n_bytes) for (kind, buffer), n_bytes in ordered]

    def on_tensor(self, address: int, ask: bool, _user_data: object) -> bool:
        """Look at a tensor that is about to be computed; its values are not wanted."""
        if ask and self.failure is None:
            try:
                self._look_at(Tensor.from_address(address), address)
            except (EngineError, ValueError) as error:  # It cannot pass through C.
                self.failure = EngineError(str(error))
        return not ask

    def _look_at(self, tensor: Tensor, address: int) -> None:
        if not self._is_known:
            self._is_known = has_layout(tensor, address)
        if operation(address) not in _PRODUCTS:
            return
        weights, ggml = tensor.src[0].contents, functions()
        buffer = weights.buffer
        if not buffer or ggml.ggml_backend_buffer_get_usage(buffer) != _WEIGHTS:
            return  # The cache is multiplied with too.
        name = ggml.ggml_backend_buffer_name(buffer).decode()
        is_host = ggml.ggml_backend_buffer_is_host(buffer)
        if is_host or name == "AMX" or name.startswith("CPU"):
            self._found[weights.name] = Layout(
                kind=TensorType(weights.type).name,
                buffer=None if is_host else name,
                n_bytes=int(ggml.ggml_nbytes(ctypes.addressof(weights))),
            )
