"""Commands that are interrupted: one sentence, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.command import COMMAND, assert_one_sentence
from tests.helpers.paths import ROOT
from tests.helpers.tiny import make_items, write_items

pytestmark = pytest.mark.process

# ``edgeval``, interrupted where a function of a module is called for the first time.
INTERRUPTED = """
import signal, sys
module, name = sys.argv.pop(1).split(":")
def strike(frame, event, _):
    code, where = frame.f_code, frame.f_globals.get("__name__")
    if event == "call" and code.co_name == name and where == module:
        sys.setprofile(None)
        signal.raise_signal(signal.SIGINT)
from edgeval.__main__ import main
sys.setprofile(strike)
main()
"""


def _is_at(moment: str, cache: Path) -> bool:
    """Return whether the first file was quantized, or the first scores were saved."""
    if moment == "quantize":
        return any(cache.rglob("*-Q2_K.gguf"))
    with contextlib.suppress(sqlite3.OperationalError):  # The store is being made.
        store = Path(os.environ["EDGEVAL_STORE"]).as_uri()
        with contextlib.closing(sqlite3.connect(f"{store}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT 1 FROM score").fetchone() is not None
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(
    ("moment", "stop"),
    [("quantize", signal.SIGINT), ("score", signal.SIGINT), ("score", signal.SIGTERM)],
)
def test_ctrl_c_is_one_sentence_and_leaves_nothing(
    moment: str, stop: signal.Signals, tiny_checkpoint: Path, own_cache: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    items = write_items(tmp_path / "items.jsonl", make_items(20_000))
    types = "F16,Q2_K,Q3_K_M,Q4_K_M,Q5_K_M,Q6_K,Q8_0" if moment == "quantize" else "F16"
    process = subprocess.Popen(
        [*COMMAND, "run", tiny_checkpoint, "--data", items, "--out", out, "--quant", types],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not _is_at(moment, own_cache) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(stop)
    stdout, stderr = process.communicate(timeout=60)
    result = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
    assert_one_sentence(result, ["interrupted", "run the same command"], code=130)
    assert list(own_cache.rglob(".*")) == []
    assert not out.exists()


@pytest.mark.parametrize(
    ("place", "where"),
    [
        pytest.param("edgeval.cli.pick:<module>", ";", id="commands are loaded"),
        pytest.param("typer.main:get_command_from_info", ";", id="options are listed"),
        pytest.param("edgeval.cli.app:_print_version", ";", id="options are read"),
        pytest.param("functools:__set_name__", ";", id="classes are made"),
        pytest.param("edgeval.evaluation.setup:prepare", ";", id="items are read"),
        pytest.param(
            "edgeval.records.speeds:_as_older_ones", " at 40 of 40 ", id="scores are saved"
        ),
        pytest.param(
            "edgeval.cli.terminal.report:print_evaluation", ";", id="the result is printed"
        ),
    ],
)
def test_an_interrupt_at_any_moment_is_one_sentence(
    place: str, where: str, tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    options = ["eval", tiny_f16, "--data", tiny_items, "--store", tmp_path / "a.db"]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, place, *options],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )
    assert_one_sentence(done, [f"interrupted{where}", "run the same command"], code=130)
