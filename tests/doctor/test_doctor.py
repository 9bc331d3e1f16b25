"""Doctor on this machine, on pretended ones and on broken ones."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from edgeval import __version__, llama
from edgeval.cli.app import main
from edgeval.cli.terminal.diagnosis import conclusion
from edgeval.doctor import diagnose as diagnose_module
from edgeval.doctor import installed
from edgeval.doctor.diagnose import diagnose
from edgeval.doctor.surroundings import look_around
from edgeval.engine import process
from edgeval.errors import EngineError
from edgeval.evaluation import closeness, yardstick
from edgeval.records import Conditions, Diagnosis, Look, Surroundings
from tests.helpers import pretended_gpus
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.diagnoses import example_diagnosis
from tests.helpers.doctor import printed, run_instead
from tests.helpers.fakes import without_kernels

KNOWN = ("x86_64", "AMD64", "aarch64", "arm64", "ARM64")
"""Machines whose paths of kernels are told."""

LADDER = ["F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K"]


def pretend(monkeypatch: pytest.MonkeyPatch, mode: str = "sound") -> None:
    """Let the CPU stand in for two GPUs."""
    monkeypatch.setattr(process, "command", lambda: pretended_gpus.command(mode))


def exit_code(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(each) for each in arguments])
    code = end.value.code
    assert isinstance(code, int)
    return code


# This machine.


def test_the_cpu_of_this_machine_computes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "not" / "yet" / "edgeval.db"
    result = edgeval("doctor", "--backend", "cpu", "--json", "--store", store)
    assert (result.returncode, without_kernels(result.stderr.splitlines())) == (0, [])
    found = Diagnosis.model_validate_json(result.stdout)
    assert found.edgeval_version == __version__
    assert f"llama-cpp-python {found.binding_version}" == llama.engine_version()
    assert found.backends is not None
    names = [each.name for each in found.backends]
    assert names == [*llama.built_backends(), "cpu"]
    assert [each.name for each in found.devices] == [each.name for each in llama.devices()]
    assert [each.type for each in found.types] == LADDER
    assert found.build is not None
    # Which kernels are sound is this CPU's matter; something computes on any.
    assert found.types[0].error is None
    for trial in found.types:
        assert (trial.tokens_per_s or 0) > 0 or trial.error
        assert 0 < (trial.max_logprob_change or 1) < 5
        assert trial.kernel_paths or trial.error or platform.machine() not in KNOWN
    assert (found.checks, found.problems) == ([], [])
    cache, kept = found.folders
    assert cache.path == os.environ["EDGEVAL_CACHE"]
    assert (kept.path, kept.is_writable) == (str(store), True)
    assert kept.free_bytes is not None and kept.free_bytes > 0
    assert not store.parent.exists()
    lines = printed(found, capsys)
    assert lines[0].startswith("edgeval ")
    assert lines[-1] == conclusion(found)


def test_a_model_that_is_not_there_is_one_sentence() -> None:
    assert_one_sentence(
        edgeval("doctor", "demmo", "--json"), ["no model 'demmo'", "did you mean 'demo'"]
    )
    shown = edgeval("doctor", "demmo")
    assert shown.returncode == 1
    assert "did you mean 'demo'" in shown.stderr
    # The machine is what it is, whatever the model is called.
    assert shown.stdout.lstrip().startswith("edgeval")


@pytest.mark.process
def test_doctor_itself_never_loads_llama_cpp() -> None:
    code = (
        "import sys, edgeval.doctor.diagnose, edgeval.cli.terminal.diagnosis, edgeval.cli.doctor\n"
        "print('llama_cpp' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"


def test_the_machine_is_told_before_anything_is_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []

    def refuse(*_: object) -> Look:
        shown.append(capsys.readouterr().out)
        raise EngineError("llama.cpp is not here")

    monkeypatch.setattr(diagnose_module, "look", refuse)
    assert exit_code("doctor", "--store", tmp_path / "edgeval.db") == 1
    (before,) = shown
    assert all(f"{name} " in before for name in ("edgeval", "CPU", "memory", "cache", "store"))
    assert "llama.cpp is not here" in capsys.readouterr().out


def test_a_diagnosis_has_what_was_looked_at_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> Look:
        raise EngineError("llama.cpp is not here")

    monkeypatch.setattr(diagnose_module, "look", refuse)
    here = look_around(tmp_path / "edgeval.db")
    found = diagnose(store=tmp_path / "edgeval.db", here=here)
    assert {name: getattr(found, name) for name in Surroundings.model_fields} == dict(here)


@pytest.mark.process
def test_the_machine_is_known_before_what_computes_is_loaded() -> None:
    """On a small board it takes seconds to load that."""
    code = (
        "import sys, edgeval.doctor.surroundings, edgeval.cli.terminal.diagnosis\n"
        "edgeval.doctor.surroundings.look_around()\n"
        "heavy = {'numpy', 'scipy', 'gguf', 'llama_cpp', 'edgeval.engine', 'edgeval.checkpoints'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_the_machine_is_on_the_screen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    device = example_diagnosis().device.model_copy(
        update={"board": "Raspberry Pi 5 Model B", "soc": "BCM2712", "os": "Debian 12"}
    )
    conditions = Conditions(governors=["powersave"], storage="SD card")
    found = example_diagnosis(device=device, conditions=conditions)
    lines = printed(found, capsys)
    assert "board             Raspberry Pi 5 Model B (BCM2712)" in lines
    assert "conditions        governor powersave" in lines
    assert any(line.startswith("system            Debian 12, ") for line in lines)
    alone = device.model_copy(update={"cpu": "Cortex-A72", "physical_cores": 1})
    lines = printed(example_diagnosis(device=alone), capsys)
    assert f"CPU               Cortex-A72, 1 core ({alone.logical_cores} logical)" in lines
    assert any(line.startswith("llama-cpp-python  0.3.36") for line in lines)


# GPUs that the CPU stands in for.


def test_each_gpu_is_held_to_the_cpu_with_three_types(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(yardstick, "N_ITEMS", 6)
    pretend(monkeypatch)
    found = diagnose(devices=["CUDA1"], store=tmp_path / "edgeval.db")
    assert [(each.name, each.is_automatic) for each in found.devices] == [
        ("CUDA0", True),
        ("CUDA1", True),
    ]
    assert (found.devices[0].free_bytes, found.devices[0].total_bytes) == (10 * 2**30, 24 * 2**30)
    checked = [(each.device, each.type) for each in found.checks]
    assert checked == [("CUDA1", "F16"), ("CUDA1", "Q8_0"), ("CUDA1", "Q4_K_M")]
    for check in found.checks:
        assert check.result is not None
        assert (check.result.n_items, check.result.n_same_picks) == (6, 6)
        # It is the CPU on both sides; batches may be divided between sessions in another way.
        assert check.result.max_logprob_change < 0.5
        assert check.has_passed
    assert found.problems == []
    assert conclusion(found).endswith("; CUDA1 computes what the CPU does.")


def test_a_gpu_that_computes_something_else_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tiny_f16: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(yardstick, "N_ITEMS", 6)
    # What is compared is equal: only a bar that nothing passes fails.
    monkeypatch.setitem(closeness.UNQUANTIZED_BARS, "F16", -1.0)
    pretend(monkeypatch)
    assert exit_code("doctor", tiny_f16, "--devices", "0", "--json") == 1
    found = Diagnosis.model_validate_json(capsys.readouterr().out)
    (check,) = found.checks
    assert (check.device, check.type, check.has_passed) == ("CUDA0", "F16", False)
    (failure,) = found.problems
    begin = "cuda on CUDA0 (Pretended GPU 1) fails the self-check with F16: log-probabilities are "
    assert failure.startswith(begin)
    assert conclusion(found) == "1 problem was found; the CPU computes F16."


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_gpu_that_crashes_is_a_problem_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tiny_f16: Path, tmp_path: Path
) -> None:
    pretend(monkeypatch, "crash")
    found = diagnose(str(tiny_f16), devices=["0", "1"], store=tmp_path / "edgeval.db")
    assert [(each.device, each.result) for each in found.checks] == [
        ("CUDA0", None),
        ("CUDA1", None),
    ]
    for problem, name in zip(found.problems, ("CUDA0 (Pretended GPU 1)", "CUDA1"), strict=True):
        assert problem.startswith(f"cuda on {name}")
        assert " cannot compute F16: checking tiny-F16.gguf on cuda failed: " in problem
        assert "an abort (SIGABRT)" in problem
    assert conclusion(found) == "2 problems were found; the CPU computes F16."


# Processes that end in no way of their own.


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_crash_is_a_sentence_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_instead(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    assert exit_code("doctor") == 1
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    problem, last = lines[-2:]
    begin = "problem: listing the devices failed: llama.cpp was ended by a crash (SIGSEGV); "
    assert problem.startswith(begin)
    if sys.platform == "linux":
        assert "LD_PRELOAD=$(gcc -print-file-name=libstdc++.so.6)" in problem
    assert last.startswith("1 problem was found, and nothing can be evaluated here")
    assert "backends          not known" in lines


def test_a_driver_that_hangs_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run_instead(monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(installed, "_TIMEOUT_S", 0.5)
    (problem,) = diagnose(store=tmp_path / "edgeval.db").problems
    assert problem.startswith("listing the devices took llama.cpp longer than 0 s; update the GPU")


def test_libraries_that_cannot_be_loaded_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    found = diagnose(store=tmp_path / "edgeval.db")
    (problem,) = found.problems
    assert problem.startswith("llama-cpp-python cannot be loaded (")
    assert (found.backends, found.build, found.types, found.devices) == (None, None, [], [])
