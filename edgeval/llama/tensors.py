"""Tensors of llama.cpp's graphs, as its callback shows them."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from edgeval.errors import EngineError
from edgeval.llama.library import ggml
from edgeval.system.engine_version import engine_version


class Tensor(ctypes.Structure):
    """The beginning of ggml.h's struct ggml_tensor; its use is guarded by its own names."""


Tensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * 4),
    ("nb", ctypes.c_size_t * 4),
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("src", ctypes.POINTER(Tensor) * 10),
    ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
]


def operation(address: int) -> str:
    """Return what computes a tensor, for example ``MUL_MAT``."""
    return str(functions().ggml_op_desc(address).decode())


def has_layout(tensor: Tensor, address: int) -> bool:
    """Return whether a tensor shows that the struct is read as llama.cpp lays it out.

    One without a name shows nothing.

    Raises:
        EngineError: If it shows that it is laid out in another way.
    """
    name = functions().ggml_get_name(address)
    if tensor.name != name:
        raise EngineError(
            f"{engine_version()} lays out its tensors in another way than edgeval reads them; "
            "install the version that edgeval was tested with"
        )
    return bool(name)


@functools.cache
def functions() -> Any:
    """Return the library that has ggml's functions of tensors and their memory.

    Raises:
        EngineError: If it is not where the binding has its libraries.
    """
    library = ggml("ggml-base")
    pointer, size, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
    for name, restype in (
        ("ggml_get_name", text),
        ("ggml_op_desc", text),
        ("ggml_nbytes", size),
        ("ggml_backend_buffer_name", text),
        ("ggml_backend_buffer_is_host", ctypes.c_bool),
        ("ggml_backend_buffer_get_usage", ctypes.c_int),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = restype, [pointer]
    library.ggml_backend_tensor_get.restype = None
    library.ggml_backend_tensor_get.argtypes = [pointer, pointer, size, size]
    return library
