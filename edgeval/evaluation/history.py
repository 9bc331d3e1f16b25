"""History: the runs of one store over time, and what changed between them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from edgeval import __version__
from edgeval.errors import EdgevalError, listed
from edgeval.evaluation.past_runs import ReadRun, read_run, run_change
from edgeval.evaluation.stored_items import StoredItems, stored_items
from edgeval.records.history import History, Measurement, PastRun, RunChange
from edgeval.report.compare.agreement import FALSE_ALARM
from edgeval.store.runs import FileRun, newest_runs, readable
from edgeval.system.progress import ProgressOption, Task, progress_of
from edgeval.system.sharing import shareable_path
from edgeval.system.untrusted import printable
from edgeval.tasks import registry

MOST_RUNS: Final = 50
"""As many runs are read by default: each has the scores of up to ten thousand items."""

_Key = tuple[object, ...]


def history(
    path: str | Path,
    *,
    file: str | None = None,
    task: str | None = None,
    data: str | Path | None = None,
    last: int = MOST_RUNS,
    progress: ProgressOption = "auto",
) -> History:
    """Return the runs of a store over time, each beside the run before of the same measurement.

    A measurement is one file on one data set under one protocol. Nothing is computed anew, and
    nothing is downloaded.

    Args:
        path: The store.
        file: A part of the name of the model's file, or the beginning of its SHA-256; None for all.
        task: The task; None for all.
        data: The data set, where it is a file: without the items nobody knows which choices are
            right. None to look among what is cached and what ships with edgeval.
        last: How many runs are read, the newest.
        progress: Where to show progress; None for nowhere.

    Raises:
        EdgevalError: If no run is of such a file or task, or ``last`` is none.
        StoreError: If there is no store, or it cannot be read.
    """
    if last < 1:
        raise EdgevalError(f"--last {last} leaves no runs; name 1 or more")

    def is_wanted(run: FileRun) -> bool:
        return _is_of(run, file) and task in (None, registry.of_key(run.setting.task))

    with readable(Path(path)) as connection:
        found, n_left_out = newest_runs(connection, last, is_wanted)
        if not found and (file is not None or task is not None):
            everything, _ = newest_runs(connection, 1, lambda _: True)
            raise _nothing(file, task, is_empty=not everything)
        groups: dict[_Key, list[FileRun]] = {}
        for each in found:
            groups.setdefault(_key(each), []).append(each)
        newest_first = sorted(groups.values(), key=lambda runs: runs[-1].created_at, reverse=True)
        known = _Items(None if data is None else Path(data))
        # Each run is judged beside the one before and beside another engine's, at most.
        level = FALSE_ALARM / max(1, 2 * len(found))
        n_scores = sum(each.run.n_scores() for each in found)
        with progress_of(progress).task("read runs", n_scores, "items") as reading:
            measurements = [
                _measurement(runs, known.of(runs[-1]), level, reading) for runs in newest_first
            ]
    return History(
        edgeval_version=__version__,
        created_at=datetime.now(timezone.utc).replace(microsecond=0),
        store=shareable_path(str(path)),
        n_left_out=n_left_out,
        measurements=measurements,
    )


class _Items:
    """The items of measurements, each data set read once."""

    def __init__(self, data: Path | None) -> None:
        self._data = data
        self._known: dict[str, StoredItems | None] = {}

    def of(self, run: FileRun) -> StoredItems | None:
        """Return the items of a run; None where they are not to be had."""
        key = run.setting.items_text + run.data
        if key not in self._known:
            self._known[key] = None
            # A protocol or a task that this edgeval no longer has.
            with contextlib.suppress(EdgevalError):
                self._known[key] = stored_items(run.setting, run.data, self._data)
        return self._known[key]


def _is_of(run: FileRun, file: str | None) -> bool:
    if file is None:
        return True
    wanted = file.casefold()
    return wanted in run.file.casefold() or run.setting.gguf_sha256.startswith(wanted)


def _nothing(file: str | None, task: str | None, *, is_empty: bool) -> EdgevalError:
    if is_empty:
        return EdgevalError(
            "the store has no run with scores; edgeval run and edgeval eval add some"
        )
    of_file = [] if file is None else [f"of a file called {printable(file, 100)}"]
    of_task = [] if task is None else [f"of the task {printable(task, 60)}"]
    return EdgevalError(
        f"no run of the store is {listed(of_file + of_task)}; edgeval runs lists those it has"
    )


def _key(run: FileRun) -> _Key:
    """Return what makes runs the same measurement, however they were computed."""
    setting = run.setting
    return (
        *(setting.gguf_sha256, setting.data_fingerprint, setting.protocol),
        *(setting.protocol_version, setting.shots, setting.shot_pool_fingerprint),
        *(setting.task, setting.task_version),
    )


def _measurement(
    runs: Sequence[FileRun], asked: StoredItems | None, level: float, reading: Task
) -> Measurement:
    """Return one measurement; at most three of its runs are held at a time."""
    past: list[PastRun] = []
    before: ReadRun | None = None
    other: ReadRun | None = None
    for found in runs:
        read = read_run(found, asked)
        reading.advance(len(read.said))
        change: RunChange | None = None
        if before is not None:
            change = run_change(before, read, level)
            other = before if before.setting.engine != read.setting.engine else other
        past.append(
            PastRun(
                number=read.number,
                created_at=found.created_at,
                setting=read.setting,
                device=read.device,
                n_items=len(read.said),
                accuracy=read.accuracy,
                speed=read.speed,
                change=change,
            )
        )
        before = read
    assert before is not None
    latest, setting = runs[-1], runs[-1].setting
    return Measurement(
        file=latest.file,
        sha256=setting.gguf_sha256,
        type=before.type,
        task=registry.of_key(setting.task),
        data=latest.data,
        data_fingerprint=setting.data_fingerprint,
        n_total=before.n_total,
        protocol=setting.protocol,
        protocol_version=setting.protocol_version,
        shots=setting.shots,
        metric=asked.protocol.metric if asked else "acc",
        has_items=asked is not None,
        runs=past,
        since_engine=None if other is None else run_change(other, before, level),
    )
