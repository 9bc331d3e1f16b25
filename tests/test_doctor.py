"""What doctor says of an installation: this one, and those that are pretended or broken."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from diagnosis_example import PROBLEM, example_check, example_diagnosis
from test_cli import assert_one_sentence, edgeval

from edgeval import __version__, llama
from edgeval.cli import main
from edgeval.doctor import child, diagnose, machine, steps
from edgeval.doctor.tables import conclusion, print_diagnosis
from edgeval.llama import backends
from edgeval.records import CpuTrial, Diagnosis, Finding, GpuCheck, Look

PRETENDED = Path(__file__).with_name("pretended_gpus.py")
TIMES = "\N{MULTIPLICATION SIGN}"
TRIAL = CpuTrial(type="F16", n_items=24, tokens_per_s=1234.0)


def pretend(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Let the CPU stand in for two GPUs."""
    monkeypatch.setattr(child, "COMMAND", (sys.executable, str(PRETENDED), mode))


def printed(found: Diagnosis, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_diagnosis(found)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def exit_code(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(each) for each in arguments])
    code = end.value.code
    assert isinstance(code, int)
    return code


def look_at(backend: str = "auto", *names: str) -> Look:
    (found,) = steps.look("demo", backend, *names)
    return found


# This machine.


def test_the_cpu_of_this_machine_computes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "not" / "yet" / "edgeval.db"
    result = edgeval("doctor", "--backend", "cpu", "--json", "--store", store)
    assert (result.returncode, result.stderr) == (0, "")
    found = Diagnosis.model_validate_json(result.stdout)
    assert found.edgeval_version == __version__
    assert f"llama-cpp-python {found.binding_version}" == llama.engine_version()
    assert found.backends is not None
    names = [each.name for each in found.backends]
    assert names == [*llama.built_backends(), "cpu"]
    assert [each.name for each in found.devices] == [each.name for each in llama.devices()]
    assert found.cpu is not None
    assert (found.cpu.type, found.cpu.n_items) == ("F16", 24)
    assert found.cpu.tokens_per_s > 0
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
    assert_one_sentence(edgeval("doctor", "demmo"), ["no model 'demmo'", "did you mean 'demo'"])


def test_doctor_itself_never_loads_llama_cpp() -> None:
    code = (
        "import sys, edgeval.doctor, edgeval.doctor.tables, edgeval.cli.doctor\n"
        "print('llama_cpp' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"


# GPUs that the CPU stands in for.


def test_each_gpu_is_held_to_the_cpu_with_three_types(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend(monkeypatch, "pass")
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
    assert (found.findings, found.cpu) == ([], None)
    assert conclusion(found) == "Nothing is wrong; CUDA1 computes what the CPU does."


def test_a_gpu_that_computes_something_else_and_crashes_is_two_problems(
    monkeypatch: pytest.MonkeyPatch, tiny_f16: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch, "fail")
    assert exit_code("doctor", tiny_f16, "--device", "0", "--json") == 1
    found = Diagnosis.model_validate_json(capsys.readouterr().out)
    (check,) = found.checks
    assert (check.device, check.type, check.has_passed) == ("CUDA0", "F16", False)
    failure, crash = found.problems
    begin = "cuda on CUDA0 (Pretended GPU 1) fails the self-check with F16: log-probabilities are "
    assert failure.startswith(begin)
    assert crash.startswith("llama.cpp crashed (")
    assert ") computing on CUDA0 (Pretended GPU 1); " in crash
    # The CPU's side of the check is there, so it is not tried again.
    assert (found.cpu, conclusion(found)) == (None, "2 problems were found; the CPU computes.")


def test_what_stops_every_check_is_told_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    devices = example_diagnosis().devices
    look = Look(backends=[], devices=devices, chosen=["CUDA0", "Vulkan0"], findings=[])
    code = (
        "import sys\n"
        f"if sys.argv[1] == 'look':\n    print({look.model_dump_json()!r})\n"
        f"else:\n    print({json.dumps('the disk is full')!r})\n    sys.exit({child.REFUSED})"
    )
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", code))
    found = diagnose(store=tmp_path / "edgeval.db")
    assert found.problems == ["the disk is full"]
    assert (found.devices, found.checks, found.cpu) == (devices, [], None)
    end = ", and nothing can be evaluated here until that is solved."
    assert conclusion(found) == "1 problem was found" + end


# Processes that end in no way of their own.


def test_a_crash_is_a_sentence_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", "import os; os.abort()"))
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    assert exit_code("doctor") == 1
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    problem, last = lines[-2:]
    assert problem.startswith("problem: llama.cpp crashed (")
    assert ") listing the devices; " in problem
    if sys.platform == "linux":
        assert "(SIGABRT)" in problem
        assert "LD_PRELOAD=$(gcc -print-file-name=libstdc++.so.6)" in problem
    assert last.startswith("1 problem was found, and nothing can be evaluated here")
    assert "backends          not known" in lines


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param("raise SystemExit(1)", "asking failed with the error on stderr", id="error"),
        pytest.param("raise SystemExit(99)", "llama.cpp crashed (exit code 99) asking", id="code"),
        pytest.param("import time; time.sleep(60)", "longer than 1 s", id="hangs"),
    ],
)
def test_other_ends_are_sentences_too(
    code: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", code))
    answer = child.ask("asking", timeout_s=1.0)
    assert (answer.lines, answer.refusal) == ([], None)
    assert answer.crash is not None and words in answer.crash


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize(
    ("name", "words"),
    [("SIGKILL", "for want of memory"), ("SIGILL", "built for another CPU")],
)
def test_signals_have_remedies(name: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"import os, signal; os.kill(os.getpid(), signal.{name})"
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", code))
    crash = child.ask("asking").crash
    assert crash is not None and words in crash


def test_a_preloaded_library_is_not_advised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libstdc++.so.6")
    assert "LD_PRELOAD" not in child._crash("asking", -11)
    assert "install llama-cpp-python again" in child._crash("asking", -11)


def test_libraries_that_cannot_be_loaded_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    found = diagnose(store=tmp_path / "edgeval.db")
    (problem,) = found.problems
    assert problem.startswith("llama-cpp-python cannot be loaded (")
    assert (found.backends, found.cpu, found.devices) == (None, None, [])


def test_what_a_library_prints_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = (
        "import runpy, sys, edgeval.llama\n"
        "sys.modules['edgeval.llama'].built_backends = lambda: print('hello') or ()\n"
        "runpy.run_module('edgeval.doctor', run_name='__main__')"
    )
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", code))
    answer = child.ask("asking", "look", "demo", "cpu")
    assert len(answer.lines) == 1
    assert Look.model_validate_json(answer.lines[0]).chosen == []


# What llama.cpp was built with.


def test_a_gpu_without_its_backend_is_advice_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (steps.llama, backends):
        monkeypatch.setattr(module, "devices", lambda: ())
        monkeypatch.setattr(module, "built_backends", lambda: ())
    gpu = machine.FoundGpu("NVIDIA H200", "cuda")
    monkeypatch.setattr(steps, "unused_gpu", lambda built: gpu)
    (advice,) = look_at().findings
    command = llama.rebuild_command("cuda")
    assert advice == Finding(
        kind="advice",
        sentence="NVIDIA H200 is here, and llama-cpp-python was built without cuda; to use it, "
        f"build it again: {command}",
    )
    if sys.platform != "darwin":
        (problem,) = look_at("cuda").findings
        assert problem.kind == "problem"
        assert problem.sentence.endswith(command)


def test_a_backend_without_a_device_is_advice_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (steps.llama, backends):
        monkeypatch.setattr(module, "devices", lambda: ())
        monkeypatch.setattr(module, "built_backends", lambda: ("cuda", "vulkan", "blas"))
    found = look_at()
    labels = [(each.name, each.is_tested) for each in found.backends]
    assert labels == [("cuda", True), ("vulkan", False), ("blas", False), ("cpu", True)]
    assert [each.kind for each in found.findings] == ["advice", "advice"]
    for name, finding in zip(("cuda", "vulkan"), found.findings, strict=True):
        begin = f"llama-cpp-python was built with {name} but finds no device for it ("
        assert finding.sentence.startswith(begin)
        assert "driver" in finding.sentence
        assert "doctor" not in finding.sentence
    assert [each.kind for each in look_at("CUDA").findings] == ["problem", "advice"]


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name that lists a GPU."""
    line = "GPU 0: NVIDIA H200 (UUID: GPU-0000)"
    if sys.platform == "win32":
        program = tmp_path / "nvidia-smi.bat"
        program.write_text(f"@echo {line}\n", encoding="ascii")
    else:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\necho '{line}'\n", encoding="ascii")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return program


def test_nvidia_smi_names_the_gpu(nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "darwin":
        monkeypatch.setattr(machine.sys, "platform", "linux")
    assert machine.unused_gpu(()) == machine.FoundGpu("NVIDIA H200", "cuda")
    assert machine.unused_gpu(("cuda",)) is None


def test_a_mac_with_its_own_gpu_needs_metal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    monkeypatch.setattr(machine.platform, "machine", lambda: "arm64")
    assert machine.unused_gpu(("blas",)) == machine.FoundGpu("Apple's GPU", "metal")
    assert machine.unused_gpu(("metal", "blas")) is None
    monkeypatch.setattr(machine.platform, "machine", lambda: "x86_64")
    assert machine.unused_gpu(("blas",)) is None


# Folders.


def test_a_folder_that_cannot_be_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("EDGEVAL_CACHE", str(blocked / "cache"))
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", "import os; os.abort()"))
    found = diagnose(store=tmp_path / "edgeval.db")
    cache, store = found.folders
    assert (cache.is_writable, store.is_writable) == (False, True)
    sentence = f"the cache {cache.path} cannot be written; name another with EDGEVAL_CACHE"
    assert found.problems[0] == sentence


def test_the_store_is_not_changed_by_looking(tmp_path: Path) -> None:
    path = tmp_path / "edgeval.db"
    path.write_bytes(b"content")
    assert machine.folder("store", path).is_writable
    assert path.read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [path]


def test_the_home_folder_has_no_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert machine.folder("cache", tmp_path / "a" / "b").path == str(Path("~") / "a" / "b")


# What is printed.


def test_tables_fit_80_columns_and_say_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(example_diagnosis(), capsys)
    assert all(len(line) <= 80 for line in lines if line and line[0] in "┏┃┡│└")
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")] for line in lines if line[:1] == "│"
    ]
    assert rows == [
        ["CUDA0", "New GPU", "cuda", "80.00 GiB", "70.00 GiB"],
        ["Vulkan0", "Old GPU", "vulkan (untested)", "2.00 GiB", "1.00 GiB"],
        ["CUDA0", "F16", "23/24", "0.31", "0.0041", "0.02", f"{TIMES}131", "passed"],
        ["Vulkan0", "F16", "23/24", "0.31", "0.4", "0.02", f"{TIMES}131", "FAILED"],
        ["Vulkan0", "Q8_0", *["\N{EN DASH}"] * 5, "FAILED"],
    ]
    assert "backends          cuda, vulkan (untested), cpu" in lines
    assert "auto takes        CUDA0" in lines
    assert "cache             ~/cache, 12.00 GiB free" in lines
    assert "store             edgeval.db, NOT WRITABLE" in lines
    assert lines[-2:] == [f"problem: {PROBLEM}", "1 problem was found; the CPU computes."]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param(
            {"findings": [], "checks": [], "devices": [], "cpu": TRIAL},
            "Nothing is wrong; llama.cpp has no GPU here, and the CPU computes: 24 items with F16, "
            "1,234 tokens/s.",
            id="no GPU",
        ),
        pytest.param(
            {"findings": [], "checks": [], "cpu": TRIAL},
            "Nothing is wrong; no GPU was checked, and the CPU computes: 24 items with F16, "
            "1,234 tokens/s.",
            id="the CPU was asked for",
        ),
        pytest.param(
            {
                "findings": [Finding(kind="advice", sentence="advice is nothing wrong")],
                "checks": [
                    GpuCheck(device=name, type="F16", result=example_check())
                    for name in ("CUDA0", "CUDA1")
                ],
            },
            "Nothing is wrong; CUDA0 and CUDA1 compute what the CPU does.",
            id="two GPUs",
        ),
        pytest.param(
            {
                "findings": [
                    Finding(kind="problem", sentence="one"),
                    Finding(kind="problem", sentence="two"),
                ],
                "checks": [],
                "cpu": TRIAL,
            },
            "2 problems were found; the CPU computes: 24 items with F16, 1,234 tokens/s.",
            id="a GPU that crashes",
        ),
    ],
)
def test_the_conclusion(changes: dict[str, object], sentence: str) -> None:
    assert conclusion(example_diagnosis(**changes)) == sentence


def test_a_json_record_reads_back() -> None:
    found = example_diagnosis()
    assert Diagnosis.model_validate(json.loads(found.model_dump_json())) == found
