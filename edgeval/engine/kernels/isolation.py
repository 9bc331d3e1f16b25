"""Isolation: a function in a copy of this process, which may die of it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from edgeval.engine.death import Ended, cause
from edgeval.errors import EngineDiedError

CAN_COPY = sys.platform == "linux"
"""Elsewhere a copy of a process may not compute, or there is none."""

MOST_SECONDS = 10
"""What is done takes hundredths of a second: a copy that takes longer is stuck."""

_MOST_SAID_BYTES = 4096


class StuckError(Exception):
    """A copy has not ended: it waits for a thread that it does not have."""


def in_copy(work: Callable[[], Iterable[Any]], doing: str) -> Iterator[Any]:
    """Yield what a function yields in a copy of this process, pickled.

    A copy costs a hundredth of the time in which a new process loads llama.cpp. It has the calling
    thread only: a process that has computed with llama.cpp, whose threads it would miss, must not
    be copied.

    Args:
        work: The function.
        doing: What it does, for a sentence about its death.

    Raises:
        EngineDiedError: If the copy ends before the function does.
        StuckError: If it does not end.
    """
    assert sys.platform == "linux"
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as said, os.fdopen(reading, "rb") as answers:
        with warnings.catch_warnings():
            # Python 3.12 warns of what is said above.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            _answer(work, writing, said.fileno())
        os.close(writing)
        is_over = False
        try:
            # Of a copy that dies in the middle of an answer, the rest is missing.
            with contextlib.suppress(EOFError, pickle.UnpicklingError):
                while True:
                    yield pickle.load(answers)
            is_over = True
        finally:
            if not is_over:
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        if status != 0:
            said.seek(0)
            lines = said.read(_MOST_SAID_BYTES).decode("utf-8", "replace").splitlines()
            code = os.waitstatus_to_exitcode(status)
            if code == -signal.SIGALRM:
                raise StuckError(doing)
            words = cause(Ended(code, [line.strip() for line in lines]))
            raise EngineDiedError(doing, words, "run the same command again")


def _answer(work: Callable[[], Iterable[Any]], writing: int, stderr: int) -> None:
    """Do the work of the copy, and end it."""
    code = 1
    try:
        os.dup2(stderr, 2)
        # It ends even if it is stuck, or whoever listens is gone.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(MOST_SECONDS)
        with os.fdopen(writing, "wb") as outgoing:
            for answer in work():
                pickle.dump(answer, outgoing)
                outgoing.flush()
        code = 0
    except BaseException as error:  # noqa: BLE001 - nothing of the copy may go on
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)
