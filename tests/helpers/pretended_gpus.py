"""GPUs that the CPU stands in for, in the process that llama.cpp runs in.

llama.cpp computes on the CPU for a device without a handle, so that all of a check is real but the
device.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from edgeval import llama
from tests.helpers.paths import ROOT

BOOT = (
    "import sys; mode, *sys.path[:] = sys.argv[1:]; "
    f"sys.path.append({str(ROOT)!r}); from tests.helpers.pretended_gpus import work; work(mode)"
)


class PretendedGpu(llama.Device):
    def memory(self) -> tuple[int, int]:
        return 10 * 2**30, 24 * 2**30


GPUS = (
    PretendedGpu("CUDA0", "Pretended GPU 1", "cuda"),
    PretendedGpu("CUDA1", "Pretended GPU 2", "cuda"),
)


def command(mode: str) -> list[str]:
    """Return the command line of a process that has them; of ``crash``, one that dies of them."""
    return [sys.executable, "-c", BOOT, mode, *sys.path]


def work(mode: str) -> None:
    """Be the process that llama.cpp runs in."""
    from edgeval.engine import worker
    from edgeval.llama import backends, model, registry

    for module in (registry, backends):
        setattr(module, "devices", lambda: GPUS)  # noqa: B010
        setattr(module, "built_backends", lambda: ("cuda",))  # noqa: B010
    load = model.Model.__init__

    def loading(
        self: Any,
        path: Path,
        offload: Any = llama.CPU,
        kernels: Any = "default",
        *rest: Any,
        **options: Any,
    ) -> None:
        if offload.devices:
            if mode == "crash":
                os.abort()
            # A GPU has no use for the CPU's kernels, which may be unsound.
            kernels = "plain"
        load(self, path, offload, kernels, *rest, **options)

    model.Model.__init__ = loading  # type: ignore[method-assign]
    worker.main()
