"""What every record is, and the interval that several hold."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, PrivateAttr


class Record(BaseModel):
    """A record: immutable, without unknown fields, every number finite."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )


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
