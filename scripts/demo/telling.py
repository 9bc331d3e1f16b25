"""Telling an activity's steps, as a narrative or as instructions."""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

from scripts.demo.activities import Activity, fill, slot_names, third_person
from scripts.demo.people import draw_person
from scripts.demo.text import Text

SKIP_RATE = 0.12
"""How often a text leaves out the step that would come next."""

SUBSTITUTE_RATE = 0.20
"""How often a step draws one of its tools or materials anew instead of the activity's own."""

FLOURISH_RATE = 0.30
"""How often a step carries a remark that says nothing about the activity."""

NARRATIVE_FLOURISHES = (
    "with great care", "without any hurry", "and smiles", "while the radio plays",
    "before it gets dark", "as a neighbor watches", "and takes a short break",
    "while talking to a friend", "and hums a little tune", "with a steady hand", "one more time",
    "just as it starts to rain", "and nods", "as the camera moves closer",
)  # fmt: skip
HOWTO_FLOURISHES = (
    "Take your time with this part.", "Do not rush it.", "Ask a friend to help you.",
    "This is easier than it looks.", "Work slowly and stay calm.", "Beginners often forget this.",
    "You may have to do this twice.", "Keep children and pets away.",
    "It should not take long.", "There is no need to buy anything new.",
)  # fmt: skip
CONNECTIVES = ("", "", "", "then ", "next, ", "after that, ", "a moment later ")

_VERB = re.compile(r"~(\w+)")


class Teller(ABC):
    """A wording of one activity's steps; the registers differ in how a step becomes a sentence."""

    def __init__(
        self, activities: Sequence[Activity], rng: random.Random, activity: Activity
    ) -> None:
        """Tell one of the activities; wrong endings are taken from all of them."""
        self.activities, self.rng, self.activity = activities, rng, activity
        self.family = activity.family

    @abstractmethod
    def phrase(self, template: str, values: dict[str, str]) -> str:
        """Word one step."""

    def drawn(self, step: tuple[str, ...]) -> tuple[str, dict[str, str]]:
        """Draw a wording and the values of a step as this activity does it, or nearly so."""
        template = self.rng.choice(step)
        values = dict(self.activity.values)
        names = slot_names(template)
        if names and self.rng.random() < SUBSTITUTE_RATE:
            name = self.rng.choice(names)
            values[name] = self.rng.choice(self.family.slots[name])
        return template, values

    def own(self, step: tuple[str, ...]) -> str:
        """Word a step as this activity does it, now and then with a substitute."""
        return self.phrase(*self.drawn(step))

    def swapped(self, template: str, values: dict[str, str]) -> list[str]:
        """Word the right step with one other tool, material, number or place, in up to two ways."""
        names = slot_names(template)
        if not names:
            return []
        name = self.rng.choice(names)
        others = [option for option in self.family.slots[name] if option != values[name]]
        # Where the right ending has a substitute, the activity's own value is the tempting one.
        own = [option for option in others if option == self.activity.values[name]]
        picks = (own + self.rng.sample(others, 2))[:2]
        return [self.phrase(template, {**values, name: pick}) for pick in picks]

    def window(self, length: int) -> list[int]:
        """Return the indices of the steps of a text, in order; now and then one is left out."""
        total = len(self.activity.steps)
        indices = [self.rng.randrange(total - length + 1)]
        while len(indices) < length:
            spare = total - indices[-1] - (length - len(indices)) - 1
            skip = spare > 0 and self.rng.random() < SKIP_RATE
            indices.append(indices[-1] + (2 if skip else 1))
        return indices

    def wrong(
        self, indices: list[int], template: str, values: dict[str, str]
    ) -> list[tuple[str, str]]:
        """Return wrong endings for the last of ``indices``, with their kinds."""
        steps, rng, last = self.activity.steps, self.rng, indices[-1]
        found = [("slot", text) for text in self.swapped(template, values)]
        for i, step in enumerate(steps):
            if i not in indices:
                kind = "near" if abs(i - last) == 1 else "order"
                found.append((kind, self.own(step)))
        found.append(("unused", self.own(rng.choice(self.activity.unused))))
        sibling = rng.choice([a for a in self.activities if a.family is self.family])
        borrowed = {**sibling.values, "obj": self.activity.values["obj"]}
        found.append(("sibling", self.phrase(rng.choice(rng.choice(sibling.steps)), borrowed)))
        other = rng.choice(self.activities)
        found.append(("foreign", self.phrase(rng.choice(rng.choice(other.steps)), other.values)))
        return found


class Narrative(Teller):
    """Somebody does the steps, in the present tense."""

    def phrase(self, template: str, values: dict[str, str]) -> str:
        """Word one step as something that somebody does."""
        filled = _VERB.sub(lambda match: third_person(match[1]), fill(template, values))
        if self.rng.random() < FLOURISH_RATE:
            filled += " " + self.rng.choice(NARRATIVE_FLOURISHES)
        return filled + "."

    def text(self, length: int) -> Text:
        """Tell some steps of the activity and cut before the last one."""
        indices = self.window(length)
        steps = [self.own(self.activity.steps[i]) for i in indices[:-1]]
        template, values = self.drawn(self.activity.steps[indices[-1]])
        ending = self.phrase(template, values)
        person = draw_person(self.rng)
        sentences = [f"{person.name} {steps[0]}"]
        for step in steps[1:]:
            start = (self.rng.choice(CONNECTIVES) + person.pronoun).capitalize()
            sentences.append(f"{start} {step}")
        ctx_b = self.rng.choice(CONNECTIVES) + person.pronoun
        wrong = self.wrong(indices, template, values)
        return Text("narrative", self.activity.label, " ".join(sentences), ctx_b, ending, wrong)


class HowTo(Teller):
    """Instructions, with the markers that WikiHow's half of HellaSwag carries."""

    def phrase(self, template: str, values: dict[str, str]) -> str:
        """Word one step as an instruction, now and then with a remark."""
        filled = _VERB.sub(lambda match: match[1], fill(template, values))
        sentence = filled[0].upper() + filled[1:] + "."
        if self.rng.random() < FLOURISH_RATE:
            marker = self.rng.choice(("", "[substeps] "))
            sentence += f" {marker}{self.rng.choice(HOWTO_FLOURISHES)}"
        return sentence

    def text(self, length: int) -> Text:
        """Give some steps of the activity and cut before the last one."""
        indices = self.window(length)
        steps = [self.own(self.activity.steps[i]) for i in indices[:-1]]
        template, values = self.drawn(self.activity.steps[indices[-1]])
        ending = self.phrase(template, values)
        wrong = self.wrong(indices, template, values)
        if self.rng.random() < 0.5 and indices[-1] + 1 < len(self.activity.steps):
            ending, wrong = self._doubled(indices[-1], ending, wrong)
        ctx_a = f"[header] {self.activity.title} [title] {steps[0]}"
        for step in steps[1:]:
            ctx_a += f" [step] {step}"
        return Text("howto", self.family.category, ctx_a, "", ending, wrong)

    def _doubled(
        self, last: int, right: str, wrong: list[tuple[str, str]]
    ) -> tuple[str, list[tuple[str, str]]]:
        # A second sentence makes an ending longer; the wrong ones get one as often, so that
        # length says nothing about which ending is right.
        steps = self.activity.steps
        longer = []
        for kind, text in wrong:
            after = steps[last + 1] if kind == "slot" else self.rng.choice(steps)
            second = self.own(after) if self.rng.random() < 0.5 else ""
            longer.append((kind, f"{text} {second}" if second not in ("", text) else text))
        return f"{right} {self.own(steps[last + 1])}", longer
