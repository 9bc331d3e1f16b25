"""Faults for the process that llama.cpp runs in: real signals, raised where it computes.

``python -m tests.helpers.faulty FAULT ARGUMENT...`` is ``edgeval ARGUMENT...`` with a fault, and
``command(FAULT)`` the command line of a process that has one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.helpers.paths import ROOT

BOOT = (
    "import sys; fault, *sys.path[:] = sys.argv[1:]; "
    f"sys.path.append({str(ROOT)!r}); from tests.helpers.faulty import work; work(fault)"
)


def fault(how: str, moment: str, file: str = "", after: int = 0) -> str:
    """Return a fault.

    Args:
        how: A signal's name, ``exit`` or ``assert``; ``wait`` for none.
        moment: ``load``, ``score``, ``quantize``, or ``release`` for between two files.
        file: A part of the name of the files that it is about.
        after: How often nothing happens before.
    """
    return json.dumps({"how": how, "moment": moment, "file": file, "after": after})


def command(given: str) -> list[str]:
    """Return the command line of a process with a fault."""
    return [sys.executable, "-c", BOOT, given, *sys.path]


def work(given: str) -> None:
    """Be the process that llama.cpp runs in, with a fault."""
    from edgeval.engine import jobs, worker
    from edgeval.llama import model, quantizer, session

    wanted = json.loads(given)
    left = [wanted["after"]]

    def strike(moment: str, path: Path) -> None:
        if moment == wanted["moment"] and wanted["file"] in path.name:
            left[0] -= 1
            if left[0] < 0:
                die(wanted["how"])

    load, decode, quantize = model.load, session.Session.decode, quantizer.require_safe
    release = jobs.Jobs.release

    def loading(path: Path, *arguments: Any) -> Any:
        strike("load", path)
        return load(path, *arguments)

    def decoding(self: Any, batch: Any) -> Any:
        strike("score", self.model.path)
        return decode(self, batch)

    def quantizing(path: Path) -> Any:
        strike("quantize", path)
        return quantize(path)

    def releasing(self: jobs.Jobs) -> Any:
        known = self._loaded._model
        if known is not None:
            strike("release", known.path)
        return release(self)

    model.load, session.Session.decode, quantizer.require_safe = loading, decoding, quantizing
    jobs.Jobs.release = releasing  # type: ignore[method-assign]
    worker.main()


def die(how: str) -> None:
    """End this process."""
    if how == "wait":
        time.sleep(600)
    if how == "exit":
        os._exit(3)
    if how == "assert":
        from edgeval.llama.library import ggml

        ggml("ggml-base").ggml_abort(b"ops.cpp", 7, b"GGML_ASSERT(%s) failed", b"a == b")
    os.kill(os.getpid(), getattr(signal, how))


if __name__ == "__main__":
    from edgeval.cli.app import main
    from edgeval.engine import process
    from edgeval.evaluation import file_scorer

    file_scorer._SAVE_INTERVAL_S = 0.0

    process.command = lambda: command(sys.argv[1])  # type: ignore[assignment]
    main(sys.argv[2:])
