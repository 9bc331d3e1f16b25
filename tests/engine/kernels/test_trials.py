"""Kernels are tried in a process that computes, against exact values."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval.engine import Local, Worker, process
from edgeval.engine.kernels import check_types, checks
from edgeval.engine.kernels.bars import CODEBOOKS, bar
from edgeval.engine.kernels.forward import exact_logits, logprobs
from edgeval.engine.kernels.small_model import (
    N_TOKENS,
    N_VOCAB,
    Shape,
    SmallModel,
    small_model,
    text,
)
from edgeval.engine.messages import KernelPair
from edgeval.errors import EngineError
from edgeval.records import KernelTrial
from tests.helpers.kernels import SIGILL, Scripted

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")


def worker_with(monkeypatch: pytest.MonkeyPatch, fault: str, before: str = "") -> Worker:
    """Return a worker in whose process something happens to batches that are decoded."""
    script = "\n".join(
        [
            f"import sys; sys.path[:] = {sys.path!r}",
            "import os, signal, time, numpy as np",
            "from edgeval.engine.kernels import isolation",
            "from edgeval.llama.session import Session",
            "real, first = Session.decode, os.getpid()",
            before,
            "def decode(self, batch):",
            "    logits, kernels = real(self, batch), self.model.kernels",
            f"    {fault}",
            "    return logits",
            "Session.decode = decode",
            "from edgeval.engine.worker import main",
            "main()",
        ]
    )
    monkeypatch.setattr(process, "command", lambda: [sys.executable, "-c", script])
    return Worker()


def by_pair(trials: Sequence[KernelTrial]) -> dict[tuple[str, str], KernelTrial]:
    return {(each.type, each.kernels): each for each in trials}


# The small model and its exact values.


def test_the_exact_values_are_those_of_llama_cpp_in_f32(tmp_path: Path) -> None:
    *_, found = Local().try_kernels([KernelPair("F32", "plain")], tmp_path, 2, False)
    assert isinstance(found, KernelTrial)
    assert found.max_logprob_change is not None and found.max_logprob_change < 1e-4
    assert found.tokens_per_s is not None and found.tokens_per_s > 0


def test_a_seed_gives_the_same_model_and_another_one_another() -> None:
    first, again, other = small_model("Q8_0"), small_model("Q8_0"), small_model("Q8_0", seed=1)
    for name, blocks in first.matrices.items():
        assert np.array_equal(blocks, again.matrices[name])
        assert not np.array_equal(blocks, other.matrices[name])


def test_rows_of_a_matrix_are_different() -> None:
    for blocks in small_model("Q4_K").matrices.values():
        assert len(np.unique(blocks, axis=0)) == len(blocks)
        assert len(blocks) % 16 == 0


def test_logits_are_spread_as_those_of_a_trained_model() -> None:
    exact = logprobs(exact_logits(small_model("Q4_K"), text()))
    assert exact.shape == (N_TOKENS, N_VOCAB)
    assert 2 < exact.std() < 5
    assert np.exp(exact).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q6_K", "Q4_K", "Q2_K", "IQ2_XS"])
@pytest.mark.parametrize("fault", ["a scale", "a block", "two rows", "a row in 16"])
def test_a_wrong_kernel_is_far_above_the_bar(
    kind: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_model(kind)
    exact = logprobs(exact_logits(model, text()))
    values = model.expanded()
    for name, matrix in values.items():
        if matrix.ndim == 2:
            values[name] = _multiplied_wrongly(matrix, fault)
    monkeypatch.setattr(SmallModel, "expanded", lambda _: values)
    wrong = logprobs(exact_logits(model, text()))
    assert np.abs(wrong - exact).max() > 2 * bar(kind)


def _multiplied_wrongly(matrix: Any, fault: str) -> Any:
    wrong = matrix.copy()
    if fault == "a scale":
        wrong[:, :32] *= 1.5
    elif fault == "a block":
        wrong[:, -32:] = 0
    elif fault == "two rows":
        wrong[[0, 1]] = wrong[[1, 0]]
    else:
        wrong[15::16] *= 2
    return wrong


# Trials in a process that computes.


@needs_signals
@pytest.mark.parametrize("is_copying", [True, False])
def test_a_path_that_ends_the_process_is_told_from_one_that_does_not(
    is_copying: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = "if kernels == 'default': os.kill(os.getpid(), signal.SIGILL)"
    monkeypatch.setattr(checks, "CAN_COPY", is_copying and sys.platform == "linux")
    monkeypatch.setattr(checks, "USUAL", ())
    found = by_pair(check_types(["F32", "Q4_0"], worker_with(monkeypatch, fault), threads=2))
    for kind in ("F32", "Q4_0"):
        default, plain = found[kind, "default"], found[kind, "plain"]
        assert (default.status, default.cause) == ("died", SIGILL)
        assert default.max_logprob_change is None
        assert plain.status != "died"
        assert plain.max_logprob_change is not None


def test_a_copy_that_is_stuck_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = "if os.getpid() != first: time.sleep(30)"
    monkeypatch.setattr(checks, "USUAL", ())
    worker = worker_with(monkeypatch, fault, "isolation.MOST_SECONDS = 1")
    found = by_pair(check_types(["F32", "F16"], worker, threads=2))
    assert all(each.max_logprob_change is not None for each in found.values())


@pytest.mark.parametrize("wrong", ["default", "plain"])
def test_a_path_that_computes_something_else_is_wrong(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = f"if kernels == {wrong!r}: logits = np.roll(logits, 1, axis=1)"
    monkeypatch.setattr(checks, "USUAL", ())
    found = by_pair(check_types(["F32"], worker_with(monkeypatch, fault), threads=2))
    trial = found["F32", wrong]
    assert trial.status == "wrong"
    assert trial.max_logprob_change is not None
    assert trial.max_logprob_change > 10


def test_only_small_batches_may_be_wrong_too(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = "if len(logits) == 2: logits = np.roll(logits, 1, axis=1)"
    monkeypatch.setattr(checks, "USUAL", ())
    found = check_types(["F32"], worker_with(monkeypatch, fault), threads=2)
    assert {trial.status for trial in found} == {"wrong"}


def test_logits_that_are_no_numbers_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = "if kernels == 'default': logits = logits * np.nan"
    monkeypatch.setattr(checks, "USUAL", ())
    found = by_pair(check_types(["F32"], worker_with(monkeypatch, fault), threads=2))
    assert found["F32", "default"].status == "wrong"
    assert found["F32", "default"].max_logprob_change is None


@needs_signals
def test_a_process_that_somebody_ends_says_nothing_of_kernels(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    fault = "os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(EngineError, match="SIGKILL"):
        check_types(["F32"], worker_with(monkeypatch, fault), threads=2)
    assert not cache.exists()


def test_a_type_that_cannot_be_expanded_is_unchecked() -> None:
    engine = Scripted()
    found = check_types(["Q8_K"], engine)
    assert [(each.kernels, each.status) for each in found] == [
        ("default", "unchecked"),
        ("plain", "unchecked"),
    ]
    assert found[0].cause == "the installed gguf package does not say what it means"
    assert engine.asked == []


def test_what_could_not_be_tried_is_tried_again() -> None:
    engine = Scripted({("Q4_K", "plain"): {"status": "unchecked", "cause": "no memory"}})
    assert by_pair(check_types(["Q4_K"], engine))["Q4_K", "plain"].status == "unchecked"
    assert by_pair(check_types(["Q4_K"], Scripted()))["Q4_K", "plain"].status == "sound"


@pytest.mark.parametrize("kind", CODEBOOKS)
def test_random_codes_have_the_size_that_is_wanted(kind: str) -> None:
    values = small_model(kind).expanded()["blk.0.ffn_down.weight"]
    assert np.sqrt((values**2).mean() * Shape().width) == pytest.approx(1, abs=0.1)
    assert abs(values.mean()) < 0.05 * values.std()
