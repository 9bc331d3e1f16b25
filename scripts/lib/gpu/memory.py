"""The device's memory: what a ladder leaves behind, and how near the estimate is.

Measured in a process of its own, so that what is left after it ends is seen too.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from edgeval import llama
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.llama import placement
from edgeval.store.store import Store
from scripts.lib.gpu.check import MIB, TYPES, Check, FindDevice, setup_on
from scripts.lib.gpu.sampling import Sampler, usage_reader
from scripts.lib.gpu.scoring import logprobs
from scripts.lib.peers.markdown import Bar, Section, table
from scripts.lib.peers.process import PeerError

LADDER = tuple(name for name in TYPES if name != "F32")
ITEMS = 64
SESSIONS = (1, 3)
ROUNDS = 2
LEFT_BAR_MIB = 1
OUTSIDE_BAR_MIB = 16
"""What the driver may keep after a process ended; another program may have moved that much, too."""
_INTERVAL_S = 0.02


@dataclass(frozen=True)
class Rung:
    """The device's free memory around the evaluation of one GGUF, in bytes.

    Attributes:
        round: Which time the ladder was evaluated, from 0.
        file: Name of the file.
        before: Before it was loaded.
        least: The least while it was evaluated.
        after: After it was freed.
    """

    round: int
    file: str
    before: int
    least: int
    after: int


@dataclass(frozen=True)
class Taken:
    """What a model took of the device beside what was estimated, in bytes.

    Attributes:
        file: Name of the file.
        n_sessions: Sessions side by side.
        estimate: What ``placement.device_need`` says.
        taken: What was free before, less the least that was free while it was scored.
    """

    file: str
    n_sessions: int
    estimate: int
    taken: int

    @property
    def beyond(self) -> int:
        """Bytes taken beyond the estimate; negative where it was more than enough."""
        return self.taken - self.estimate


def measure(check: Check) -> Section:
    """Evaluate the ladder in one process, twice, and compare one model with the estimate."""
    if (check.memory_model or _largest(check)) == "tinyllama":
        paths, data = check.tinyllama(LADDER), check.bench.data
    else:
        paths, data = check.ladder(LADDER), check.items
    options = check.options(data, ITEMS)
    outside: list[int] | None = None
    try:
        read = usage_reader(check.device)
    except PeerError:
        rungs, taken = apart(check.find_device, paths, options)
    else:
        outside = [read().used_bytes]
        rungs, taken = apart(check.find_device, paths, options)
        outside.append(read().used_bytes)
    return section(rungs, taken, outside)


def apart(
    find_device: FindDevice, paths: Sequence[Path], options: Options
) -> tuple[list[Rung], list[Taken]]:
    """Measure in a process of its own, which has ended when this returns.

    Raises:
        PeerError: If that process dies.
    """
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(in_one_process, find_device, paths, options).result()
    except BrokenProcessPool as error:
        raise PeerError("the process that evaluates the ladder died") from error


def in_one_process(
    find_device: FindDevice, paths: Sequence[Path], options: Options
) -> tuple[list[Rung], list[Taken]]:
    """Evaluate a ladder several times, then its first model with several numbers of sessions."""
    device = find_device()
    rungs = []
    with Store(None) as store:
        for turn in range(ROUNDS):
            for path in paths:
                rungs.append(_rung(device, turn, path, replace(options, fresh=True), store))
    return rungs, [_taken(device, paths[0], options, n) for n in SESSIONS]


def section(
    rungs: Sequence[Rung], taken: Sequence[Taken], outside: Sequence[int] | None
) -> Section:
    """Return the readings as tables, with the bars on what is left behind and the estimate.

    Args:
        rungs: The ladder, round after round.
        taken: What was taken beside the estimate.
        outside: What is taken of the device before and after the process; None where nothing says.
    """
    first, last = rungs[0], rungs[-1]
    of_round = [[rung for rung in rungs if rung.round == turn][-1] for turn in range(ROUNDS)]
    ladder_left = of_round[0].after
    bars = [
        Bar(
            "lost by the whole ladder a second time, MiB",
            (ladder_left - last.after) / MIB,
            "<=",
            LEFT_BAR_MIB,
        ),
        Bar(
            "taken beyond the estimate, MiB",
            max(each.beyond for each in taken) / MIB,
            "<=",
            placement.RESERVED_BYTES / MIB,
        ),
    ]
    if outside is not None:
        left = (outside[1] - outside[0]) / MIB
        bars.append(Bar("left after the process ended, MiB", left, "<=", OUTSIDE_BAR_MIB))
    mebibytes = partial(_in, MIB)
    text = "\n\n".join(
        [
            "Free memory of the device around each evaluation in one process, MiB. What a type "
            "leaves taken in the first round are its kernels and workspaces, which last as long as "
            "the process; what is lost in the second round would be a leak.",
            table(
                ["round", "file", "before", "least", "after"],
                [
                    [str(rung.round + 1), rung.file]
                    + [mebibytes(value) for value in (rung.before, rung.least, rung.after)]
                    for rung in rungs
                ],
            ),
            table(
                ["file", "sessions", "estimated, MiB", "taken", "beyond"],
                [
                    [each.file, str(each.n_sessions)]
                    + [mebibytes(value) for value in (each.estimate, each.taken, each.beyond)]
                    for each in taken
                ],
            ),
        ]
    )
    result: dict[str, Any] = {
        "ladder": [vars(rung) for rung in rungs],
        "estimates": [{**vars(each), "beyond": each.beyond} for each in taken],
        "used_outside_bytes": outside,
        "kept_by_process_bytes": first.before - first.after,
    }
    return Section("Memory", text, result, bars)


def _largest(check: Check) -> str:
    is_there = (check.folder / "gguf" / f"tl{check.layers}-F16.gguf").exists()
    return "tinyllama" if is_there and check.data is not None else "demo"


def _rung(device: llama.Device, turn: int, path: Path, options: Options, store: Store) -> Rung:
    before = _free(device)
    with Sampler(partial(_free, device), _INTERVAL_S) as sampler:
        # A setup of its own: a placement is found by what is free now.
        evaluate_file(path, setup_on(device, options), store)
    return Rung(turn, path.name, before, min(sampler.values), _free(device))


def _taken(device: llama.Device, path: Path, options: Options, n_sessions: int) -> Taken:
    setup = setup_on(device, options)
    with llama.Tokenizer(path) as vocabulary:
        where = replace(setup.of(vocabulary.info).placement, n_sessions=n_sessions)
        estimate = placement.device_need(vocabulary.info, where)
    before = _free(device)
    with Sampler(partial(_free, device), _INTERVAL_S) as sampler:
        logprobs(path, setup, where)
    return Taken(path.name, n_sessions, estimate, before - min(sampler.values))


def _free(device: llama.Device) -> int:
    return device.memory()[0]


def _in(unit: int, value: int) -> str:
    return f"{value / unit:,.1f}"
