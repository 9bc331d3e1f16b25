"""The parts of scripts/check/aarch64.py that need no emulator."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scripts.check.aarch64 import HEADER, Scored, apart, emptied
from scripts.lib.aarch64.emulated import features_of, require_programs
from scripts.lib.aarch64.wheels import Build, cmake_options
from scripts.lib.peers.process import PeerError


def write(folder: Path, sha256: str, samples: list[tuple[list[float], int, bool]]) -> Scored:
    """Write what a run of one type leaves, as far as it is read."""
    (folder / "report").mkdir(parents=True)
    report = {"runs": [{"type": "F32", "sha256": sha256}]}
    (folder / "report/report.json").write_text(json.dumps(report), encoding="utf-8")
    rows = [
        {"type": "F32", "index": index, "logprobs": logprobs, "pick": pick, "correct": correct}
        for index, (logprobs, pick, correct) in enumerate(samples)
    ]
    text = "".join(f"{json.dumps(row)}\n" for row in reversed(rows))
    (folder / "samples.jsonl").write_text(text, encoding="utf-8")
    return Scored(folder)


def test_two_machines_are_as_far_apart_as_their_choices(tmp_path: Path) -> None:
    board = write(tmp_path / "board", "ab", [([-1.0, -2.0], 0, True), ([-3.0, -2.5], 1, False)])
    here = write(tmp_path / "here", "cd", [([-1.5, -2.0], 0, True), ([-3.0, -3.5], 0, True)])
    (row,) = apart(board, here)
    assert row == ["F32", "no", "1", "0.25", "1", "1 / 2"]
    assert len(HEADER) == len(row) + 2
    (row,) = apart(board, board)
    assert row == ["F32", "yes", "0", "0", "0", "1 / 1"]


def test_an_item_that_one_machine_lacks_is_not_passed_over(tmp_path: Path) -> None:
    board = write(tmp_path / "board", "ab", [([-1.0], 0, True), ([-3.0], 0, False)])
    here = write(tmp_path / "here", "ab", [([-1.0], 0, True)])
    with pytest.raises(KeyError):
        list(apart(board, here))


def test_what_another_build_left_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "cortex-a72" / "default"
    write(folder, "ab", [])
    assert list(emptied(folder).iterdir()) == []


def test_features_are_called_as_linux_calls_them() -> None:
    assert features_of(0b1000_0011) == ["fp", "asimd", "crc32"]
    assert features_of(1 << 20 | 1 << 10) == ["asimdhp", "asimddp"]
    assert features_of(0) == []


def test_a_build_is_for_one_cpu_and_not_for_the_compilers_own() -> None:
    options = cmake_options(Build("pi-5", "armv8.2-a+fp16+dotprod"))
    assert "-DGGML_NATIVE=OFF" in options
    assert "-DGGML_CPU_ARM_ARCH=armv8.2-a+fp16+dotprod" in options
    assert "-DCMAKE_SYSTEM_PROCESSOR=aarch64" in options


def test_packages_of_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if "qemu" in name else f"/bin/{name}")
    with pytest.raises(PeerError, match=r"^install Debian's qemu-user-static$"):
        require_programs()
