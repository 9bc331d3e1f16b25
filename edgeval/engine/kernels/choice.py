"""Choice of llama.cpp's kernels for a model: of those that are sound, the faster."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from edgeval.engine import Engine
from edgeval.engine.kernels import remembered
from edgeval.engine.kernels.checks import check_types
from edgeval.engine.kernels.outcomes import blame
from edgeval.engine.kernels.parts import Part, matrix_types, part_of
from edgeval.engine.kernels.sentences import cause, kernels_named, refused
from edgeval.errors import EngineDiedError, EngineError, listed
from edgeval.gguf.parts import read_header
from edgeval.llama import machine
from edgeval.records import KernelChoice, KernelRace, KernelTrial
from edgeval.records.kernels import Kernels
from edgeval.system.progress import NoProgress, Progress
from edgeval.system.sharing import shareable_text
from edgeval.system.temporary import temporary_folder

Wanted = Literal["auto", "default", "plain"]

WORTHWHILE = 1.1
"""How many times as fast ``plain`` has to be: llama.cpp's own choice is left for nothing less."""

_IN_EACH_ROUND = 1.05
"""How many times as fast it has to be in each round, but for one."""

MOST_APART = 0.1
"""The root mean square of what sound paths differ by, as a part of the spread of log-probabilities:
five times the most that was seen, 0.02, with a trained model and with random ones. Wrong kernels
differ by 0.3 or more, see ``bars.bar``.
"""


def choose(
    path: Path,
    wanted: Wanted,
    engine: Engine,
    threads: int | None = None,
    *,
    progress: Progress | None = None,
) -> KernelChoice:
    """Return the kernels that a model's layers on the CPU are computed with.

    Each of its tensor types is tried first, see ``checks.check_types``. Where both paths are sound
    and llama.cpp rearranges weights, both are timed on a part of the model. All of it is remembered
    by llama.cpp's libraries, the CPU, and the model's shape and types, so that the same is chosen
    the next time, without asking the engine.

    Args:
        path: The GGUF.
        wanted: ``auto``, or the path to use if it is sound.
        engine: What asks llama.cpp.
        threads: CPU threads; one for each core by default.
        progress: Where is said that something is tried.

    Raises:
        KernelError: If the path that is wanted, or each of them, is not sound.
        GgufError: If the file is missing or damaged.
        EngineError: If llama.cpp cannot be loaded, or its process is ended by somebody else.
    """
    bars = progress or NoProgress()
    header = read_header(path)
    types = matrix_types(header)
    trials = check_types(types, engine, threads=threads, progress=bars)
    bad = {
        kernels: [each for each in trials if each.kernels == kernels and _is_bad(each)]
        for kernels in ("default", "plain")
    }
    buffers = sorted({each.buffer for each in trials if each.buffer})
    unchecked = list(dict.fromkeys(each.type for each in trials if each.status == "unchecked"))

    def choice(
        kernels: Kernels, reason: str | None = None, speedup: float | None = None
    ) -> KernelChoice:
        told = None if reason is None else shareable_text(reason)
        return KernelChoice(
            kernels=kernels, reason=told, speedup=speedup, buffers=buffers, unchecked=unchecked
        )

    if wanted != "auto":
        if bad[wanted]:
            others = bad["plain" if wanted == "default" else "default"]
            raise refused(path, bad[wanted], others, engine)
        return choice(wanted)
    if bad["plain"]:
        if bad["default"]:
            raise refused(path, bad["default"], bad["plain"], engine)
        return choice("default", cause(bad["plain"]))
    if bad["default"]:
        return choice("plain", cause(bad["default"]))
    if doubtful := _doubtful(trials):
        return choice("plain", cause(doubtful))
    part = part_of(header) if buffers else None
    if part is None:
        return choice("default")
    race = _race(part, engine, threads, bars)
    return choice(*_of_race(race, buffers)).model_copy(update={"threads": race.threads})


def types_of(path: Path) -> list[str]:
    """Return the tensor types of a model's matrices, names of ``gguf_types.TensorType``.

    Raises:
        GgufError: If the file is missing or damaged.
    """
    return matrix_types(read_header(path))


def _is_bad(trial: KernelTrial) -> bool:
    return trial.status in ("wrong", "died")


def _doubtful(trials: Sequence[KernelTrial]) -> list[KernelTrial]:
    """Return those that could not be checked though ``default`` may rearrange weights."""
    return [each for each in trials if each.status == "unchecked" and each.kernels == "default"]


def _of_race(race: KernelRace, buffers: Sequence[str]) -> tuple[Kernels, str | None, float | None]:
    """Return the kernels that a race is in favour of, why, and how much faster they are."""
    whose = kernels_named("default", listed(buffers))
    if race.death is not None:
        return "plain", f"{whose} end with {race.death} on this CPU with its shape", None
    if race.n_tokens == 0:
        return "default", None, None
    if race.logprob_change is None or race.logprob_spread is None:
        return "plain", f"{whose} compute no finite numbers with its shape", None
    if race.logprob_change > MOST_APART * race.logprob_spread:
        return "plain", f"{whose} compute something else than plain ones with its shape", None
    gain = statistics.median(race.default_s) / statistics.median(race.plain_s)
    gains = sorted(a / b for a, b in zip(race.default_s, race.plain_s, strict=True))
    if gain >= WORTHWHILE and gains[1] >= _IN_EACH_ROUND:
        return "plain", f"{gain:.2f} times as fast here{_with_threads(race.threads)}", gain
    return "default", None, 1 / gain


def _with_threads(threads: int | None) -> str:
    """Return with how many threads a race was run: it may have been another run's."""
    return "" if threads is None else f" with {threads} thread{'' if threads == 1 else 's'}"


def _race(part: Part, engine: Engine, threads: int | None, progress: Progress) -> KernelRace:
    """Return how both paths do with a part of a model, measured now or before."""
    known = remembered.recall(part.name, KernelRace)
    if known is not None:
        return known
    progress.log("timing llama.cpp's kernels on this CPU, once for models of this shape")
    try:
        with temporary_folder("kernels") as folder:
            path = folder / "part.gguf"
            part.write(path)
            found = _raced(path, engine, threads or machine.physical_cores())
    except (EngineError, OSError):
        # There is too little memory, or no room on the disk; another time there may be.
        return KernelRace()
    remembered.remember(part.name, found)
    return remembered.recall(part.name, KernelRace) or found


def _raced(path: Path, engine: Engine, threads: int) -> KernelRace:
    """Return how both paths do; nothing was timed if llama.cpp cannot compute the part.

    Raises:
        EngineError: If it can, and fails all the same.
    """
    is_computed = False
    try:
        for answer in engine.race_kernels(path, threads):
            if isinstance(answer, KernelRace):
                return answer
            is_computed = True
    except EngineDiedError as error:
        cause = blame(error)
        return KernelRace(death=cause) if is_computed else KernelRace()
    except EngineError:
        if is_computed:
            raise
    return KernelRace()
