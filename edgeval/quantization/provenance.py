"""Provenance of a quantized GGUF, in its own metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgeval import llama
from edgeval.gguf.contents import Contents
from edgeval.gguf.imatrix_file import ImportanceMatrix
from edgeval.gguf.provenance import (
    ENGINE,
    MATRIX,
    MATRIX_CHUNKS,
    MATRIX_DATASET,
    MATRIX_ENTRIES,
    MATRIX_FILE,
    NO_MATRIX,
    SOURCE,
)
from edgeval.system.escapes import without_surrogates


@dataclass(frozen=True)
class Provenance:
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


def _fitting(text: str) -> str:
    """Return as much of a text as llama.cpp's quantizer takes."""
    return without_surrogates(text).encode()[: llama.LONGEST_TEXT].decode("utf-8", "ignore")
