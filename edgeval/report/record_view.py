"""Record views: what tables, sentences, figures and pages ask of a saved record, computed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Literal, TypeVar

from edgeval.records import Drift, Estimate, Evaluation, Metric, ModelRun, Outcome, Report, Stopping
from edgeval.report import formatting as fmt

_Record = TypeVar("_Record", bound=Report | Evaluation, covariant=True)
_Saved = TypeVar("_Saved", bound=Report | Evaluation)

RunOutcome = Literal[Outcome, "reference", "not compared"]


@dataclass(frozen=True)
class RunView:
    """One run beside the reference.

    Attributes:
        run: What was measured.
        accuracy: Its accuracy by the protocol's metric.
        drift: Its comparison with the reference; None of the reference, and where nothing is
            compared.
        outcome: What is known of its difference on the split.
    """

    run: ModelRun
    accuracy: Metric
    drift: Drift | None
    outcome: RunOutcome

    @property
    def n_items(self) -> int:
        """The number of items that it was evaluated on."""
        return self.accuracy.total

    @property
    def estimate(self) -> Estimate:
        """What is known of its accuracy on the split."""
        if self.drift is not None and self.drift.split_accuracy is not None:
            return self.drift.split_accuracy
        return as_counted(self.accuracy)


@dataclass(frozen=True)
class Sureness:
    """How sure the intervals of a ladder are.

    Attributes:
        in_short: For the head of a column: ``95% together``.
        clause: Behind a verb: ``together with 95%``.
    """

    in_short: str
    clause: str


@dataclass(frozen=True)
class RecordView(Generic[_Record]):
    """A saved record with the facts that its views have in common.

    Attributes:
        record: The record.
        runs: Its runs, the reference first unless it failed.
        reference: What the others are compared with; None if it failed, and of an evaluation.
    """

    record: _Record
    runs: tuple[RunView, ...]
    reference: RunView | None

    @classmethod
    def of(cls, record: _Saved) -> RecordView[_Saved]:
        """Return the view of a record."""
        report = record if isinstance(record, Report) else None
        drifts = {drift.label: drift for drift in report.drift} if report else {}
        has_reference = report is not None and report.reference is not None
        is_alone = len(record.runs) + len(record.failures) == 1
        runs = []
        for index, run in enumerate(record.runs):
            # The first is never compared: it is the reference or, where that failed, has none.
            drift = drifts.get(run.label) if index else None
            outcome: RunOutcome = "not compared" if drift is None else drift.split.outcome
            if has_reference and not index and not is_alone:
                outcome = "reference"
            runs.append(RunView(run, run.metrics[record.protocol.metric], drift, outcome))
        return RecordView(record, tuple(runs), runs[0] if has_reference else None)

    @property
    def judged_run(self) -> RunView:
        """The run that claims are judged by.

        Raises:
            ValueError: If the reference failed, so that none is judged.
        """
        if self.reference is None:
            raise ValueError("the reference failed")
        return self.reference

    @cached_property
    def named(self) -> list[tuple[str, ModelRun]]:
        """What was measured here, not read from a reference file, each by a name of its own."""
        return named(self.record.runs)

    @cached_property
    def fewest_items(self) -> int:
        """The least number of items of a run beside the reference, which may have many more.

        Where there is no other run, or no reference, it is of all runs.
        """
        return min(self._other_counts)

    @cached_property
    def most_items(self) -> int:
        """The greatest number of items of these runs."""
        return max(self._other_counts)

    @property
    def _other_counts(self) -> list[int]:
        has_others = self.reference is not None and len(self.runs) > 1
        return self._counts[1:] if has_others else self._counts

    @cached_property
    def _counts(self) -> list[int]:
        """Each run's number of items; that of the data where every file failed."""
        return [run.n_items for run in self.runs] or [self.record.data.n_items]

    @cached_property
    def is_slice(self) -> bool:
        """Whether any run was evaluated on fewer items than the split holds.

        If none was, nothing is left to sampling: what is said of the split is counted.
        """
        return any(count < self.record.data.n_total for count in self._counts)

    @cached_property
    def is_sample(self) -> bool:
        """Whether the items speak for the split: all of them, or some drawn at random."""
        return self.record.data.order != "file" or not self.is_slice

    @cached_property
    def is_uneven(self) -> bool:
        """Whether runs have different numbers of items."""
        return len({run.n_items for run in self.runs}) > 1

    @cached_property
    def stopping(self) -> Stopping | None:
        """How runs stopped early; None if all items were to be evaluated.

        Each run stopped at its own number of items; the points are those of all.
        """
        return next((run.stopping for run in self.record.runs if run.stopping), None)

    @cached_property
    def is_weighted(self) -> bool:
        """Whether items were drawn by what they can tell, and are no sample."""
        return any(run.stopping and run.stopping.design == "weighted" for run in self.record.runs)

    @cached_property
    def drifts(self) -> list[Drift]:
        """The comparisons, in the order of their runs."""
        return [run.drift for run in self.runs if run.drift is not None]

    @cached_property
    def sampled(self) -> list[Drift]:
        """The comparisons of which an interval, not the difference, is known for the split."""
        return [drift for drift in self.drifts if not drift.split.is_exact]

    @cached_property
    def is_estimated(self) -> bool:
        """Whether accuracies are the reference's on the whole split plus a difference."""
        return any(drift.split_accuracy for drift in self.drifts)

    @cached_property
    def has_new_items(self) -> bool:
        """Whether intervals of differences for new items are known."""
        return any(drift.new_items for drift in self.drifts)

    @cached_property
    def has_agreement(self) -> bool:
        """Whether the shares of items with the same pick are known."""
        return any(drift.pick_agreement is not None for drift in self.drifts)

    @cached_property
    def margin(self) -> str:
        """How close accuracies are called equivalent, if any are compared: ``1 point``."""
        return fmt.points(self.drifts[0].split.margin_points)

    @cached_property
    def level(self) -> str:
        """The level of the intervals of accuracies: ``95%``."""
        return fmt.level(self.runs[0].accuracy.split_interval)

    @cached_property
    def are_together(self) -> bool:
        """Whether the intervals of a ladder hold all at once with their level.

        In records of an older edgeval each that stopped early holds by itself.
        """
        return all(drift.split.n_compared >= len(self.sampled) for drift in self.sampled)

    @cached_property
    def sureness(self) -> Sureness:
        """How sure the intervals of a ladder are, if any runs are compared."""
        if not self.is_sample:
            return Sureness("certain", "for certain, whatever the other items are")
        level = fmt.level(self.drifts[0].split.interval_points)
        if len(self.sampled) < 2:
            return Sureness(level, f"with {level}")
        if self.are_together:
            return Sureness(f"{level} together", f"together with {level}")
        return Sureness(f"{level} each", f"by itself with {level}")


def as_counted(accuracy: Metric) -> Estimate:
    """Return what the counted items tell of an accuracy on the split."""
    return Estimate(value=accuracy.value, interval=accuracy.split_interval)


def named(runs: Sequence[ModelRun]) -> list[tuple[str, ModelRun]]:
    """Return what was measured here, not read from a reference file, each by a name of its own."""
    measured = [run for run in runs if run.from_reference is None]
    n_labels = Counter(run.label for run in measured)
    return [(run.label if n_labels[run.label] == 1 else run.file, run) for run in measured]
