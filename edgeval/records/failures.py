"""Failures: what could not be measured."""

from __future__ import annotations

from pydantic import Field

from edgeval.records.base import Record
from edgeval.records.results import MOST_NAME_CHARS, run_label
from edgeval.system.sharing import shareable_text

_TYPE_CHARS, _FILE_CHARS, _DOING_CHARS, _REASON_CHARS = 100, 1000, 200, 2000
"""How much of what others wrote (names of files, llama.cpp's messages) a record holds."""


class Failure(Record):
    """A type that has no accuracy, because making or scoring it failed; the others went on.

    Attributes:
        type: llama.cpp's name of the file type.
        has_imatrix: Whether it was to be quantized with an importance matrix.
        name: What tells its file from others of its type; None where nothing has to.
        file: File name.
        doing: What was being done, for use behind ``failed while``: ``scoring``.
        reason: What happened and what to do next, as a whole sentence or several.
        n_items: Number of its items whose scores the store keeps.
        is_reference: Whether it is what the others were to be compared with.
    """

    type: str = Field(max_length=_TYPE_CHARS)
    has_imatrix: bool = False
    name: str | None = Field(default=None, max_length=MOST_NAME_CHARS)
    file: str = Field(max_length=_FILE_CHARS)
    doing: str = Field(max_length=_DOING_CHARS)
    reason: str = Field(max_length=_REASON_CHARS)
    n_items: int = Field(default=0, ge=0)
    is_reference: bool = False

    @classmethod
    def of(
        cls,
        file_type: str,
        file: str,
        *,
        doing: str,
        reason: str,
        has_imatrix: bool = False,
        name: str | None = None,
        n_items: int = 0,
        is_reference: bool = False,
    ) -> Failure:
        """Return a failure whose texts are of any length: each is put on one line and cut.

        Args:
            file_type: Its ``type``.
            file: Its ``file``.
            doing: Its ``doing``.
            reason: Its ``reason``.
            has_imatrix: Its ``has_imatrix``.
            name: Its ``name``.
            n_items: Its ``n_items``.
            is_reference: Its ``is_reference``.
        """
        return cls(
            type=_line(file_type, _TYPE_CHARS),
            has_imatrix=has_imatrix,
            name=name,
            file=_line(file, _FILE_CHARS),
            doing=_line(doing, _DOING_CHARS),
            reason=_line(reason, _REASON_CHARS),
            n_items=n_items,
            is_reference=is_reference,
        )

    @property
    def label(self) -> str:
        """What reports call it, as they would its run."""
        return run_label(self.type, self.has_imatrix, self.name)


def _line(text: str, most: int) -> str:
    """Return text on one line that names no folder, with an ellipsis for what is too long."""
    line = shareable_text(" ".join(text.split()))
    return line if len(line) <= most else f"{line[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
