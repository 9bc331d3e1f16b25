"""The workflow that gates the demo: whole, as the documents show it, with a command that works."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from edgeval.llama.builds import PORTABLE
from tests.helpers.command import edgeval
from tests.helpers.paths import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "gate.yml"

pytestmark = pytest.mark.skipif(not WORKFLOW.is_file(), reason="a wheel has no .github")


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]["gate"][
        "steps"
    ]
    return found


def step(name: str) -> dict[str, Any]:
    (found,) = [each for each in steps() if each.get("name") == name]
    return found


def test_it_has_all_that_a_workflow_needs() -> None:
    content = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    # YAML 1.1 takes the key for a truth value.
    assert set(content) == {"name", True, "permissions", "jobs"}
    assert set(content[True]) == {"push", "pull_request", "workflow_dispatch"}
    assert content["permissions"] == {"contents": "read"}
    (job,) = content["jobs"].values()
    assert set(job) == {"runs-on", "timeout-minutes", "steps"}
    for each in steps():
        assert ("uses" in each) != ("run" in each)


def test_actionlint_finds_nothing() -> None:
    tool = shutil.which("actionlint")
    if tool is None:
        pytest.skip("actionlint is not installed")
    done = subprocess.run([tool, str(WORKFLOW)], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_it_builds_runs_on_any_runner() -> None:
    install = step("Install")
    assert install["run"] == "pip install ."
    assert install["env"]["CMAKE_ARGS"] == " ".join(PORTABLE)


def test_the_documents_show_its_command() -> None:
    text = WORKFLOW.read_text("utf-8")
    shown = text[text.index("      - name: Evaluate") : text.index("      - name: Keep")].strip()
    assert shown in (ROOT / "edgeval" / "docs" / "gate.md").read_text("utf-8")


def test_its_command_holds_the_demo(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    command = step("Evaluate")["run"].replace("$GITHUB_STEP_SUMMARY", str(summary))
    program, *arguments = shlex.split(command)
    assert program == "edgeval"
    ran = edgeval(*arguments, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "held: Q4_K_M:drift>3, kl>0.1"
    assert "| drift\\>3 | Q4_K_M | held |" in summary.read_text("utf-8")
    kept = tmp_path / step("Keep the report")["with"]["path"]
    root = ElementTree.parse(kept / "junit.xml").getroot()
    assert (root.attrib["tests"], root.attrib["failures"]) == ("8", "0")
    assert (kept / "report.html").is_file()
