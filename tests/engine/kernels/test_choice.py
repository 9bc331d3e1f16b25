"""The choice of kernels: of those that are sound, the faster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeval.engine.kernels import choose
from edgeval.engine.kernels.small_model import small_model
from edgeval.engine.messages import KernelsReady
from edgeval.errors import EngineDiedError, EngineError, KernelError
from edgeval.llama.builds import BuildMachine, here
from tests.helpers.kernels import REARRANGED, SIGILL, Scripted, race, write_mixture

# The choice.


def test_nothing_is_timed_where_nothing_is_rearranged(q4_k: Path) -> None:
    engine = Scripted()
    found = choose(q4_k, "auto", engine)
    assert (found.kernels, found.reason, found.buffers) == ("default", None, [])
    assert engine.asked == ["try_kernels"]


@pytest.mark.parametrize(
    ("result", "kernels", "reason"),
    [
        (race(1.32, 1), "plain", "1.32 times as fast here"),
        (race(1.32, 1, threads=2), "plain", "1.32 times as fast here with 2 threads"),
        (race(1.09, 1), "default", None),
        (race(0.5, 1), "default", None),
        (race([2, 2, 2, 2, 0.9], 1), "plain", "2.00 times"),
        (race([2, 2, 2, 1, 0.9], 1), "default", None),
        (race(1, 1, logprob_change=0.5), "plain", "compute something else than plain ones"),
        (race(1, 1, logprob_change=None, logprob_spread=None), "plain", "no finite numbers"),
        (EngineError("the part cannot be loaded"), "default", None),
    ],
)
def test_the_faster_sound_kernels_are_taken(
    result: Any, kernels: str, reason: str | None, q4_k: Path
) -> None:
    is_refused = isinstance(result, Exception)
    engine = Scripted(REARRANGED, [result] if is_refused else [KernelsReady(None), result])
    found = choose(q4_k, "auto", engine)
    assert found.kernels == kernels
    assert (found.reason is None) if reason is None else (reason in (found.reason or ""))
    assert found.buffers == ["CPU_REPACK"]
    # The next time it is the same, and nothing is asked.
    again = Scripted(REARRANGED, [KernelsReady(None), race(9, 1)])
    assert choose(q4_k, "auto", again) == found
    assert again.asked == []


def test_the_choice_is_that_of_a_shape_whatever_the_threads(q4_k: Path, tmp_path: Path) -> None:
    engine = Scripted(REARRANGED, [KernelsReady(None), race(2, 1)])
    found = choose(q4_k, "auto", engine, threads=1)
    other = tmp_path / "other.gguf"
    small_model("Q4_K", seed=3).write(other)
    again = Scripted(REARRANGED)
    assert choose(other, "auto", again, threads=7) == found
    assert again.asked == []


def test_kernels_that_die_with_a_shape_are_not_used_for_it(q4_k: Path) -> None:
    died = EngineDiedError("timing", SIGILL, "do something")
    found = choose(q4_k, "auto", Scripted(REARRANGED, [KernelsReady(None), died]))
    assert found.kernels == "plain"
    assert found.reason == (
        f"llama.cpp's CPU_REPACK kernels end with {SIGILL} on this CPU with its shape"
    )


def test_memory_that_runs_out_is_not_remembered(q4_k: Path) -> None:
    died = EngineDiedError("timing", "SIGKILL, as a rule because memory ran out", "close others")
    found = choose(q4_k, "auto", Scripted(REARRANGED, [KernelsReady(None), died]))
    assert (found.kernels, found.reason) == ("default", None)
    again = Scripted(REARRANGED, [KernelsReady(None), race(2, 1)])
    assert choose(q4_k, "auto", again).kernels == "plain"


DEAD = {"status": "died", "cause": SIGILL, "buffer": "AMX"}
WRONG = {"status": "wrong", "max_logprob_change": 7.0}


def test_kernels_that_die_are_not_used(q4_k: Path) -> None:
    engine = Scripted({("Q4_K", "default"): DEAD})
    found = choose(q4_k, "auto", engine)
    assert found.kernels == "plain"
    assert found.reason == f"llama.cpp's AMX kernels end with {SIGILL} on this CPU"
    assert found.buffers == ["AMX"]
    assert "race_kernels" not in engine.asked
    assert choose(q4_k, "plain", engine).reason is None
    with pytest.raises(KernelError) as error:
        choose(q4_k, "default", engine)
    assert str(error.value) == (
        f"small-Q4_K.gguf is not computed: llama.cpp's AMX kernels end with {SIGILL} on this CPU "
        "with Q4_K; use --kernels auto"
    )


def test_plain_kernels_that_are_wrong_are_not_used(q4_k: Path) -> None:
    engine = Scripted(REARRANGED | {("Q4_K", "plain"): WRONG})
    found = choose(q4_k, "auto", engine)
    assert found.kernels == "default"
    assert found.reason == "llama.cpp's plain kernels compute wrongly on this CPU"
    with pytest.raises(KernelError, match="compute wrongly on this CPU with Q4_K"):
        choose(q4_k, "plain", engine)


@pytest.mark.parametrize("wanted", ["auto", "default", "plain"])
def test_a_type_that_no_kernels_compute_is_refused(wanted: Any, q4_k: Path) -> None:
    engine = Scripted({("Q4_K", "default"): DEAD, ("Q4_K", "plain"): WRONG})
    with pytest.raises(KernelError) as error:
        choose(q4_k, wanted, engine)
    sentence = str(error.value)
    assert sentence.startswith("small-Q4_K.gguf is not computed: llama.cpp's ")
    assert "plain kernels compute wrongly on this CPU with Q4_K" in sentence
    assert f"AMX kernels end with {SIGILL} on this CPU with Q4_K" in sentence
    assert sentence.endswith(
        "; evaluate another type, or install another build of llama-cpp-python (edgeval doctor "
        "tells more)"
    )


def test_a_build_that_no_kernels_of_run_here_is_told_from_a_bad_type(
    monkeypatch: pytest.MonkeyPatch, q4_k: Path
) -> None:
    monkeypatch.setattr(here, "this_machine", lambda: BuildMachine(frozenset({"NEON", "ARM_FMA"})))
    dead = {("Q4_K", kernels): DEAD | {"buffer": None} for kernels in ("default", "plain")}
    pi_5 = "CPU : NEON = 1 | ARM_FMA = 1 | FP16_VA = 1 | DOTPROD = 1 | REPACK = 1 | "
    with pytest.raises(KernelError) as error:
        choose(q4_k, "auto", Scripted(dead, system_info=pi_5))
    assert str(error.value).startswith(
        f"small-Q4_K.gguf is not computed: llama.cpp's default kernels end with {SIGILL} on this "
        f"CPU with Q4_K, and llama.cpp's plain kernels end with {SIGILL} on this CPU with Q4_K; "
        "llama.cpp was built for another CPU, which has FP16_VA, DOTPROD; build it for this one: "
    )


def test_a_mixture_is_as_sound_as_its_types(tmp_path: Path) -> None:
    path = write_mixture(tmp_path / "mixed.gguf")
    found = choose(path, "auto", Scripted({("Q6_K", "default"): DEAD}))
    assert found.kernels == "plain"
    with pytest.raises(KernelError, match="with Q6_K; use --kernels auto"):
        choose(path, "default", Scripted())


def test_what_is_not_checked_is_not_called_sound(q4_k: Path) -> None:
    unchecked = {"status": "unchecked", "max_logprob_change": None, "cause": "nobody knows it"}
    engine = Scripted({("Q4_K", kernels): unchecked for kernels in ("default", "plain")})
    found = choose(q4_k, "auto", engine)
    assert (found.kernels, found.unchecked) == ("plain", ["Q4_K"])
    assert found.reason == "llama.cpp's default kernels are not checked"
    assert choose(q4_k, "default", engine).kernels == "default"


def test_what_is_asked_for_is_not_timed(q4_k: Path) -> None:
    engine = Scripted(REARRANGED)
    for wanted in ("default", "plain"):
        assert choose(q4_k, wanted, engine).kernels == wanted
    assert engine.asked == ["try_kernels"]
