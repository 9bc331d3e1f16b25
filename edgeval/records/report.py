"""Report and evaluation: what ``edgeval run`` saves, and what ``edgeval eval --json`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from edgeval.records.base import SavedRecord
from edgeval.records.claims import Claim, Verdict
from edgeval.records.contents import SameFile
from edgeval.records.context import DataSource, Engine, Machine, ModelSource, ProtocolInfo
from edgeval.records.drift import Drift
from edgeval.records.evidence import Evidence
from edgeval.records.failures import Failure
from edgeval.records.hardware import Conditions
from edgeval.records.notebook import Shown
from edgeval.records.results import ModelRun
from edgeval.records.rows import failure_row, run_row

SCHEMA_VERSION: Final = 7

_MOST_METRICS: Final = 20

MOST_TOGETHER: Final = 1002
"""More tasks than anybody has."""

Sentence = Annotated[str, Field(max_length=2000)]


class Evaluation(Shown, SavedRecord):
    """What ``edgeval eval --json`` prints: several GGUFs on the same items, without a ladder.

    Attributes:
        schema_version: Version of this schema.
        edgeval_version: What made the record.
        created_at: When it was made, in UTC.
        data: The items; those of the file that was evaluated on the most.
        protocol: How they were scored.
        engine: What computed the numbers.
        device: The machine.
        conditions: What it computed under; None in records of an older edgeval.
        runs: The files that were evaluated, in the order they were named.
        failures: Those that could not be.
    """

    schema_version: Literal[7] = SCHEMA_VERSION
    edgeval_version: str
    created_at: datetime
    data: DataSource
    protocol: ProtocolInfo
    engine: Engine
    device: Machine
    conditions: Conditions | None = None
    runs: list[ModelRun] = Field(min_length=1)
    failures: list[Failure] = Field(default_factory=list)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a file, the failed ones last: those of ``Report.rows`` with all metrics.

        What is beside a reference is None, for there is none; each metric is a fraction.
        """
        metric = self.protocol.metric
        names = dict.fromkeys(name for run in self.runs for name in run.metrics)
        rows = []
        for run in self.runs:
            known = {name: each.value for name, each in run.metrics.items()}
            row = run_row(run, metric, None, "not compared")
            rows.append(dict.fromkeys(names) | known | row)
        return [*rows, *(failure_row(each, rows[0]) for each in self.failures)]

    @model_validator(mode="after")
    def _consistent(self) -> Evaluation:
        _require_metric(self.runs, self.protocol.metric)
        return self


def _require_metric(runs: Sequence[ModelRun], metric: str) -> None:
    """Refuse runs that have no accuracy by the primary metric, which every view shows.

    Raises:
        ValueError: If one has not, or they have more metrics than a table has columns.
    """
    names = {name for run in runs for name in run.metrics}
    if len(names) > _MOST_METRICS:
        raise ValueError(f"the runs have {len(names):,} metrics; {_MOST_METRICS} are the most")
    for run in runs:
        if metric not in run.metrics:
            raise ValueError(f"the run of {run.file} has no {metric}")


class Report(Shown, SavedRecord):
    """One run: everything needed to judge its numbers. ``report.json`` holds exactly this.

    Attributes:
        schema_version: Version of this schema.
        edgeval_version: What made the record.
        created_at: When the run was begun, in UTC.
        command: The command line.
        model: Where the ladder came from.
        base_model: Repository on the hub that ready files are said to be of, by themselves or by
            who ran it; None where nobody says it, and where they are made of the checkpoint here.
        data: The items; those of the reference or, if it failed, of the run that has the most.
        protocol: How they were scored.
        engine: What computed the numbers.
        device: The machine.
        conditions: What it computed under; None in records of an older edgeval.
        runs: The models of the ladder, the reference first unless it failed.
        failures: The models of the ladder that could not be made or scored, in its order.
        same_files: Those that were left out, since their tensors would be another one's.
        unlike: In what files differ that were compared all the same, for who ran it forced it; a
            sentence each, and none as a rule.
        drift: Each other model beside the reference; empty if that failed.
        evidence: What lies behind ``drift``, item by item; left out where nothing is compared, and
            in records of an older edgeval and of ``edgeval pick``.
        n_together: Number of ladders whose intervals hold together with this one's: 1 of a run of
            one task; of one of several, each task's, and two of what is said of all.
        claims: The published numbers of the model on the evaluated task.
        other_claims: Those on other tasks, which this record cannot judge.
        verdicts: What the reference's numbers say about each of ``claims``, in their order; empty
            if the reference failed.
        elapsed_s: Seconds that the command took.
        peak_rss_bytes: The most memory that it held, with the process that llama.cpp computed in.
        worker_peak_rss_bytes: The most memory that the process that llama.cpp computed in held by
            itself; None where it computed in the command's own.
        written_bytes: What the command's processes sent to disks before the report was written;
            None where the system does not say.
    """

    schema_version: Literal[7] = SCHEMA_VERSION
    edgeval_version: str
    created_at: datetime
    command: str
    model: ModelSource
    base_model: str | None = Field(default=None, max_length=200)
    data: DataSource
    protocol: ProtocolInfo
    engine: Engine
    device: Machine
    conditions: Conditions | None = None
    runs: list[ModelRun] = Field(min_length=1)
    failures: list[Failure] = Field(default_factory=list)
    same_files: list[SameFile] = Field(default_factory=list)
    unlike: list[Sentence] = Field(default_factory=list)
    drift: list[Drift]
    evidence: Evidence | None = None
    n_together: int = Field(default=1, ge=1, le=MOST_TOGETHER)
    claims: list[Claim] = Field(default_factory=list)
    other_claims: list[Claim] = Field(default_factory=list)
    verdicts: list[Verdict] = Field(default_factory=list)
    elapsed_s: float
    peak_rss_bytes: int
    worker_peak_rss_bytes: int | None = None
    written_bytes: int | None = Field(default=None, ge=0)

    @property
    def reference(self) -> ModelRun | None:
        """What the other runs are compared with, and claims judged by; None if it failed."""
        return None if any(each.is_reference for each in self.failures) else self.runs[0]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a type, the reference first and those that failed last.

        All rows have the same names; what is not known is None. ``type``, ``file``, ``size_bytes``,
        ``bits_per_weight`` and ``n_items``, the items scored. ``accuracy``, ``accuracy_low`` and
        ``accuracy_high`` are fractions of the split by the protocol's metric.
        ``difference_points``, ``difference_low_points`` and ``difference_high_points`` are
        percentage points from the reference. ``outcome`` is ``reference``, ``equivalent``,
        ``worse``, ``different``, ``open``, ``not compared`` or ``failed``. ``lost`` and ``gained``
        count items that only the reference, or only this type, has right. ``pick_agreement`` is the
        fraction of items with the same pick, ``kl_nats`` the KL divergence from the reference a
        position (a lower bound), ``tokens_per_s`` the speed in this command and
        ``tokens_per_s_error`` its standard error, which older records have not.
        ``joules_per_item`` and ``watt_hours`` are what scoring took then, by the first source of
        ``Speed.energy``. ``hottest_c`` and ``gpu_hottest_c`` are the highest temperatures
        meanwhile, in degrees Celsius, and ``held_back_share`` is the fraction of that time in which
        clocks were held back.
        """
        metric = self.protocol.metric
        drifts = {drift.label: drift for drift in self.drift}
        rows = []
        for run in self.runs:
            drift = drifts.get(run.label)
            alone = "reference" if run is self.reference and len(self.runs) > 1 else "not compared"
            rows.append(run_row(run, metric, drift, drift.split.outcome if drift else alone))
        return [*rows, *(failure_row(each, rows[0]) for each in self.failures)]

    @model_serializer(mode="wrap")
    def _without_unknown(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write no evidence where there is none, as in records of an older edgeval."""
        content: dict[str, Any] = handler(self)
        if self.evidence is None:
            content.pop("evidence", None)
        return content

    @model_validator(mode="after")
    def _consistent(self) -> Report:
        _require_metric(self.runs, self.protocol.metric)
        expected = 0 if self.reference is None else len(self.claims)
        if len(self.verdicts) != expected:
            why = "" if self.reference else " though the reference failed"
            raise ValueError(f"{len(self.claims)} claims have {len(self.verdicts)} verdicts{why}")
        if self.reference is None and self.drift:
            raise ValueError(f"{self.drift[0].label} is compared though the reference failed")
        self._require_one_outcome_a_type()
        return self

    def _require_one_outcome_a_type(self) -> None:
        taken = {run.label for run in self.runs}
        for failure in self.failures:
            if failure.label in taken:
                raise ValueError(f"{failure.label} failed, and is in the record once more")
            taken.add(failure.label)
        if sum(failure.is_reference for failure in self.failures) > 1:
            raise ValueError("more than one failure is that of the reference")
