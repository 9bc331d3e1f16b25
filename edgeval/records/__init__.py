"""Schemas of everything that leaves the process: the saved record is the product.

Probabilities and accuracies are fractions in [0, 1], differences in accuracy points (hundredths).
A schema is loaded when it is first named, for to make one takes time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeval.records.base import Interval, Record, SavedRecord
    from edgeval.records.claims import (
        Average,
        Citation,
        Claim,
        ClaimCitation,
        ProtocolMatch,
        Verdict,
        VerdictStatus,
    )
    from edgeval.records.contents import PreTokenizer, SameFile, TensorMix
    from edgeval.records.context import (
        DataSource,
        Engine,
        Machine,
        ModelSource,
        ProtocolInfo,
        ShotPool,
        protocol_label,
    )
    from edgeval.records.diagnosis import (
        Backend,
        Build,
        Diagnosis,
        Finding,
        Folder,
        Gpu,
        GpuCheck,
        Look,
        Surroundings,
        TypeTrial,
    )
    from edgeval.records.divergence import Divergence, Drawn, MeanDivergence, PositionDivergence
    from edgeval.records.drift import ClusteredInterval, Drift, Flip, Outcome, SplitDifference
    from edgeval.records.evidence import (
        ChangeHistogram,
        Evidence,
        GroupCount,
        GroupCounts,
        ToldFlip,
    )
    from edgeval.records.failures import Failure
    from edgeval.records.generation import GenerationSpeed
    from edgeval.records.hardware import Conditions, CoreGroup, Limits
    from edgeval.records.kernels import KernelChoice, KernelRace, KernelTrial, KernelTrials
    from edgeval.records.model import ModelFacts, ModelShape
    from edgeval.records.report import SCHEMA_VERSION, Evaluation, Report
    from edgeval.records.results import (
        UNQUANTIZED,
        Estimate,
        ImatrixInfo,
        Metric,
        ModelRun,
        OffloadInfo,
        ReferenceInfo,
        SelfCheck,
        run_label,
    )
    from edgeval.records.speeds import Speed, by_command
    from edgeval.records.stopping import Stopping
    from edgeval.records.suite import PooledDifference, PooledDrift, Suite, TaskAverage

__all__ = [
    "SCHEMA_VERSION",
    "UNQUANTIZED",
    "Average",
    "Backend",
    "Build",
    "ChangeHistogram",
    "Citation",
    "Claim",
    "ClaimCitation",
    "ClusteredInterval",
    "Conditions",
    "CoreGroup",
    "DataSource",
    "Diagnosis",
    "Divergence",
    "Drawn",
    "Drift",
    "Engine",
    "Estimate",
    "Evaluation",
    "Evidence",
    "Failure",
    "Finding",
    "Flip",
    "Folder",
    "GenerationSpeed",
    "Gpu",
    "GpuCheck",
    "GroupCount",
    "GroupCounts",
    "ImatrixInfo",
    "Interval",
    "KernelChoice",
    "KernelRace",
    "KernelTrial",
    "KernelTrials",
    "Limits",
    "Look",
    "Machine",
    "MeanDivergence",
    "Metric",
    "ModelFacts",
    "ModelRun",
    "ModelShape",
    "ModelSource",
    "OffloadInfo",
    "Outcome",
    "PooledDifference",
    "PooledDrift",
    "PositionDivergence",
    "PreTokenizer",
    "ProtocolInfo",
    "ProtocolMatch",
    "Record",
    "ReferenceInfo",
    "Report",
    "SameFile",
    "SavedRecord",
    "SelfCheck",
    "ShotPool",
    "Speed",
    "SplitDifference",
    "Stopping",
    "Suite",
    "Surroundings",
    "TaskAverage",
    "TensorMix",
    "ToldFlip",
    "TypeTrial",
    "Verdict",
    "VerdictStatus",
    "by_command",
    "protocol_label",
    "run_label",
]

_MODULES = {
    "base": (
        "Interval",
        "Record",
        "SavedRecord",
    ),
    "claims": (
        "Average",
        "Citation",
        "Claim",
        "ClaimCitation",
        "ProtocolMatch",
        "Verdict",
        "VerdictStatus",
    ),
    "contents": (
        "PreTokenizer",
        "SameFile",
        "TensorMix",
    ),
    "context": (
        "DataSource",
        "Engine",
        "Machine",
        "ModelSource",
        "ProtocolInfo",
        "ShotPool",
        "protocol_label",
    ),
    "diagnosis": (
        "Backend",
        "Build",
        "Diagnosis",
        "Finding",
        "Folder",
        "Gpu",
        "GpuCheck",
        "Look",
        "Surroundings",
        "TypeTrial",
    ),
    "divergence": (
        "Divergence",
        "Drawn",
        "MeanDivergence",
        "PositionDivergence",
    ),
    "drift": (
        "ClusteredInterval",
        "Drift",
        "Flip",
        "Outcome",
        "SplitDifference",
    ),
    "evidence": (
        "ChangeHistogram",
        "Evidence",
        "GroupCount",
        "GroupCounts",
        "ToldFlip",
    ),
    "failures": ("Failure",),
    "generation": ("GenerationSpeed",),
    "hardware": (
        "Conditions",
        "CoreGroup",
        "Limits",
    ),
    "kernels": (
        "KernelChoice",
        "KernelRace",
        "KernelTrial",
        "KernelTrials",
    ),
    "model": (
        "ModelFacts",
        "ModelShape",
    ),
    "report": (
        "Evaluation",
        "Report",
        "SCHEMA_VERSION",
    ),
    "results": (
        "Estimate",
        "ImatrixInfo",
        "Metric",
        "ModelRun",
        "OffloadInfo",
        "ReferenceInfo",
        "SelfCheck",
        "UNQUANTIZED",
        "run_label",
    ),
    "speeds": (
        "Speed",
        "by_command",
    ),
    "stopping": ("Stopping",),
    "suite": (
        "PooledDifference",
        "PooledDrift",
        "Suite",
        "TaskAverage",
    ),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
    return value
