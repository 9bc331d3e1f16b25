"""A loaded GGUF and its tokenizer."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np

from edgeval.errors import EngineError
from edgeval.llama.backends import Backend
from edgeval.llama.library import engine, llama_cpp
from edgeval.llama.quantizer import file_types
from edgeval.plan import Int32


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
        self._log = engine()
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
        tokens: Int32 = np.empty(len(data) + 8, dtype=np.int32)
        pointer = tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        n = llama_cpp.llama_tokenize(
            self._vocab, data, len(data), pointer, len(tokens), False, parse_special
        )
        if n < 0:
            raise EngineError(f"llama.cpp cannot tokenize {text[:60]!r} with {self.path.name}")
        return np.array(tokens[:n], dtype=np.int32)
