"""Drift: how a quantized model differs from the reference on the same items."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgeval.records.base import Interval, Record
from edgeval.records.divergence import Divergence
from edgeval.records.results import MOST_NAME_CHARS, Estimate, run_label
from edgeval.records.stopping import Stopping

Outcome = Literal["equivalent", "worse", "different", "open"]


class Flip(Record):
    """One item whose correctness differs from the reference."""

    item: str
    group: str
    gold: int
    reference_pick: int
    pick: int


class SplitDifference(Record):
    """What is known of a difference in accuracy on the whole split, beside a margin.

    Attributes:
        interval_points: The difference of the split, in points, for certain where every item was
            scored (then it is zero wide), otherwise with the interval's level: all intervals of a
            ladder hold their differences together with that probability.
        margin_points: Two accuracies this close are called equivalent.
        n_compared: Number of types whose intervals hold together; 1 where each holds by itself.
        outcome: What is shown: ``equivalent`` (no further from the reference than the margin, on
            either side), ``worse`` (further below it), ``different`` (not zero, and neither of
            these) or ``open``. All outcomes of a ladder are right together with the interval's
            level; see ``ladder_test``.
        non_inferior: Whether it is shown, together with these, that the accuracy is no further
            below than the margin.
        items_for_power: About how many items of the split show with a probability of 90 % that a
            type that flips as often is equivalent, if its accuracy is the reference's; None where
            that is shown, or no number was fixed.
    """

    interval_points: Interval
    margin_points: float
    n_compared: int = Field(default=1, ge=1)
    outcome: Outcome
    non_inferior: bool
    items_for_power: int | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the difference of the split is known for certain."""
        return self.interval_points.low == self.interval_points.high


class ClusteredInterval(Record):
    """The interval of a difference for new items, with what items were made of as the unit.

    Attributes:
        n_clusters: Number of sources: of videos or articles, of which some have several items.
        design_effect: Variance of the difference by sources over that by items; 1 where items of
            one source tell as much as others, more where their flips go together.
        interval_points: The interval for items of new sources.
    """

    n_clusters: int = Field(ge=2)
    design_effect: float = Field(ge=0)
    interval_points: Interval


class Drift(Record):
    """A paired comparison with the reference on the same items, by the primary metric.

    Attributes:
        type: The compared model's file type.
        has_imatrix: Whether it was quantized with an importance matrix.
        name: What tells its file from others of its type; None where nothing has to.
        reference: What reports call the reference.
        n_items: Number of pairs.
        difference_points: Accuracy minus the reference's, in points.
        split: What is known of the difference on the whole split: from an exact test or, where
            the evaluation stopped early, from an interval that is valid at every look.
        new_items: The interval for new items of the same kind, in points (Bonett-Price); those of
            all compared types hold their differences together with its level. None where the
            evaluation stopped early, and of the first items of a file.
        new_items_clustered: The same interval with an item's source as the unit; None where no two
            items have a source in common, none flipped, or there is no other.
        split_accuracy: The accuracy on the split, if the reference's is known of every item: that
            and the difference (difference estimator); None where it is not, or this one's is too.
        stopping: When and why the evaluation stopped early; None where it did not.
        mcnemar_p: Exact two-sided McNemar p-value, about new items; None where ``new_items`` is.
        mcnemar_p_holm: The same, adjusted for the number of compared models (Holm).
        right_to_wrong: Number of items only the reference has right.
        wrong_to_right: Number of items only the compared model has right.
        pick_agreement: Fraction of items with the same pick; None of items that were drawn for
            what they can tell.
        mean_logprob_change: Mean of Δ logprob over all choices, in nats; negative where the
            compared model finds them less likely.
        mean_abs_logprob_change: Mean of |Δ logprob|, in nats.
        rms_logprob_change: Root of the mean square of Δ logprob, in nats.
        p99_abs_logprob_change: 99th percentile of |Δ logprob|, in nats.
        mean_margin_shift: Mean change of the gold choice's lead over the best other choice, in the
            unit of the metric: nats for ``acc``, nats a character for ``acc_norm``, a byte for
            ``acc_bytes``, a token for ``acc_token``.
        flips: The items that flipped.
        divergence: How far the next-token distributions are apart; None where they were not
            compared.
    """

    type: str
    has_imatrix: bool = False
    name: str | None = Field(default=None, max_length=MOST_NAME_CHARS)
    reference: str
    n_items: int = Field(ge=1)
    difference_points: float
    split: SplitDifference
    new_items: Interval | None
    new_items_clustered: ClusteredInterval | None = None
    split_accuracy: Estimate | None = None
    stopping: Stopping | None = None
    mcnemar_p: float | None
    mcnemar_p_holm: float | None
    right_to_wrong: int
    wrong_to_right: int
    pick_agreement: float | None
    mean_logprob_change: float
    mean_abs_logprob_change: float
    rms_logprob_change: float
    p99_abs_logprob_change: float
    mean_margin_shift: float
    flips: list[Flip]
    divergence: Divergence | None = None

    @property
    def label(self) -> str:
        """What reports call the compared model; the label of its run."""
        return run_label(self.type, self.has_imatrix, self.name)
