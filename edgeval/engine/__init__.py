"""llama.cpp in a process of its own: what is asked of it, and what is said when it dies."""

from edgeval.engine.client import Engine
from edgeval.engine.current import Local, current, running, use
from edgeval.engine.messages import (
    Begun,
    EngineFacts,
    EngineJob,
    ImatrixPlan,
    ModelJob,
    RequestsJob,
    RequestSum,
    Scored,
    Summed,
    Vocabulary,
    WritingJob,
    Written,
)
from edgeval.engine.process import Worker
from edgeval.engine.speed_messages import Calibration, Generated, GenerationJob, LoadTimes, SpeedJob
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
