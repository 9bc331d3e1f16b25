"""Conditions of a gate: what is typed, read before any work begins.

A condition is ``[TYPE:]NAME OP NUMBER``, ``verdict == STATUS``, ``verdict != STATUS`` or the word
``undecided``. The gate fails where it is true.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from edgeval.errors import EdgevalError, closest
from edgeval.records import VerdictStatus
from edgeval.system.escapes import visible

Quantity = Literal["drift", "kl", "accuracy", "flips"]
Name = Literal[Quantity, "verdict", "undecided"]
Operator = Literal[">", ">=", "<", "<=", "==", "!="]

RANGES: Final[dict[Quantity, tuple[float, float]]] = {
    "drift": (-100.0, 100.0),
    "kl": (0.0, math.inf),
    "accuracy": (0.0, 100.0),
    "flips": (0.0, 100.0),
}
"""The least and the greatest number that each can be: points, nats a position, and per cent."""

COMPARING: Final[tuple[Name, ...]] = ("drift", "kl", "flips", "undecided")
"""What is said of a type beside the reference."""

_NAMES: Final[tuple[Name, ...]] = (*RANGES, "verdict", "undecided")
_OF_NUMBERS: Final = (">", ">=", "<", "<=")
_OF_VERDICTS: Final = ("==", "!=")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PARTS: Final = re.compile(r"\s*(\w*)\s*([<>=!]*)\s*(.*?)\s*", re.DOTALL)
_MOST_CHARACTERS: Final = 300


class ConditionError(EdgevalError):
    """A condition that cannot be read."""


@dataclass(frozen=True)
class Condition:
    """What a gate fails at.

    Attributes:
        name: What is looked at.
        operator: How it is compared; empty of ``undecided``.
        bound: With what number: points, nats a position, or per cent; None of other conditions.
        status: With what status of a verdict; None of other conditions.
        type: The type, or the label of a row, that it is about; None for all.
    """

    name: Name
    operator: Operator | Literal[""] = ""
    bound: float | None = None
    status: VerdictStatus | None = None
    type: str | None = None

    def __str__(self) -> str:
        """Return it as it may be typed: what is read of that is the same condition."""
        value = "" if self.bound is None else _number(self.bound)
        of = "" if self.type is None else f"{self.type}:"
        return f"{of}{self.name}{self.operator}{self.status or value}"

    def is_true_of(self, value: float) -> bool:
        """Return whether a number makes it true; one is true of any number."""
        bound = self.bound or 0.0
        return {
            ">": value > bound,
            ">=": value >= bound,
            "<": value < bound,
            "<=": value <= bound,
        }[self.operator]


def read_conditions(texts: Iterable[str | Condition]) -> tuple[Condition, ...]:
    """Return the conditions that are typed, each once.

    Raises:
        ConditionError: If one cannot be read.
    """
    read = (each if isinstance(each, Condition) else read_condition(each) for each in texts)
    return tuple(dict.fromkeys(read))


def read_condition(text: str) -> Condition:
    """Return the condition that is typed.

    Raises:
        ConditionError: If it cannot be read, or is true or false of whatever is measured.
    """
    if len(text) > _MOST_CHARACTERS:
        raise ConditionError(
            f"a condition has {len(text):,} characters, and at most {_MOST_CHARACTERS} are read"
        )
    # Of what stands behind a colon nothing has one, and a name of a type may.
    of, colon, rest = text.rpartition(":")
    parts = _PARTS.fullmatch(rest)
    assert parts is not None  # It is of parts that may all be empty.
    name, operator, value = parts.groups()
    if colon and not of.strip():
        raise ConditionError(
            f"{text!r} names no type before the colon; write Q4_K_M:{visible(rest)}"
        )
    if name not in _NAMES:
        unknown = f"{name!r}{closest(name, _NAMES)} is unknown" if name else "it names nothing"
        raise ConditionError(
            f"{text!r} is no condition: {unknown}; use {', '.join(_NAMES)}, as in drift>1.0"
        )
    about = of.strip() or None
    if name == "undecided":
        return _undecided(text, operator + value, about)
    if name == "verdict":
        return _verdict(text, operator, value, about)
    return _of_number(text, cast("Quantity", name), operator, value, about)


def _undecided(text: str, behind: str, about: str | None) -> Condition:
    if behind:
        raise ConditionError(f"{text!r} compares a word with something; write undecided alone")
    return Condition("undecided", type=about)


def _verdict(text: str, operator: str, value: str, about: str | None) -> Condition:
    statuses = get_args(VerdictStatus)
    if about is not None:
        raise ConditionError(
            f"{text!r} is about {visible(about)}, and a verdict is about the reference's number "
            "alone; leave out the type"
        )
    if operator not in _OF_VERDICTS:
        raise ConditionError(f"{text!r} compares no verdict; write verdict!=reproduced")
    status = re.sub(r"[\s-]+", "_", value.casefold())
    if status not in statuses:
        raise ConditionError(
            f"{text!r}: {value!r}{closest(status, statuses)} is no verdict; use "
            f"{', '.join(statuses)}"
        )
    return Condition("verdict", cast("Operator", operator), status=cast("VerdictStatus", status))


def _of_number(
    text: str, name: Quantity, operator: str, value: str, about: str | None
) -> Condition:
    if not operator:
        raise ConditionError(
            f"{text!r} has no bound; write it in quotes, as in '{name}>1.0', since a shell takes > "
            "for a redirection"
        )
    if operator not in _OF_NUMBERS:
        raise ConditionError(f"{text!r} compares with {operator}; use {', '.join(_OF_NUMBERS)}")
    if not _NUMBER.fullmatch(value) or not math.isfinite(bound := float(value)):
        raise ConditionError(f"{text!r}: {value!r} is no number; write {name}{operator}1.0")
    if name == "accuracy" and 0 < bound <= 1:
        raise ConditionError(
            f"{text!r}: an accuracy is in per cent; write accuracy{operator}{_number(100 * bound)}"
        )
    found = Condition(name, cast("Operator", operator), bound + 0.0, type=about)
    _require_open(text, found, *RANGES[name])
    return found


def _require_open(text: str, found: Condition, low: float, high: float) -> None:
    """Refuse what no measurement can make true, or none false: it would hold nothing."""
    ends = {found.is_true_of(low), found.is_true_of(high)}
    if len(ends) == 1:
        always = "true" if True in ends else "false"
        to = "no end" if high == math.inf else f"{high:g}"
        raise ConditionError(
            f"{text!r} is {always} whatever is measured: {found.name} is from {low:g} to {to}; "
            "take a bound between"
        )


def _number(value: float) -> str:
    """Return a number as short as it is read the same."""
    return repr(value).removesuffix(".0")
