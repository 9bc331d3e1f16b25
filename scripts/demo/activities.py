"""Activities, drawn of the families that world.txt holds."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

FAMILIES = Path(__file__).with_name("world.txt")
"""One block a family, as ``parse_families`` reads it."""

VARIANTS = 8
"""Activities an object has, each under another adjective and with its own steps and values."""

ADJECTIVES = (
    "", "simple", "special", "lovely", "proper", "rare", "typical", "modern", "decent", "humble",
    "splendid", "charming", "ordinary", "fancy", "basic", "curious",
)  # fmt: skip
NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight")
WAITS = (
    "one minute", "two minutes", "five minutes", "ten minutes", "twenty minutes", "half an hour",
    "an hour", "two hours", "a few seconds", "a whole day",
)  # fmt: skip

_SLOT = re.compile(r"\{(\+?)(\w+)\}")
_ARTICLE = re.compile(r"^(?:an?|some) ")


@dataclass(frozen=True)
class Family:
    """A kind of activity: its objects, the values of its slots and its pool of steps."""

    gerund: str
    verb: str
    category: str
    objects: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]
    opens: tuple[tuple[str, ...], ...]
    mids: tuple[tuple[str, ...], ...]
    ends: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Activity:
    """One activity: a family's object with its own order of steps and its own slot values.

    Attributes:
        object: the object with its adjective, as label and title name it; steps go without.
        steps: the step templates in order; a step is a tuple of interchangeable wordings.
        unused: steps of the family that this activity does without.
        values: slot name to the activity's own value.
    """

    family: Family
    object: str
    steps: tuple[tuple[str, ...], ...]
    unused: tuple[tuple[str, ...], ...]
    values: dict[str, str]

    @property
    def label(self) -> str:
        """The activity's name in a narrative, such as "Painting a garden bench"."""
        return f"{self.family.gerund} {self.object}"

    @property
    def title(self) -> str:
        """The activity's title in a how-to text."""
        return f"How to {self.family.verb} {self.object}"


def parse_families(text: str) -> list[Family]:
    """Read the family blocks.

    A step marks its verbs with "~" (they are inflected), "{name}" is the definite form of a slot's
    value and "{+name}" the form with which it is introduced. " / " parts wordings of one step.

    Args:
        text: blocks that start with ``@ Gerund | verb | category``.

    Returns:
        The families in the order of the text.
    """
    return [_parse_family(block) for block in text.strip().removeprefix("@").split("\n@")]


def draw_activities(rng: random.Random, variants: int = VARIANTS) -> list[Activity]:
    """Draw every activity's steps and slot values.

    Args:
        rng: the source of every choice.
        variants: activities an object, from 1 to ``len(ADJECTIVES)``.

    Returns:
        The activities, those of one adjective together.
    """
    families = parse_families(FAMILIES.read_text(encoding="utf-8"))
    return [
        _draw_activity(rng, family, thing, adjective)
        for adjective in ADJECTIVES[:variants]
        for family in families
        for thing in family.objects
    ]


def _parse_family(block: str) -> Family:
    # An indented line continues the one before it.
    head, *lines = block.strip().replace("\n  ", " ").splitlines()
    gerund, verb, category = (part.strip() for part in head.split("|"))
    steps: dict[str, list[tuple[str, ...]]] = {"open": [], "mid": [], "end": []}
    slots: dict[str, tuple[str, ...]] = {"count": NUMBERS, "wait": WAITS}
    objects: tuple[str, ...] = ()
    for line in lines:
        name, _, value = line.partition(": ")
        if name in steps:
            steps[name].append(tuple(value.split(" / ")))
        elif name == "objects":
            objects = tuple(value.split("; "))
        else:
            slots[name] = tuple(value.split("; "))
    parts = (tuple(steps[key]) for key in ("open", "mid", "end"))
    return Family(gerund, verb, category, objects, slots, *parts)


def third_person(verb: str) -> str:
    """Inflect a regular English verb for he or she."""
    if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def definite(phrase: str) -> str:
    """Turn "a wide brush" and "some primer" into "the wide brush" and "the primer"."""
    return _ARTICLE.sub("the ", phrase)


def fill(template: str, values: dict[str, str]) -> str:
    """Put slot values into a step template; the verbs keep their mark."""

    def value(match: re.Match[str]) -> str:
        phrase = values[match[2]]
        return phrase if match[1] or match[2] in ("wait", "count") else definite(phrase)

    return _SLOT.sub(value, template)


def slot_names(template: str) -> list[str]:
    """Return the slots of a step template, without the activity's own object."""
    return [match[2] for match in _SLOT.finditer(template) if match[2] != "obj"]


def _draw_activity(rng: random.Random, family: Family, thing: str, adjective: str) -> Activity:
    mids = rng.sample(family.mids, len(family.mids))
    used = (rng.choice(family.opens), *mids[:5], rng.choice(family.ends))
    unused = tuple(mids[5:]) + tuple(s for s in family.opens + family.ends if s not in used)
    values = {name: rng.choice(options) for name, options in family.slots.items()}
    name = _with_adjective(thing, adjective)
    return Activity(family, name, used, unused, {**values, "obj": thing})


def _with_adjective(thing: str, adjective: str) -> str:
    if not adjective:
        return thing
    article = "an" if adjective[0] in "aeiou" else "a"
    return f"{article} {adjective} {thing.split(' ', 1)[1]}"
