"""Native build: what would be computed in another way if llama.cpp were built for this CPU."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from edgeval.engine.kernels.checks import USUAL
from edgeval.errors import listed
from edgeval.llama import rebuild_command
from edgeval.llama.paths import KLEIDIAI, CpuBuild

_TYPES = (*USUAL, "BF16")


def changes(build: CpuBuild, gained: Collection[str]) -> str | None:
    """Return which types a build for this CPU would multiply with in another way, in a sentence.

    Args:
        build: The installed build.
        gained: Features of this CPU that it does not use, and the other one would.

    Returns:
        None if nothing would change.
    """
    native = build.using(gained)
    moved: dict[tuple[str, str], list[str]] = {}
    for kind in _TYPES:
        before, after = _path(build, kind), _path(native, kind)
        if before != after and before is not None and after is not None:
            moved.setdefault((after, before), []).append(kind)
    if not moved:
        return None
    parts = [f"{listed(kinds)} by {new} instead of {old}" for (new, old), kinds in moved.items()]
    return f"llama.cpp built for this CPU would compute {'; '.join(parts)}"


def of_kleidiai(build: CpuBuild, backends: Sequence[str]) -> str | None:
    """Return what is to be known of a build with KleidiAI, in a sentence; None without it.

    Args:
        build: The installed build.
        backends: Those of it that are to stay in another one.
    """
    taken = [kind for kind in _TYPES if _path(build, kind) == KLEIDIAI]
    if not taken:
        return None
    command = rebuild_command(*backends, options=("-DGGML_NATIVE=ON", "-DGGML_CPU_KLEIDIAI=OFF"))
    return (
        f"llama.cpp was built with KleidiAI, which computes {listed(taken)} instead of its own "
        "kernels; on Apple's M1 it generates more slowly (llama.cpp issue 27078); compare with a "
        f"build without it: {command}"
    )


def _path(build: CpuBuild, kind: str) -> str | None:
    return build.path(kind, build.buffer(kind))
