"""What else is asked of a file: speed, memory, and what too few items can show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edgeval.errors import NoRoomError
from edgeval.evaluation.pick import search, standard
from edgeval.llama import machine
from edgeval.records import GenerationSpeed, Report
from edgeval.system.free_memory import Available
from tests.helpers.fakes import Lines
from tests.helpers.hub_user import User
from tests.helpers.picks import REPO, outcomes, picked, smallest


@pytest.fixture
def generating(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, float]], list[str]]:
    """Return what lets files generate so many tokens a second; others 50. It lists the timed."""

    def choose(rates: dict[str, float]) -> list[str]:
        timed: list[str] = []

        def speed(path: Path, setup: object) -> GenerationSpeed:
            label = path.stem.removeprefix("demo-")
            timed.append(label)
            return GenerationSpeed(
                tokens_per_s=rates.get(label, 50.0),
                prompt_tokens_per_s=100.0,
                n_prompt=64,
                n_generated=32,
                device=machine.describe(),
                threads=2,
                kernels="plain",
                measured_at=datetime.now(timezone.utc),
                n_cpus=2,
            )

        monkeypatch.setattr(search, "generation_speed", speed)
        return timed

    return choose


def test_what_is_too_slow_is_not_scored(
    published: Path,
    items: Path,
    scores: Path,
    whole: Report,
    tmp_path: Path,
    generating: Callable[[dict[str, float]], list[str]],
) -> None:
    right = smallest(whole, 2.0)
    timed = generating({"Q2_K": 9.99, str(right): 9.0})
    found = picked(published, items, scores, tmp_path / "o", max_drift=2.0, min_speed=10).pick
    larger = [run for run in whole.runs if run.label not in ("Q2_K", right)]
    expected = min(larger, key=lambda run: run.file_bytes).label
    assert outcomes(found)["Q2_K"] == outcomes(found)[str(right)] == "too slow"
    assert found.file("Q2_K").run is None
    assert found.recommended == expected
    # Each once: what was measured before it was scored is not measured again.
    assert timed == ["Q2_K", right, expected]


def test_the_reference_is_not_even_downloaded_where_all_are_too_slow(
    published: Path,
    items: Path,
    scores: Path,
    tmp_path: Path,
    generating: Callable[[dict[str, float]], list[str]],
) -> None:
    timed = generating({})
    models = [published / f"demo-{each}.gguf" for each in ("Q2_K", "Q4_0", "F16")]
    found, folder, path = picked(models, items, scores, tmp_path / "o", min_speed=51)
    assert outcomes(found) == {"Q2_K": "too slow", "Q4_0": "too slow", "F16": "reference"}
    assert (found.recommended, path) == (None, None)
    # It may be the answer, and so it was measured; and it is too slow.
    assert timed == ["Q2_K", "Q4_0", "F16"]
    assert found.file("F16").speed is not None
    besides = [published / f"demo-{each}.gguf" for each in ("Q2_K", "Q4_0")]
    found, folder, _ = picked(
        besides, items, scores, tmp_path / "p", min_speed=51, reference=models[-1]
    )
    assert found.reference_run is None and found.recommended is None
    assert {path.name for path in folder.iterdir()} == {"pick.json"}


def test_the_speed_is_measured_for_the_answer_alone_if_none_is_asked(
    published: Path,
    items: Path,
    scores: Path,
    tmp_path: Path,
    generating: Callable[[dict[str, float]], list[str]],
) -> None:
    timed = generating({})
    found = picked(published, items, scores, tmp_path / "o").pick
    assert timed == [found.recommended]


def test_a_file_larger_than_the_memory_is_not_downloaded_and_may_be_tried_another_time(
    published: Path,
    items: Path,
    scores: Path,
    whole: Report,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = smallest(whole, 1.0)
    sizes = {run.label: run.file_bytes for run in whole.runs}
    left = Available(sizes[str(right)] - 1, "of memory are free", "close other programs")
    monkeypatch.setattr(search, "available", lambda: left)
    found = picked(published, items, scores, tmp_path / "o").pick
    by_label = outcomes(found)
    assert by_label[str(right)] == by_label["Q8_0"] == "no room"
    assert "2 MB of memory are free" in str(found.file("Q8_0").reason)
    # The reference was tried, for it fits in this story, and is all that is left.
    assert (found.recommended, found.is_complete) == ("F16", False)
    monkeypatch.undo()
    again = picked(published, items, scores, tmp_path / "o").pick
    assert (again.recommended, again.is_complete) == (right, True)
    assert outcomes(again)["Q8_0"] == "not tried"


def test_a_reference_larger_than_the_memory_is_refused_before_it_is_downloaded(
    user: User, items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = Available(5_000_000, "of memory are free", "close other programs")
    monkeypatch.setattr(standard, "available", lambda: left)
    with pytest.raises(NoRoomError, match="the reference F16 takes 7 MB, and 5 MB of memory"):
        picked(REPO, items, None, tmp_path / "o")
    assert user.hub.sent == {} and not (tmp_path / "o").exists()


def test_too_few_items_show_nothing_and_that_is_said_before(
    published: Path, items: Path, scores: Path, tmp_path: Path
) -> None:
    lines = Lines()
    found = picked(published, items, scores, tmp_path / "o", limit=20, progress=lines).pick
    assert any(
        "20 of 150 items cannot show that a file is within 1 point" in each for each in lines.lines
    )
    assert set(outcomes(found).values()) <= {"not shown", "worse", "reference"}
    assert found.recommended == "F16"
    assert found.data.n_items == 20
