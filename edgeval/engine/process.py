"""llama.cpp in a process of its own: started, listened to, ended, and replaced when it dies."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Mapping
from queue import Empty, Queue
from typing import IO, Any

from edgeval.engine.client import Engine
from edgeval.engine.death import GRACE_S, REINSTALL, Ended, died, may_be_an_interruption
from edgeval.errors import EngineDiedError, EngineError

_BOOT = "import sys; sys.path[:] = sys.argv[1:]; from edgeval.engine.worker import main; main()"

_MOST_WAITING = 16
"""Answers that wait to be looked at; more let the process wait."""

_LOOK_S = 0.1
"""To wait without a timeout would not be interrupted by Ctrl-C on Windows."""

_MOST_LAST_LINES, _LONGEST_LINE = 20, 1000
_END_TIMEOUT_S = 5.0


def command() -> list[str]:
    """Return the command line of the process: this Python, which finds what this process finds."""
    return [sys.executable, "-c", _BOOT, *sys.path]


class Worker(Engine):
    """llama.cpp in a process of its own, which is started when something is asked."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Start nothing yet.

        Args:
            environment: Variables that its processes have beside those of this one.
        """
        super().__init__()
        self._environment = environment or {}
        self._child: _Child | None = None
        self._peak_rss_bytes = 0

    def stream(
        self, job: str, *arguments: Any, doing: str, timeout_s: float | None = None
    ) -> Generator[Any, None, None]:
        """Yield what a job yields there."""
        child = self._running()
        is_answered = False
        try:
            child.send((job, arguments))
            while True:
                kind, value = child.receive(timeout_s)
                if kind == "answer":
                    yield value
                    continue
                is_answered = kind in ("done", "refused")
                break
        finally:
            # Whoever stops listening, or is interrupted, wants it to stop: nothing is lost with it.
            if not is_answered:
                self._child = None
                ended = child.end()
        if kind == "refused":
            self._raise(value)
        if kind == "silent":
            raise EngineError(f"{doing} took llama.cpp longer than {timeout_s:.0f} s; {REINSTALL}")
        if kind == "ended":
            if may_be_an_interruption(ended):
                # Whoever ends a whole group of processes ends this one too, a moment later.
                time.sleep(GRACE_S)
            raise died(doing, ended)

    def start(self) -> None:
        """Start the process, if there is none."""
        self._running()

    @property
    def _is_running(self) -> bool:
        return self._child is not None and self._child.is_alive()

    def _running(self) -> _Child:
        if self._child is None or not self._is_running:
            # One that died while nothing was asked of it has lost nothing.
            self.close()
            self._child = _Child(self._environment)
        return self._child

    def peak_rss_bytes(self) -> int | None:
        """Return the most memory that one of its processes has held, as far as they could say."""
        if self._is_running:
            with contextlib.suppress(EngineDiedError):
                peak = self.ask("peak_rss_bytes")
                self._peak_rss_bytes = max(self._peak_rss_bytes, peak)
        return self._peak_rss_bytes or None

    def release(self) -> None:
        """Free the model that the last job was about; a process that is dead has freed it."""
        if self._is_running:
            with contextlib.suppress(EngineDiedError):
                super().release()

    def close(self) -> None:
        """End the process, if there is one."""
        if self._child is not None:
            self._child.end()
            self._child = None

    @staticmethod
    def _raise(refusal: tuple[BaseException, str]) -> None:
        error, trace = refusal
        raise error from _RemoteError(trace)


class _RemoteError(Exception):
    """Where an error was raised in the other process; for tracebacks."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class _Child:
    """The process and its three pipes: jobs go in, answers come out, last words beside them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        if not sys.executable:
            raise EngineError(
                "there is no Python program that llama.cpp could be started with; use edgeval from "
                "an ordinary Python"
            )
        # A debugger that ggml starts when it aborts would outlive it.
        environment = {**os.environ, **environment, "GGML_NO_BACKTRACE": "1"}
        self._process = subprocess.Popen(
            command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        self._answers: Queue[tuple[str, Any]] = Queue(_MOST_WAITING)
        self._last_lines: deque[str] = deque(maxlen=_MOST_LAST_LINES)
        self._is_over = False
        self._threads = [
            threading.Thread(target=listen, name="engine", daemon=True)
            for listen in (self._listen, self._overhear)
        ]
        for thread in self._threads:
            thread.start()

    def is_alive(self) -> bool:
        """Return whether it can be asked."""
        return self._process.poll() is None

    def send(self, job: tuple[str, tuple[Any, ...]]) -> None:
        """Hand a job over; of a process that is dead, ``receive`` tells."""
        stdin = self._pipe(self._process.stdin)
        with contextlib.suppress(OSError):
            pickle.dump(job, stdin, protocol=pickle.HIGHEST_PROTOCOL)
            stdin.flush()

    def receive(self, timeout_s: float | None) -> tuple[str, Any]:
        """Return the next ``answer``, or that the job is ``done`` or ``refused``.

        Or that the process has ``ended``, or was ``silent`` for so many seconds.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while deadline is None or time.monotonic() < deadline:
            with contextlib.suppress(Empty):
                return self._answers.get(timeout=_LOOK_S)
        return "silent", None

    def end(self) -> Ended:
        """End the process, if it still runs, and return how it ended and what it said last."""
        self._is_over = True
        with contextlib.suppress(OSError):
            self._pipe(self._process.stdin).close()
        self._process.kill()
        code = self._process.wait()
        # What waits is of no use any more, and would keep the thread that reads.
        with contextlib.suppress(Empty):
            while True:
                self._answers.get_nowait()
        for thread in self._threads:
            thread.join(_END_TIMEOUT_S)
        return Ended(code, tuple(self._last_lines))

    def _listen(self) -> None:
        stdout = self._pipe(self._process.stdout)
        # Of a process that dies in the middle of an answer, the rest is missing.
        with stdout, contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            while not self._is_over:
                self._answers.put(pickle.load(stdout))
        if not self._is_over:
            self._answers.put(("ended", None))

    def _overhear(self) -> None:
        with self._pipe(self._process.stderr) as stderr:
            while line := stderr.readline(_LONGEST_LINE):
                self._last_lines.append(line.decode("utf-8", "replace").strip())

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe
