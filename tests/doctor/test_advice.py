"""Advice of doctor: backends, folders and builds, and how it is printed."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from edgeval import llama
from edgeval.cli.terminal.diagnosis import conclusion
from edgeval.doctor import installed, machine
from edgeval.doctor.diagnose import diagnose
from edgeval.doctor.native_build import changes
from edgeval.engine import Local, use
from edgeval.llama import backends, registry
from edgeval.llama.paths import CpuBuild
from edgeval.records import Build, Diagnosis, Finding, GpuCheck, Look, TypeTrial
from tests.helpers.builds import HASWELL
from tests.helpers.diagnoses import PROBLEM, example_check, example_diagnosis
from tests.helpers.doctor import printed, run_instead

TIMES = "\N{MULTIPLICATION SIGN}"


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
        ["F16", "default", "tinyBLAS, repack", "0.0031", "1,234"],
        ["Q8_0", "plain", none, "0.021", "2,345"],
        ["Q4_0", "plain", none, none, "3,456"],
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
    found = installed._of_build(made, CpuBuild.of(HASWELL, ()), [])
    assert {each.kind for each in found} == ({kind} - {None})
    for each in found[:1]:
        assert words in each.sentence
        assert "pip install --force-reinstall" in each.sentence
    told = [each.sentence for each in found[1:]]
    assert told == ([changes(CpuBuild.of(HASWELL, ()), missing)] if kind == "advice" else [])
