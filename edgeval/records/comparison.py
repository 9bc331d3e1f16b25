"""Comparison as ``edgeval compare --json`` prints it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from edgeval.records import (
    DataSource,
    Engine,
    Estimate,
    Failure,
    Machine,
    ModelRun,
    ModelSource,
    ProtocolInfo,
    Record,
    SplitDifference,
)
from edgeval.records.notebook import Shown

SCHEMA_VERSION: Final = 4

Agreement = Literal["equal", "within tolerance", "differs"]
Standing = Literal[Agreement, "reference", "not comparable"]
MatchedBy = Literal["file", "model and type"]


class CountPair(Record):
    """How many items two runs have right by one metric.

    Attributes:
        correct: Number of items that the run has right.
        reference_correct: Number of items that the reference has right.
        total: Number of items scored.
        share: The share of items that may turn from right to wrong, or back, by rounding alone.
        p_value: The probability that this moves the number at least as far, both ways being as
            probable; exact up to 100,000 items, and an upper bound above.
        tolerance: How far the two numbers may be apart.
        false_alarm: The probability that rounding alone moves it further is at most this; over all
            counts of a record it is at most 1 %.
        agreement: What follows from that.
    """

    correct: int
    reference_correct: int
    total: int
    share: float
    p_value: float
    tolerance: int
    false_alarm: float
    agreement: Agreement


class Beside(Record):
    """What a machine's record says of a type beside that record's own reference.

    Attributes:
        reference: What the reference is called.
        difference_points: Accuracy minus the reference's on the items that were scored, in points.
        split: What is known of the difference on the whole split, and its outcome at the margin.
        accuracy: Its accuracy on the split, where that follows from the reference's and the
            difference; None where its own items are counted.
    """

    reference: str
    difference_points: float
    split: SplitDifference
    accuracy: Estimate | None = None


class ComparedRun(Record):
    """One machine's run beside the first machine's of the same name.

    Attributes:
        run: What was measured.
        items_per_s: Items over seconds of scoring, without loading, as measured in the record's own
            command; None where it scored none.
        standing: ``reference`` for the first machine's run; otherwise the worst agreement of any
            metric, or ``not comparable``.
        matched_by: What makes it the same measurement; None where nothing does.
        reasons: Why it may not be compared, if so.
        differences: What else differs from the first machine's run, and may.
        metrics: The numbers of right items, by metric; empty where it may not be compared.
        beside: What its record says of it beside its own reference; None of a reference, and in
            records that compare nothing.
        is_contradicted: Whether that and what the first machine's record says of its run cannot
            both be true of one difference.
        speed_ratio: Tokens a second over those of the first record; None where the two are not
            speeds of the same work on the same device with the same threads.
        no_speed_ratio: Why there is none, as a clause; None where there is one, or no speed, or it
            may not be compared at all.
    """

    run: ModelRun
    items_per_s: float | None
    standing: Standing
    matched_by: MatchedBy | None = None
    reasons: list[str] = Field(default_factory=list)
    differences: list[str] = Field(default_factory=list)
    metrics: dict[str, CountPair] = Field(default_factory=dict)
    beside: Beside | None = None
    is_contradicted: bool = False
    speed_ratio: float | None = None
    no_speed_ratio: str | None = None


class ComparedType(Record):
    """The runs of one name.

    Attributes:
        name: File type, and whether an importance matrix was used.
        runs: One a machine, in the order of the machines; None where it was not evaluated.
        failures: One a machine; None where it did not fail.
    """

    name: str
    runs: list[ComparedRun | None]
    failures: list[Failure | None]


class ComparedMachine(Record):
    """One saved record, without its runs.

    Attributes:
        label: What tables call it, different for each.
        file: Where the record was read from; of a path outside the working folder its last name.
        edgeval_version: Version that wrote the record.
        created_at: When it was written.
        model: Where its ladder came from; ``edgeval eval`` does not say.
        data: The items.
        protocol: How they were scored.
        engine: What computed the numbers.
        device: The machine.
        devices: The GPUs that its runs were computed on; none on the CPU.
        elapsed_s: Seconds of the whole command, as far as the record says.
        peak_rss_bytes: Most memory that the command held, as far as the record says.
        differences: What differs from the first record for all runs, and may.
        corrections: What the record says otherwise than its numbers, in sentences.
    """

    label: str
    file: str
    edgeval_version: str
    created_at: datetime
    model: ModelSource | None
    data: DataSource
    protocol: ProtocolInfo
    engine: Engine
    device: Machine
    devices: list[str] = Field(default_factory=list)
    elapsed_s: float | None
    peak_rss_bytes: int | None
    differences: list[str]
    corrections: list[str] = Field(default_factory=list)


class Comparison(Shown, Record):
    """Saved records side by side; the first is what the others are compared with.

    Attributes:
        margin_points: Two accuracies this close are called equivalent.
        machines: The records.
        types: Their runs, a type each.
    """

    schema_version: Literal[4] = SCHEMA_VERSION
    margin_points: float
    machines: list[ComparedMachine]
    types: list[ComparedType]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a type and machine, without those that were not evaluated there.

        ``machine``, its label, and ``type``. ``standing`` is ``reference``, ``equal``, ``within
        tolerance``, ``differs``, ``not comparable`` or ``failed``. ``accuracy`` is a fraction by
        the protocol's metric, ``correct`` and ``n_items`` are counts. ``difference_points`` and
        ``outcome`` are beside the machine's own reference. ``tokens_per_s``, ``items_per_s`` and
        ``speed_ratio``, that over the first machine's; ``tokens_per_s_error``, the standard error.
        What is not known is None.
        """
        return [
            row
            for each in self.types
            for machine, run, failure in zip(self.machines, each.runs, each.failures, strict=True)
            if (row := _row(each.name, machine, run, failure)) is not None
        ]

    def runs_of(self, machine: int) -> list[ModelRun]:
        """Return the runs of one of the machines, by its place in their list."""
        return [found.run for each in self.types if (found := each.runs[machine]) is not None]


def _row(
    name: str, machine: ComparedMachine, run: ComparedRun | None, failure: Failure | None
) -> dict[str, Any] | None:
    """Return what ``Comparison.rows`` says of a type on one machine; None where it has nothing."""
    if run is None and failure is None:
        return None
    measured = run.run.metrics[machine.protocol.metric] if run else None
    beside = run.beside if run else None
    speed = run.run.speed if run else None
    return {
        "machine": machine.label,
        "type": name,
        "standing": run.standing if run else "failed",
        "accuracy": measured.value if measured else None,
        "correct": measured.correct if measured else None,
        "n_items": measured.total if measured else None,
        "difference_points": beside.difference_points if beside else None,
        "outcome": beside.split.outcome if beside else None,
        "tokens_per_s": speed.tokens_per_s if speed else None,
        "items_per_s": run.items_per_s if run else None,
        "speed_ratio": run.speed_ratio if run else None,
        "tokens_per_s_error": speed.tokens_per_s_error if speed else None,
    }
