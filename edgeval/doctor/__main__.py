"""``python -m edgeval.doctor STEP ARGUMENT...``: a step in a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import IO

from edgeval.doctor.child import INTERRUPTED, REFUSED, UNLOADABLE
from edgeval.errors import EdgevalError


def main(arguments: Sequence[str], out: IO[str]) -> int:
    """Write what a step finds, a line of JSON each, and return the exit code.

    The last line says why, if the step was refused.
    """
    name, *rest = arguments
    try:
        # llama.cpp is loaded here.
        from edgeval.doctor.steps import STEPS
    except (ImportError, OSError, RuntimeError) as error:
        return _end(out, UNLOADABLE, error)
    try:
        for record in STEPS[name](*rest):
            print(json.dumps(record.model_dump(mode="json")), file=out, flush=True)
    except EdgevalError as error:
        return _end(out, REFUSED, error)
    except MemoryError:
        return _end(out, REFUSED, "out of memory; use a smaller model, or close other programs")
    return 0


def _end(out: IO[str], code: int, reason: object) -> int:
    print(json.dumps(" ".join(str(reason).split())), file=out, flush=True)
    return code


if __name__ == "__main__":
    # What a library prints goes where messages go.
    records = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        sys.exit(main(sys.argv[1:], records))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
