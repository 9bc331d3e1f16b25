"""History as ``edgeval history --json`` prints it: the runs of one store over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from edgeval.records import Machine, Metric, Record, Speed
from edgeval.records.comparison import CountPair
from edgeval.records.notebook import Shown
from edgeval.records.score_key import ScoreKey

SCHEMA_VERSION: Final = 1


class ScoreChange(Record):
    """How far two runs of the same items are apart, item by item.

    Attributes:
        n_items: Number of items that both have scores of.
        n_new_picks: How many of them have another pick.
        mean_nats: Mean size of the change of a choice's log-probability, over all choices of those
            items; None without any.
        largest_nats: Size of the largest; None without any.
        largest_item: Place of its item in the data set; None without any.
        lost: Items that were right and are wrong; None where the right choices are not known.
        gained: Items that were wrong and are right; None in the same cases.
    """

    n_items: int = Field(ge=0)
    n_new_picks: int = Field(ge=0)
    mean_nats: float | None = Field(default=None, ge=0)
    largest_nats: float | None = Field(default=None, ge=0)
    largest_item: int | None = Field(default=None, ge=0)
    lost: int | None = Field(default=None, ge=0)
    gained: int | None = Field(default=None, ge=0)


class RunChange(Record):
    """What is different between a run and an earlier one of the same measurement.

    Attributes:
        since: Number of the earlier run in the store.
        settings: What else differs, in clauses; empty where it is the same setting and machine.
        scores: How far their scores are apart.
        right: How the numbers of right items agree, of the items that both have; None where the
            right choices are not known, or they have no item in common.
        speed_ratio: Tokens a second over those of the earlier run; None where the two are not
            speeds of the same work on the same device with the same threads.
        no_speed_ratio: Why there is none, as a clause; None where there is one, or no speed.
    """

    since: int
    settings: list[str]
    scores: ScoreChange
    right: CountPair | None = None
    speed_ratio: float | None = None
    no_speed_ratio: str | None = None


class PastRun(Record):
    """One run of a measurement.

    Attributes:
        number: Its number in the store.
        created_at: When it was begun, in UTC.
        setting: All that could change a score.
        device: The machine that computed the last of it; None where the store does not say.
        n_items: Number of items scored.
        accuracy: Its accuracy by the measurement's metric; None where the right choices are not
            known.
        speed: What the command took that scored the most of it; None where that is not known.
        change: What is different from the run before; None of the first.
    """

    number: int
    created_at: datetime
    setting: ScoreKey
    device: Machine | None = None
    n_items: int = Field(ge=1)
    accuracy: Metric | None = None
    speed: Speed | None = None
    change: RunChange | None = None


class Measurement(Record):
    """The runs of one file on one data set under one protocol, the oldest first.

    Attributes:
        file: Name of the model's file, as the latest run has it.
        sha256: Hash of the file.
        type: llama.cpp's name for how it is quantized; None where the store does not say.
        task: Name of the task.
        data: Name of the data set, as the latest run has it.
        data_fingerprint: Hash of the data set.
        n_total: Number of its items; None where that is not known.
        protocol: Name of the protocol.
        protocol_version: Its version.
        shots: Solved items shown before each item.
        metric: What picks, and accuracies, follow: the protocol's own, or the most likely choice
            (``acc``) where the items are not at hand.
        has_items: Whether the items were at hand, so that right choices are known.
        runs: The runs.
        since_engine: What is different between the latest run and the last one of another engine
            version; None where all have the same.
    """

    file: str
    sha256: str
    type: str | None
    task: str
    data: str
    data_fingerprint: str
    n_total: int | None
    protocol: str
    protocol_version: int
    shots: int
    metric: str
    has_items: bool
    runs: list[PastRun] = Field(min_length=1)
    since_engine: RunChange | None = None


class History(Shown, Record):
    """The runs of one store over time.

    Attributes:
        schema_version: Version of this schema.
        edgeval_version: What made the record.
        created_at: When it was made, in UTC.
        store: The store, without the folders that it is in.
        n_left_out: Number of older runs that are left out.
        measurements: What was measured more than once, or once; that with the latest run first.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    edgeval_version: str
    created_at: datetime
    store: str
    n_left_out: int = Field(ge=0)
    measurements: list[Measurement]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a run, those of a measurement in the order of time.

        ``accuracy`` is a fraction by ``metric``; ``n_new_picks``, ``mean_nats``, ``largest_nats``,
        ``lost`` and ``gained`` are beside the run before. What is not known is None.
        """
        return [_row(each, run) for each in self.measurements for run in each.runs]


def _row(of: Measurement, run: PastRun) -> dict[str, Any]:
    scores = run.change.scores if run.change else None
    return {
        "file": of.file,
        "type": of.type,
        "task": of.task,
        "protocol": of.protocol,
        "metric": of.metric,
        "run": run.number,
        "created_at": run.created_at,
        "engine": run.setting.engine,
        "backend": run.setting.backend,
        "n_items": run.n_items,
        "accuracy": run.accuracy.value if run.accuracy else None,
        "n_new_picks": scores.n_new_picks if scores else None,
        "mean_nats": scores.mean_nats if scores else None,
        "largest_nats": scores.largest_nats if scores else None,
        "lost": scores.lost if scores else None,
        "gained": scores.gained if scores else None,
        "tokens_per_s": run.speed.tokens_per_s if run.speed else None,
    }
