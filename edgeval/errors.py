"""The errors that edgeval raises: one sentence that says what failed and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EdgevalError(Exception):
    """Something the user can act on; the command line prints it without a traceback and exits 1."""


class CheckpointError(EdgevalError):
    """A checkpoint that is missing, damaged or of an architecture that is not converted."""


class DataError(EdgevalError):
    """A data set that is missing, damaged or holds an item that cannot be scored."""


class HubError(EdgevalError):
    """The hub could not be reached, or does not have what was asked for."""


class GgufError(EdgevalError):
    """A GGUF that is missing, damaged or cannot be run."""


class StoreError(EdgevalError):
    """The store of scores cannot be read or written."""


class EngineError(EdgevalError):
    """llama.cpp refused a model, a context or a batch."""


class InterruptedRunError(EdgevalError):
    """Ctrl-C, or SIGTERM."""

    def __init__(self, where: str = "") -> None:
        """Say what is kept and how to go on.

        Args:
            where: What had been done, for example ``at 240 of 1,000 items``.
        """
        super().__init__(
            f"interrupted {where}".rstrip() + "; nothing half-written was left, finished GGUFs and "
            "scores are kept, so run the same command to go on from them"
        )


def closest(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'X'?)`` for a near miss of a known name, else an empty string."""
    by_folded_name = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), by_folded_name, n=1, cutoff=0.5)
    return f" (did you mean {by_folded_name[matches[0]]!r}?)" if matches else ""
