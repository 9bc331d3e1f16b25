"""Saves: one a second at first, and later few enough for a memory card."""

from __future__ import annotations

import itertools

from edgeval.evaluation.save_pace import SavePace


class Clock:
    def __init__(self) -> None:
        self.now_s = 5000.0

    def __call__(self) -> float:
        return self.now_s


def saves(interval_s: float, seconds: int, step_s: float = 0.5) -> list[float]:
    """Return after how many seconds there were saves, if batches take so long."""
    clock, found = Clock(), []
    began_s, pace = clock.now_s, SavePace(interval_s, clock)
    for _ in range(int(seconds / step_s)):
        clock.now_s += step_s
        if pace.is_due():
            found.append(clock.now_s - began_s)
    return found


def test_the_first_minutes_are_saved_each_second() -> None:
    found = saves(1.0, 60)
    assert len(found) == 40
    assert found[:3] == [1.5, 3.0, 4.5]


def test_hours_are_saved_some_hundred_times_and_a_kill_costs_a_hundredth() -> None:
    found = saves(1.0, 10_000)
    assert 300 < len(found) < 600
    lost = [(after - before, after) for before, after in itertools.pairwise(found)]
    # A save waits for the end of its batch.
    assert max(lost_s - 0.5 - max(1.0, after_s / 100) for lost_s, after_s in lost) <= 1e-9
    assert found[-1] > 9_890


def test_an_interval_of_nothing_saves_after_each_batch() -> None:
    assert len(saves(0.0, 1_000, step_s=0.25)) == 4_000
