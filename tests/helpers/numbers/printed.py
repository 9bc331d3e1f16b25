"""Printed numbers: texts with numbers in them, held to the exact values that they were made of.

Nothing here is imported from edgeval: a test that formats like the product would repeat its errors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
_NOISE = Fraction(1, 10**12)
"""Of a value, relative to it: a product of two floats is not the product of what they stand for."""

NUMBER = rf"[+{MINUS}]?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?"


def number_of(text: str) -> Fraction:
    """Return the number that a text prints."""
    return Fraction(text.replace(",", "").replace(MINUS, "-"))


def decimals_of(text: str) -> int:
    """Return how many decimals a text prints."""
    return len(text.partition(".")[2])


def is_rounding(text: str, value: Fraction | float) -> bool:
    """Return whether a text is a value, rounded to as many decimals; either way if halfway."""
    exact = Fraction(value)
    slack = abs(exact) * _NOISE
    return abs(number_of(text) - exact) <= Fraction(1, 2 * 10 ** decimals_of(text)) + slack


def are_grouped(text: str) -> bool:
    """Return whether thousands are told apart by commas, all of them."""
    digits = re.sub(rf"[+{MINUS}]", "", text).partition(".")[0]
    return digits == f"{int(digits.replace(',', '')):,}"


class Part:
    """A part of a text that a value gives.

    Attributes:
        pattern: What it looks like, as a regular expression without groups.
    """

    pattern: str = NUMBER

    def holds(self, text: str) -> bool:
        """Return whether a text that looks like it says the value."""
        raise NotImplementedError


@dataclass(frozen=True)
class Num(Part):
    """A number.

    Attributes:
        value: What it is.
        decimals: How many it has to have; None for any.
        signed: Whether it has a plus sign where it is more than nothing.
        digits: The fewest significant digits, where decimals are free.
    """

    value: Fraction | float
    decimals: int | None = None
    signed: bool = False
    digits: int = 1

    def holds(self, text: str) -> bool:
        printed = number_of(text)
        sign = "" if not printed else MINUS if printed < 0 else "+" if self.signed else ""
        if text[: len(sign)] != sign or text[len(sign)] in f"+{MINUS}" or not are_grouped(text):
            return False
        n_digits = len(re.sub(r"[^\d]", "", text).lstrip("0"))
        if self.decimals is None and decimals_of(text) and n_digits < self.digits:
            return False
        if self.decimals is not None and decimals_of(text) != self.decimals:
            return False
        return is_rounding(text, self.value)


@dataclass(frozen=True)
class Short(Part):
    """A number with two significant digits, without zeros at its end."""

    value: float

    def holds(self, text: str) -> bool:
        return number_of(text) == Fraction(f"{Decimal(self.value):.1e}")


@dataclass(frozen=True)
class Bound(Part):
    """One end of an interval in points, on the side of nothing and of the margin that it is on."""

    value: float
    margin: float

    def holds(self, text: str) -> bool:
        if not Num(self.value, signed=True).holds(text) or not 1 <= decimals_of(text) <= 4:
            return False
        printed = number_of(text)
        edges = (-Fraction(self.margin), Fraction(0), Fraction(self.margin))
        sides = ((printed > edge) - (printed < edge) for edge in edges)
        true = ((self.value > edge) - (self.value < edge) for edge in edges)
        return decimals_of(text) == 4 or list(sides) == list(true)


@dataclass(frozen=True)
class Size(Part):
    """A number of bytes in the unit that leaves three digits, or a decimal."""

    value: int
    pattern: str = rf"{NUMBER} [KMG]iB"

    def holds(self, text: str) -> bool:
        number, unit = text.split()
        power = {"KiB": 1, "MiB": 2, "GiB": 3}[unit]
        in_unit = Fraction(self.value, 1024**power)
        n_digits = len(re.sub(r"[^\d]", "", number).lstrip("0"))
        fits = unit == "GiB" or in_unit < 1024
        return fits and is_rounding(number, in_unit) and (n_digits >= 3 or "." in number)


@dataclass(frozen=True)
class Span(Part):
    """A duration in seconds, to a tenth of a second, a second or a minute."""

    value: float
    pattern: str = r"(?:[\d.]+ s|\d+ min \d\d s|[\d,]+ h \d\d min)"

    def holds(self, text: str) -> bool:
        units = {"s": 1, "min": 60, "h": 3600}
        parts = re.findall(r"([\d.,]+) (s|min|h)\b", text)
        told = sum((number_of(number) * units[unit] for number, unit in parts), Fraction(0))
        number, unit = parts[-1]
        ulp = Fraction(units[unit], 10 ** decimals_of(number))
        seconds = Fraction(self.value)
        is_in_unit = {"s": seconds < 60, "min": 59 < seconds < 3600, "h": seconds > 3599}
        carries = all(number_of(each) < 60 for each, _ in parts[1:])
        return is_in_unit[parts[0][1]] and carries and abs(told - seconds) <= ulp / 2


@dataclass(frozen=True)
class Chance(Part):
    """A p-value, or that it is below what three decimals show."""

    value: float
    pattern: str = r"(?:<0\.001|[01]\.\d{3})"

    def holds(self, text: str) -> bool:
        is_below = text.startswith("<")
        return is_below == (self.value < 0.001) and (is_below or is_rounding(text, self.value))


@dataclass(frozen=True)
class About(Part):
    """A count to two digits."""

    value: int
    pattern: str = r"[\d,]+"

    def holds(self, text: str) -> bool:
        unit = 10 ** max(0, len(str(self.value)) - 2)
        return are_grouped(text) and abs(number_of(text) - self.value) <= Fraction(unit, 2)


Cell = Sequence[str | Part]
"""What a text has to be: words, and what values give."""


def says(text: str, cell: Cell) -> bool:
    """Return whether a text is what it has to be."""
    pattern = "".join(
        f"({part.pattern})" if isinstance(part, Part) else re.escape(part) for part in cell
    )
    found = re.fullmatch(pattern, text)
    parts = [part for part in cell if isinstance(part, Part)]
    return found is not None and all(
        part.holds(each) for part, each in zip(parts, found.groups(), strict=True)
    )


def told(cell: Cell) -> str:
    """Return what a text has to be, for a message."""
    return "".join(part if isinstance(part, str) else f"<{part}>" for part in cell)


def moment(text: str) -> str:
    """Return a time of a record as a page has it."""
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
