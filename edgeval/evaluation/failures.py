"""Files that fail while the others of a ladder go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from edgeval.errors import EngineDiedError, EngineError, KernelError, listed
from edgeval.records import Failure
from edgeval.system.progress import Progress

_Result = TypeVar("_Result")


class Failures:
    """Tries what llama.cpp may die of, and keeps what failed.

    Attributes:
        found: What failed, in the order in which it was tried.
    """

    def __init__(self, n_files: int, progress: Progress) -> None:
        """Begin with none.

        Args:
            n_files: How many files are tried; the failure of the only one is raised.
            progress: Where each failure is shown when it happens.
        """
        self.found: list[Failure] = []
        self._n_files = n_files
        self._progress = progress

    def copy(self) -> Failures:
        """Return the same failures, to which others may be added."""
        copied = Failures(self._n_files, self._progress)
        copied.found += self.found
        return copied

    def attempt(
        self,
        action: Callable[[], _Result],
        file_type: str,
        file: str,
        *,
        doing: str,
        has_imatrix: bool = False,
        name: str | None = None,
        is_reference: bool = False,
    ) -> _Result | None:
        """Return what an action returns; None if llama.cpp died of it, or computes it wrongly.

        Args:
            action: What is tried.
            file_type: The file's type.
            file: Its name.
            doing: What is done, for use behind ``failed while``.
            has_imatrix: Whether the file is made with an importance matrix.
            name: What tells it from other files of its type; None where nothing has to.
            is_reference: Whether the others are compared with it.
        """
        try:
            return action()
        except (EngineDiedError, KernelError) as error:
            if self._n_files == 1:
                raise
            self._progress.log(str(error))
            self.found.append(
                Failure.of(
                    file_type,
                    file,
                    doing=doing,
                    reason=error.reason,
                    has_imatrix=has_imatrix,
                    name=name,
                    n_items=error.n_items if isinstance(error, EngineDiedError) else 0,
                    is_reference=is_reference,
                )
            )
            return None

    def require_any(self) -> None:
        """Refuse to go on where everything failed.

        Raises:
            EngineError: If it did.
        """
        if len(self.found) == self._n_files:
            names = ", ".join(each.label for each in self.found)
            raise EngineError(
                f"nothing could be evaluated: {names} failed, for the reasons above; edgeval "
                "doctor tells what is wrong with this installation"
            )


def require_all(failures: Sequence[Failure]) -> None:
    """Refuse to call it done where something failed.

    Raises:
        EngineError: If something did.
    """
    if failures:
        names = listed([each.label for each in failures])
        raise EngineError(
            f"{names} failed, as the report says; everything else is complete, and the same "
            "command tries again what is missing"
        )
