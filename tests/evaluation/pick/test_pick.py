"""Picks among local files: the answer is the smallest that a run of all files calls good enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.records import Report
from tests.helpers.picks import outcomes, picked, smallest


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("max_drift", [0.7, 1.0, 1.4, 2.0, 6.0])
def test_the_answer_is_the_smallest_that_a_run_of_all_calls_at_most_so_much_worse(
    max_drift: float,
    seed: int,
    published: Path,
    items: Path,
    scores: Path,
    whole: Report,
    tmp_path: Path,
) -> None:
    found = picked(published, items, scores, tmp_path / "o", max_drift=max_drift, seed=seed).pick
    expected = smallest(whole, max_drift)
    assert found.recommended == expected
    order = list(outcomes(found).items())
    at = [label for label, _ in order].index(str(expected))
    assert {outcome for _, outcome in order[:at]} <= {"worse"}
    assert [outcome for _, outcome in order[at + 1 :]] == ["not tried"] * (6 - at) + ["reference"]
    assert found.is_complete
