"""Where llama.cpp can compute."""

from __future__ import annotations

from typing import Literal

from edgeval.errors import EngineError, closest
from edgeval.llama.library import llama_cpp, system_info

Backend = Literal["cpu", "cuda", "metal"]

_BACKEND_FEATURES: dict[Backend, tuple[str, ...]] = {"cuda": ("CUDA",), "metal": ("Metal", "MTL")}
_REBUILD: dict[str, str] = {
    "cuda": 'CMAKE_ARGS="-DGGML_CUDA=on"',
    "metal": 'CMAKE_ARGS="-DGGML_METAL=on"',
}


def available_backends() -> tuple[Backend, ...]:
    """Return the backends the installed llama.cpp was built with, the fastest first."""
    info = system_info()
    offload = llama_cpp.llama_supports_gpu_offload()
    gpus = [
        backend
        for backend, features in _BACKEND_FEATURES.items()
        if offload and any(f"{feature} :" in info for feature in features)
    ]
    return (*gpus, "cpu")


def choose_backend(wanted: str) -> Backend:
    """Return the backend for ``auto|cpu|cuda|metal``.

    Raises:
        EngineError: If the wanted backend is not in the installed llama.cpp.
    """
    available = available_backends()
    if wanted == "auto":
        return available[0]
    for backend in available:
        if backend == wanted:
            return backend
    if wanted not in _REBUILD:
        raise EngineError(
            f"unknown backend {wanted!r}{closest(wanted, ('auto', 'cpu', *_REBUILD))}; "
            "use auto, cpu, cuda or metal"
        )
    raise EngineError(
        f"the installed llama-cpp-python was built without {wanted}; use --backend cpu, or rebuild "
        f"it: {_REBUILD[wanted]} pip install --force-reinstall --no-cache-dir llama-cpp-python"
    )
