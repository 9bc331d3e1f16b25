"""Names of GGUFs in a repository: which type a name says, and whether it is a model at all.

Publishers agree on little: ``Q4_K_M`` stands behind a hyphen, a point or an underscore, in either
case, before or behind other words, or is the name of a folder. The convention that there is,
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#gguf-naming-convention, says what a LoRA
and a vocabulary end in.
"""

from __future__ import annotations

import re
from pathlib import Path

from edgeval.gguf.part_names import model_stem

_TYPE = re.compile(
    r"(?<![0-9a-z])(?:(ud|i1)-)?"
    r"(i?q[1-9](?:_[0-9a-z]{1,3}){0,3}|tq[1-9]_[0-9]|mxfp4(?:_moe)?|nvfp4|bf16|fp?16|fp?32)"
    r"(?![0-9a-z])",
    re.IGNORECASE | re.ASCII,
)
"""A type as llama.cpp and its forks call them, with what publishers put before it: ``UD`` for
Unsloth's mixes of types, ``i1`` for an importance matrix. A part of up to three letters belongs to
it (``Q4_K_XL``, ``Q4_0_4_4``, ``IQ4_KSS``): a name that is not known is better whole than wrong."""
_MIXES = {"ud": "UD-", "i1": "i1-"}
_ALIASES = {"FP16": "F16", "FP32": "F32"}
_UNQUANTIZED = frozenset({"F32", "F16", "BF16"})

_NO_MODEL = re.compile(
    r"(?:^|[-._])mmproj(?:[-._]|$)|^imatrix|^ggml-(?:vocab|lora)|[-._](?:vocab|lora)$",
    re.IGNORECASE,
)
_IMATRIX = re.compile(r"[-._]imatrix(?:[-._]|$)", re.IGNORECASE)


def label_of(name: str) -> str:
    """Return what people call a GGUF of a repository: the type in its name, or its folder's.

    Args:
        name: Its path in the repository; of a split model, that of any of its files.

    Returns:
        ``Q4_K_M``, ``UD-Q4_K_XL``, ``BF16``; without a type, the name less its suffix.
    """
    path = Path(name)
    stem = model_stem(path)
    return next(filter(None, map(type_in, (stem, *reversed(path.parts[:-1])))), stem)


def type_in(text: str) -> str:
    """Return the last type that a text names, as it is written; an empty one if it names none."""
    found = list(_TYPE.finditer(text))
    return _written(found[-1]) if found else ""


def type_called(text: str) -> str:
    """Return the type that a text is the name of, as it is written; an empty one if it is not."""
    found = _TYPE.fullmatch(text)
    return _written(found) if found else ""


def _written(found: re.Match[str]) -> str:
    name = found[2].upper()
    return _MIXES.get((found[1] or "").lower(), "") + _ALIASES.get(name, name)


def is_model(name: str) -> bool:
    """Say whether a GGUF is a language model, by its name.

    Others are projectors of images (``mmproj``), importance matrices, vocabularies and LoRAs. A
    quantized file that names its importance matrix is a model.
    """
    stem = model_stem(Path(name))
    if _NO_MODEL.search(stem):
        return False
    return _IMATRIX.search(stem) is None or type_in(stem) not in {"", *_UNQUANTIZED}
