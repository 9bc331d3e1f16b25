"""Messages about speed; like the others, none of them loads llama.cpp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeval.engine.messages import ModelJob
from edgeval.llama.paths import Layout
from edgeval.llama.speed_test import SpeedTest


@dataclass(frozen=True)
class Calibration:
    """What scoring will decode, and how fast a part of it was.

    Attributes:
        tokens: Tokens that are to be decoded.
        plan_s: Seconds that planning took.
        load_s: Seconds of loading the model; 0 where it was loaded before, or is not.
        batches: Tokens and seconds of batches that were decoded and reduced, one pair a batch;
            none where only the plan was wanted.
        is_full: Whether these were batches of the plan; otherwise smaller ones, since those would
            have taken too long.
        closer_s: Seconds that the closer look at items takes besides.
        memory_bytes: What the model and its sessions take, in bytes.
        other_bytes: What else the process held before; None where the model was loaded already.
    """

    tokens: int
    plan_s: float
    load_s: float
    batches: tuple[tuple[int, float], ...]
    is_full: bool
    closer_s: float
    memory_bytes: int
    other_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class GenerationJob(ModelJob):
    """A text that is generated to find out how long it takes, and how.

    Attributes:
        n_prompt: Tokens of the prompt.
        n_generated: Tokens generated behind it.
    """

    n_prompt: int
    n_generated: int


@dataclass(frozen=True)
class Generated:
    """What generating a text took, in seconds.

    Attributes:
        prompt_s: Of the prompt, which is decoded at once.
        token_s: Of each token behind it.
    """

    prompt_s: float
    token_s: Sequence[float]


@dataclass(frozen=True)
class LoadTimes:
    """What a model took to load, and what it is.

    Attributes:
        load_s: Seconds until its weights could be computed with.
        first_token_s: Seconds until one token was decoded, loading included: all weights were read.
        description: llama.cpp's description, such as ``llama 1B Q4_K - Medium``.
        n_params: Number of parameters.
        tensor_bytes: Bytes of all tensors.
        layouts: Where the matrices lie that the CPU multiplies with; empty if that is not known.
    """

    load_s: float
    first_token_s: float
    description: str
    n_params: int
    tensor_bytes: int
    layouts: Sequence[Layout] = ()


@dataclass(frozen=True, kw_only=True)
class SpeedJob(ModelJob):
    """A test that is timed again and again.

    Attributes:
        test: What is timed.
        repetitions: How often.
        warms_up: Whether it is decoded before, untimed.
    """

    test: SpeedTest
    repetitions: int
    warms_up: bool
