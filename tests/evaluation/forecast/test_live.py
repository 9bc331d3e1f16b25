"""Live forecast: what is left of all, by a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgeval.evaluation.forecast.live import LiveProgress
from edgeval.system.progress import NoProgress, Task
from tests.helpers.forecasts import example_forecast, example_part


class Notes(NoProgress):
    """Keeps the notes of all tasks."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def task(self, *_: object) -> Iterator[Task]:
        yield self

    def advance(self, amount: float, note: str = "") -> None:
        self.notes.append(note)

    def skip(self, amount: float) -> None:
        self.notes.append(f"skipped {amount:g}")

    def resize(self, total: float) -> None:
        self.notes.append(f"of {total:g}")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def live() -> tuple[LiveProgress, Notes, Clock]:
    notes, clock = Notes(), Clock()
    parts = [example_part("F16", 600.0), example_part("Q8_0", 300.0), example_part("Q2_K", 100.0)]
    return LiveProgress(notes, example_forecast(*parts), clock), notes, clock


def test_what_is_left_is_that_of_this_part_and_of_those_behind_it() -> None:
    progress, notes, clock = live()
    with progress.task("score F16", 1000, "items") as task:
        clock.now_s = 300.0
        task.advance(500, "+0.1")
    assert notes.notes == ["+0.1, all: 0:11:40 left"]  # 300 + 300 + 100 seconds, as foretold.


def test_a_machine_that_is_half_as_fast_is_noticed() -> None:
    progress, notes, clock = live()
    with progress.task("score F16", 1000, "items") as task:
        clock.now_s = 1200.0
        task.advance(1000)
    # The forecast weighs as 20 seconds: (1200 + 20) / (600 + 20) of 400 seconds.
    assert notes.notes == ["all: 0:13:07 left"]
    with progress.task("score Q8_0", 1000, "items") as task:
        clock.now_s = 1800.0
        task.advance(1000)
    assert notes.notes[-1] == "all: 0:03:18 left"  # (1800 + 20) / (900 + 20) of 100 seconds.


def test_parts_that_the_store_has_are_passed_over() -> None:
    progress, notes, _ = live()
    with progress.task("score Q2_K", 1000, "items") as task:
        task.advance(0)
    # No time has passed, and none is taken to be over.
    assert notes.notes == ["all: 0:01:40 left"]


def test_other_work_is_shown_as_it_is() -> None:
    progress, notes, _ = live()
    with progress.task("hash model.gguf", 1000, "bytes") as task:
        task.advance(10, "as it is")
    with progress.task("score IQ4_XS", 10, "items") as task:
        task.skip(3)
        task.resize(8)
        task.advance(1)
    assert notes.notes == ["as it is", "skipped 3", "of 8", ""]
