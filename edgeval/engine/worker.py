"""Worker: the process that llama.cpp runs in, which ends with its parent."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from edgeval.engine.death import UNLOADABLE
from edgeval.errors import EdgevalError

_LOOK_S = 1.0
_OOM_SCORE = "500"
"""Above that of its parent: where memory is short, the kernel takes this process."""


def main() -> None:
    """Do jobs until there are no more."""
    # Ctrl-C is pressed for all processes of a terminal; what becomes of it is the parent's matter.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _settle()
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What a library prints goes where its last words are looked for, and it has nothing to read.
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    jobs: SimpleQueue[tuple[str, tuple[Any, ...]]] = SimpleQueue()
    threading.Thread(target=_receive, args=(incoming, jobs), daemon=True).start()
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    try:
        # llama.cpp is loaded here.
        from edgeval.engine.jobs import Jobs
    except (ImportError, OSError, RuntimeError) as error:
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        os._exit(UNLOADABLE)
    loaded = Jobs()
    while True:
        job, arguments = jobs.get()
        _do(loaded, job, arguments, outgoing)


def _do(loaded: Any, job: str, arguments: tuple[Any, ...], outgoing: IO[bytes]) -> None:
    """Do a job, and send its answers and how it ended."""
    try:
        with contextlib.closing(getattr(loaded, job)(*arguments)) as answers:
            for answer in answers:
                _send(outgoing, ("answer", answer))
    except (EdgevalError, MemoryError) as error:
        _send(outgoing, ("refused", (error, traceback.format_exc())))
    except Exception as error:  # noqa: BLE001 - it is raised again where the job came from
        trace = traceback.format_exc()
        _send(outgoing, ("refused", (RuntimeError(f"{type(error).__name__}: {error}"), trace)))
    else:
        _send(outgoing, ("done", None))


def _send(outgoing: IO[bytes], message: tuple[str, Any]) -> None:
    pickle.dump(message, outgoing, protocol=pickle.HIGHEST_PROTOCOL)
    outgoing.flush()


def _receive(incoming: IO[bytes], jobs: SimpleQueue[tuple[str, tuple[Any, ...]]]) -> None:
    """Put jobs into the queue; end the process, whatever it computes, when its parent is gone."""
    with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            jobs.put(pickle.load(incoming))
    os._exit(0)


def _watch(parent: int) -> None:
    """End the process when its parent is gone, even if another process holds its pipe open."""
    # On Windows no process inherits a pipe unasked, and a parent's number is kept.
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(0)


def _settle() -> None:
    """Make the process one that may die quietly."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    elif sys.platform == "win32":
        import msvcrt

        # No window asks anybody what to do with a crash.
        msvcrt.SetErrorMode(msvcrt.SEM_FAILCRITICALERRORS | msvcrt.SEM_NOGPFAULTERRORBOX)
