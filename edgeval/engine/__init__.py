"""llama.cpp in a process of its own: what is asked of it, and what is said when it dies."""

from edgeval.engine.client import Engine
from edgeval.engine.current import Local, current, running, use
from edgeval.engine.messages import (
    Begun,
    Calibration,
    EngineFacts,
    EngineJob,
    Generated,
    GenerationJob,
    ImatrixPlan,
    LoadTimes,
    ModelJob,
    RequestsJob,
    RequestSum,
    Scored,
    SpeedJob,
    Summed,
    Vocabulary,
    WritingJob,
    Written,
)
from edgeval.engine.process import Worker
from edgeval.scoring.results import ItemResult

__all__ = [
    "Begun",
    "Calibration",
    "Engine",
    "EngineFacts",
    "EngineJob",
    "Generated",
    "GenerationJob",
    "ImatrixPlan",
    "ItemResult",
    "LoadTimes",
    "Local",
    "ModelJob",
    "RequestSum",
    "RequestsJob",
    "Scored",
    "SpeedJob",
    "Summed",
    "Vocabulary",
    "Worker",
    "WritingJob",
    "Written",
    "current",
    "running",
    "use",
]
