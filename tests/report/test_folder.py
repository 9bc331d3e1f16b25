"""The folder of a report: one run's alone, from before the first score to the last line shown."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from edgeval.errors import EdgevalError
from edgeval.report import record_files
from edgeval.report.folder import new_folder, remove_unfinished, reserved
from tests.helpers.fakes import Lines
from tests.helpers.reports import example_report

_HOLD = """
import sys, time
from pathlib import Path
from edgeval.report.folder import new_folder, remove_unfinished, reserved
with reserved(Path(sys.argv[1]), command=sys.argv[2]) as folder:
    for name in sys.argv[3:]:
        (folder / name).write_text("old")
    print(folder, flush=True)
    time.sleep(600)
"""


def _killed(folder: Path, command: str, *names: str) -> None:
    """Let a run write files of a report to a folder, and kill it."""
    arguments = [sys.executable, "-c", _HOLD, str(folder), command, *names]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        with pytest.raises(EdgevalError, match="another edgeval is writing its report to"):
            _reserve(folder, command)
        process.kill()


def _reserve(folder: Path, command: str = "", *, overwrite: bool = False) -> None:
    with reserved(folder, command=command, overwrite=overwrite):
        pass


def test_a_folder_is_made_alone_and_gone_without_a_report(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        folders = [
            stack.enter_context(new_folder(tmp_path / "results", "demo-1")) for _ in range(6)
        ]
        assert [each.name for each in folders] == [
            "demo-1",
            *(f"demo-1-{number}" for number in range(2, 7)),
        ]
        (folders[2] / "report.json").write_text("{}")
    assert [each.name for each in (tmp_path / "results").iterdir()] == ["demo-1-3"]


def test_a_report_is_replaced_only_when_that_is_asked(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old")
    with pytest.raises(EdgevalError, match=r"report\.json exists already; replace it with --over"):
        _reserve(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]
    _reserve(tmp_path, overwrite=True)
    assert (tmp_path / "report.json").read_text() == "old"


@pytest.mark.process
def test_the_command_that_was_killed_goes_on_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    _killed(folder, "edgeval run demo", "report.json")
    with pytest.raises(EdgevalError, match="exists already"):
        _reserve(folder, "edgeval run other")
    # Who was refused has taken nothing from it.
    _reserve(folder, "edgeval run demo")
    with pytest.raises(EdgevalError, match="exists already"):
        _reserve(folder, "edgeval run demo")
    assert [each.name for each in folder.iterdir()] == ["report.json"]


@pytest.mark.process
def test_folders_of_killed_runs_without_a_report_go_with_the_next(tmp_path: Path) -> None:
    _killed(tmp_path / "demo-1", "edgeval run demo")
    _killed(tmp_path / "demo-2", "edgeval run demo", "report.json")
    _killed(tmp_path / "demo-3", "edgeval run demo", "notes.txt")
    remove_unfinished(tmp_path, Lines())
    left = sorted(each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*"))
    # What is not of edgeval stays.
    assert left == [
        *("demo-2", "demo-2/.unfinished", "demo-2/report.json"),
        *("demo-3", "demo-3/notes.txt"),
    ]


@pytest.mark.parametrize("name", ["out", "out/in"])
def test_a_folder_that_cannot_be_made_is_said_before_anything_is_done(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(EdgevalError, match=r"cannot write to .*out.*; name another folder"):
        _reserve(tmp_path / name)
    with (
        pytest.raises(EdgevalError, match=r"cannot write to .*out.*; name another folder"),
        new_folder(tmp_path / "out", "demo-1"),
    ):
        pytest.fail("made a folder in a file")
    assert (tmp_path / "out").read_text() == "a file"


def test_a_page_that_cannot_be_written_loses_neither_record_nor_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = example_report()
    original = Path.write_text

    def full(self: Path, text: str, *arguments: object, **options: object) -> int:
        if ".report.html" in self.name:
            raise OSError(28, "No space left on device")
        return original(self, text, *arguments, **options)  # type: ignore[arg-type]

    for name in (record_files.HTML_NAME, record_files.MARKDOWN_NAME):
        (tmp_path / name).write_text("of another record")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        with pytest.raises(EdgevalError, match=r"report\.json is complete, and edgeval report"):
            record_files.save(record, tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["report.json", "verdict.json"]
    record_files.render(record_files.load(tmp_path), tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def _run(*options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "edgeval", "run", "demo", "--quant", "F16", "--limit", "40"),
        *("--kl-items", "0", "--no-check", *options),
    ]


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    return [process.wait() for process in processes]


@pytest.mark.process
def test_six_runs_at_once_in_one_folder_leave_six_reports(tmp_path: Path) -> None:
    environment = {**os.environ, "EDGEVAL_STORE": str(tmp_path / "s.db")}
    processes = [
        subprocess.Popen(
            _run(),
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(6)
    ]
    assert _wait(processes) == [0] * 6
    folders = list((tmp_path / "edgeval-results").iterdir())
    assert len(folders) == 6
    assert {len(record_files.load(folder).runs) for folder in folders} == {1}
    assert {len(list(folder.iterdir())) for folder in folders} == {4}


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_who_is_killed_after_the_record_may_run_the_same_again(tmp_path: Path) -> None:
    command = _run("--out", "out")
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not (tmp_path / "out" / "report.json").exists() and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "out").iterdir())) == 4
    refused = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (refused.returncode, "--overwrite" in refused.stderr) == (1, True)
    replaced = subprocess.run(
        [*command, "--overwrite"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert replaced.returncode == 0, replaced.stderr
