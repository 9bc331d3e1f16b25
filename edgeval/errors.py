"""Errors that edgeval raises: one sentence that says what failed and what to do next.

EdgevalError
    CheckpointError       a checkpoint directory
    DataError             items
    HubError              the hub
    GgufError             a GGUF
    ChangedFileError      a file that is another now
    StoreError            the store of scores
    NoRoomError           memory
    EngineError           llama.cpp
        EngineDiedError   its process ended
        KernelError       it computes a type wrongly
    InterruptedRunError   Ctrl-C, SIGTERM
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

INTERRUPTED = 130
"""Exit code of shells for a program that Ctrl-C ended."""

KEPT = (
    "nothing half-written was left, finished GGUFs and scores are kept, so run the same command to "
    "go on from them"
)
"""What an interruption leaves, and what to do, as a clause."""


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


class ChangedFileError(EdgevalError):
    """A file holds something else than it did when it was read."""


class StoreError(EdgevalError):
    """The store of scores cannot be read or written."""


class EngineError(EdgevalError):
    """llama.cpp refused a model, a context or a batch."""


class NoRoomError(EdgevalError):
    """A model does not fit the memory that is free now."""


class EngineDiedError(EngineError):
    """The process that llama.cpp computes in ended by itself.

    Attributes:
        doing: What it did, for example ``scoring a.gguf``.
        words: What ended it, for example ``an illegal instruction (SIGILL)``.
        remedy: What to do about it.
        n_items: Items that had been scored before; they are kept.
    """

    def __init__(
        self, doing: str, words: str, remedy: str, n_items: int = 0, n_total: int = 0
    ) -> None:
        """Say what died, of what, what is kept and what to do."""
        self.doing, self.words, self.remedy, self.n_items = doing, words, remedy, n_items
        where = f" at {n_items:,} of {n_total:,} items" if n_total else ""
        kept = "; the scores so far are kept" if n_items else ""
        super().__init__(f"{doing} failed{where}: {self.cause}{kept}; {remedy}")

    @property
    def cause(self) -> str:
        """What ended it, as a clause."""
        return f"llama.cpp was ended by {self.words}"

    @property
    def reason(self) -> str:
        """What ended it and what to do, as a sentence."""
        return f"{self.cause}; {self.remedy}."

    def at(self, n_items: int, n_total: int) -> EngineDiedError:
        """Return the same error, which says how far it had come."""
        return EngineDiedError(self.doing, self.words, self.remedy, n_items, n_total)


class KernelError(EngineError):
    """llama.cpp computes a type of tensor wrongly on this CPU."""

    @property
    def reason(self) -> str:
        """What is wrong and what to do, as a sentence."""
        return f"{self}."


class InterruptedRunError(EdgevalError):
    """Ctrl-C, or SIGTERM."""

    def __init__(self, where: str = "", kept: str = KEPT) -> None:
        """Say what is kept and how to go on.

        Args:
            where: What had been done, for example ``at 240 of 1,000 items``.
            kept: What is kept, and what to do, as a clause.
        """
        super().__init__(f"interrupted {where}".rstrip() + f"; {kept}")


def closest(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'X'?)`` for a near miss of a known name, else an empty string."""
    by_folded_name = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), by_folded_name, n=1, cutoff=0.5)
    return f" (did you mean {by_folded_name[matches[0]]!r}?)" if matches else ""


def written_by_newer(path: object, version: int, readable: object) -> str:
    """Return the sentence that a file needs a newer edgeval.

    Args:
        path: The file.
        version: Version of its schema.
        readable: The versions that this edgeval reads.
    """
    return (
        f"{path} was written by a newer edgeval (schema {version}, this one reads {readable}); "
        "upgrade edgeval with pip install --upgrade edgeval"
    )


def listed(names: Sequence[str]) -> str:
    """Return names as a phrase: ``A``, ``A and B`` or ``A, B and C``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def plural(count: float, one: str, many: str = "") -> str:
    """Return the words for a count: ``item`` or ``items``, ``is`` or ``are``.

    Args:
        count: How many there are.
        one: What is said of one.
        many: What is said of any other number; by default, the same with an s.
    """
    return one if count == 1 else many or f"{one}s"


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: ``1 item``, ``2,432 items``."""
    return f"{count:,} {plural(count, one, many)}"
