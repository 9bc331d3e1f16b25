"""llama.cpp's quantizer: what it would make of a file, and the file."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeval.errors import EngineError
from edgeval.gguf.preflight import require_safe
from edgeval.llama.library import listening, llama_cpp
from edgeval.llama.overrides import Metadata, overrides
from edgeval.llama.refusals import not_quantized
from edgeval.llama.type_names import file_types

Weights = Mapping[str, npt.NDArray[np.float32]]
"""The mean square of each column's activations by tensor name, shape (columns,), float32; the
columns of all experts of a tensor that has them, one expert after the other."""

_TENSOR = re.compile(r"\[\s*\d+/\s*\d+\] (\S+) .*type =\s*(\w+),")
_NEW_TYPE = re.compile(r"size =.*->.*\((\w+)\)")
_NEW_SIZE = re.compile(r"quant size\s*=\s*([\d.]+) MiB")

# src/llama-quant.cpp, tensor_requires_imatrix: without importances these types would be garbage.
_NEEDY = ("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs")
_NEVER_NEEDY = ("token_embd.weight", "per_layer_token_embd.weight", "output.weight")
# ggml/src/ggml-quants.c: their quantizers take importances and ignore them.
_INDIFFERENT = ("f32", "f16", "bf16", "q8_0", "q1_0", "q2_0", "tq1_0", "tq2_0", "mxfp4", "nvfp4")


@dataclass(frozen=True)
class Recipe:
    """What llama.cpp's quantizer would make of a file, known before it starts.

    Attributes:
        name: The file type.
        types: ggml's name of each tensor's type in the new file, for example ``q4_K``.
        tensor_bytes: Bytes of all its tensors, to about 10 KB.
    """

    name: str
    types: Mapping[str, str]
    tensor_bytes: int

    @property
    def needing_importances(self) -> list[str]:
        """Tensors that llama.cpp refuses to quantize without an importance matrix."""
        needy = (*_NEEDY, "q2_K") if self.name == "Q2_K_S" else _NEEDY
        return [
            tensor
            for tensor, kind in self.types.items()
            if kind in needy and tensor not in _NEVER_NEEDY
        ]

    def heeds(self, tensors: Container[str]) -> bool:
        """Return whether an importance matrix of these tensors decides any value of the file."""
        return any(
            tensor in tensors and kind not in _INDIFFERENT for tensor, kind in self.types.items()
        )


def recipe(source: Path, ftype: str, weights: Weights | None = None) -> Recipe:
    """Return what quantizing a GGUF would make, without reading its weights.

    Args:
        source: Any GGUF.
        ftype: A name of ``writable_types()``.
        weights: The importance matrix; with one, llama.cpp chooses other types for some tensors.

    Raises:
        GgufError: If the source is missing, not a GGUF or damaged.
        EngineError: If llama.cpp refuses the file, or does not say what it would do.
    """
    require_safe(source)
    params, kept = _params(ftype, 1, weights, {})
    params.dry_run = True
    types: dict[str, str] = {}
    sizes: list[float] = []

    def on_line(line: str) -> None:
        if match := _TENSOR.match(line):
            types[match[1]] = match[2]
        elif match := _NEW_TYPE.match(line):
            types[next(reversed(types))] = match[1]
        elif match := _NEW_SIZE.search(line):
            sizes.append(float(match[1]))

    with listening(on_line) as log:
        status = llama_cpp.llama_model_quantize(os.fsencode(source), b"", ctypes.byref(params))
        del kept
        if status != 0:
            raise EngineError(not_quantized(source, ftype, log.reason()))
    if not types or not sizes:
        raise EngineError(
            f"llama.cpp does not say what it would make of {source} as {ftype}; "
            "install the version of llama-cpp-python that edgeval was tested with"
        )
    return Recipe(ftype, types, int(sizes[0] * 1024**2))


def quantize_file(
    source: Path,
    target: Path,
    ftype: str,
    threads: int,
    on_line: Callable[[str], None],
    *,
    weights: Weights | None = None,
    metadata: Metadata | None = None,
    requantize: bool = False,
) -> None:
    """Quantize a GGUF with llama.cpp's own quantizer.

    The call cannot be interrupted: who wants to ends the process.

    Args:
        source: A GGUF; one that is quantized already only with ``requantize``.
        target: Written in place; the caller renames.
        ftype: A name of ``writable_types()``.
        threads: CPU threads.
        on_line: Called with each line llama.cpp logs.
        weights: The importance matrix.
        metadata: Keys to add to the new file; strings of at most ``LONGEST_TEXT`` bytes, and
            numbers as uint32.
        requantize: Whether tensors that are quantized already may be quantized again.

    Raises:
        GgufError: If the source is missing, not a GGUF or damaged.
        EngineError: If llama.cpp refuses.
    """
    require_safe(source)
    params, kept = _params(ftype, threads, weights, metadata or {})
    params.allow_requantize = requantize
    with listening(on_line) as log:
        status = llama_cpp.llama_model_quantize(
            os.fsencode(source), os.fsencode(target), ctypes.byref(params)
        )
        # What the struct borrows must outlive the call.
        del kept
        if status != 0:
            raise EngineError(not_quantized(source, ftype, log.reason()))


def _params(
    ftype: str, threads: int, weights: Weights | None, metadata: Metadata
) -> tuple[Any, list[Any]]:
    """Return the parameters, and the arrays that they borrow."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = file_types()[ftype]
    params.nthread = threads
    kept: list[Any] = []
    if weights:
        columns = {
            name: np.ascontiguousarray(values, dtype=np.float32) for name, values in weights.items()
        }
        importances = (llama_cpp.llama_model_imatrix_data * (len(columns) + 1))()
        for entry, (name, values) in zip(importances, columns.items(), strict=False):
            entry.name = name.encode()
            entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            entry.size = values.size
        params.imatrix = importances
        kept += [columns, importances]
    if metadata:
        added = overrides(metadata)
        params.kv_overrides = added
        kept.append(added)
    return params, kept
