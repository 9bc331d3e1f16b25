"""Speeds of several machines side by side."""

from __future__ import annotations

from typing import Any

import pytest

from edgeval.errors import EdgevalError
from edgeval.records import Report
from edgeval.report.compare.compare import require_agreement
from edgeval.report.compare.sentences import sentences
from tests.helpers.comparisons import (
    N_ITEMS,
    TYPES,
    changed,
    column,
    evaluation,
    here,
    machine,
    printed,
    side_by_side,
    with_run,
)
from tests.helpers.reports import example_report, stopped_report


def test_what_is_from_a_reference_file_has_no_speed() -> None:
    record = stopped_report()
    first, *rest = [each for each in column(side_by_side(record, first=record)).values() if each]
    assert (first.items_per_s, first.speed_ratio) == (None, None)
    speed = record.runs[1].speed
    assert speed is not None
    assert rest[0].items_per_s == pytest.approx(256 / speed.elapsed_s)


def test_runs_of_one_machine_alone_are_shown_and_not_compared() -> None:
    first = example_report(n_items=N_ITEMS, status=None)
    other = machine()
    found = side_by_side(
        changed(other, runs=other.runs[3:]), first=changed(first, runs=first.runs[:5])
    )
    assert [row.name for row in found.types] == TYPES
    runs = column(found)
    assert [runs[name] is None for name in TYPES] == [True] * 3 + [False] * 5
    assert [run.standing for run in runs.values() if run] == ["equal"] * 2 + ["not comparable"] * 3
    assert column(found, 0)["Q2_K"] is None
    require_agreement(found)
    apart = side_by_side(
        changed(other, runs=other.runs[3:]), first=changed(first, runs=first.runs[:3])
    )
    with pytest.raises(EdgevalError, match=r"\(not evaluated on the first machine\)"):
        require_agreement(apart)
    with pytest.raises(EdgevalError, match=r"\(no run has a partner\)"):
        require_agreement(side_by_side(other.model_copy(update={"runs": []})))


def test_files_of_the_same_type_are_told_apart() -> None:
    first = evaluation(example_report(n_items=N_ITEMS, status=None))
    reference = first.runs[4]
    twins = [
        changed(reference, sha256=str(index) * 64, file=f"{name}.gguf")
        for index, name in enumerate("aba")
    ]
    first = changed(first, runs=twins)
    reverse = changed(first, runs=[*reversed(twins), reference])
    found = side_by_side(reverse, first=first)
    names = ["Q4_K_M a.gguf", "Q4_K_M b.gguf", "Q4_K_M a.gguf (2)"]
    assert [row.name for row in found.types] == [*names, "Q4_K_M"]
    for row, twin in zip(found.types, twins, strict=False):
        assert row.runs[1] is not None
        assert (row.runs[1].run, row.runs[1].matched_by) == (twin, "file")
    more = side_by_side(changed(first, runs=twins), first=changed(first, runs=twins[:1]))
    assert [row.name for row in more.types] == ["Q4_K_M", *names[1:2], "Q4_K_M a.gguf"]


# What may differ


def test_allowed_differences_are_named() -> None:
    other = machine()
    features = "CPU : NEON = 1 | AVX = 1 | SSE3 = 1 | AVX2 = 0 | OPENMP = 1 | REPACK = 1 | "
    engine = changed(
        other.engine,
        version="llama-cpp-python 0.3.35",
        backend="metal",
        threads=4,
        features=features,
    )
    other = changed(other, engine=engine, edgeval_version="0.2.0")
    for index in range(len(other.runs)):
        other = with_run(other, index, cache_type="f32")
    other = with_run(other, 1, batch_tokens=1024, flash_attention=False)
    found = side_by_side(other)
    assert found.machines[0].differences == []
    assert found.machines[1].differences == [
        "edgeval 0.2.0, not 0.1.0",
        "llama-cpp-python 0.3.35, not llama-cpp-python 0.3.36",
        "backend metal, not cpu",
        "threads 4, not 2",
        "features +NEON +AVX2 +REPACK \N{MINUS SIGN}AVX512",
    ]
    run = column(found)["Q8_0"]
    assert run is not None
    assert run.standing == "equal"
    assert run.differences == [
        "batch size 1,024, not 256",
        "cache f32, not f16",
        "attention plain, not flash",
    ]
    *_, last, ratios = sentences(found)
    assert ratios.endswith("no ratio of speeds: another device.")
    assert last.endswith(
        "cache f32, not f16; batch size 1,024, not 256 (Q8_0); attention plain, not flash (Q8_0)."
    )


def with_speed(record: Report, index: int, **values: object) -> Report:
    return with_run(record, index, speed=changed(record.runs[index].speed, **values))


def test_speed_is_relative_to_the_first_record_on_the_same_device() -> None:
    assert here().runs[0].speed is not None
    found = side_by_side(with_speed(here(), 0, elapsed_s=10 * here().runs[0].speed.elapsed_s))
    run, reference = column(found)["F16"], column(found, 0)["F16"]
    assert run is not None and reference is not None
    assert (run.speed_ratio, run.no_speed_ratio) == (pytest.approx(0.1), None)
    assert run.items_per_s == pytest.approx(0.1 * (reference.items_per_s or 0))
    assert (reference.speed_ratio, reference.no_speed_ratio) == (None, None)
    (line,) = (line for line in printed(found, 120) if "(\N{MULTIPLICATION SIGN}0.10)" in line)
    assert "82.4" in line and "8.2 (" in line


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"threads": 1}, "other threads (1, not 2)"),
        ({"n_items": 7}, "of other items (7, not 2,009)"),
        ({"cpu_load": 1.5}, "measured under load"),
    ],
)
def test_speeds_of_other_work_have_no_ratio(values: dict[str, Any], reason: str) -> None:
    found = side_by_side(with_speed(here(), 0, **values))
    run = column(found)["F16"]
    assert run is not None
    assert (run.standing, run.speed_ratio, run.no_speed_ratio) == ("equal", None, reason)
    assert f"1: no ratio of speeds of F16: {reason}." in [
        each.replace(found.machines[1].label, "1", 1) for each in sentences(found)
    ]


def test_a_speed_of_a_part_of_the_items_is_marked() -> None:
    other = with_run(here(), 0, n_from_store=2000)
    found = side_by_side(with_speed(other, 0, n_items=9))
    row = next(line for line in printed(found, 120) if "82.4*" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["F16", "82.4", "82.4*"]
    assert any("* measured on a part of the items: F16 (9)." in each for each in sentences(found))


def test_a_gpu_is_another_device() -> None:
    offload = {"devices": ["NVIDIA H200"], "layers": 23, "n_layers": 23}
    run = column(side_by_side(with_run(here(), 0, offload=offload)))["F16"]
    assert run is not None
    assert (run.speed_ratio, run.no_speed_ratio) == (None, "another device")


def test_scores_of_the_store_have_no_speed_and_no_ratio() -> None:
    speed = here().runs[0].speed
    stored = with_run(here(), 0, speed=None, n_from_store=N_ITEMS, stored=[speed])
    found = side_by_side(stored)
    run = column(found)["F16"]
    assert run is not None
    assert (run.standing, run.speed_ratio, run.items_per_s) == ("equal", None, None)
    assert run.no_speed_ratio is None
    assert any("scores of F16 were in the store" in each for each in sentences(found))
    row = next(line for line in printed(found, 120) if "82.4" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["F16", "82.4", "\N{EN DASH}"]
