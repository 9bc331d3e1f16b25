"""``python pretended_gpus.py MODE STEP ARGUMENT...``: a step of doctor, where the CPU stands in.

llama.cpp computes on the CPU for a device without a handle, so that all of a check is real but the
device. MODE is ``pass``, or ``fail`` for GPUs that fail and then crash.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

from edgeval import llama, selfcheck
from edgeval.doctor import __main__, steps
from edgeval.llama import backends


class PretendedGpu(llama.Device):
    def memory(self) -> tuple[int, int]:
        return 10 * 2**30, 24 * 2**30


GPUS = (
    PretendedGpu("CUDA0", "Pretended GPU 1", "cuda"),
    PretendedGpu("CUDA1", "Pretended GPU 2", "cuda"),
)


def _crashing(step: Any) -> Any:
    """Return a step that crashes after it has found everything."""

    def run(*arguments: str) -> Iterator[Any]:
        yield from step(*arguments)
        os.abort()

    return run


if __name__ == "__main__":
    mode, *arguments = sys.argv[1:]
    for module in (llama, backends):
        setattr(module, "devices", lambda: GPUS)  # noqa: B010
        setattr(module, "built_backends", lambda: ("cuda",))  # noqa: B010
    selfcheck.N_ITEMS = 6
    if mode == "fail":
        # What is compared is equal: only a bar that nothing passes fails.
        selfcheck._BARS["F16"] = -1.0
        steps.STEPS["check"] = _crashing(steps.check)
    sys.exit(__main__.main(arguments, sys.stdout))
