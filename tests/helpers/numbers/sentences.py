"""Sentences of a page: each number in them is one that the record holds, or that follows from it.

Tables are held cell by cell. A sentence has a number's unit beside it, and the unit says which
numbers of the record it may be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Set
from fractions import Fraction
from typing import Any

from tests.helpers.numbers.printed import MINUS, NUMBER, Size, Span, decimals_of, moment, number_of
from tests.helpers.numbers.raw import Json, Raw, held_share, is_lost, told_energy, told_heat

_APART = ("flips", "evidence", "looks")
"""What has as many numbers as there are items: sentences tell how many, and none of them."""

_METHOD = (
    "the 32 most likely tokens",
    "probability of 90%",
    "the first 20",
    "SHA-256",
)
"""Words of captions and sentences that are of the method, and the same in every record."""

_NOISE = 1e-9
"""Of a value, relative to it: less than any page tells apart."""

_SIZE = re.compile(rf"({NUMBER} [KMG]iB)")
_SPAN = re.compile(r"(?<![\w.,])([\d,]+ h \d\d min|\d+ min \d\d s|[\d.]+ s)\b")
_NUMBER = re.compile(
    rf"(?<![\w.])({NUMBER})(?![\d]) ?(%|points?\b|items?\b|tokens/s|nats|J\b|Wh\b)?"
)


def leaves(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what a record holds that sentences may tell, with the names that lead to it."""
    if isinstance(content, dict):
        for name, each in content.items():
            if name not in _APART:
                yield from leaves(each, (*path, name))
    elif isinstance(content, list):
        for each in content:
            yield from leaves(each, path)
    else:
        yield path, content


class Pools:
    """The numbers that sentences may tell, by unit."""

    def __init__(self, raw: Raw) -> None:
        """Gather them from a record."""
        self.raw = raw
        self.bytes: set[int] = set()
        self.seconds: set[float] = set()
        self.counts: set[int] = set()
        self.fractions: set[Fraction] = set()
        self.points: set[Fraction] = set()
        self.others: set[Fraction] = set()
        self.words: set[str] = set()
        self._units: dict[tuple[str, int], set[int]] = {}
        for path, value in leaves(raw.content):
            self._add(path, value)
        self._follow()

    def _add(self, path: tuple[str, ...], value: Any) -> None:
        name = path[-1]
        if isinstance(value, str):
            self._add_word(name, value)
        elif isinstance(value, bool) or value is None:
            return
        elif name.endswith("_bytes"):
            self.bytes.add(value)
        elif name.endswith("_s") and "per" not in name:
            self.seconds.add(value)
        elif "points" in "".join(path[-2:]) or path[-2:-1] == ("new_items",):
            self.points.add(Fraction(value))
        elif isinstance(value, int):
            self.counts.add(value)
        elif name in ("value", "tolerance_points") and "claims" in path:
            self.points.add(Fraction(value))
        elif 0 <= value <= 1:
            self.fractions.add(Fraction(value))
        else:
            self.others.add(Fraction(value))

    def _add_word(self, name: str, value: str) -> None:
        if name.endswith("_at"):
            self.words.add(moment(value))
        elif name.endswith("arxiv_id"):
            self.words.add(value)
        elif re.search(r"\d", value) and (re.search(r"[^\d.,]", value) or value.count(".") > 1):
            self.words |= {value, value[:12]} if len(value) in (40, 64) else {value}

    def _follow(self) -> None:
        """Add what follows from the numbers of a record by one step."""
        raw = self.raw
        for each in (*raw.runs, *raw.drifts, *raw.failures):
            self.words.add(raw.label(each))
        self.words |= set(raw.data["groups"])
        n_types = len(raw.drifts)
        self.counts |= {n_types, len(raw.runs), len(raw.evidence.get("flips", []))}
        self.counts.add(sum(len(drift["flips"]) for drift in raw.drifts))
        for drift in raw.drifts:
            flips = drift["flips"]
            self.counts |= {len(flips), sum(map(is_lost, flips))}
            needed = drift["split"]["items_for_power"]
            if needed:
                unit = 10 ** max(0, len(str(needed)) - 2)
                self.counts.add(round(Fraction(needed, unit)) * unit)
        for run in raw.runs:
            ends = raw.accuracy(run)["split_interval"]
            self.points.add(50 * (Fraction(ends["high"]) - Fraction(ends["low"])))
            self.fractions.add(Fraction(run["file_bytes"], raw.runs[0]["file_bytes"]))
            for each in told_energy(run["speed"]):
                self._add_energy(each, run["speed"]["n_items"])
        sums: dict[str, list[Json]] = {}
        for run in raw.measured:
            for each in told_energy(run["speed"]):
                sums.setdefault(each["source"], []).append(each)
        for found in sums.values():
            names = ("joules", "idle_joules")
            whole = {name: sum(each[name] or 0.0 for each in found) for name in names}
            self._add_energy(whole, 3600)
        heats = [heat for run in raw.measured if (heat := told_heat(run["speed"]))]
        held = [heat for heat in heats if (held_share(heat) or 0) >= Fraction(1, 100)]
        names = ("seconds", "told_s", "held_s")
        whole = {name: sum(each[name] for each in held) for name in names}
        if share := held_share(whole):
            self.fractions.add(share)
        for claim, verdict in zip(raw.content["claims"], raw.content["verdicts"], strict=False):
            self._follow_claim(claim, verdict)
        for claim in raw.content["other_claims"]:
            self.points.add(Fraction(claim["value"]))

    def _add_energy(self, energy: Json, divisor: int) -> None:
        joules, idle = energy["joules"], energy["idle_joules"] or 0.0
        self.others |= {Fraction(each) / divisor for each in (joules, joules - idle)}

    def _follow_claim(self, claim: Json, verdict: Json) -> None:
        value, tolerance = Fraction(claim["value"]), Fraction(claim["tolerance_points"])
        self.points |= {value, value - tolerance, value + tolerance, tolerance}
        self.points.add(100 * Fraction(verdict["score"]) - value)
        if claim["correct"] is not None:
            measured = self.raw.accuracy(self.raw.runs[0])["correct"]
            self.counts.add(abs(measured - claim["correct"]))

    def has(self, text: str, unit: str) -> bool:
        """Return whether a number may stand beside a unit."""
        if text[0] in f"+{MINUS}" or unit.startswith("point"):
            # Only differences have signs.
            return self._rounds("points", text)
        if unit == "%":
            return self._rounds("percents", text)
        if unit.startswith("item"):
            return number_of(text) in self.counts
        names = ("points", "percents", "others", "fractions")
        return number_of(text) in self.counts or any(self._rounds(each, text) for each in names)

    def _rounds(self, name: str, text: str) -> bool:
        """Return whether a text is a rounding of one of a pool, either way if halfway."""
        unit = 10 ** decimals_of(text)
        if (name, unit) not in self._units:
            pool = self.fractions if name == "percents" else getattr(self, name)
            scaled = [float(each * unit * (100 if name == "percents" else 1)) for each in pool]
            ends = [(each, _NOISE * max(1.0, abs(each))) for each in scaled]
            self._units[name, unit] = {
                math.floor(each + 0.5 + way * noise) for each, noise in ends for way in (-1, 1)
            }
        return number_of(text) * unit in self._units[name, unit]

    def unknown(self, text: str) -> list[str]:
        """Return the numbers of a text that the record does not give, each with its unit."""
        for word in sorted((*_METHOD, *self.words), key=len, reverse=True):
            if word in text:
                text = re.sub(rf"(?<![\w.]){re.escape(word)}(?![\w])", " … ", text)
        found = []
        for pattern, part, values in (
            (_SIZE, Size, self.bytes),
            (_SPAN, Span, self.seconds),
        ):
            for told in pattern.findall(text):
                if not any(part(each).holds(told) for each in values):  # type: ignore[operator]
                    found.append(told)
            text = pattern.sub(" … ", text)
        for number, unit in _NUMBER.findall(text):
            if not self.has(number, unit):
                found.append(f"{number} {unit}".strip())
        return found


def wrong_sentences(raw: Raw, texts: list[tuple[str, str]], of_method: Set[str]) -> Iterator[str]:
    """Yield the numbers in texts that neither the record nor the method gives.

    Args:
        raw: The record.
        texts: The texts of its page, each with the section that it is in.
        of_method: Numbers of "How to read this", as ``method_numbers`` has them.
    """
    pools = Pools(raw)
    for section, text in texts:
        for number in pools.unknown(text):
            if section != "read" or number not in of_method:
                yield f"no field gives {number} in {section}: {text!r}"


def method_numbers(texts: list[tuple[str, str]]) -> set[str]:
    """Return the numbers of "How to read this", each with its unit."""
    found = (_NUMBER.findall(text) for section, text in texts if section == "read")
    return {f"{number} {unit}".strip() for each in found for number, unit in each}
