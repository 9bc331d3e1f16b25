"""Self-checks: GPUs are held to the CPU before they are trusted; the CPU stands in for them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from edgeval import llama
from edgeval.cli import app
from edgeval.errors import EdgevalError, EngineError
from edgeval.evaluation import closeness, selfcheck
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.selfcheck import checked, self_check
from edgeval.evaluation.setup import EvalSetup
from edgeval.store.store import Store
from edgeval.tasks.item import ItemScore
from tests.helpers.fakes import Lines, make_device
from tests.helpers.selfchecks import Compared, setup_of
from tests.helpers.tiny import make_items, write_items

pytestmark = pytest.mark.usefixtures("plain_kernels")

DEVICE = make_device("cuda")


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        llama, "choose_devices", lambda backend, _: () if backend == "cpu" else (DEVICE,)
    )


def worse(monkeypatch: pytest.MonkeyPatch, change: float) -> None:
    """Let a GPU find each choice less likely, by so many nats a token."""
    compute = selfcheck._scores

    def scores(vocabulary: Any, setup: EvalSetup, *arguments: Any) -> Any:
        found, seconds = compute(vocabulary, setup, *arguments)
        return ([changed(score, change) for score in found] if setup.devices else found), seconds

    monkeypatch.setattr(selfcheck, "_scores", scores)


def changed(score: ItemScore, change: float) -> ItemScore:
    pairs = zip(score.logprobs, score.n_tokens, strict=True)
    return replace(score, logprobs=tuple(logprob - change * n for logprob, n in pairs))


def test_the_same_computation_passes_and_is_remembered(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared, lines = Compared(monkeypatch), Lines()
    setup = setup_of(tiny_items)
    with Store(tmp_path / "a.db") as store:
        assert checked([tiny_f16], setup, store, lines) == setup
        found = self_check(tiny_f16, setup, store)
    assert lines.lines == ["computing with cuda on Cuda Card, which passed the self-check"]
    assert (found.n_items, found.n_same_picks) == (24, 24)
    assert (found.token_change, found.max_logprob_change, found.mean_logprob_change) == (0, 0, 0)
    assert (found.bar, found.has_passed) == (0.015, True)
    assert (found.own_change, found.shift_points, found.shift_bar_points) == (None, 0, 0.1)
    assert found.speedup > 0
    # Other data and another slice are the same computation.
    other = write_items(tmp_path / "items.jsonl", make_items(30, seed=1))
    with Store(tmp_path / "a.db") as store:
        for again in (
            setup,
            setup_of(tiny_items, limit=9),
            setup_of(other, protocol="lm-eval-bos"),
        ):
            assert self_check(tiny_f16, again, store) == found
    assert compared.count == 1


def test_another_computation_is_checked_again(
    tiny_f16: Path,
    tiny_f32: Path,
    tiny_items: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = Compared(monkeypatch)
    others = [{"batch_tokens": 128}, {"gpu_layers": 2}, {"gpu_layers": 1}, {"fresh": True}]
    with Store(tmp_path / "a.db") as store:
        for options in ({}, *others):
            self_check(tiny_f16, setup_of(tiny_items, **options), store)
        assert compared.count == 5
        assert self_check(tiny_f32, setup_of(tiny_items), store).bar == 0.005
    assert compared.count == 6


def test_a_speed_beside_the_cpu_is_of_its_threads(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = Compared(monkeypatch)
    one, two = (setup_of(tiny_items, threads=n, backend="auto") for n in (1, 2))
    with Store(None) as store:
        checked([tiny_f16], one, store)
        assert compared.count == 1
        checked([tiny_f16], one, store)
        assert compared.count == 1
        # What decides between GPU and CPU is how fast the CPU is with these threads.
        checked([tiny_f16], two, store)
        assert compared.count == 2
        assert self_check(tiny_f16, two, store).threads == 2
        # Where a GPU is asked for, nothing depends on it.
        checked([tiny_f16], setup_of(tiny_items, threads=1), store)
        assert compared.count == 2


def test_a_check_is_held_to_what_this_edgeval_allows(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse(monkeypatch, 0.01)
    compared, setup = Compared(monkeypatch, shift_points=0.0), setup_of(tiny_items)
    with Store(None) as store:
        assert self_check(tiny_f16, setup, store).has_passed
        monkeypatch.setitem(closeness.UNQUANTIZED_BARS, "F16", 0.012)
        assert self_check(tiny_f16, setup, store).bar == 0.012
        assert compared.count == 1
        monkeypatch.setitem(closeness.UNQUANTIZED_BARS, "F16", 0.005)
        found = self_check(tiny_f16, setup, store)
        assert (found.bar, found.has_passed, compared.count) == (0.005, False, 2)
        # What a record takes from the store is that.
        run = evaluate_file(tiny_f16, setup, store).run
    assert run.self_check == found


def test_a_small_data_set_is_enough(tiny_f16: Path, tmp_path: Path) -> None:
    items = write_items(tmp_path / "items.jsonl", make_items(3))
    with Store(None) as store:
        assert self_check(tiny_f16, setup_of(items), store).n_items == 3


@pytest.mark.parametrize(("change", "has_passed"), [(0.014, True), (0.016, False), (-5.0, False)])
def test_what_is_judged_is_the_change_a_token(
    change: float,
    has_passed: bool,
    tiny_f16: Path,
    tiny_items: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worse(monkeypatch, change)
    with Store(None) as store:
        found = self_check(tiny_f16, setup_of(tiny_items), store)
    assert found.token_change == pytest.approx(abs(change), rel=1e-6)
    assert found.max_logprob_change > found.mean_logprob_change > found.token_change
    assert found.has_passed == has_passed


def test_a_gpu_that_was_asked_for_and_fails_is_an_error(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = Compared(monkeypatch)
    worse(monkeypatch, 0.5)
    explicit = (
        {},
        {"backend": "auto", "devices": ("CUDA0",)},
        {"backend": "auto", "gpu_layers": 3},
    )
    with Store(tmp_path / "a.db") as store:
        for options in explicit:
            with pytest.raises(EngineError) as caught:
                checked([tiny_f16], setup_of(tiny_items, **options), store)
            assert str(caught.value) == (
                "cuda on Cuda Card fails the self-check with tiny-F16.gguf: log-probabilities are "
                "0.5 nats a token from the CPU's on average, where 0.015 are allowed; use "
                "--backend cpu, update the driver and llama-cpp-python, or take its scores as they "
                "are with --no-check"
            )
    # What fails is checked again: the driver may be another one the next time.
    assert compared.count == 3


def test_a_failed_check_ends_the_command(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse(monkeypatch, 0.5)
    arguments = ["eval", str(tiny_f16), "--data", str(tiny_items), "--limit", "4", "--json"]
    failed = CliRunner().invoke(app, [*arguments, "--backend", "cuda"])
    assert isinstance(failed.exception, EngineError)
    assert "fails the self-check" in str(failed.exception)
    assert failed.stdout == ""
    taken = CliRunner().invoke(app, [*arguments, "--backend", "cuda", "--no-check"])
    assert taken.exit_code == 0
    run = json.loads(taken.stdout)["runs"][0]
    # The report carries how it failed before.
    assert run["self_check"]["token_change"] > run["self_check"]["bar"]
    assert run["offload"] == {"devices": ["Cuda Card"], "layers": 3, "n_layers": 3}
    assert "which is not checked" in taken.stderr
    fallen = CliRunner().invoke(app, arguments)
    assert fallen.exit_code == 0
    found = json.loads(fallen.stdout)
    assert found["engine"]["backend"] == "cpu"
    assert (found["runs"][0]["offload"], found["runs"][0]["self_check"]) == (None, None)
    assert "computing on the CPU" in fallen.stderr


def test_the_cpu_takes_over_where_no_gpu_was_asked_for(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse(monkeypatch, 0.5)
    lines = Lines()
    with Store(None) as store:
        found = checked([tiny_f16], setup_of(tiny_items, backend="AUTO"), store, lines)
    assert (found.devices, found.backend) == ((), "cpu")
    assert lines.lines == [
        "cuda on Cuda Card fails the self-check with tiny-F16.gguf: log-probabilities are 0.5 nats "
        "a token from the CPU's on average, where 0.015 are allowed; computing on the CPU"
    ]
    with llama.Tokenizer(tiny_f16) as vocabulary:
        assert found.of(vocabulary.info).placement.offload == llama.CPU


@pytest.mark.parametrize(("speedup", "backend"), [(0.99, "cpu"), (1.01, "cuda")])
def test_a_faster_cpu_takes_over_where_no_gpu_was_asked_for(
    speedup: float,
    backend: str,
    tiny_f16: Path,
    tiny_items: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Compared(monkeypatch, speedup=speedup)
    lines = Lines()
    with Store(None) as store:
        assert checked([tiny_f16], setup_of(tiny_items), store).backend == "cuda"
        found = checked([tiny_f16], setup_of(tiny_items, backend="auto"), store, lines)
    assert found.backend == backend
    (line,) = lines.lines
    assert ("the CPU is faster than cuda on Cuda Card" in line) == (backend == "cpu")


def test_a_gpu_without_room_is_given_up_only_where_it_was_not_asked_for(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = make_device("cuda", free=0)
    monkeypatch.setattr(llama, "choose_devices", lambda *_: (full,))
    lines = Lines()
    with Store(None) as store:
        found = checked([tiny_f16], setup_of(tiny_items, backend="auto"), store, lines)
        with pytest.raises(EngineError, match="where 0 MB can be used; close other programs"):
            checked([tiny_f16], setup_of(tiny_items), store)
    assert found.backend == "cpu"
    (line,) = lines.lines
    assert line.endswith("where 0 MB can be used; computing on the CPU")


def test_too_little_memory_for_the_check_says_how_to_go_on_without_it(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = psutil.virtual_memory()._replace(available=1_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with Store(None) as store:
        with pytest.raises(EdgevalError) as caught:
            checked([tiny_f16], setup_of(tiny_items), store)
        assert re.fullmatch(
            r"checking tiny-F16\.gguf on cpu takes about \d+ MB .*, or try it with --force, "
            "or leave the check out with --no-check",
            str(caught.value),
        )
        assert checked([tiny_f16], setup_of(tiny_items, force=True), store).backend == "cuda"


def test_scores_that_are_no_numbers_fail(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = llama.Session.decode

    def broken(session: llama.Session, batch: Any) -> Any:
        logits = decode(session, batch)
        if session.model.offload.devices:
            logits[-1, 0] = float("nan")
        return logits

    monkeypatch.setattr(llama.Session, "decode", broken)
    lines = Lines()
    with Store(None) as store:
        with pytest.raises(EngineError, match="log-probability is not finite"):
            checked([tiny_f16], setup_of(tiny_items), store)
        found = checked([tiny_f16], setup_of(tiny_items, backend="auto"), store, lines)
    assert found.backend == "cpu"
    assert "is not finite" in lines.lines[0]
