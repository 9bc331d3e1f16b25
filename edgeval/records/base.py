"""What every record is, and the interval that several hold."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, PrivateAttr, model_validator

from edgeval.escapes import without_surrogates


class Record(BaseModel):
    r"""A record: immutable, without unknown fields, every number finite.

    Its texts can be written in UTF-8: names of files whose bytes are not have ``\xff`` for them.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _in_utf8(cls, content: Any) -> Any:
        return _in_utf8(content)


class Interval(Record):
    """A confidence interval; the field that holds it says of what."""

    low: float
    high: float
    level: float


class SavedRecord(Record):
    """A record that is saved, and read again later, perhaps by another edgeval."""

    _corrections: tuple[str, ...] = PrivateAttr(default=())

    @property
    def corrections(self) -> tuple[str, ...]:
        """What the file that it was read from says otherwise than its numbers, in sentences.

        The record has what follows from the numbers; none is saved with it.
        """
        return self._corrections

    def corrected(self, *sentences: str) -> None:
        """Keep what the file that it was read from says otherwise, in sentences."""
        self._corrections = sentences


def _in_utf8(content: Any) -> Any:
    """Return a value whose texts can be written in UTF-8, the same one as a rule."""
    if isinstance(content, str):
        return without_surrogates(content)
    if isinstance(content, dict):
        return {_in_utf8(name): _in_utf8(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_in_utf8(each) if isinstance(each, str) else each for each in content]
    return content
