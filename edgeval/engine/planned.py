"""Planned items: what a job is to decode, before weights are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeval import llama
from edgeval.engine.loaded import Loaded
from edgeval.engine.messages import EngineJob
from edgeval.scoring.plan import Plan, plan
from edgeval.tasks import protocol
from edgeval.tasks.requests import Request


@dataclass(frozen=True)
class Planned:
    """The plan of a job.

    Attributes:
        vocabulary: The model's.
        choices: For each item, the requests of its choices.
        whole: The batches of all items.
        todo: Those of them that score what is to be scored.
    """

    vocabulary: llama.Tokenizer
    choices: Sequence[Sequence[Request]]
    whole: Plan
    todo: Plan

    @classmethod
    def of(cls, job: EngineJob, loaded: Loaded) -> Planned:
        """Plan a job; of its model only the vocabulary is read.

        Raises:
            GgufError: If the file is missing, not a GGUF or damaged.
            EngineError: If llama.cpp refuses it.
        """
        vocabulary = loaded.vocabulary(job.path, job.pre)
        rules = protocol.get(job.protocol)
        choices = [rules.requests(item, vocabulary) for item in job.items]
        whole = plan(
            [request for each in choices for request in each],
            job.placement.batch_tokens,
            shares=not vocabulary.info.is_recurrent,
            keeps=not vocabulary.info.is_hybrid,
        )
        wanted = set(job.todo)
        of_request = (index for index, each in enumerate(choices) for _ in each)
        todo = whole.only([place for place, item in enumerate(of_request) if item in wanted])
        return cls(vocabulary, choices, whole, todo)
