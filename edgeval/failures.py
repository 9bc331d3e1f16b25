"""Files that fail while the others of a ladder go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from edgeval.errors import EngineDiedError, EngineError, KernelError
from edgeval.progress import Progress
from edgeval.records import Failure

_Result = TypeVar("_Result")


class Failures:
    """Tries what llama.cpp may die of, and keeps what failed.

    Attributes:
        found: What failed, in the order in which it was tried.
    """

    def __init__(self, progress: Progress) -> None:
        """Begin with none.

        Args:
            progress: Where each failure is shown when it happens.
        """
        self.found: list[Failure] = []
        self._progress = progress
        self._first: EngineError | None = None

    def attempt(
        self,
        action: Callable[[], _Result],
        file_type: str,
        file: str,
        *,
        doing: str,
        has_imatrix: bool = False,
        is_reference: bool = False,
    ) -> _Result | None:
        """Return what an action returns; None if llama.cpp died of it, or computes it wrongly.

        Args:
            action: What is tried.
            file_type: The file's type.
            file: Its name.
            doing: What is done, for use behind ``failed while``.
            has_imatrix: Whether the file is made with an importance matrix.
            is_reference: Whether the others are compared with it.
        """
        try:
            return action()
        except (EngineDiedError, KernelError) as error:
            self._first = self._first or error
            self._progress.log(f"{error}")
            self.found.append(
                Failure.of(
                    file_type,
                    file,
                    doing=doing,
                    reason=error.reason,
                    has_imatrix=has_imatrix,
                    n_items=error.n_items if isinstance(error, EngineDiedError) else 0,
                    is_reference=is_reference,
                )
            )
            return None

    def raise_first(self) -> None:
        """Raise what failed first, where nothing else is left.

        Raises:
            EngineError: If something failed.
        """
        if self._first is not None:
            raise self._first


def require_all(failures: Sequence[Failure]) -> None:
    """Refuse to call it done where something failed.

    Raises:
        EngineError: If something did.
    """
    if failures:
        names = " and ".join(each.label for each in failures)
        raise EngineError(
            f"{names} failed, as the report says; everything else is complete, and the same "
            "command tries again what is missing"
        )
