"""llama.cpp: backends, models, tokens, decoding and quantization."""

from edgeval.builds import rebuild_command
from edgeval.llama.activations import Activations
from edgeval.llama.backends import (
    GPU_BACKENDS,
    VERIFIED_BACKENDS,
    available_backends,
    choose_devices,
)
from edgeval.llama.devices import CPU, Device, Offload, built_backends, devices
from edgeval.llama.file_types import file_type, file_types, writable_type, writable_types
from edgeval.llama.library import engine_version, system_info, uninterrupted
from edgeval.llama.model import Model
from edgeval.llama.quantizer import LONGEST_TEXT, Metadata, Recipe, Weights, quantize_file, recipe
from edgeval.llama.session import CacheType, Session, SessionSettings
from edgeval.llama.vocabulary import Vocabulary

__all__ = [
    "CPU",
    "GPU_BACKENDS",
    "LONGEST_TEXT",
    "VERIFIED_BACKENDS",
    "Activations",
    "CacheType",
    "Device",
    "Metadata",
    "Model",
    "Offload",
    "Recipe",
    "Session",
    "SessionSettings",
    "Vocabulary",
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
    "uninterrupted",
    "writable_type",
    "writable_types",
]
