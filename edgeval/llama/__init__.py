"""llama.cpp: backends, models, tokens, decoding and quantization.

Only what computes loads llama.cpp, and only when it is asked for: names are looked up on use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgeval.llama.builds import rebuild_command
from edgeval.llama.defaults import LONGEST_TEXT, CacheType, SessionSettings
from edgeval.llama.hardware import CPU, Device, Offload
from edgeval.records.kernels import Kernels
from edgeval.system.engine_version import engine_version

if TYPE_CHECKING:
    from edgeval.llama.activations import Activations
    from edgeval.llama.backends import (
        GPU_BACKENDS,
        VERIFIED_BACKENDS,
        available_backends,
        choose_devices,
    )
    from edgeval.llama.info import GgufInfo
    from edgeval.llama.library import system_info
    from edgeval.llama.model import Model
    from edgeval.llama.overrides import Metadata
    from edgeval.llama.quantizer import Recipe, Weights, quantize_file, recipe
    from edgeval.llama.registry import built_backends, devices
    from edgeval.llama.session import Session
    from edgeval.llama.tokenizer import Tokenizer
    from edgeval.llama.type_names import file_type, file_types, writable_type, writable_types

__all__ = [
    "CPU",
    "GPU_BACKENDS",
    "LONGEST_TEXT",
    "VERIFIED_BACKENDS",
    "Activations",
    "CacheType",
    "Device",
    "GgufInfo",
    "Kernels",
    "Metadata",
    "Model",
    "Offload",
    "Recipe",
    "Session",
    "SessionSettings",
    "Tokenizer",
    "Weights",
    "available_backends",
    "built_backends",
    "choose_devices",
    "devices",
    "engine_version",
    "file_type",
    "file_types",
    "quantize_file",
    "rebuild_command",
    "recipe",
    "system_info",
    "writable_type",
    "writable_types",
]

_MODULES = {
    "activations": ("Activations",),
    "backends": (
        "GPU_BACKENDS",
        "VERIFIED_BACKENDS",
        "available_backends",
        "choose_devices",
    ),
    "registry": ("built_backends", "devices"),
    "type_names": ("file_type", "file_types", "writable_type", "writable_types"),
    "info": ("GgufInfo",),
    "library": ("system_info",),
    "model": ("Model",),
    "overrides": ("Metadata",),
    "quantizer": ("Recipe", "Weights", "quantize_file", "recipe"),
    "session": ("Session",),
    "tokenizer": ("Tokenizer",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
