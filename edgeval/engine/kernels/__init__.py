"""llama.cpp's kernels for the CPU: tried before they are trusted, and the faster are taken."""

from edgeval.engine.kernels.checks import check_types
from edgeval.engine.kernels.choice import Wanted, choose, types_of

__all__ = ["Wanted", "check_types", "choose", "types_of"]
