"""Schemas of everything that leaves the process: the saved record is the product.

Probabilities and accuracies are fractions in [0, 1], differences in accuracy points (hundredths).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from edgeval.records.base import Interval, Record
from edgeval.records.divergence import Divergence
from edgeval.records.identity import ModelFacts, ModelShape
from edgeval.records.results import (
    UNQUANTIZED,
    Drift,
    Flip,
    ImatrixInfo,
    Metric,
    ModelRun,
    ReferenceInfo,
    run_label,
)
from edgeval.records.setting import (
    DataSource,
    Device,
    Engine,
    ModelSource,
    ProtocolInfo,
    ShotPool,
    protocol_label,
)
from edgeval.records.verdicts import ClaimCitation, ProtocolMatch, Verdict, VerdictStatus

__all__ = [
    "SCHEMA_VERSION",
    "UNQUANTIZED",
    "ClaimCitation",
    "DataSource",
    "Device",
    "Divergence",
    "Drift",
    "Engine",
    "Evaluation",
    "Flip",
    "ImatrixInfo",
    "Interval",
    "Metric",
    "ModelFacts",
    "ModelRun",
    "ModelShape",
    "ModelSource",
    "ProtocolInfo",
    "ProtocolMatch",
    "Record",
    "ReferenceInfo",
    "Report",
    "ShotPool",
    "Verdict",
    "VerdictStatus",
    "protocol_label",
    "run_label",
]

SCHEMA_VERSION: Final = 1


class Evaluation(Record):
    """What ``edgeval eval --json`` prints: several GGUFs on the same items, without a ladder."""

    schema_version: Literal[1] = SCHEMA_VERSION
    edgeval_version: str
    created_at: datetime
    data: DataSource
    protocol: ProtocolInfo
    engine: Engine
    device: Device
    runs: list[ModelRun]


class Report(Record):
    """One run: everything needed to judge its numbers. ``report.json`` holds exactly this."""

    schema_version: Literal[1] = SCHEMA_VERSION
    edgeval_version: str
    created_at: datetime
    command: str
    model: ModelSource
    data: DataSource
    protocol: ProtocolInfo
    engine: Engine
    device: Device
    runs: list[ModelRun]
    drift: list[Drift]
    verdicts: list[Verdict]
    elapsed_s: float
    peak_rss_bytes: int
