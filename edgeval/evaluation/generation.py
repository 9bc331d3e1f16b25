"""Generation speed of a GGUF, with the kernels, threads and devices that it is scored with."""

from __future__ import annotations

import statistics
from datetime import datetime, timezone
from pathlib import Path

from edgeval.engine import Generated, GenerationJob, running
from edgeval.evaluation.setup import EvalSetup
from edgeval.llama import machine
from edgeval.records import GenerationSpeed
from edgeval.scoring.timing import Meter, n_cpus

PROMPT_TOKENS, GENERATED_TOKENS = 64, 32
"""Few enough for a slow machine; a token takes the same time behind any short text."""


def generation_speed(
    path: Path,
    setup: EvalSetup,
    *,
    n_prompt: int = PROMPT_TOKENS,
    n_generated: int = GENERATED_TOKENS,
) -> GenerationSpeed:
    """Return how fast a GGUF generates on this machine.

    Args:
        path: The GGUF.
        setup: How it is computed.
        n_prompt: Tokens of the prompt.
        n_generated: Tokens generated behind it.

    Raises:
        EdgevalError: If the model cannot be loaded, or does not fit in memory.
    """
    with running() as engine:
        model = setup.of(engine.info(path, setup.options.pre))
        job = GenerationJob(
            path=path,
            n_prompt=n_prompt,
            n_generated=n_generated,
            placement=model.placement,
            threads=setup.threads,
            kernels=model.kernels.kernels,
            is_forced=setup.options.force,
            title=path.name,
            pre=setup.options.pre,
        )
        meter = Meter()
        found: Generated = engine.ask("generate", job, doing=f"generating with {path.name}")
        engine.release()
    return GenerationSpeed(
        tokens_per_s=1 / statistics.median(found.token_s),
        prompt_tokens_per_s=n_prompt / found.prompt_s,
        n_prompt=n_prompt,
        n_generated=n_generated,
        device=machine.describe(),
        threads=setup.threads,
        gpus=[device.description for device in model.placement.offload.devices],
        kernels=model.kernels.kernels,
        measured_at=datetime.now(timezone.utc),
        n_cpus=n_cpus(),
        cpu_load=meter.cpu_load(),
    )
