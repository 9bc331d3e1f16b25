"""Provenance keys in the metadata of a quantized GGUF: its source and its importance matrix."""

from __future__ import annotations

from collections.abc import Callable

from edgeval.records import ImatrixInfo
from edgeval.system.sharing import shareable_path

SOURCE = "edgeval.source.sha256"


MATRIX = "edgeval.imatrix.sha256"


ENGINE = "edgeval.engine"


NO_MATRIX = "none"


# llama-quantize's keys, which model pages on the hub show.
MATRIX_FILE = "quantize.imatrix.file"


MATRIX_DATASET = "quantize.imatrix.dataset"


MATRIX_ENTRIES = "quantize.imatrix.entries_count"


MATRIX_CHUNKS = "quantize.imatrix.chunks_count"


def imatrix_info(value_of: Callable[[str], str | None]) -> ImatrixInfo | None:
    """Return the importance matrix that a GGUF was quantized with, by its own metadata.

    Args:
        value_of: Returns the value of a key as text, or None if there is none.
    """
    file, sha256, n_chunks = value_of(MATRIX_FILE), value_of(MATRIX), value_of(MATRIX_CHUNKS)
    dataset = value_of(MATRIX_DATASET)
    # A file quantized from a quantized one keeps the keys of that one's importance matrix.
    if file is None or sha256 == NO_MATRIX:
        return None
    return ImatrixInfo(
        # llama-quantize keeps both as they were typed.
        file=shareable_path(file),
        sha256=sha256,
        dataset=None if dataset is None else shareable_path(dataset),
        n_chunks=int(n_chunks) if n_chunks and n_chunks.isdecimal() else None,
    )
