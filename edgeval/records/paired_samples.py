"""Paired samples as ``edgeval compare --lm-eval --json`` prints them."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from edgeval.records import ClusteredInterval, Interval, Record
from edgeval.records.notebook import Shown

SCHEMA_VERSION: Final = 1

MOST_NAMED: Final = 20
"""Items that are named of those that are left out for one reason."""

Kind = Literal["share", "mean", "perplexity", "bits"]
Shows = Literal["equivalent", "lower", "higher", "open"]
Reason = Literal[
    "only in the first",
    "only in the other",
    "another document",
    "another prompt",
    "another target",
    "twice with different results",
]


class SampleSource(Record):
    """Who logged samples: one run of a model, as far as its results say.

    Attributes:
        label: What tables call it, different for each.
        files: The files that were read; of a path outside the working folder their last names.
        model: The model's name.
        model_args: What the model was loaded with.
        backend: What computed it: ``hf``, for example.
        harness: Version of lm-evaluation-harness.
        has_results: Whether a ``results_*.json`` stood beside its samples.
        differences: What its results say otherwise than those of the first, in clauses.
    """

    label: str
    files: list[str]
    model: str | None = None
    model_args: str | None = None
    backend: str | None = None
    harness: str | None = None
    has_results: bool = False
    differences: list[str] = Field(default_factory=list)


class ItemsLeft(Record):
    """Items of one file that have no partner in the other, for one reason.

    Attributes:
        reason: Why.
        n_items: How many.
        doc_ids: The first of them.
    """

    reason: Reason
    n_items: int
    doc_ids: list[int] = Field(max_length=MOST_NAMED)


class SampleFlip(Record):
    """An item that one of two models has right.

    Attributes:
        task: The task.
        doc_id: The item.
        target: What is right, shortened; of a choice its place and text.
        reference_answer: What the first model says; None where the samples do not tell.
        answer: What the other says.
        is_gained: Whether the other has it right.
    """

    task: str
    doc_id: int
    target: str
    reference_answer: str | None
    answer: str | None
    is_gained: bool


class LoglikelihoodChange(Record):
    """How far log-likelihoods of the same requests are apart, in nats.

    Attributes:
        n_requests: Number of requests: choices, endings or texts.
        n_not_finite: Number of those left out because one is not finite.
        mean: Mean of the other's minus the first's.
        mean_abs: Mean of the absolute changes.
        rms: Root of their mean square.
        p99_abs: The 99th percentile of the absolute changes.
        max_abs: The largest.
        n_greedy_changed: Requests that only one model would have generated itself; None of texts.
    """

    n_requests: int
    n_not_finite: int
    mean: float
    mean_abs: float
    rms: float
    p99_abs: float
    max_abs: float
    n_greedy_changed: int | None


class PairedMetric(Record):
    """One metric of two models over the same items.

    Attributes:
        tasks: The task; of a pooled row all that it is of.
        metric: Its name.
        filter: The filter of answers that it is of.
        kind: ``share`` where each item is right or wrong, ``mean`` of numbers, and, of texts,
            ``perplexity`` or ``bits`` a byte.
        n_items: Number of items that both have a value of.
        n_not_finite: Number of items left out because a value is missing or not finite.
        reference_value: The first model's, as the harness aggregates it.
        value: The other's.
        reference_error: The first value's standard error, by itself: for ``share`` and ``mean``
            that of the harness; of a perplexity that of its logarithm.
        error: The other value's.
        difference: The other's minus the first's: of ``share`` in points, of ``mean`` in its own
            unit, of ``bits`` in bits, of ``perplexity`` that of the logarithms, in nats.
        interval: Its interval for new items of the same kind, in that unit; None of one item.
        clustered: The same with the source of items as the unit, where several have one.
        paired_error: Standard error of the difference, in that unit.
        unpaired_error: What it would be if the two were of different items.
        lost: Items that only the first has right; None unless ``share``.
        gained: Items that only the other has right; None unless ``share``.
        p_value: Exact McNemar test of a ``share``, otherwise the paired t-test; None of one item.
        p_holm: The same adjusted for all that is tested in the record.
        shows: What is shown, of all rows together: ``equivalent`` within the margin, ``lower`` or
            ``higher``, or nothing yet.
        flips: The items of ``lost`` and ``gained``; none of a pooled row.
    """

    tasks: list[str]
    metric: str
    filter: str
    kind: Kind
    n_items: int
    n_not_finite: int
    reference_value: float
    value: float
    reference_error: float | None
    error: float | None
    difference: float
    interval: Interval | None
    clustered: ClusteredInterval | None = None
    paired_error: float | None
    unpaired_error: float | None
    lost: int | None = None
    gained: int | None = None
    p_value: float | None
    p_holm: float | None = None
    shows: Shows = "open"
    flips: list[SampleFlip] = Field(default_factory=list)

    @property
    def is_pooled(self) -> bool:
        """Whether it is of several tasks."""
        return len(self.tasks) > 1


class PairedTask(Record):
    """What two models say of one task.

    Attributes:
        task: Its name in the first file.
        other_task: Its name in the other, where that is another one.
        n_items: Number of items that both have.
        n_unchecked: Number of those that carry neither content nor hashes of it.
        n_repeated: Number of rows that say again what another has said.
        left: The items that only one has, or that differ.
        differences: What the other's results say otherwise of the task, in clauses.
        not_compared: Why metrics are not compared, by what they are called.
        loglikelihoods: How far those are apart, where the samples have them.
        metrics: The metrics that are compared.
    """

    task: str
    other_task: str | None = None
    n_items: int
    n_unchecked: int = 0
    n_repeated: int = 0
    left: list[ItemsLeft] = Field(default_factory=list)
    differences: list[str] = Field(default_factory=list)
    not_compared: dict[str, str] = Field(default_factory=dict)
    loglikelihoods: LoglikelihoodChange | None = None
    metrics: list[PairedMetric] = Field(default_factory=list)


class PairedSource(Record):
    """One run beside the first.

    Attributes:
        source: The run, by its place among the sources.
        tasks: The tasks that both have.
        pooled: Metrics that several of these have, over the items of all.
        only_first: Tasks that only the first has.
        only_other: Tasks that only this one has.
    """

    source: int
    tasks: list[PairedTask]
    pooled: list[PairedMetric] = Field(default_factory=list)
    only_first: list[str] = Field(default_factory=list)
    only_other: list[str] = Field(default_factory=list)

    @property
    def metrics(self) -> list[PairedMetric]:
        """All rows, a task's after another's, and those of several at last."""
        return [*(row for task in self.tasks for row in task.metrics), *self.pooled]


class PairedSamples(Shown, Record):
    """Samples of several runs over the same items; the first is what the others are compared with.

    Attributes:
        margin_points: Two shares this close are called equivalent.
        any_prompt: Whether items count as the same whose prompts differ.
        n_tests: Number of p-values that were adjusted together.
        sources: The runs.
        comparisons: Each but the first beside the first.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    margin_points: float
    any_prompt: bool
    n_tests: int
    sources: list[SampleSource]
    comparisons: list[PairedSource]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a task, metric and model; pooled rows have the number of their tasks.

        ``model``, ``task``, ``metric``, ``filter``; ``reference_value`` and ``value``, a fraction
        where an item is right or wrong; ``difference``, ``low`` and ``high`` in the unit of
        ``PairedMetric``; ``lost``, ``gained``, ``paired_error``, ``unpaired_error``, ``p_value``,
        ``p_holm`` and ``shows``. What is not known is None.
        """
        return [
            _row(self.sources[each.source].label, metric)
            for each in self.comparisons
            for metric in each.metrics
        ]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(each.label for each in self.sources)}>"

    __str__ = __repr__


def _row(label: str, found: PairedMetric) -> dict[str, Any]:
    interval = found.interval
    return {
        "model": label,
        "task": f"{len(found.tasks)} tasks" if found.is_pooled else found.tasks[0],
        "metric": found.metric,
        "filter": found.filter,
        "n_items": found.n_items,
        "reference_value": found.reference_value,
        "value": found.value,
        "difference": found.difference,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "lost": found.lost,
        "gained": found.gained,
        "paired_error": found.paired_error,
        "unpaired_error": found.unpaired_error,
        "p_value": found.p_value,
        "p_holm": found.p_holm,
        "shows": found.shows,
    }
