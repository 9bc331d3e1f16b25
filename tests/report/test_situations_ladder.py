"""What is said of a ladder in each situation, held to what is true of its split by construction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from edgeval.records import Drift, Report
from edgeval.report.conclusion import conclusion, recommended
from edgeval.report.formatting import MINUS
from edgeval.report.record_files import load, save
from edgeval.report.record_view import RecordView
from edgeval.stats.paired import limit_items
from tests.helpers.split_of_types import NAMES, Asked, Split, is_true, record_of

ALL = "On all 1,000 items of Rowan/hellaswag validation, "
SLICE = f"{ALL}as far as a slice of {{}} of 1,000 items tells, "
NONE = "no type is {}at most 1 point worse than F16."
TOGETHER = "What is said of the types is right together with 95%, and so are their intervals"
FILE = (
    "The first items of a file are no random sample of it, so only what is certain, whatever the "
    "others are, is said."
)

# Items that each type gains and loses: those of the demo.
DEMO = Split(
    dict(zip(NAMES, ((4, 1), (4, 7), (8, 5), (10, 18), (13, 18), (14, 32), (37, 97)), strict=True))
)
ONE = Split({"Q4_0": (13, 18)})
BETTER = Split({"Q8_0": (40, 10), "Q4_0": (25, 5)})
EDGES = Split({"Q8_0": (20, 10), "Q4_0": (10, 20), "Q3_K_M": (9, 20), "Q2_K": (21, 10)})
WRONG = Split({"Q4_0": (0, 730)})
COARSE = Split({"Q3_K_M": (14, 32), "Q2_K": (37, 97)})


@dataclass(frozen=True)
class Situation:
    """A ladder, and what is evaluated of it.

    Attributes:
        name: What it is.
        split: What is true.
        asked: What is evaluated.
        outcomes: What has to be said of each type: the first letters, a capital if it is shown to
            be at most the margin worse.
        named: The type that is recommended, or none.
        sentences: Parts of the conclusion, the first at its beginning.
    """

    name: str
    split: Split
    asked: Asked
    outcomes: str
    named: str | None
    sentences: tuple[str, ...]


SITUATIONS = [
    Situation(
        "the demo in full",
        DEMO,
        Asked(),
        "EEEEEww",
        "Q4_0",
        (
            f"{ALL}Q4_0 (609 MiB instead of 2.05 GiB) is the smallest type that is at most 1 point "
            "worse than F16: -0.50 points. Q8_0, Q6_K, Q5_K_M, Q4_K_M and Q4_0 are equivalent to "
            "F16 within 1 point; Q3_K_M (-1.80 points) and Q2_K (-6.00 points) are worse than F16 "
            "by more than 1 point. New items of the same kind are another question: there Q4_0 is "
            "at -0.50 points [-2.0, +1.04] (95%, whichever type is named).",
        ),
    ),
    Situation(
        "another margin",
        DEMO,
        Asked(margin=0.5),
        "EEEwEww",
        "Q4_0",
        (
            f"{ALL}Q4_0 (609 MiB instead of 2.05 GiB) is the smallest type that is at most 0.5 "
            "points worse than F16: -0.50 points. Q8_0, Q6_K, Q5_K_M and Q4_0 are equivalent to "
            "F16 within 0.5 points; Q4_K_M (-0.80 points), Q3_K_M",
        ),
    ),
    Situation(
        "a slice",
        DEMO,
        Asked(limit=700),
        "EoEdodw",
        "Q5_K_M",
        (
            SLICE.format(700)
            + "Q5_K_M (747 MiB instead of 2.05 GiB) is the smallest type that is shown to be at "
            "most 1 point worse than F16: +0.14 points [-0.6, +0.9]. Q8_0 and Q5_K_M are "
            "equivalent to F16 within 1 point; Q4_K_M (-1.00 points) and Q3_K_M (-1.86 points) are "
            "worse than F16, whether by more than 1 point is open; Q2_K (-6.29 points) is worse "
            "than F16 by more than 1 point; Q6_K and Q4_0 are open. What is said of the types "
            "is right together with 95%, and so are their intervals. About 900 of the 1,000 items "
            "show with a probability of 90% "
            "that a type which flips as often as Q3_K_M is equivalent, if its accuracy on the "
            "split is F16's; --until 1 stops as soon as each is decided.",
        ),
    ),
    Situation(
        "a small slice",
        DEMO,
        Asked(limit=100),
        "ooooooo",
        None,
        (
            SLICE.format(100) + NONE.format("shown to be "),
            "and Q2_K are open. Their intervals hold together with 95%. About ",
        ),
    ),
    Situation(
        "one item",
        DEMO,
        Asked(limit=1),
        "ooooooo",
        None,
        (SLICE.format(1) + NONE.format("shown to be "), "Their intervals hold together with 95%."),
    ),
    Situation(
        "the first items of a file",
        DEMO,
        Asked(limit=400, order="file"),
        "ooooooo",
        None,
        (SLICE.format(400) + NONE.format("shown to be "), FILE),
    ),
    Situation(
        "nearly all of a file",
        DEMO,
        Asked(limit=995, order="file"),
        "EEEdEww",
        "Q4_0",
        (f"{SLICE.format(995)}Q4_0", f"Q2_K (-6.03 points) are worse than F16 by more t|{FILE}"),
    ),
    Situation(
        "a slice beside a reference that is known of all",
        DEMO,
        Asked(limit=500, known=True),
        "Ooooodw",
        "Q8_0",
        (
            f"{ALL}as far as a slice of 500 of 1,000 items (F16 on all) tells, Q8_0 (1.09 GiB",
            "Q8_0 is at most 1 point worse than F16, and perhaps more than 1 point better; Q3_K_M",
        ),
    ),
    Situation(
        "until decided",
        DEMO,
        Asked(until=True),
        "EEEEEww",
        "Q4_0",
        (
            "Stopped as soon as decided to ±1 point, after ",
            f"{ALL}Q4_0 (609 MiB instead of 2.05 GiB) is the smallest type that is shown to be at "
            "most 1 point worse than F16: ",
            f"{TOGETHER}, whenever each of them stopped.",
        ),
    ),
    Situation(
        "until decided, one type",
        ONE,
        Asked(until=True, known=True),
        "E",
        "Q4_0",
        (
            "Stopped as soon as decided to ±1 point, after ",
            "Q4_0 is equivalent to F16 within 1 point. What is said of Q4_0 holds with 95%, "
            "whenever it stopped.",
        ),
    ),
    Situation(
        "until the limit, undecided",
        DEMO,
        Asked(until=True, limit=300, known=True),
        "ooooood",
        None,
        (
            "Stopped as soon as decided to ±1 point or out of items, after 300 of 1,000 items a "
            f"type (F16 on all). {ALL}{NONE.format('shown to be ')} Q2_K (-5.19 points) is worse "
            "than F16, whether by more than 1 point is open; Q8_0, Q6_K, Q5_K_M, Q4_K_M, Q4_0 and "
            f"Q3_K_M are open. {TOGETHER}, whenever each of them stopped.",
        ),
    ),
    Situation(
        "one type in a slice",
        ONE,
        Asked(limit=800),
        "o",
        None,
        (
            f"{SLICE.format(800)}{NONE.format('shown to be ')} Q4_0 is open. Its interval holds "
            "with 95%. About 820 of the 1,000 items",
        ),
    ),
    Situation(
        "better types, in full",
        BETTER,
        Asked(),
        "DD",
        "Q4_0",
        (
            f"{ALL}Q4_0 (609 MiB instead of 2.05 GiB) is the smallest type that is at most 1 point "
            "worse than F16: +2.00 points. Q8_0 (+3.00 points) and Q4_0 (+2.00 points) are better "
            "than F16 by more than 1 point.",
        ),
    ),
    Situation(
        "better types, in a slice",
        BETTER,
        Asked(limit=300),
        "DO",
        "Q4_0",
        (
            f"{SLICE.format(300)}Q4_0",
            "Q8_0 (+2.67 points) is better than F16, whether by more than 1 point is open; Q4_0 is "
            "at most 1 point worse than F16, and perhaps more than 1 point better.",
        ),
    ),
    Situation(
        "exactly at the margin, and one item beyond",
        EDGES,
        Asked(),
        "EEwD",
        "Q2_K",
        (
            f"{ALL}Q2_K (412 MiB instead of 2.05 GiB) is the smallest type that is at most 1 point "
            "worse than F16: +1.10 points. Q8_0 and Q4_0 are equivalent to F16 within 1 point; "
            "Q2_K (+1.10 points) is better than F16 by more than 1 point; Q3_K_M (-1.10 points) is "
            "worse than F16 by more than 1 point.",
        ),
    ),
    Situation(
        "all wrong, in full",
        WRONG,
        Asked(),
        "w",
        None,
        (f"{ALL}{NONE.format('')} Q4_0 (-73.00 points) is worse than F16 by more than 1 point.",),
    ),
    Situation(
        "all wrong, in a slice",
        WRONG,
        Asked(limit=100, seed=1),
        "w",
        None,
        (
            SLICE.format(100) + NONE.format("shown to be "),
            "points) is worse than F16 by more than 1 point. What is said of Q4_0 holds with 95%.",
        ),
    ),
    Situation(
        "no type will do",
        COARSE,
        Asked(),
        "ww",
        None,
        (f"{ALL}{NONE.format('')} Q3_K_M (-1.80 points) and Q2_K (-6.00 points) are worse than",),
    ),
    Situation(
        "a split of one item",
        Split({"Q4_0": (0, 0)}, size=1, right=1),
        Asked(),
        "E",
        "Q4_0",
        (
            "On the only item of Rowan/hellaswag validation, Q4_0 (609 MiB",
            "there Q4_0 is at 0.00 points [-92.4, +92.4] (95%).",
        ),
    ),
]
every_situation = pytest.mark.parametrize("found", SITUATIONS, ids=lambda each: each.name)


def letter(found: Drift) -> str:
    first = found.split.outcome[0]
    return first.upper() if found.split.non_inferior else first


@every_situation
def test_what_is_said_is_what_is_true(found: Situation) -> None:
    record = record_of(found.split, found.asked)
    assert "".join(map(letter, record.drift)) == found.outcomes
    assert all(is_true(found.split, each) for each in record.drift)
    text = conclusion(RecordView.of(record))
    first, *others = (
        part.replace("-", MINUS).replace(f"{MINUS}{MINUS}until", "--until")
        for sentence in found.sentences
        for part in sentence.split("|")
    )
    assert text.startswith(first)
    for part in others:
        assert part in text
    named = recommended(RecordView.of(record))
    assert (named and named[0].label) == found.named
    if found.named is not None:
        limit = limit_items(found.asked.margin, found.split.size)
        assert found.split.difference(found.named) >= -limit


@every_situation
def test_a_record_that_is_read_again_says_the_same(found: Situation, tmp_path: Path) -> None:
    record = record_of(found.split, found.asked)
    save(record, tmp_path)
    again = load(tmp_path)
    assert (again, again.corrections) == (record, ())


# Parts of a split beside all of it


def contradictions(split: Split, whole: Report, part: Report) -> list[str]:
    """Return the types of which a part says what the whole split, which is counted, refutes."""
    found = []
    for counted, said in zip(whole.drift, part.drift, strict=True):
        assert counted.split.is_exact
        assert is_true(split, counted)
        if said.split.outcome in ("equivalent", "worse"):
            is_refuted = said.split.outcome != counted.split.outcome
        else:
            is_refuted = not is_true(split, said)
        if is_refuted or (said.split.non_inferior and not counted.split.non_inferior):
            found.append(said.label)
    return found


LADDERS = {
    "as ladders are": {"Q8_0": (1, 1), "Q6_K": (2, 4), "Q4_0": (5, 7), "Q2_K": (15, 39)},
    "at the margin": {"Q8_0": (0, 4), "Q6_K": (1, 5), "Q4_0": (3, 7), "Q2_K": (10, 14)},
    "just beyond it": {"Q8_0": (0, 5), "Q6_K": (1, 6), "Q4_0": (3, 8), "Q2_K": (10, 15)},
}


@pytest.mark.parametrize("name", LADDERS)
def test_no_part_of_a_split_contradicts_all_of_it(name: str) -> None:
    """At most 5 % of ladders may; of 36 random parts, that is 8 with a probability below 0.1 %."""
    n_parts, n_contradicting = 0, 0
    for seed in range(6):
        split = Split(LADDERS[name], size=400, right=290, seed=seed)
        whole = record_of(split, Asked())
        for asked in (
            *(Asked(limit=limit, seed=seed) for limit in (200, 300, 390)),
            *(Asked(until=True, limit=limit, seed=seed, known=True) for limit in (150, 350, None)),
        ):
            n_parts += 1
            n_contradicting += bool(contradictions(split, whole, record_of(split, asked)))
        # What is certain is never refuted.
        part = record_of(split, Asked(limit=396, order="file"))
        assert contradictions(split, whole, part) == []
    assert n_parts == 36
    assert n_contradicting < 8
