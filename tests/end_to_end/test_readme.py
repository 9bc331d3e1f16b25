"""README: one page, whose commands, code and pictures are real; the installation beside it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from edgeval.llama.builds import PORTABLE, rebuild_command
from edgeval.records import Report
from edgeval.report.record_files import load
from edgeval.report.record_view import RecordView
from edgeval.stats.verdict import verdicts
from scripts.docs.pictures import RECORD
from tests.helpers.command import edgeval

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL_PAGE = (ROOT / "edgeval" / "docs" / "install.md").read_text(encoding="utf-8")
INSTALL = [
    [cell.strip().strip("`") for cell in line.strip("|").split("|")]
    for line in INSTALL_PAGE.splitlines()
    if line.startswith("|") and "--force-reinstall" in line
]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_it_is_one_page() -> None:
    assert len(README.splitlines()) <= 150


def test_its_pictures_are_small() -> None:
    names = re.findall(r'(?:srcset|src)="([^"]+)"', README)
    assert [Path(name).name for name in names] == ["report-dark.webp", "report-light.webp"]
    for name in names:
        picture = (ROOT / name).read_bytes()
        assert (picture[:4], picture[8:12]) == (b"RIFF", b"WEBP")
        assert len(picture) < 300_000


def test_what_it_says_of_its_pictures_is_in_their_record() -> None:
    record = load(RECORD.parent)
    assert isinstance(record, Report)
    (claim,), (verdict,) = record.claims, verdicts(record)
    outcomes = [run.outcome for run in RecordView.of(record).runs[1:]]
    scored = 100 * record.runs[0].metrics[record.protocol.metric].value
    below = README.partition("</picture>")[2].partition("##")[0]
    assert f"All {record.data.n_items:,} items were scored" in below
    assert f"The published number is {claim.value:.2f} and F16 scores {scored:.2f}" in below
    (alt,) = re.findall(r'alt="([^"]+)"', README)
    assert f"the claim is {verdict.status.replace('_', ' ')}" in alt
    assert f"{outcomes.count('equivalent')} of {len(outcomes)} quantized types are equi" in alt


def test_its_second_block_is_a_notebook_cell_that_runs(tmp_path: Path) -> None:
    language, cell = BLOCKS[1]
    assert language == "python"
    shown = cell.rstrip().splitlines()[-1]
    program = f"{cell}\nprint(({shown})._repr_html_())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("<table", "Q4_K_M", "<svg"))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which it makes tables."""
    folder = tmp_path_factory.mktemp("tables")
    (command,) = re.findall(r"^edgeval (run demo .*--samples.*)$", README, re.MULTILINE)
    made = edgeval(*shlex.split(command), cwd=folder)
    assert made.returncode == 0, made.stderr
    assert (folder / "ladder.csv").read_text(encoding="utf-8").startswith("type,file,")
    return folder


@pytest.mark.parametrize("module", ["pandas", "duckdb"])
def test_a_line_reads_its_tables(module: str, tables: Path) -> None:
    pytest.importorskip(module, reason=f"{module} is not installed")
    (line,) = re.findall(rf"^python -c \"(import {module};.*)\"$", README, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", line], cwd=tables, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"Q4_K_M\D+0\.7\d", done.stdout)


def test_a_checkout_is_tested_as_it_says_to_install_it() -> None:
    (command,) = re.findall(r"^(pip install \S+)", README, re.MULTILINE)
    assert command in INSTALL_PAGE
    recipe = ROOT / ".ci" / "run"
    if not recipe.is_file():
        pytest.skip("a source distribution has no .ci")
    assert command.split()[-1] in recipe.read_text(encoding="utf-8")


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
    (command,) = [line for line in INSTALL_PAGE.splitlines() if line.startswith("CMAKE_ARGS=")]
    assert without_version(command) == without_version(rebuild_command(options=PORTABLE))


def test_it_pins_the_version_that_the_package_starts_from() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (oldest,) = re.findall(r'"llama-cpp-python>=([\d.]+),', project)
    versions = {re.search(r"python==([\d.]+)", command)[1] for _, _, command, _ in INSTALL}  # type: ignore[index]
    assert versions == {oldest}
