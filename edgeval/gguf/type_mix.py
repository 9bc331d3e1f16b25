"""Type mix: of what tensors a file is, beside the type that it is called by."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from edgeval.gguf.header import Header, TensorInfo
from edgeval.gguf.types import TensorType, block_size
from edgeval.records import TensorMix

# llama_ftype_get_default_type in llama.cpp's src/llama-quant.cpp; other types are called by theirs.
_OWN = {
    "IQ3_XS": "IQ3_S",
    "IQ3_M": "IQ3_S",
    "IQ2_S": "IQ2_XS",
    "IQ2_M": "IQ2_S",
    "MXFP4_MOE": "MXFP4",
}
_SIZE = re.compile(r"(?<=_K)_[SML]$")


def mix_of(header: Header) -> TensorMix | None:
    """Return of what tensors a GGUF is; None if it has none, or is called by no type of them."""
    found = _mix(header.file_type, {tensor: tensor.type.name for tensor in header.matrices})
    said = header.said_file_type
    if found is None or said in (None, header.file_type):
        return found
    return found.model_copy(update={"said": said})


def mix_to_be(source: Header, file_type: str, types: Mapping[str, str]) -> TensorMix | None:
    """Return of what tensors a file will be.

    Args:
        source: The GGUF that it is quantized from.
        file_type: What it will be called.
        types: ggml's name of each tensor's type, in any case.
    """
    return _mix(
        file_type,
        {tensor: types[tensor.name].upper() for tensor in source.matrices if tensor.name in types},
    )


def _mix(file_type: str, types: Mapping[TensorInfo, str]) -> TensorMix | None:
    own = _OWN.get(file_type) or _SIZE.sub("", file_type)
    total = sum(tensor.size for tensor in types)
    if own not in TensorType.__members__ or not total:
        return None
    sizes: Counter[str] = Counter()
    fallen_back = 0
    for tensor, kind in types.items():
        sizes[kind] += tensor.size
        # F32 matrices are those that llama.cpp never quantizes.
        if kind not in (own, "F32") and tensor.shape[-1] % block_size(own):
            fallen_back += tensor.size
    shares = {kind: size / total for kind, size in sizes.most_common()}
    return TensorMix(own=own, shares=shares, fallen_back=fallen_back / total)
