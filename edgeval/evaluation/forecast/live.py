"""Live forecast: what is left of a whole run, corrected by how fast it really goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from edgeval.evaluation.forecast.forecast import forecast
from edgeval.evaluation.forecast.parts import Part
from edgeval.records.forecast import Forecast, PartForecast
from edgeval.system.progress import Progress, Task, Unit, clock

_TRUSTED_S = 20.0
"""The forecast weighs as much as so many seconds of the run: as long as it was tried."""

Confirm = Callable[[Forecast], None]
"""Takes what a long run will take, before it begins; what it raises ends the run."""


def foreseen(parts: Sequence[Part], progress: Progress, command: str, confirm: Confirm) -> Progress:
    """Return where the progress of a run is shown, after a long one was foretold.

    Args:
        parts: The parts of the run.
        progress: Where progress is shown.
        command: The command line.
        confirm: Takes the forecast, if the run is long.
    """
    found = forecast(parts, progress, command)
    if found is None:
        return progress
    confirm(found)
    return LiveProgress(progress, found)


class LiveProgress:
    """Progress that tells, beside each part's own, what is left of all parts."""

    def __init__(
        self,
        progress: Progress,
        forecast: Forecast,
        time_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with no part done.

        Args:
            progress: Where it is shown.
            forecast: What was foretold.
            time_s: A clock that never goes back.
        """
        self._progress, self._time_s = progress, time_s
        self._waiting = list(forecast.parts)
        self._real_s = self._foretold_s = _TRUSTED_S

    def log(self, message: str) -> None:
        """Show one line that stays."""
        self._progress.log(message)

    @contextmanager
    def task(self, description: str, total: float | None, unit: Unit) -> Iterator[Task]:
        """Open a task; one that scores items is the next part of the run that is not done."""
        with self._progress.task(description, total, unit) as task:
            part = self._begun(description) if unit == "items" else None
            if part is None:
                yield task
                return
            began_s = self._time_s()
            live = _LivePart(task, part, self._left, began_s, self._time_s)
            yield live
            self._real_s += self._time_s() - began_s
            self._foretold_s += live.foretold_s

    def _begun(self, description: str) -> PartForecast | None:
        """Return the part that a task is of, and drop those before it: they took no time."""
        for at, part in enumerate(self._waiting):
            if _is_of(part, description):
                del self._waiting[: at + 1]
                return part
        return None

    def _left(self, foretold_s: float, real_s: float, left_s: float) -> float:
        """Return seconds that are left of all, by what was foretold of them and how it went."""
        pace = (self._real_s + real_s) / (self._foretold_s + foretold_s)
        return pace * (left_s + sum(part.time_s.value for part in self._waiting))


class _LivePart:
    """The task of one part, whose notes tell what is left of all of them."""

    def __init__(
        self,
        task: Task,
        part: PartForecast,
        left: Callable[[float, float, float], float],
        began_s: float,
        time_s: Callable[[], float],
    ) -> None:
        self._task, self._part, self._left = task, part, left
        self._began_s, self._time_s = began_s, time_s
        self._done, self._note = 0.0, ""

    @property
    def foretold_s(self) -> float:
        """Seconds that were foretold of what is done."""
        return self._part.time_s.value * min(1.0, self._share)

    @property
    def _share(self) -> float:
        return self._done / self._part.n_items.value if self._part.n_items.value else 1.0

    def advance(self, amount: float, note: str = "") -> None:
        """Report units done, and tell what is left of the run."""
        self._done += amount
        self._note = note or self._note
        foretold_s = self.foretold_s
        real_s = self._time_s() - self._began_s
        left_s = self._left(foretold_s, real_s, self._part.time_s.value - foretold_s)
        parts = [self._note, f"all: {clock(left_s)} left"]
        self._task.advance(amount, ", ".join(filter(None, parts)))

    def skip(self, amount: float) -> None:
        """Report units that were done before."""
        self._task.skip(amount)

    def resize(self, total: float) -> None:
        """Correct the total."""
        self._task.resize(total)


def _is_of(part: PartForecast, description: str) -> bool:
    """Return whether the file scorer calls a part so."""
    name, _, task = description.partition(", ")
    return name == f"score {part.type}" and task in ("", part.task)
