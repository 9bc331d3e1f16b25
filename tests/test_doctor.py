"""What doctor says of an installation: this one, and those that are pretended or broken."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pretended_gpus
import pytest
from diagnosis_example import PROBLEM, example_check, example_diagnosis
from fakes import without_kernels
from test_cli import assert_one_sentence, edgeval

from edgeval import __version__, llama
from edgeval.cli.app import main
from edgeval.cli.terminal.diagnosis import conclusion, print_diagnosis
from edgeval.doctor import installed, machine
from edgeval.doctor.diagnose import diagnose
from edgeval.engine import Local, Worker, process, use
from edgeval.evaluation import closeness, yardstick
from edgeval.llama import backends, registry
from edgeval.records import Build, Diagnosis, Finding, GpuCheck, Look, TypeTrial

TIMES = "\N{MULTIPLICATION SIGN}"
LADDER = ["F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K"]


@pytest.fixture(autouse=True)
def own_process() -> Iterator[Worker]:
    with use(Worker()) as engine:
        assert isinstance(engine, Worker)
        yield engine


def pretend(monkeypatch: pytest.MonkeyPatch, mode: str = "sound") -> None:
    """Let the CPU stand in for two GPUs."""
    monkeypatch.setattr(process, "command", lambda: pretended_gpus.command(mode))


def run_instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let something else run where llama.cpp should."""
    monkeypatch.setattr(process, "command", lambda: [sys.executable, "-c", code])


def printed(found: Diagnosis, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_diagnosis(found)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


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
        "import sys, edgeval.doctor.diagnose, edgeval.cli.terminal.diagnosis, edgeval.cli.doctor\n"
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


# What llama.cpp was built with.


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build for this very CPU."""
    monkeypatch.setattr(installed, "_of_build", lambda *_: [])


def without_devices(monkeypatch: pytest.MonkeyPatch, *built: str) -> None:
    for module in (registry, backends):
        monkeypatch.setattr(module, "devices", lambda: ())
        monkeypatch.setattr(module, "built_backends", lambda: built)


def look_at(backend: str = "auto", *names: str) -> Look:
    with use(Local()):
        return installed.look(backend, names)


def test_a_gpu_without_its_backend_is_advice_with_the_command(
    build: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_devices(monkeypatch)
    gpu = machine.FoundGpu("NVIDIA H200", "cuda")
    monkeypatch.setattr(installed, "unused_gpu", lambda built: gpu)
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
    build: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_devices(monkeypatch, "cuda", "vulkan", "blas")
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
    run_instead(monkeypatch, "import os; os.abort()")
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
    none = "\N{EN DASH}"
    assert rows == [
        ["F16", "default", "0.0031", "1,234"],
        ["Q8_0", "plain", "0.021", "2,345"],
        ["Q4_0", "plain", none, "3,456"],
        ["CUDA0", "New GPU", "cuda", "80.00 GiB", "70.00 GiB"],
        ["Vulkan0", "Old GPU", "vulkan (untested)", "2.00 GiB", "1.00 GiB"],
        ["CUDA0", "F16", "23/24", "0.31", "0.0041", "0.02", f"{TIMES}131", "passed"],
        ["Vulkan0", "F16", "23/24", "0.31", "0.4", "0.02", f"{TIMES}131", "FAILED"],
        ["Vulkan0", "Q8_0", *["\N{EN DASH}"] * 5, "FAILED"],
    ]
    assert "llama-cpp-python  0.3.36, built by GCC 12.2.0" in lines
    assert "built for         AVX2, FMA; not used: AVX512" in lines
    assert "backends          cuda, vulkan (untested), cpu" in lines
    assert "auto takes        CUDA0" in lines
    assert "cache             ~/cache, 12.00 GiB free" in lines
    assert "store             edgeval.db, NOT WRITABLE" in lines
    assert lines[-2:] == [
        f"problem: {PROBLEM}",
        "1 problem was found; the CPU computes all 3 types.",
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param(
            {"findings": [], "checks": [], "devices": []},
            "Nothing is wrong; llama.cpp has no GPU here, and the CPU computes all 3 types.",
            id="no GPU",
        ),
        pytest.param(
            {"findings": [], "checks": []},
            "Nothing is wrong; no GPU was checked, and the CPU computes all 3 types.",
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
            "Nothing keeps edgeval from computing; CUDA0 and CUDA1 compute what the CPU does.",
            id="two GPUs",
        ),
        pytest.param(
            {
                "findings": [
                    Finding(kind="problem", sentence="one"),
                    Finding(kind="problem", sentence="two"),
                ],
                "checks": [],
                "types": [TypeTrial(type="F16"), TypeTrial(type="Q8_0", error="it died")],
            },
            "2 problems were found; the CPU computes F16.",
            id="a type that dies",
        ),
    ],
)
def test_the_conclusion(changes: dict[str, object], sentence: str) -> None:
    assert conclusion(example_diagnosis(**changes)) == sentence


def test_a_json_record_reads_back() -> None:
    found = example_diagnosis()
    assert Diagnosis.model_validate(json.loads(found.model_dump_json())) == found


@pytest.mark.parametrize(
    ("missing", "superfluous", "kind", "words"),
    [
        ([], [], None, ""),
        (["AVX512"], [], "advice", "it is faster if it is built for it"),
        (["AVX512"], ["AMX_INT8"], "problem", "was built for another CPU, which has AMX_INT8"),
    ],
)
def test_a_build_for_another_cpu_is_told(
    missing: list[str], superfluous: list[str], kind: str | None, words: str
) -> None:
    made = Build(compiler=None, features=["AVX2"], missing=missing, superfluous=superfluous)
    found = installed._of_build(made, [])
    assert [each.kind for each in found] == ([] if kind is None else [kind])
    for each in found:
        assert words in each.sentence
        assert "pip install --force-reinstall" in each.sentence
