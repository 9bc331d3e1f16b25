"""Numbers of types: whether llama.cpp means by them what the gguf package means.

Tensors are read and written by the package's numbers and block sizes, and computed by llama.cpp's.
The two are installed apart, and may be of different times.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator

from edgeval.errors import EngineError
from edgeval.gguf.types import BLOCKS, FILE_TYPES
from edgeval.llama.library import ggml, llama_cpp
from edgeval.llama.type_names import file_types
from edgeval.system.engine_version import engine_version


@functools.cache
def require_same_numbers() -> None:
    """Refuse a llama.cpp that reads other types than the gguf package writes.

    Types that only one of them has are none of these: they are refused where they are met.

    Raises:
        EngineError: If it does, or its functions are missing.
    """
    for what in (*_tensor_types(), *_file_types()):
        raise EngineError(
            f"{engine_version()} and the gguf package do not mean the same by {what}, so tensors "
            "would be read as others; install the versions that edgeval was tested with: "
            "pip install --upgrade edgeval"
        )


def _tensor_types() -> Iterator[str]:
    """Yield the tensor types that both have, and that differ."""
    try:
        library = ggml("ggml-base")
        name_of = library.ggml_type_name
        block_of, size_of = library.ggml_blck_size, library.ggml_type_size
    except AttributeError as error:
        raise EngineError(
            f"{engine_version()} has no functions that tell its tensor types ({error}); install "
            "the version that edgeval was tested with"
        ) from error
    name_of.restype = ctypes.c_char_p
    block_of.restype, size_of.restype = ctypes.c_int64, ctypes.c_size_t
    for function in (name_of, block_of, size_of):
        function.argtypes = [ctypes.c_int]
    for name, (number, block, size) in BLOCKS.items():
        # What llama.cpp took out has a name still, and no bytes.
        is_there = number < llama_cpp.GGML_TYPE_COUNT and size_of(number)
        theirs = name_of(number) if is_there else None
        if theirs is None:
            continue
        # Some of its names have small letters.
        if theirs.decode().upper() != name:
            yield f"the tensor type {number} ({theirs.decode()} and {name})"
        elif (block_of(number), size_of(number)) != (block, size):
            yield f"the blocks of the tensor type {name}"


def _file_types() -> Iterator[str]:
    """Yield the file types that both have under different numbers."""
    found = file_types()
    for name, number in FILE_TYPES.items():
        if found.get(name, number) != number:
            yield f"the file type {name}"
