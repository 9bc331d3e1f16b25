"""llama.cpp in a process of its own: what is asked of it, and what is said when it dies."""

from edgeval.engine.client import Engine
from edgeval.engine.current import Local, running, use
from edgeval.engine.messages import (
    Begun,
    EngineFacts,
    EngineJob,
    Generated,
    GenerationJob,
    ImatrixPlan,
    Scored,
)
from edgeval.engine.process import Worker
from edgeval.scoring.results import ItemResult

__all__ = [
    "Begun",
    "Engine",
    "EngineFacts",
    "EngineJob",
    "Generated",
    "GenerationJob",
    "ImatrixPlan",
    "ItemResult",
    "Local",
    "Scored",
    "Worker",
    "running",
    "use",
]
