"""Doctor's diagnoses as they are printed, and processes that it starts instead."""

from __future__ import annotations

import sys

import pytest

from edgeval.cli.terminal.diagnosis import print_diagnosis
from edgeval.engine import process
from edgeval.records import Diagnosis


def run_instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let something else run where llama.cpp should."""
    monkeypatch.setattr(process, "command", lambda: [sys.executable, "-c", code])


def printed(found: Diagnosis, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_diagnosis(found)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]
