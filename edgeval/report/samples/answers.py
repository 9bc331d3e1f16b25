"""Answers: what a model said to the requests of one item, as a sample has them.

A request has arguments: a context and a continuation, a text alone, or a context and how to
generate. Responses are log-likelihoods or texts, written as text from 0.4.3 on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edgeval.report.samples.rows import Row
from edgeval.system.untrusted import printable

_LONGEST: Final = 200
"""Characters of an answer that are kept."""

_MAX_REQUESTS: Final = 10_000


@dataclass(frozen=True)
class Answers:
    """What a model said of one item.

    Attributes:
        loglikelihoods: One a request, in nats, NaN where it is not finite; none of texts that were
            generated.
        greedy: Whether the model would have generated each continuation; none of whole texts.
        choices: The continuations of several requests, without the delimiter.
        text: What was generated.
        target: What is right: a text, or the place of a choice.
    """

    loglikelihoods: tuple[float, ...] = ()
    greedy: tuple[bool, ...] = ()
    choices: tuple[str, ...] = ()
    text: str | None = None
    target: str = ""

    @property
    def gold(self) -> int | None:
        """The place of the right choice; None where it cannot be told."""
        if self.target.isdecimal() and int(self.target[:9]) < len(self.choices):
            return int(self.target[:9])
        places = [at for at, choice in enumerate(self.choices) if choice == self.target.strip()]
        return places[0] if len(places) == 1 else None

    def said(self, metric: str, is_right: bool) -> str | None:
        """Return what the model answered by a metric, shortened; None where that is not told.

        Args:
            metric: The metric.
            is_right: What the sample says of it, which a pick has to agree with.
        """
        if self.text is not None:
            return printable(self.text, _LONGEST)
        lengths = _LENGTHS.get(metric)
        if lengths is None or len(self.choices) < 2 or not all(self.choices):
            return None
        values = [
            each / lengths(choice)
            for each, choice in zip(self.loglikelihoods, self.choices, strict=True)
        ]
        if not all(map(math.isfinite, values)):
            return None
        pick = max(range(len(values)), key=values.__getitem__)
        return self._named(pick) if self.gold is None or (pick == self.gold) == is_right else None

    @property
    def right(self) -> str:
        """What is right, shortened; of a choice its place and text."""
        gold = self.gold
        return printable(self.target, _LONGEST) if gold is None else self._named(gold)

    def _named(self, place: int) -> str:
        is_alone = self.choices.count(self.choices[place]) == 1
        return printable(f"{place}: {self.choices[place]}" if is_alone else f"{place}", _LONGEST)


_LENGTHS: Final[dict[str, Callable[[str], int]]] = {
    "acc": lambda _: 1,
    "acc_norm": len,
    "acc_bytes": lambda choice: len(choice.encode()),
}
"""What a metric divides log-likelihoods by."""


def answers_of(row: Row) -> Answers:
    """Return what a sample says that its model answered."""
    requests, said = requests_of(row), row.get("filtered_resps")
    target = str(row.get("target", ""))
    responses = said if isinstance(said, list) else []
    if len(requests) != len(responses) or not requests:
        return Answers(target=target)
    if all(len(each) == 1 for each in requests):
        return Answers(tuple(_nats(_first(each)) for each in responses), target=target)
    if all(isinstance(each[1], str) for each in requests if len(each) > 1):
        choices = tuple(str(each[-1]).removeprefix(" ") for each in requests)
        return Answers(
            tuple(_nats(_first(each)) for each in responses),
            tuple(isinstance(each, list) and str(each[-1:]) in _TRUE for each in responses),
            choices if len(choices) > 1 else (),
            target=target,
        )
    return Answers(text=str(_first(responses[0]))[: 2 * _LONGEST], target=target)


def requests_of(row: Row) -> list[Sequence[Any]]:
    """Return the arguments of each request: lists, or as 0.4.3 and later name them."""
    given = row.get("arguments")
    listed = list(given.values()) if isinstance(given, dict) else given
    if not isinstance(listed, list) or len(listed) > _MAX_REQUESTS:
        return []
    found = [list(each.values()) if isinstance(each, dict) else each for each in listed]
    usable: list[Sequence[Any]] = [each for each in found if isinstance(each, list) and each]
    return usable if len(usable) == len(found) else []


_TRUE: Final = ("['True']", "[True]", "[1]")


def _first(response: Any) -> Any:
    return response[0] if isinstance(response, list) and response else response


def _nats(value: Any) -> float:
    try:
        found = float(value) if isinstance(value, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        return math.nan
    return found if math.isfinite(found) else math.nan
