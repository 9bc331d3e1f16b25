"""People in narratives, and texts about two of them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from scripts.demo.activities import NUMBERS, Activity, definite
from scripts.demo.text import Text

WOMEN = (
    "Maria", "Anna", "Julia", "Nora", "Elena", "Sofia", "Clara", "Ruth", "Emma", "Alice",
    "Grace", "Hannah", "Lucy", "Rosa", "Diana", "Laura", "Amina", "Priya", "Mei", "Fatima",
    "Ingrid", "Olga", "Leila", "Carmen", "Yuki", "Zoe", "Martha", "Helen", "Irene", "Tanya",
)  # fmt: skip
MEN = (
    "Tom", "Ben", "Omar", "Luis", "Peter", "Daniel", "Jack", "Henry", "Paul", "Victor",
    "Oscar", "Simon", "Karl", "Marco", "Ivan", "Felix", "Hugo", "Samuel", "Leo", "Adam",
    "Ravi", "Kenji", "Ahmed", "Diego", "Walter", "Erik", "George", "Frank", "Noah", "Pablo",
)  # fmt: skip
ROLES = (("A young woman", "she"), ("An old woman", "she"), ("A girl", "she"),
         ("A young man", "he"), ("An old man", "he"), ("A boy", "he"))  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Somebody in a narrative: how they are introduced, and their pronoun."""

    name: str
    pronoun: str


def draw_person(rng: random.Random, pronoun: str | None = None) -> Person:
    """Draw somebody with a pronoun; None draws that too."""
    pronoun = pronoun or rng.choice(("she", "he"))
    if rng.random() < 0.25:
        return Person(*rng.choice([role for role in ROLES if role[1] == pronoun]))
    return Person(rng.choice(WOMEN if pronoun == "she" else MEN), pronoun)


def two_people(rng: random.Random, activity: Activity) -> Text:
    """Tell that two people hold different things, or that one of them counts something out."""
    pronouns = rng.sample(("she", "he"), 2)
    one, two = (draw_person(rng, pronoun) for pronoun in pronouns)
    names = [n for n in activity.family.slots if n not in ("count", "wait", "place", "spice")]
    pool = [option for name in names for option in activity.family.slots[name]]
    first, second, *others = rng.sample(pool, 6)
    if rng.random() < 0.5:
        return _holding(rng, activity, (one, two), (first, second, *others))
    return _counting(rng, activity, one, others[0])


def _lower(name: str) -> str:
    return name[0].lower() + name[1:] if " " in name else name


def _holding(
    rng: random.Random, activity: Activity, people: tuple[Person, Person], things: tuple[str, ...]
) -> Text:
    actor = rng.choice((0, 1))
    verb = rng.choice(("holds", "carries", "picks up"))
    ctx_a = f"{people[0].name} {verb} {things[0]} and {_lower(people[1].name)} {verb} {things[1]}."
    ending = rng.choice(("puts {} down.", "hands {} over.", "looks at {}.", "drops {}.",
                         "cleans {} with water.", "shows {} to a friend."))  # fmt: skip
    own, other, *rest = things[actor], things[1 - actor], *things[2:]
    wrong = [("holder", ending.format(definite(other)))]
    wrong += [("object", ending.format(definite(thing))) for thing in rest[:3]]
    right = ending.format(definite(own))
    return Text("narrative", activity.label, ctx_a, people[actor].pronoun, right, wrong)


def _counting(rng: random.Random, activity: Activity, person: Person, thing: str) -> Text:
    number, *others = rng.sample(NUMBERS, 4)
    unit = rng.choice(("boxes", "cards", "coins", "bottles", "stones", "cups", "letters", "keys"))
    ctx_a = f"{person.name} puts {number} {unit} next to {thing}."
    ending = rng.choice(("counts the {} {} again.", "takes the {} {} away.",
                         "gives the {} {} to a child.", "hides the {} {} in a bag."))  # fmt: skip
    wrong = [("count", ending.format(other, unit)) for other in others]
    right = ending.format(number, unit)
    return Text("narrative", activity.label, ctx_a, person.pronoun, right, wrong)
