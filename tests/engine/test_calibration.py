"""Calibration: a small part of a job is decoded, and the plan is that of the job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeval.engine import Calibration, EngineJob, running
from edgeval.evaluation.jobs import ScoringJob
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.scoring.plan import plan
from edgeval.tasks import protocol
from tests.helpers.tiny import make_items, write_items


@pytest.fixture
def job(tiny_f16: Path, tmp_path: Path) -> EngineJob:
    items = write_items(tmp_path / "items.jsonl", make_items(80))
    setup = prepare(Options(data=items, protocol="lm-eval"))
    with running() as engine:
        model = setup.of(engine.info(tiny_f16))
    indices = list(setup.indices)
    return ScoringJob(indices, set(indices)).for_engine(model)


def calibrate(job: EngineJob, budget_s: float) -> Calibration:
    with running() as engine:
        engine.release()
        found: Calibration = engine.ask("calibrate", job, budget_s)
    return found


def test_the_plan_alone_loads_no_weights(job: EngineJob, tiny_f16: Path) -> None:
    from edgeval import llama

    found = calibrate(job, 0.0)
    with llama.Tokenizer(tiny_f16) as vocabulary:
        rules = protocol.get(job.protocol)
        requests = [each for item in job.items for each in rules.requests(item, vocabulary)]
    assert found.tokens == plan(requests, job.placement.batch_tokens).tokens
    assert (found.batches, found.load_s, found.is_full) == ((), 0.0, False)
    assert found.memory_bytes > tiny_f16.stat().st_size
    assert found.other_bytes is not None


def test_with_time_batches_of_the_plan_are_decoded(job: EngineJob) -> None:
    small = replace(job, placement=replace(job.placement, batch_tokens=256))
    found = calibrate(small, 20.0)
    assert found.is_full
    assert found.load_s > 0
    assert all(seconds > 0 for _, seconds in found.batches)
    # A tenth of the plan, or the fewest batches that tell something.
    assert sum(tokens for tokens, _ in found.batches) < found.tokens / 2


def test_without_time_a_few_tokens_are(job: EngineJob) -> None:
    found = calibrate(job, 1e-9)
    assert not found.is_full
    assert len(found.batches) == 1
    assert found.batches[0][0] <= 16


def test_only_what_is_to_do_is_counted(job: EngineJob) -> None:
    small = replace(job, placement=replace(job.placement, batch_tokens=64))
    one = replace(small, todo=[7])
    assert calibrate(one, 0.0).tokens < calibrate(small, 0.0).tokens / 2
