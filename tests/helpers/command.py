"""The command line: its exit code and its two streams, in this process or in one of its own."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeval.cli.app import main
from tests.helpers.fakes import without_kernels

COMMAND = [sys.executable, "-m", "edgeval"]
Result = subprocess.CompletedProcess[str]


def edgeval(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Result:
    """Run a command in this process, with llama.cpp where the test has it.

    Args:
        arguments: What a user types behind ``edgeval``.
        cwd: The folder that it runs in; this one by default.
        environment: Variables beside those of this process.
    """
    given = [os.fspath(argument) for argument in arguments]
    # They are held: a stream that nobody has closes what it has written to.
    streams = {
        name: io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        for name in ("stdout", "stderr")
    }
    with pytest.MonkeyPatch.context() as patch, _same_signals(), pytest.raises(SystemExit) as end:
        for name, value in environment.items():
            patch.setenv(name, value)
        if cwd is not None:
            patch.chdir(cwd)
        patch.setattr(sys, "argv", ["edgeval", *given])
        patch.setattr(sys, "stdin", io.StringIO())
        for name, stream in streams.items():
            # It is guarded as that of a process is.
            patch.setattr(sys, name, stream)
            patch.setattr(sys, f"__{name}__", stream)
        patch.setattr(sys, "excepthook", sys.excepthook)
        main(given)
    code = end.value.code
    assert isinstance(code, int)
    return Result(given, code, *map(_text, streams.values()))


def edgeval_process(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Result:
    """Run a command as users do, in a process of its own; arguments as those of ``edgeval``."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def assert_one_sentence(result: Result, words: Sequence[str], code: int = 1) -> None:
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    (sentence,) = without_kernels(result.stderr.strip().splitlines())
    for word in words:
        assert word in sentence


def _text(stream: io.TextIOWrapper) -> str:
    written = stream.detach()
    assert isinstance(written, io.BytesIO)
    return written.getvalue().decode("utf-8").replace("\r\n", "\n")


@contextmanager
def _same_signals() -> Iterator[None]:
    """Take back what a command does to the signals of its process."""
    names = ("SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
