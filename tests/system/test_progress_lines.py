"""Progress in a pipe or a file: a line now and then, told by a clock of the test."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from edgeval.system import bars
from edgeval.system.bars import TerminalProgress
from edgeval.system.screen import Console


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def told(hours: float, tasks: int, step_s: float = 1.0) -> list[str]:
    """Return the lines of a log of work that goes on evenly."""
    clock, file = Clock(), io.StringIO()
    console = Console(file=file, get_time=clock, width=160, _environ={})
    n_steps = round(3600 * hours / tasks / step_s)
    with TerminalProgress(console) as progress:
        for number in range(tasks):
            with progress.task(f"score {number}", n_steps, "items") as task:
                for _ in range(n_steps):
                    clock.now_s += step_s
                    task.advance(1, "acc_norm 59.2")
    return file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("hours", "least", "most"),
    [
        pytest.param(1 / 360, 1, 8, id="ten seconds"),
        pytest.param(1 / 6, 50, 68, id="ten minutes"),
        pytest.param(1, 100, 200, id="an hour"),
        pytest.param(49, 300, 400, id="a whole split on a Raspberry Pi 4"),
    ],
)
def test_a_log_has_enough_lines_and_not_too_many(hours: float, least: int, most: int) -> None:
    assert least <= len(told(hours, 8, step_s=0.25 if hours < 1 else 5)) <= most


def test_a_line_says_how_far_how_fast_and_how_long() -> None:
    lines = told(1 / 60, 1)
    assert lines[0] == ("score 0: 10 of 60 items (17%), 1.0 items/s, 0:00:50 left, acc_norm 59.2")
    assert lines[-1] == "score 0: 60 of 60 items (100%), 1.0 items/s, acc_norm 59.2"
    assert len(lines) == 6, "the last line is not said twice"


def test_what_takes_no_time_says_nothing_and_a_second_is_said() -> None:
    assert told(0.5 / 3600, 1, step_s=0.25) == []
    assert told(2 / 3600, 1) == ["score 0: 2 of 2 items (100%), 1.0 items/s, acc_norm 59.2"]


def test_bytes_are_megabytes_and_a_total_may_be_unknown() -> None:
    clock, file = Clock(), io.StringIO()
    console = Console(file=file, get_time=clock, width=160, _environ={})
    with TerminalProgress(console) as progress, progress.task("fetch", None, "bytes") as task:
        clock.now_s += 10
        task.advance(50_000_000)
        task.resize(200_000_000)
        clock.now_s += 10
        task.advance(50_000_000, "model.safetensors")
    assert file.getvalue().splitlines() == [
        "fetch: 50.0 MB, 5.0 MB/s",
        "fetch: 100.0 of 200.0 MB (50%), 5.0 MB/s, 0:00:20 left, model.safetensors",
    ]


def test_an_error_inside_says_no_last_line() -> None:
    clock, file = Clock(), io.StringIO()
    console = Console(file=file, get_time=clock, width=160, _environ={})
    with (
        pytest.raises(KeyboardInterrupt),
        TerminalProgress(console) as progress,
        progress.task("score F16", 8, "items") as task,
    ):
        clock.now_s += 5
        task.advance(4)
        raise KeyboardInterrupt
    assert file.getvalue() == ""


def test_a_terminal_that_cannot_move_its_cursor_has_lines() -> None:
    clock, file = Clock(), io.StringIO()
    console = Console(file=file, force_terminal=True, get_time=clock, _environ={"TERM": "dumb"})
    with TerminalProgress(console) as progress, progress.task("score F16", 8, "items") as task:
        clock.now_s += 5
        task.advance(4)
    line = "score F16: 4 of 8 items (50%), 0.8 items/s, 0:00:05 left\n"
    assert file.getvalue() == line


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_bar_has_one_line_on_each_screen(width: int) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system=None, _environ={})
    progress = bars._bars(console)
    task = progress.add_task("quantize Q4_K_M", total=10_042, unit="items", note="acc_norm 58.93")
    progress.advance(task, 1234)
    console.print(progress.get_renderable())
    lines = file.getvalue().splitlines()
    assert len(lines) == 1
    assert "quantize Q4_K_M" in lines[0]
    assert "1234/10042" in lines[0]
    assert "\N{HORIZONTAL ELLIPSIS}" not in lines[0]


BARS = """
from edgeval.system import streams
from edgeval.system.bars import TerminalProgress
from edgeval.system.console import stderr_console

streams.guard()
with TerminalProgress(stderr_console()) as progress:
    with progress.task("first", 2, "items") as one, progress.task("second", 2, "items") as other:
        one.advance(2)
        progress.log("a line")
        other.advance(2)
"""


@pytest.mark.process
def test_bars_of_a_guarded_stream_move_the_cursor() -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", BARS], stderr=theirs, env=os.environ | {"TERM": "xterm"}, check=True
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "\x1b[2K" in shown
    assert "x1b" not in shown
    assert "a line" in shown
