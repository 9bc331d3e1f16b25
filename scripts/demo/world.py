"""A small made-up world of everyday activities, for training and testing the demo checkpoint.

The world holds several hundred activities ("Painting a garden bench", "How to tune a violin").
Each has a fixed order of steps and fixed tools, materials and places, drawn once from a seed, so
that a language model can learn them from text and from nothing else. Two things are generated:

* a training corpus of short narratives and how-to texts, and
* a held-out multiple-choice set in the record schema of HellaSwag (Zellers et al. 2019), whose
  wrong endings are graded: a step at the wrong time, the wrong tool, a step that this activity
  does without, another activity's step, a thing that somebody else holds, a wrong count.

The families of activities are in world.txt. The same seed gives the same text on every machine.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.demo.activities import VARIANTS, draw_activities
from scripts.demo.people import two_people
from scripts.demo.telling import HowTo, Narrative
from scripts.demo.text import Text, strip_markers

ITEM_COUNT = 1000

HOWTO_SHARE = 0.42
"""Share of how-to texts; they are longer than narratives."""

HARD_WRONG_SHARE = 0.85
"""Share of wrong endings taken from the hard kinds, while there are any."""

HARD_KINDS = frozenset({"slot", "near", "holder", "object", "count"})
"""One wrong thing in the right step, a neighboring step, and what the context contradicts."""


class World:
    """All activities, fixed by a seed, and the texts that can be told about them."""

    def __init__(self, seed: int = 0, variants: int = VARIANTS) -> None:
        """Draw every activity's steps and slot values.

        Args:
            seed: fixes them.
            variants: activities an object, from 1 to ``len(ADJECTIVES)``; the more, the more a
                model has to remember.
        """
        self.activities = draw_activities(random.Random(f"demo-world-{seed}"), variants)

    def text(self, rng: random.Random, *, length: int | None = None) -> Text:
        """Tell one text.

        Args:
            rng: the source of every choice.
            length: number of steps, the last one included; by default 2 or 3.

        Returns:
            The text, cut before its last step, with candidates for wrong endings.
        """
        activity = rng.choice(self.activities)
        if rng.random() < HOWTO_SHARE:
            return HowTo(self.activities, rng, activity).text(length or rng.choice((2, 2, 3)))
        if rng.random() < 0.22:
            return two_people(rng, activity)
        return Narrative(self.activities, rng, activity).text(length or rng.choice((2, 3, 3)))


def held_out_items(world: World, seed: int = 0, count: int = ITEM_COUNT) -> list[dict[str, Any]]:
    """Make the multiple-choice set.

    Args:
        world: the world that the items are about.
        seed: fixes the items.
        count: number of items; labels are as uniform as the count allows.

    Returns:
        Records in the schema of ``Rowan/hellaswag``.
    """
    rng = random.Random(f"demo-items-{seed}")
    labels = [index % 4 for index in range(count)]
    rng.shuffle(labels)
    items: list[dict[str, Any]] = []
    seen: set[str] = set()
    while len(items) < count:
        text = world.text(rng)
        wrong = _distinct_wrong(rng, text)
        if len(wrong) < 3 or text.rendered() in seen:
            continue
        seen.add(text.rendered())
        items.append(_record(text, wrong, len(items), labels[len(items)]))
    return items


def _distinct_wrong(rng: random.Random, text: Text) -> list[str]:
    """Draw three wrong endings, most of them of the hard kinds; fewer if the text has no three."""
    pools: dict[bool, list[str]] = {True: [], False: []}
    seen = {strip_markers(text.ending)}
    for kind, ending in rng.sample(text.wrong, len(text.wrong)):
        if strip_markers(ending) not in seen:
            seen.add(strip_markers(ending))
            pools[kind in HARD_KINDS].append(ending)
    chosen: list[str] = []
    while len(chosen) < 3 and (pools[True] or pools[False]):
        hard = rng.random() < HARD_WRONG_SHARE
        chosen.append((pools[hard] or pools[not hard]).pop())
    return chosen


def _record(text: Text, wrong: list[str], index: int, label: int) -> dict[str, Any]:
    endings = [*wrong[:label], text.ending, *wrong[label:]]
    return {
        "ind": index,
        "activity_label": text.label,
        "ctx_a": text.ctx_a,
        "ctx_b": text.ctx_b,
        "ctx": f"{text.ctx_a} {text.ctx_b}" if text.ctx_b else text.ctx_a,
        "endings": endings,
        "source_id": f"{text.register}~{index}",
        "split": "val",
        "split_type": "indomain",
        "label": str(label),
    }


def right_text(item: dict[str, Any]) -> str:
    """Return an item's context with its right ending, as the ``lm-eval`` protocol shows it."""
    ending = item["endings"][int(item["label"])]
    return Text("", item["activity_label"], item["ctx_a"], item["ctx_b"], ending).rendered()


def corpus(world: World, items: list[dict[str, Any]], count: int, seed: int = 0) -> Iterator[str]:
    """Tell training texts, none of which contains a held-out item with its right ending.

    Args:
        world: the world that the texts are about.
        items: the held-out items to keep out, by prefix and in full.
        count: number of texts.
        seed: fixes the texts.

    Yields:
        One text at a time, most of them as the ``lm-eval`` protocol renders them.
    """
    rng = random.Random(f"demo-corpus-{seed}")
    held_out = {right_text(item) for item in items}
    made = 0
    while made < count:
        text = world.text(rng, length=rng.choice((2, 3, 4, 5)))
        plain = text.rendered()
        if any(prefix in held_out for prefix in _sentence_prefixes(plain)):
            continue
        made += 1
        yield text.raw() if rng.random() < 0.15 else plain


def _sentence_prefixes(text: str) -> Iterator[str]:
    for match in re.finditer(r"\.(?= |$)", text):
        yield text[: match.end()]


def write_items(items: list[dict[str, Any]], path: Path) -> None:
    """Write the items as JSON lines."""
    lines = (json.dumps(item, ensure_ascii=False) for item in items)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
