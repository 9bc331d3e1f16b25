"""What a quantized GGUF was made of, in its own metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edgeval import llama
from edgeval.contents import Contents
from edgeval.escapes import without_surrogates
from edgeval.importance import ImportanceMatrix
from edgeval.records import ImatrixInfo
from edgeval.sharing import shareable_path

SOURCE = "edgeval.source.sha256"
MATRIX = "edgeval.imatrix.sha256"
ENGINE = "edgeval.engine"
NO_MATRIX = "none"

# llama-quantize's keys, which model pages on the hub show.
MATRIX_FILE = "quantize.imatrix.file"
MATRIX_DATASET = "quantize.imatrix.dataset"
MATRIX_ENTRIES = "quantize.imatrix.entries_count"
MATRIX_CHUNKS = "quantize.imatrix.chunks_count"


@dataclass(frozen=True)
class Origin:
    """What decides a quantized file besides its type.

    Attributes:
        source: What the GGUF held that it was quantized from.
        matrix: The importance matrix, if there was one.
    """

    source: Contents
    matrix: ImportanceMatrix | None = None

    @property
    def metadata(self) -> dict[str, str | int]:
        """The keys that say so; those of the importance matrix are llama-quantize's."""
        matrix = self.matrix
        found: dict[str, str | int] = {
            SOURCE: self.source.sha256,
            MATRIX: matrix.sha256 if matrix else NO_MATRIX,
            ENGINE: _fitting(llama.engine_version()),
        }
        if matrix is not None:
            found[MATRIX_FILE] = _fitting(matrix.path.name)
            if matrix.dataset is not None:
                found[MATRIX_DATASET] = _fitting(matrix.dataset)
            found[MATRIX_ENTRIES] = len(matrix.entries)
            if matrix.n_chunks > 0:
                found[MATRIX_CHUNKS] = matrix.n_chunks
        return found

    def difference(self, metadata: Mapping[str, Any]) -> str | None:
        """Return what keeps a file with this metadata from being of this origin, or None."""
        ours = self.metadata
        theirs = {key: metadata.get(key) for key in (SOURCE, MATRIX, ENGINE)}
        if None in theirs.values():
            return "it does not say what it was made of"
        if theirs[SOURCE] != ours[SOURCE]:
            return "it was made of another source"
        if theirs[MATRIX] != ours[MATRIX]:
            if self.matrix is None:
                return "it was made with an importance matrix"
            without = theirs[MATRIX] == NO_MATRIX
            return f"it was made {'without an' if without else 'with another'} importance matrix"
        if theirs[ENGINE] != ours[ENGINE]:
            return f"it was made by {theirs[ENGINE]}, and this is {ours[ENGINE]}"
        return None


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


def _fitting(text: str) -> str:
    """Return as much of a text as llama.cpp's quantizer takes."""
    return without_surrogates(text).encode()[: llama.LONGEST_TEXT].decode("utf-8", "ignore")
