"""Weights in a tensor type's own blocks, made by llama.cpp's reference quantizers."""

from __future__ import annotations

import ctypes

import numpy as np
import numpy.typing as npt

from edgeval.errors import EngineError
from edgeval.gguf.types import TensorType
from edgeval.llama.library import ggml


def quantize_rows(rows: npt.NDArray[np.float32], kind: str) -> npt.NDArray[np.uint8]:
    """Return rows of weights in the blocks of a tensor type, all columns equally important.

    Args:
        rows: Shape (n_rows, n_columns), float32; whole blocks in a row.
        kind: A name of ``TensorType`` that llama.cpp can write: others end the process.

    Returns:
        Shape (n_rows, bytes of a row), uint8.

    Raises:
        EngineError: If llama.cpp's library cannot be used.
    """
    base, number = ggml("ggml-base"), int(TensorType[kind])
    row_size, quantize = base.ggml_row_size, base.ggml_quantize_chunk
    row_size.restype = quantize.restype = ctypes.c_size_t
    row_size.argtypes = (ctypes.c_int, ctypes.c_int64)
    floats = ctypes.POINTER(ctypes.c_float)
    quantize.argtypes = (
        *(ctypes.c_int, floats, ctypes.c_void_p),
        *(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64),
        floats,
    )
    n_rows, n_columns = rows.shape
    source = np.ascontiguousarray(rows, dtype=np.float32)
    # Some types are not written without importances.
    importances = np.ones(n_columns, dtype=np.float32)
    blocks = np.empty((n_rows, row_size(number, n_columns)), dtype=np.uint8)
    written = quantize(
        number,
        source.ctypes.data_as(floats),
        blocks.ctypes.data,
        0,
        n_rows,
        n_columns,
        importances.ctypes.data_as(floats),
    )
    if written != blocks.nbytes:
        raise EngineError(
            f"llama.cpp wrote {written:,} bytes of {kind} where {blocks.nbytes:,} were expected; "
            "install the version of llama-cpp-python that edgeval was tested with"
        )
    return blocks
