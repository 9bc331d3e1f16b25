"""The README's commands are those that edgeval prints."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from edgeval.llama.builds import PORTABLE, rebuild_command

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
INSTALL = [
    [cell.strip().strip("`") for cell in line.strip("|").split("|")]
    for line in README.splitlines()
    if line.startswith("|") and "--force-reinstall" in line
]


def without_version(command: str) -> str:
    found, n_versions = re.subn(r"llama-cpp-python==[\d.]+", "llama-cpp-python==", command)
    assert n_versions == 1
    return found


@pytest.mark.parametrize(("system", "platform"), [("linux", "Linux"), ("win32", "Windows")])
def test_it_builds_each_backend_as_an_error_would_say(
    system: str, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    commands = {
        backend.lower(): command
        for backend, where, command, _ in INSTALL
        if where.startswith(platform)
    }
    assert list(commands) == ["cuda", "vulkan", "rocm", "sycl"]
    for backend, command in commands.items():
        assert without_version(command) == without_version(rebuild_command(backend))


def test_it_makes_the_portable_build_that_the_package_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    (command,) = [line for line in README.splitlines() if line.startswith("CMAKE_ARGS=")]
    assert without_version(command) == without_version(rebuild_command(options=PORTABLE))


def test_it_pins_the_version_that_the_package_starts_from() -> None:
    project = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    (oldest,) = re.findall(r'"llama-cpp-python>=([\d.]+),', project)
    versions = {re.search(r"python==([\d.]+)", command)[1] for _, _, command, _ in INSTALL}  # type: ignore[index]
    assert versions == {oldest}
