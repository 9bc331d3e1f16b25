"""Base of every record, and the interval that several hold."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, PrivateAttr
from pydantic_core import core_schema

from edgeval.system.escapes import without_surrogates
from edgeval.system.interrupts import held_back

MOST_ITEMS: Final = 5_000_000
"""As many rows a file of items may have; exact intervals of more would take long."""


def _in_utf8(content: Any) -> Any:
    """Return a value whose texts can be written in UTF-8, the same one as a rule."""
    if isinstance(content, str):
        return without_surrogates(content)
    if isinstance(content, dict):
        return {_in_utf8(name): _in_utf8(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_in_utf8(each) if isinstance(each, str) else each for each in content]
    return content


def _stop_at_first(schema: Any) -> None:
    """Let a list be refused for its first wrong member: to describe all takes gigabytes."""
    if isinstance(schema, dict):
        if schema.get("type") == "json-or-python":
            return  # Another record's, where this has been done.
        if schema.get("type") == "list":
            schema["fail_fast"] = True
    members = schema.values() if isinstance(schema, dict) else schema
    for each in members:
        if isinstance(each, dict | list):
            _stop_at_first(each)


class Record(BaseModel):
    r"""A record: immutable, without unknown fields, every number finite.

    Its texts can be written in UTF-8: names of files whose bytes are not have ``\xff`` for them.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return the schema of the model; what is made here may name files, JSON is UTF-8."""
        schema = handler(source)
        _stop_at_first(schema)
        return core_schema.json_or_python_schema(
            json_schema=schema,
            python_schema=core_schema.no_info_before_validator_function(_in_utf8, schema),
        )

    # An interrupt in one of our serializers would come out of pydantic as another error.

    def model_dump(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the fields as ``pydantic.BaseModel`` does; an interrupt waits until then."""
        with held_back():
            return super().model_dump(*args, **kwargs)

    def model_dump_json(self, *args: Any, **kwargs: Any) -> str:
        """Return the JSON as ``pydantic.BaseModel`` does; an interrupt waits until then."""
        with held_back():
            return super().model_dump_json(*args, **kwargs)


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
