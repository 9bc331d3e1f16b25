"""Picks in words."""

from __future__ import annotations

from typing import Any

import pytest

from edgeval.cli.terminal.pick import print_pick
from edgeval.records.pick import Pick, PickedFile
from edgeval.report import picks
from tests.helpers.pick_records import example_pick, example_speed


def changed(pick: Pick, changed_label: str, **more: Any) -> Pick:
    files = [
        PickedFile(**(dict(each) | more)) if each.label == changed_label else each
        for each in pick.files
    ]
    return Pick(**(dict(pick) | {"files": files}))


def test_the_recommendation_says_what_was_asked_and_what_is_shown() -> None:
    pick = example_pick()
    drift = pick.file("Q8_0").drift
    assert drift is not None
    assert picks.recommendation(pick) == (
        f"Take Q8_0 (1.09 GiB), the smallest of {len(pick.files)} files that is shown to be at "
        "most 1 point worse than F16 and has at most 2.00 GiB and generates 10 tokens a second: "
        f"{picks.difference(drift)} points."
    )
    plain = Pick(**(dict(pick) | {"most_bytes": None, "least_tokens_per_s": None}))
    assert " worse than F16: " in picks.recommendation(plain)


def test_what_could_not_be_tried_is_said() -> None:
    pick = Pick(**(dict(example_pick()) | {"is_complete": False}))
    assert ", as far as the others could be tried: " in picks.recommendation(pick)


def test_the_evidence_is_of_the_answer_and_of_all_that_was_compared() -> None:
    pick = example_pick()
    first, second = picks.evidence(pick)
    assert first.startswith("Q8_0 has 8.50 bits a weight, a KL divergence of ")
    assert first.endswith(
        "nats a position from F16 and a speed of 24.2 generated tokens a second with 2 threads on "
        f"{pick.device.cpu}."
    )
    drift = pick.file("Q8_0").drift
    assert drift is not None
    assert second == (
        f"The interval holds with 95%, those of all {pick.n_compared} files together, at every "
        f"look, on {drift.n_items:,} of {pick.data.n_total:,} items."
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"cpu_load": 0.1}, "with 2 threads on {cpu}"),
        ({"cpu_load": 0.7}, "on {cpu}, while other programs kept 0.7 CPUs busy"),
        ({"cpu_load": 0.7, "n_cpus": 8}, "with 2 threads on {cpu}"),
        ({"gpus": ["NVIDIA H200"], "threads": 1}, "with 1 thread on NVIDIA H200"),
    ],
)
def test_a_speed_is_said_with_what_it_depends_on(more: dict[str, Any], words: str) -> None:
    speed = example_speed(**more)
    assert picks.speed_in_full(speed).endswith(words.format(cpu=speed.device.cpu))


def test_that_none_may_be_taken_says_why() -> None:
    pick = example_pick(None, commands=[])
    f16 = pick.file("F16")
    begin = (
        f"None of {len(pick.files)} files may be taken: none is shown to be at most 1 point worse "
        "than F16 and has at most 2.00 GiB and generates 10 tokens a second"
    )
    assert f16.size_bytes > 2 * 1024**3
    assert picks.recommendation(pick) == f"{begin}, and F16 itself has 2.05 GiB."
    slow = changed(Pick(**(dict(pick) | {"most_bytes": None})), "F16", speed=example_speed(3.21))
    assert picks.recommendation(slow).endswith("and F16 itself generates 3.2 tokens a second.")
    besides = changed(pick, "F16", is_offered=False)
    assert picks.recommendation(besides) == (
        begin.replace(f"{len(pick.files)} files", f"{len(pick.files) - 1} files") + "."
    )
    assert list(picks.evidence(pick)) == []


def test_the_reference_is_the_answer() -> None:
    pick = Pick(**(dict(example_pick(None)) | {"recommended": "F16", "most_bytes": None}))
    assert picks.recommendation(pick) == (
        "Take F16 (2.05 GiB), the reference: no smaller file is shown to be at most 1 point worse "
        "and generates 10 tokens a second."
    )
    (sentence,) = picks.evidence(pick)
    assert sentence == "F16 has 16.00 bits a weight."


def test_what_too_few_items_left_open_is_said() -> None:
    pick = example_pick()
    assert picks.undecided(pick) == ""
    names = [each.label for each in pick.files if each.outcome == "worse"][:2]
    for name in names:
        pick = changed(pick, name, outcome="not shown")
    pick = Pick(**(dict(pick) | {"data": pick.data.model_copy(update={"n_items": 60})}))
    assert picks.undecided(pick) == (
        f"60 of {pick.data.n_total:,} items decide nothing of {names[0]} and {names[1]}: a larger "
        "--limit, or none, does."
    )


def test_downloads_are_counted() -> None:
    pick = example_pick()
    assert picks.downloads(pick) == "Downloaded 95.4 MiB in 1 file; deleted again: IQ1_S."
    both = changed(pick, "Q8_0", n_downloaded_bytes=2**30)
    assert picks.downloads(both) == (
        "Downloaded 1.09 GiB in 2 files; deleted again: IQ1_S; kept: Q8_0."
    )
    none = changed(pick, "IQ1_S", n_downloaded_bytes=0)
    assert picks.downloads(none) == ""


def test_hostile_names_move_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    pick = changed(
        example_pick(), "IQ1_S", label="\x1b[2J[red]x[/red]", reason="\x1b]0;owned\x07 <b>"
    )
    print_pick(Pick(**(dict(pick) | {"commands": ["llama-server -hf x:\x1b[2J"]})), None)
    out = capsys.readouterr().out
    assert "\x1b[2J" not in out and "\x07" not in out
    assert "[red]x[/red]" in out


def test_rows_have_the_same_names_and_plain_values() -> None:
    rows = example_pick().rows()
    assert {tuple(row) for row in rows} == {tuple(rows[0])}
    assert [row["label"] for row in rows if row["is_recommended"]] == ["Q8_0"]
    assert rows[0]["is_deleted"] and rows[0]["difference_points"] is None
    assert repr(example_pick()) == f"<Pick: Q8_0 of {len(rows)} files>"
