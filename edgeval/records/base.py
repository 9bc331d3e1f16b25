"""What every record is, and the interval that several hold."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


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
