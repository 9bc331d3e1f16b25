"""Boards: what a run tells, as the page shows it."""

from __future__ import annotations

from edgeval.records import Interval, Metric
from edgeval.report.live.board import Board, WatchedProgress
from edgeval.scoring.observer import Part
from edgeval.tasks.item import ItemScore
from tests.helpers.fakes import Lines, score_picking

PART = Part("Q4_0", "some task", "acc", 4)


def scores(*picked: int) -> dict[int, ItemScore]:
    """Return scores of items whose right choice is the first."""
    return {at: score_picking(pick, gold=0) for at, pick in enumerate(picked)}


def test_parts_wait_until_they_begin() -> None:
    board = Board()
    board.expect([PART])
    (row,) = board.state()["rows"]
    assert (row["state"], row["done"], row["total"], row["accuracy"]) == ("waiting", 0, 4, "")


def test_what_is_said_of_the_rest_is_what_is_certain() -> None:
    board = Board()
    part = board.begin(PART, None, is_drawn=False)
    part.add(scores(0, 1, 0))
    (row,) = board.state()["rows"]
    assert (row["done"], row["total"], row["state"]) == (3, 4, "scoring")
    assert row["accuracy"] == "66.67%"
    # Two are right; the last one is right or wrong.
    assert row["range"] == "will end in [50.0, 75.0]"
    assert row["difference"] == ""


def test_a_difference_so_far_counts_flips_of_the_same_items() -> None:
    board = Board()
    part = board.begin(PART, scores(0, 0, 1, 1), is_drawn=False)
    part.add({at: each for at, each in scores(1, 0, 0, 0).items() if at != 1})
    (row,) = board.state()["rows"]
    assert row["difference"] == "+33.33 (2 gained, 1 lost)"


def test_shares_of_items_that_are_drawn_are_not_shown() -> None:
    board = Board()
    part = board.begin(PART, scores(0, 0, 1, 1), is_drawn=True)
    part.add(scores(0, 1))
    (row,) = board.state()["rows"]
    assert (row["done"], row["accuracy"], row["range"], row["difference"]) == (2, "", "", "")


def test_what_failed_is_called_so_and_keeps_no_number() -> None:
    board = Board()
    part = board.begin(PART, None, is_drawn=False)
    part.add(scores(0))
    part.end(None, None)
    (row,) = board.state()["rows"]
    assert (row["state"], row["accuracy"]) == ("failed", "")


def test_progress_reaches_the_screen_and_the_board() -> None:
    now_s, lines = [0.0], Lines()
    board = Board(lambda: now_s[0])
    progress = WatchedProgress(lines, board)
    progress.log("a line")
    with progress.task("score Q4_0", 100, "items") as task:
        task.skip(50)
        now_s[0] = 10.0
        task.advance(10, "all: 0:09:00 left")
        (work,) = board.state()["work"]
    assert lines.lines == ["a line"] == board.state()["lines"]
    assert work == {
        "name": "score Q4_0",
        "amount": "60 of 100 items",
        "share": 0.6,
        # Ten of the fifty that were left took ten seconds.
        "notes": ["0:00:40 left", "all: 0:09:00 left"],
    }
    assert board.state()["work"] == []


def test_names_of_others_are_seen_and_short() -> None:
    board = Board()
    board.log("a\x1b[2Jb\u202ec" + "d" * 5000)
    (line,) = board.state()["lines"]
    assert line.startswith("a\\x1b[2Jb\\u202ec")
    assert len(line) < 400


def test_who_waits_is_told_of_each_change() -> None:
    board = Board()
    seen = board.wait(-1, 0)
    assert board.wait(seen, 0.01) == seen
    board.log("news")
    assert board.wait(seen, 60) != seen


def test_the_end_is_kept() -> None:
    board = Board()
    assert not board.has_ended
    board.end("It has ended.")
    board.end("It has stopped.")
    assert board.has_ended
    assert board.state()["end"] == "It has ended."


def test_a_metric_at_the_end_has_its_interval() -> None:
    whole = Metric(
        correct=3,
        total=4,
        value=0.75,
        interval=None,
        split_interval=Interval(low=0.5, high=0.8, level=0.95),
    )
    from tests.helpers.reports import example_report

    run = example_report().runs[0]
    board = Board()
    part = board.begin(PART, None, is_drawn=False)
    part.end(run.model_copy(update={"metrics": {"acc": whole}}), None)
    (row,) = board.state()["rows"]
    assert (row["accuracy"], row["range"]) == ("75.00%", "[50.0, 80.0], 95%")
    assert (row["state"], row["done"]) == ("done", 4)
