"""Refusals: why llama.cpp does not take a file, as what it is and what helps.

The reasons are those of its ``src/llama-model-loader.cpp``, ``llama-model.cpp`` and
``llama-vocab.cpp``.
"""

from __future__ import annotations

from pathlib import Path

from edgeval.gguf import pre_tokenizers
from edgeval.gguf.architectures import ARCHITECTURE, of_another_program
from edgeval.gguf.parts import read_header
from edgeval.system.engine_version import engine_version
from edgeval.system.untrusted import printable

_LONGEST_NAME = 40
_UPDATE = "update llama-cpp-python"


def not_loaded(path: Path, reason: str, pre: str | None = None) -> str:
    """Return why llama.cpp does not load a GGUF, and what to do, as a sentence.

    Args:
        path: The file, whose structure is sound.
        reason: What llama.cpp says.
        pre: The pre-tokenizer that it was told to use instead of the file's own.
    """
    if (found := _of_names(path, reason, pre)) is not None:
        return found
    return f"llama.cpp cannot load {path}: {reason}; {_another_version()}"


def not_quantized(path: Path, ftype: str, reason: str) -> str:
    """Return why llama.cpp does not quantize a GGUF, and what to do, as a sentence.

    Args:
        path: The file, whose structure is sound.
        ftype: The file type.
        reason: What llama.cpp says.
    """
    if (found := _of_names(path, reason, None)) is not None:
        return found
    known = "key not found" in reason or "tensor" in reason
    remedy = f"; {_another_version()}" if known else ""
    return f"llama.cpp cannot quantize {path} to {ftype}: {reason}{remedy}"


def _of_names(path: Path, reason: str, pre: str | None) -> str | None:
    """Return what is to be said where llama.cpp lacks what a file names."""
    if "model architecture" in reason:
        return f"{path} is {_architecture(read_header(path).text(ARCHITECTURE) or '')}"
    if "unknown pre-tokenizer type" in reason:
        if pre is not None:
            return f"{pre_tokenizers.unknown(pre)}; its names are in src/llama-vocab.cpp"
        name = pre_tokenizers.own(read_header(path)) or ""
        return (
            f"{path} cannot be run: {pre_tokenizers.unknown(name)}; {_UPDATE}, or name one that "
            "splits text alike with --pre NAME"
        )
    if "unknown tokenizer" in reason:
        kind = read_header(path).text("tokenizer.ggml.model") or ""
        return (
            f"{path} has a tokenizer of the kind {_named(kind)}, which the llama.cpp of "
            f"{engine_version()} does not know; {_UPDATE}, or evaluate another model"
        )
    return None


def _architecture(name: str) -> str:
    if found := of_another_program(name):
        return f"{found}; evaluate a model that generates text with llama.cpp"
    return (
        f"of the architecture {_named(name)}, which the llama.cpp of {engine_version()} does not "
        f"know: it is newer, or for another program; {_UPDATE}, or evaluate a model of an "
        "architecture that it knows"
    )


def _another_version() -> str:
    return (
        f"it was made for another llama.cpp than that of {engine_version()}, or its metadata are "
        "damaged, so download another file of the model, or convert its checkpoint"
    )


def _named(name: str) -> str:
    return repr(printable(name, _LONGEST_NAME))
