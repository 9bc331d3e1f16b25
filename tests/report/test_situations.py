"""What a verdict says in each situation, held to what is true there by construction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.stats import hypergeom

from edgeval.checkpoints.cards import cards
from edgeval.records import Average, Claim, Interval, Report, Stopping, VerdictStatus
from edgeval.report.record_view import RecordView
from edgeval.report.verdicts import verdict_sentences
from edgeval.stats.metrics import metric
from edgeval.stats.verdict import judged
from tests.helpers.reports import N_SPLIT, example_claim, example_report

PUBLISHED = example_claim(59.20, correct=5945)
(DEMO,) = cards()["demo"].claims
MINUS = "\N{MINUS SIGN}"
SLICE = "On a slice of {} of 10,042 items, F16 scores"
ALL = "On all 10,042 items, F16 scores"
BAND = "the tolerance of ±1 point, 58.20 to 60.20"
NOT_REFUTED = (
    f"lies outside {BAND}, but a proxy does not refute a claim, since what differs may be why."
)
TOO_WIDE = (
    f"the interval for the whole split reaches beyond {BAND}, so that it neither confirms nor "
    "excludes the claim."
)


@dataclass(frozen=True)
class Situation:
    """A measurement of a claim.

    Attributes:
        name: What it is.
        right: Number of right items that were measured, and of how many.
        status: What has to be said.
        sentence: The end of the sentence that says it, or all of it.
        is_true: Whether the claimed measurement, made on the whole split, is within the tolerance;
            None where nobody can know from this.
        probability: Confidence, by enumeration over all splits; None where there is none.
        changes: What else is other than in a random slice of the claim's split in F16.
        claim: What is published.
        others: What is published of other tasks.
    """

    name: str
    right: tuple[int, int]
    status: VerdictStatus
    sentence: str
    is_true: bool | None
    probability: float | None = None
    changes: dict[str, Any] | None = None
    claim: Claim = PUBLISHED
    others: tuple[Claim, ...] = ()


def posterior(correct: int, total: int, claim: Claim) -> float:
    """Return how often the split is within the tolerance, over all splits that give this sample."""
    right = np.arange(claim.n_items + 1)
    ways = hypergeom.pmf(correct, claim.n_items, right, total)
    within = np.abs(100 * right / claim.n_items - claim.value) <= claim.tolerance_points
    return float(ways[within].sum() / ways.sum())


ARC = example_claim(55.25, task="arc_easy", n_items=2376, row_average=Average(value=52.99))
STOPPED = Stopping(points=1.0, is_decided=True, design="random order", n_items=2432)
SITUATIONS = [
    Situation(
        "the demo in full",
        (733, 1000),
        "reproduced",
        "On all 1,000 items, F16 scores 73.30, and the published number is 73.20 (+0.10 points): "
        "the score lies within the tolerance of ±1 point, 72.20 to 74.20, 1 item more than the "
        "published 732 of 1,000.",
        is_true=True,
        claim=DEMO,
    ),
    Situation(
        "the same count",
        (5945, N_SPLIT),
        "reproduced",
        f"{ALL} 59.20, and the published number is 59.20 (0.00 points): as many items are right as "
        "were published, 5,945 of 10,042, the same to the item count.",
        is_true=True,
    ),
    Situation(
        "three items apart",
        (5942, N_SPLIT),
        "reproduced",
        f"the score lies within {BAND}, 3 items fewer than the published 5,945 of 10,042.",
        is_true=True,
    ),
    Situation(
        "the claim is no count",
        (5945, N_SPLIT),
        "reproduced",
        f"the score lies within {BAND}.",
        is_true=True,
        claim=example_claim(59.20),
    ),
    Situation(
        "exact, outside the tolerance",
        (5844, N_SPLIT),
        "not_reproduced",
        f"the score lies outside {BAND}, 101 items fewer than the published 5,945 of 10,042.",
        is_true=False,
    ),
    Situation(
        "all wrong, in full",
        (0, N_SPLIT),
        "not_reproduced",
        f"{ALL} 0.00, and the published number is 59.20 ({MINUS}59.20 points): the score lies "
        f"outside {BAND}, 5,945 items fewer than the published 5,945 of 10,042.",
        is_true=False,
    ),
    Situation(
        "all wrong, of 20 at random",
        (0, 20),
        "inconclusive",
        f"the interval for the whole split {NOT_REFUTED}",
        is_true=None,
    ),
    Situation("one item, right", (1, 1), "inconclusive", TOO_WIDE, is_true=None),
    Situation(
        "400 at random",
        (237, 400),
        "inconclusive",
        f"{SLICE.format(400)} 59.25, and the published number is 59.20 (+0.05 points): {TOO_WIDE}",
        is_true=None,
    ),
    Situation(
        "most of the split at random",
        (4736, 8000),
        "partial",
        f"the interval for the whole split lies within {BAND}, and a proxy shows no more than that "
        "it agrees. The probability that the whole split's value lies within the tolerance, as "
        "this says, is above 99%: the exact posterior, if every value was as likely as another "
        "before.",
        is_true=True,
        probability=posterior(4736, 8000, PUBLISHED),
    ),
    Situation(
        "6,000 at random, near the edge",
        (3525, 6000),
        "inconclusive",
        TOO_WIDE,
        is_true=None,
    ),
    Situation(
        "the first 400 of a file",
        (100, 400),
        "inconclusive",
        "the first items of a file are no random sample, and say nothing of the whole split, "
        "whatever they show.",
        is_true=None,
        changes={"order": "file"},
    ),
    Situation(
        "the first 9,000 of a file",
        (5328, 9000),
        "inconclusive",
        "the first items of a file are no random sample, and say nothing of the whole split, "
        "whatever they show.",
        is_true=None,
        changes={"order": "file"},
    ),
    Situation(
        "a file of 400 items in full",
        (100, 400),
        "inconclusive",
        "a file of 400 items is no random sample of the claim's 10,042, and says nothing of these.",
        is_true=None,
        changes={"n_total": 400, "name": "mine.jsonl"},
    ),
    Situation(
        "a copy of the split in full",
        (5945, N_SPLIT),
        "partial",
        f"the score lies within {BAND}, and a proxy shows no more than that it agrees.",
        is_true=True,
        changes={"name": "copy.jsonl"},
    ),
    Situation(
        "Q2_K alone",
        (5000, N_SPLIT),
        "inconclusive",
        f"the score {NOT_REFUTED}",
        is_true=None,
        changes={"type": "Q2_K"},
    ),
    Situation(
        "Q8_0 alone",
        (5950, N_SPLIT),
        "partial",
        f"the score lies within {BAND}, and a proxy shows no more than that it agrees.",
        is_true=True,
        changes={"type": "Q8_0"},
    ),
    Situation(
        "another BOS policy",
        (5700, N_SPLIT),
        "inconclusive",
        f"the score {NOT_REFUTED}",
        is_true=None,
        changes={"protocol": "lm-eval-bos"},
    ),
    Situation(
        "an old record that stopped early",
        (1439, 2432),
        "partial",
        f"the interval for the whole split lies within {BAND}, and a proxy shows no more than that "
        "it agrees.",
        is_true=True,
        changes={"order": "simple", "stopping": STOPPED, "ends": (0.583, 0.601)},
    ),
    Situation(
        "an old record that stopped early, outside",
        (1200, 2432),
        "inconclusive",
        f"the interval for the whole split {NOT_REFUTED}",
        is_true=None,
        changes={"order": "simple", "stopping": STOPPED, "ends": (0.48, 0.51)},
    ),
    Situation(
        "another metric",
        (5945, N_SPLIT),
        "inconclusive",
        "another measurement neither confirms nor excludes the claim (protocol lm-eval where the "
        "claim is acc_chars of lm-eval).",
        is_true=None,
        claim=example_claim(59.20, metric="acc_chars"),
    ),
    Situation(
        "a claim that contradicts itself",
        (5945, N_SPLIT),
        "reproduced",
        "as many items are right as were published, 5,945 of 10,042, the same to the item count. "
        "The row contradicts itself: arc_easy 55.25 is no share of 2,376 items (1,312 right are "
        "55.22, 1,313 right are 55.26), and its average 52.99 is not the mean of its 2 numbers "
        "(57.23).",
        is_true=True,
        claim=example_claim(59.20, correct=5945, row_average=Average(value=52.99)),
        others=(ARC,),
    ),
]


def record_of(found: Situation) -> Report:
    """Return the record of a measurement, judged."""
    correct, total = found.right
    changes = dict(found.changes or {})
    record = example_report(alone=True, status=None)
    run, population = record.runs[0], found.claim.n_items
    data = {"n_items": total, "n_total": population, "groups": {"activitynet": total}}
    if found.claim.data_fingerprint:
        data["fingerprint"] = found.claim.data_fingerprint
    data |= {name: changes[name] for name in ("order", "n_total", "name") if name in changes}
    measured = metric(correct, total, data["n_total"])
    if ends := changes.get("ends"):
        interval = Interval(low=ends[0], high=ends[1], level=0.95)
        measured = measured.model_copy(update={"interval": None, "split_interval": interval})
    run = run.model_copy(
        update={
            "metrics": dict.fromkeys(run.metrics, measured),
            "type": changes.get("type", "F16"),
            "stopping": changes.get("stopping"),
        }
    )
    protocol = record.protocol.model_copy(update={"name": changes.get("protocol", "lm-eval")})
    update = {
        "runs": [run],
        "protocol": protocol,
        "data": record.data.model_copy(update=data),
        "other_claims": list(found.others),
    }
    return judged(record.model_copy(update=update), [found.claim])


@pytest.mark.parametrize("found", SITUATIONS, ids=lambda each: each.name)
def test_what_is_said_is_what_is_true(found: Situation) -> None:
    record = record_of(found)
    (said,) = record.verdicts
    assert said.status == found.status
    assert said.score == found.right[0] / found.right[1]
    (sentence,) = verdict_sentences(RecordView.of(record))
    assert sentence.endswith(found.sentence)
    if found.probability is None:
        assert said.confidence is None
        assert "probability" not in sentence
    else:
        assert said.confidence == pytest.approx(found.probability, abs=1e-9)
    # Only what is known is said: a status other than inconclusive is the truth.
    expected: dict[bool | None, tuple[VerdictStatus, ...]] = {
        True: ("reproduced", "partial"),
        False: ("not_reproduced",),
        None: ("inconclusive",),
    }
    assert said.status in expected[found.is_true]


@pytest.mark.parametrize("found", SITUATIONS, ids=lambda each: each.name)
def test_a_record_that_is_read_again_says_the_same(found: Situation) -> None:
    record = record_of(found)
    loaded = Report.model_validate_json(record.model_dump_json())
    assert judged(loaded, loaded.claims) == record
