"""What goes between the process that chooses kernels and the one that tries them."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.llama.defaults import Kernels


@dataclass(frozen=True)
class Pair:
    """What is tried at once.

    Attributes:
        kind: A tensor type, a name of ``gguf_header.TensorType``.
        kernels: The path.
    """

    kind: str
    kernels: Kernels


@dataclass(frozen=True)
class Loaded:
    """A model that is about to be computed, told because that may be the end.

    Attributes:
        buffer: llama.cpp's name of the memory that rearranged weights are in; None if none are.
    """

    buffer: str | None
