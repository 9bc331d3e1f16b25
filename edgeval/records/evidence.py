"""Evidence: what lies behind the differences of a report, item by item and choice by choice."""

from __future__ import annotations

import itertools
from typing import Annotated, Final

from pydantic import Field, model_validator

from edgeval.records.base import MOST_ITEMS, Record

MOST_TOLD: Final = 500
"""Flips that a report tells of with their texts."""

MOST_CONTEXT_CHARS: Final = 2_000
MOST_CHOICE_CHARS: Final = 500
MOST_CHOICES: Final = 100
"""Of an item that is told of; no benchmark has more."""

MOST_GROUPS: Final = 200
ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
MOST_ID_CHARS: Final = 200
_MOST_LABEL_CHARS: Final = 300
_MOST_TYPES: Final = 200
_MOST_EDGES: Final = 200

Label = Annotated[str, Field(max_length=_MOST_LABEL_CHARS)]
Name = Annotated[str, Field(max_length=MOST_ID_CHARS)]
Choice = Annotated[str, Field(max_length=MOST_CHOICE_CHARS)]
Values = Annotated[list[float], Field(min_length=1, max_length=MOST_CHOICES)]
Count = Annotated[int, Field(ge=0)]


def in_short(name: str) -> str:
    """Return what evidence calls an item or a group: its name, cut with an ellipsis."""
    return cut_after(name, MOST_ID_CHARS)


def cut_after(text: str, most: int) -> str:
    """Return the beginning of a text, with an ellipsis for its end if it is longer."""
    return text if len(text) <= most else text[: most - 1] + ELLIPSIS


class ToldFlip(Record):
    """One item that a type and the reference do not both have right, with what both say of it.

    Lists have one entry a choice. Texts that are too long are cut, with an ellipsis for the rest:
    of a context its beginning, of a choice its end.

    Attributes:
        label: What reports call the type; the label of its comparison.
        item: Identifier of the item within the data set, cut at 200 characters.
        group: What the item is a kind of, cut at 200 characters.
        context: The text before the choices, as it was scored; where each choice has a context of
            its own, what these begin with. None where the texts are not known.
        choices: The text of each choice, with what its own context has beyond ``context``; None
            where ``context`` is.
        gold: The right choice, counted from 0.
        reference_pick: What the reference picks; 1 where it does not generate an only choice.
        pick: What the type picks.
        reference_logprobs: Sums of the log-probabilities of the choices' tokens by the reference,
            in nats.
        logprobs: The same by the type.
        reference_values: What the protocol's metric makes of them: the pick is the first choice
            that has the most. Of an only choice, its log-probability.
        values: The same by the type.
    """

    label: Label
    item: Name
    group: Name
    context: str | None = Field(default=None, max_length=MOST_CONTEXT_CHARS)
    choices: list[Choice] | None = Field(default=None, min_length=1, max_length=MOST_CHOICES)
    gold: int = Field(ge=0)
    reference_pick: int = Field(ge=0)
    pick: int = Field(ge=0)
    reference_logprobs: Values
    logprobs: Values
    reference_values: Values
    values: Values

    @property
    def is_lost(self) -> bool:
        """Whether only the reference has it right; otherwise only the type has."""
        return self.reference_pick == self.gold

    @model_validator(mode="after")
    def _consistent(self) -> ToldFlip:
        n_choices = len(self.logprobs)
        lists = (self.reference_logprobs, self.reference_values, self.values, self.choices)
        if any(each is not None and len(each) != n_choices for each in lists):
            raise ValueError(f"{self.item} has another number of choices in one list")
        if (self.context is None) != (self.choices is None):
            raise ValueError(f"{self.item} has a context or choices, and not both")
        if self.gold >= n_choices:
            raise ValueError(f"{self.item} has no choice {self.gold}")
        if (self.reference_pick == self.gold) == (self.pick == self.gold):
            raise ValueError(f"{self.item} is no flip of {self.label}")
        both = (self.reference_pick, self.reference_values), (self.pick, self.values)
        if n_choices > 1 and any(pick != values.index(max(values)) for pick, values in both):
            raise ValueError(f"{self.item} has a pick that its values do not give")
        if n_choices == 1 and max(self.reference_pick, self.pick) > 1:
            raise ValueError(f"{self.item} has one choice, and no pick beyond another text")
        return self


class ChangeHistogram(Record):
    """How many log-probabilities of choices changed by how much, from the reference to a type.

    Attributes:
        label: What reports call the type.
        counts: Number of choices between each two edges, the lower one included. The first is of
            all below the first edge, the last of all from the last edge on.
    """

    label: Label
    counts: list[Count] = Field(max_length=_MOST_EDGES + 1)


class GroupCount(Record):
    """The items of one group that a type was compared on.

    Attributes:
        group: What they are a kind of, cut at 200 characters.
        n_items: How many there are.
        reference_right: How many the reference has right.
        right: How many the type has right.
        lost: How many only the reference has right.
        gained: How many only the type has right.
    """

    group: Name
    n_items: int = Field(ge=1, le=MOST_ITEMS)
    reference_right: Count
    right: Count
    lost: Count
    gained: Count

    @model_validator(mode="after")
    def _consistent(self) -> GroupCount:
        right_twice = self.reference_right - self.lost
        if right_twice < 0 or right_twice + self.gained != self.right:
            raise ValueError(f"the counts of {self.group} do not give each other")
        if right_twice + self.lost + self.gained > self.n_items:
            raise ValueError(f"{self.group} has more right items than items")
        return self


class GroupCounts(Record):
    """One type beside the reference, group by group.

    Attributes:
        label: What reports call the type.
        groups: The largest groups first.
        n_more: Number of smaller groups that are left out.
    """

    label: Label
    groups: list[GroupCount] = Field(min_length=1, max_length=MOST_GROUPS)
    n_more: int = Field(default=0, ge=0, le=MOST_ITEMS)


class Evidence(Record):
    """What lies behind the differences: flips with their texts, changes, and groups.

    The flips that are told of are the most telling: those that change the gold choice's lead over
    the best other choice the most, by the protocol's metric. Each type has as many as the others
    until it has no more, so that none is crowded out by a type that flips more.

    Attributes:
        n_flips: Number of all flips of all types.
        flips: Those that are told of, the largest change of the lead first.
        change_edges_nats: Edges of the histograms, ascending, in nats; the same for all types, and
            symmetric about zero.
        changes: Changes of the choices' log-probabilities, one histogram a type.
        groups: Counts by group, for each type whose items are a sample. Items that were drawn for
            what they can tell are none.
    """

    n_flips: Count
    flips: list[ToldFlip] = Field(max_length=MOST_TOLD)
    change_edges_nats: list[float] = Field(min_length=2, max_length=_MOST_EDGES)
    changes: list[ChangeHistogram] = Field(max_length=_MOST_TYPES)
    groups: list[GroupCounts] = Field(max_length=_MOST_TYPES)

    @model_validator(mode="after")
    def _consistent(self) -> Evidence:
        if len(self.flips) > self.n_flips:
            raise ValueError(f"{len(self.flips):,} flips are told of, of {self.n_flips:,}")
        edges = self.change_edges_nats
        if any(after <= before for before, after in itertools.pairwise(edges)):
            raise ValueError("the edges of the histograms do not ascend")
        for each in self.changes:
            if len(each.counts) != len(edges) + 1:
                raise ValueError(f"the histogram of {each.label} has other edges")
        return self
