"""Registry of the devices that llama.cpp computes on beside the CPU."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping
from typing import Any

from edgeval.llama.hardware import Device
from edgeval.llama.library import engine, ggml, llama_cpp

# ggml-backend.h's enum ggml_backend_dev_type, which the binding does not export.
_GPU, _INTEGRATED_GPU = 1, 2

_BACKENDS = {"MTL": "metal", "Metal": "metal"}
"""Names of ggml's registries that are not a backend's own in small letters."""


@functools.cache
def devices() -> tuple[Device, ...]:
    """Return the GPUs that llama.cpp can use here, in its own order.

    Raises:
        EngineError: If llama.cpp's registry cannot be read.
    """
    return tuple(map(_device, handles().values()))


@functools.cache
def handles() -> Mapping[str, int]:
    """Return llama.cpp's pointers to its GPUs in this process, by their names.

    Raises:
        EngineError: If llama.cpp's registry cannot be read.
    """
    engine()
    if not llama_cpp.llama_supports_gpu_offload():
        # Whoever has no GPU does not need the libraries that are read below.
        return {}
    registry, base = _registry(), _base()
    every = [
        registry.ggml_backend_dev_get(index) for index in range(registry.ggml_backend_dev_count())
    ]
    return {
        base.ggml_backend_dev_name(handle).decode(): handle
        for handle in every
        if base.ggml_backend_dev_type(handle) in (_GPU, _INTEGRATED_GPU)
    }


def device_memory(handle: int) -> tuple[int, int]:
    """Return a GPU's memory that is free now and all of it, in bytes."""
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    _base().ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
    return free.value, total.value


def _device(handle: int) -> Device:
    base = _base()
    backend = _backend(base.ggml_backend_reg_name(base.ggml_backend_dev_backend_reg(handle)))
    is_integrated = base.ggml_backend_dev_type(handle) == _INTEGRATED_GPU
    return Device(
        name=base.ggml_backend_dev_name(handle).decode(),
        description=base.ggml_backend_dev_description(handle).decode().strip(),
        backend=backend,
        # ggml calls Apple's GPUs dedicated; they have no memory of their own.
        is_integrated=is_integrated or backend == "metal",
    )


@functools.cache
def built_backends() -> tuple[str, ...]:
    """Return what llama.cpp was built with beside the CPU, whether or not a device is here.

    Raises:
        EngineError: If llama.cpp's registry cannot be read.
    """
    engine()
    registry, base = _registry(), _base()
    names = [
        _backend(base.ggml_backend_reg_name(registry.ggml_backend_reg_get(index)))
        for index in range(registry.ggml_backend_reg_count())
    ]
    return tuple(name for name in names if name != "cpu")


def _backend(name: bytes) -> str:
    text = name.decode()
    return _BACKENDS.get(text, text.lower())


@functools.cache
def _registry() -> Any:
    library = ggml("ggml")
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for name in ("dev", "reg"):
        count = getattr(library, f"ggml_backend_{name}_count")
        get = getattr(library, f"ggml_backend_{name}_get")
        count.restype, count.argtypes = size, []
        get.restype, get.argtypes = pointer, [size]
    return library


@functools.cache
def _base() -> Any:
    library = ggml("ggml-base")
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, restype in (
        ("dev_name", text),
        ("dev_description", text),
        ("dev_type", ctypes.c_int),
        ("dev_backend_reg", pointer),
        ("reg_name", text),
    ):
        function = getattr(library, f"ggml_backend_{name}")
        function.restype, function.argtypes = restype, [pointer]
    sizes = ctypes.POINTER(ctypes.c_size_t)
    library.ggml_backend_dev_memory.restype = None
    library.ggml_backend_dev_memory.argtypes = [pointer, sizes, sizes]
    return library
