"""llama.cpp: backends, models, tokens, decoding and quantization."""

from edgeval.llama.backends import Backend, available_backends, choose_backend
from edgeval.llama.library import engine_version, system_info
from edgeval.llama.model import Model
from edgeval.llama.quantizer import file_type, file_types, quantize_file
from edgeval.llama.session import CacheType, Session, SessionSettings
from edgeval.llama.vocabulary import Vocabulary

__all__ = [
    "Backend",
    "CacheType",
    "Model",
    "Session",
    "SessionSettings",
    "Vocabulary",
    "available_backends",
    "choose_backend",
    "engine_version",
    "file_type",
    "file_types",
    "quantize_file",
    "system_info",
]
