"""The only module that imports llama_cpp: backends, models, tokens, decoding, quantization."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgeval.errors import EngineError, closest
from edgeval.plan import MAX_SEQUENCES, Batch, Int32

# OpenMP reads this when it is loaded. Threads that spin at its barriers starve one another as soon
# as another program wants a core: with one of two cores busy, sleeping is 1.3 to 1.7 times as fast,
# and on a quiet machine the two are equal.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import llama_cpp

Backend = Literal["cpu", "cuda", "metal"]

CACHE_TYPE = "f32"
"""Type of the KV cache. With f16 the log-probabilities of an F32 model move by more than 1e-3."""

# ggml.h's enum ggml_log_level, which the binding does not export.
_LOG_LEVEL_ERROR = 4
_FTYPE_PREFIXES = ("LLAMA_FTYPE_ALL_", "LLAMA_FTYPE_MOSTLY_")
_BACKEND_FEATURES: dict[Backend, tuple[str, ...]] = {"cuda": ("CUDA",), "metal": ("Metal", "MTL")}
_REBUILD: dict[str, str] = {
    "cuda": 'CMAKE_ARGS="-DGGML_CUDA=on"',
    "metal": 'CMAKE_ARGS="-DGGML_METAL=on"',
}


class _Log:
    """llama.cpp's log: kept for error messages, never shown by itself."""

    def __init__(self) -> None:
        self.errors: deque[str] = deque(maxlen=20)
        self.listener: Callable[[str], None] | None = None
        self._callback = llama_cpp.llama_log_callback(self._receive)
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _receive(self, level: int, text: bytes, _user_data: object) -> None:
        line = text.decode("utf-8", "replace").strip()
        if level == _LOG_LEVEL_ERROR and line:
            self.errors.append(line)
        if self.listener is not None:
            self.listener(line)

    def reason(self) -> str:
        """Return and forget the first error; the later ones only say that loading failed."""
        line = self.errors[0] if self.errors else "it gave no reason"
        self.errors.clear()
        # llama.cpp starts its messages with the name of the C function.
        return line.split(": ", 1)[-1].rstrip(".")


@functools.cache
def _engine() -> _Log:
    """Start llama.cpp once and return its log."""
    log = _Log()
    llama_cpp.llama_backend_init()
    return log


def engine_version() -> str:
    """Return the version of the binding, which pins llama.cpp's own."""
    return f"llama-cpp-python {llama_cpp.__version__}"


def system_info() -> str:
    """Return llama.cpp's line of compiled-in backends and CPU features."""
    _engine()
    return str(llama_cpp.llama_print_system_info().decode()).strip(" |")


@functools.cache
def file_types() -> dict[str, int]:
    """Return the file types this llama.cpp can write: name (``Q4_K_M``) to llama_ftype."""
    return {
        name.removeprefix(prefix): value
        for prefix in _FTYPE_PREFIXES
        for name, value in vars(llama_cpp).items()
        if name.startswith(prefix)
    }


def file_type(name: str) -> str:
    """Return a file type's canonical name.

    Raises:
        EngineError: If llama.cpp has no such type.
    """
    canonical = {known.casefold(): known for known in file_types()}.get(name.casefold())
    if canonical is None:
        known = ", ".join(file_types())
        guess = closest(name, file_types())
        raise EngineError(f"unknown quantization type {name!r}{guess}; llama.cpp has {known}")
    return canonical


def available_backends() -> tuple[Backend, ...]:
    """Return the backends the installed llama.cpp was built with, the fastest first."""
    info = system_info()
    offload = llama_cpp.llama_supports_gpu_offload()
    gpus = [
        backend
        for backend, features in _BACKEND_FEATURES.items()
        if offload and any(f"{feature} :" in info for feature in features)
    ]
    return (*gpus, "cpu")


def choose_backend(wanted: str) -> Backend:
    """Return the backend for ``auto|cpu|cuda|metal``.

    Raises:
        EngineError: If the wanted backend is not in the installed llama.cpp.
    """
    available = available_backends()
    if wanted == "auto":
        return available[0]
    for backend in available:
        if backend == wanted:
            return backend
    if wanted not in _REBUILD:
        raise EngineError(
            f"unknown backend {wanted!r}{closest(wanted, ('auto', 'cpu', *_REBUILD))}; "
            "use auto, cpu, cuda or metal"
        )
    raise EngineError(
        f"the installed llama-cpp-python was built without {wanted}; use --backend cpu, or rebuild "
        f"it: {_REBUILD[wanted]} pip install --force-reinstall --no-cache-dir llama-cpp-python"
    )


class Model:
    """A loaded GGUF; a context manager that frees it.

    Attributes:
        path: The file.
        backend: Where its layers are computed.
        n_vocab: Number of token ids.
        n_context_train: The model's window in tokens.
        n_params: Number of parameters.
        tensor_bytes: Bytes of all tensors.
        file_type: llama.cpp's name for how it is quantized, for example ``Q4_K_M``.
    """

    def __init__(self, path: Path, backend: Backend = "cpu") -> None:
        """Load a GGUF.

        Raises:
            EngineError: If the file is missing, not a GGUF, damaged or of an unknown architecture.
        """
        if not path.is_file():
            raise EngineError(f"no GGUF file at {path}; check the path")
        self._log = _engine()
        self._log.errors.clear()
        self.path = path
        self.backend = backend
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = 0 if backend == "cpu" else -1
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise EngineError(
                f"llama.cpp cannot load {path}: {self._log.reason()}; "
                "the file is damaged or not a model, so convert or download it again"
            )
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.n_vocab = int(llama_cpp.llama_vocab_n_tokens(self._vocab))
        self.n_context_train = int(llama_cpp.llama_model_n_ctx_train(self._model))
        self.n_params = int(llama_cpp.llama_model_n_params(self._model))
        self.tensor_bytes = int(llama_cpp.llama_model_size(self._model))
        self.bos: int | None = self._bos()
        self.file_type = self._file_type()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model; harmless when called twice."""
        if self._model:
            llama_cpp.llama_model_free(self._model)
            self._model = None

    @property
    def handle(self) -> Any:
        """llama.cpp's pointer to the model."""
        return self._model

    def _bos(self) -> int | None:
        """Return the id the tokenizer puts before every text by its own default, if any."""
        if not llama_cpp.llama_vocab_get_add_bos(self._vocab):
            return None
        token = int(llama_cpp.llama_vocab_bos(self._vocab))
        return token if token >= 0 else None

    def _file_type(self) -> str:
        ftype = int(llama_cpp.llama_model_ftype(self._model)) & ~llama_cpp.LLAMA_FTYPE_GUESSED
        names = {value: name for name, value in file_types().items()}
        return names.get(ftype, f"ftype {ftype}")

    def tokenize(self, text: str, *, parse_special: bool = False) -> Int32:
        """Return the token ids of a text, without BOS or EOS.

        Args:
            text: Any text; the vocabulary's own normalization is applied.
            parse_special: Whether text like ``<s>`` becomes the control token, as Hugging Face
                tokenizers do, or is spelled out.

        Returns:
            Shape (n_tokens,), int32.
        """
        data = text.encode("utf-8")
        # A byte is at most one token; some vocabularies add one for a space in front.
        tokens = np.empty(len(data) + 8, dtype=np.int32)
        pointer = tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        n = llama_cpp.llama_tokenize(
            self._vocab, data, len(data), pointer, len(tokens), False, parse_special
        )
        if n < 0:
            raise EngineError(f"llama.cpp cannot tokenize {text[:60]!r} with {self.path.name}")
        return tokens[:n].copy()


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
        self._log = _engine()
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


@contextlib.contextmanager
def _listening(listener: Callable[[str], None]) -> Iterator[_Log]:
    log = _engine()
    log.errors.clear()
    log.listener = listener
    try:
        yield log
    finally:
        log.listener = None


def quantize_file(
    source: Path, target: Path, ftype: str, threads: int, on_line: Callable[[str], None]
) -> None:
    """Quantize a GGUF with llama.cpp's own quantizer.

    It runs in a thread of its own, because the call cannot be interrupted and Ctrl-C must be.

    Args:
        source: An F32, F16 or BF16 GGUF.
        target: Written in place; the caller renames.
        ftype: A name of ``file_types()``.
        threads: CPU threads.
        on_line: Called with each line llama.cpp logs, from that thread.

    Raises:
        EngineError: If llama.cpp refuses.
    """
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = file_types()[ftype]
    params.nthread = threads
    status: list[int] = []

    def work() -> None:
        status.append(
            llama_cpp.llama_model_quantize(
                str(source).encode(), str(target).encode(), ctypes.byref(params)
            )
        )

    with _listening(on_line) as log:
        worker = threading.Thread(target=work, name=f"quantize-{ftype}", daemon=True)
        worker.start()
        while worker.is_alive():
            # A join without a timeout would not be interrupted by Ctrl-C on Windows.
            worker.join(timeout=0.1)
        if status != [0]:
            raise EngineError(f"llama.cpp cannot quantize {source} to {ftype}: {log.reason()}")
