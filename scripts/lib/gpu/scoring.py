"""Scores of a GGUF's items, on a placement of one's own choice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeval import llama
from edgeval.evaluation.setup import EvalSetup
from edgeval.llama.placement import Placement
from edgeval.scoring.plan import plan
from edgeval.scoring.score import score_items, settings_for
from edgeval.tasks.requests import Work

Float64 = npt.NDArray[np.float64]


def logprobs(path: Path, setup: EvalSetup, placement: Placement) -> tuple[Float64, Work]:
    """Return the log-probabilities of all items' choices in nats, and the work of it.

    Args:
        path: The GGUF.
        setup: The items and their protocol.
        placement: Where it is computed, and on how many sessions.

    Returns:
        One value a choice, shape (choices of all items,), in the order of the items.
    """
    with llama.Tokenizer(path) as vocabulary:
        choices = [setup.protocol.requests(item, vocabulary) for item in setup.items]
        file_type = vocabulary.file_type
        kernels = setup.of(vocabulary.info).kernels.kernels
    planned = plan([request for each in choices for request in each], placement.batch_tokens)
    settings = settings_for(planned, file_type, setup.threads, placement.ubatch_tokens)
    found: dict[int, tuple[float, ...]] = {}
    work = Work()
    with llama.Model(path, placement.offload, kernels) as model:
        for batch in score_items(
            model,
            setup.items,
            choices,
            planned,
            settings,
            work,
            n_sessions=placement.n_sessions,
        ):
            found |= {index: result.score.logprobs for index, result in batch.items()}
    return np.concatenate([found[index] for index in range(len(setup.items))]), work
