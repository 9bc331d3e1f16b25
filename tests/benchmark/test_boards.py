"""Boards side by side: which models are one, which row is first, what is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeval.benchmark.boards import board_tables, is_bench, load_bench
from edgeval.errors import EdgevalError
from edgeval.records.bench import Bench, Timing
from edgeval.records.sensors import SensorSample, SustainedRate
from tests.helpers.benches import board_bench, example_bench, heated_load
from tests.helpers.command import assert_one_sentence, edgeval

PP = {"n_prompt": 512, "n_generated": 0, "n_depth": 0}


def saved(path: Path, cpu: str, seconds: dict[int, float], **file: Any) -> Path:
    bench = example_bench()
    timings = [Timing(**PP, threads=threads, seconds=[each]) for threads, each in seconds.items()]
    files = [bench.files[0].model_copy(update={"timings": timings, **file})]
    device = bench.device.model_copy(update={"cpu": cpu})
    made = bench.model_copy(update={"files": files, "device": device})
    path.write_text(made.model_dump_json(), encoding="utf-8")
    return path


def test_files_of_the_same_content_are_one_model_and_the_fastest_is_first(tmp_path: Path) -> None:
    paths = [
        saved(tmp_path / "a.json", "Slow", {1: 9.0, 4: 4.0}),
        saved(tmp_path / "b.json", "Fast", {4: 2.0, 8: 2.5}),
        saved(tmp_path / "c.json", "Other", {4: 1.0}, sha256="cd" * 32, n_params=7),
    ]
    first, second = board_tables(paths)
    assert [row.device for row in first.rows][:2] == ["Fast", "Slow"]
    fast, slow = (row.speeds["pp512"] for row in first.rows[:2])
    assert (fast.tokens_per_s, fast.threads) == (256.0, 4)
    assert (slow.tokens_per_s, slow.threads) == (128.0, 4)
    assert [row.device for row in second.rows] == ["Other"]
    assert (first.rows[0].cold_load_s, first.rows[0].source) == (2.0, "b.json")


def test_published_rows_are_of_the_same_model_and_type(tmp_path: Path) -> None:
    (table,) = board_tables([saved(tmp_path / "a.json", "Mine", {4: 2.0})])
    published = [row for row in table.rows if row.url]
    assert [row.efficiency.watts for row in published] == [23.7, 28.0]
    assert [row.efficiency.joules_per_token for row in published] == pytest.approx(
        [23.7 / 38.8, 28.0 / 40.4]
    )
    assert all("ai-benchmarks" in row.source for row in published)
    assert all(row.url.startswith("https://github.com/geerlingguy/") for row in published)
    (other,) = board_tables([saved(tmp_path / "b.json", "Mine", {4: 2.0}, type="Q2_K")])
    assert [row.device for row in other.rows] == ["Mine"]


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{name}.json", name, {4: 2.0}) for name in ("Mine", "Yours")]
    done = edgeval("compare", *paths)
    assert done.returncode == 0, done.stderr
    for word in ("Mine", "Yours", "256 (4)", "Radxa Dragon Q8B", "1.64"):
        assert word in done.stdout
    found = json.loads(edgeval("compare", *paths, "--json").stdout)
    assert found[0]["rows"][0]["speeds"]["pp512"] == {
        "tokens_per_s": 256.0,
        "threads": 4,
        "deviation": None,
    }
    assert edgeval("compare", *paths, "--task", "piqa").returncode == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is no record of edgeval bench"),
        ('{"files": [], "binding_version": "1"}', "is no record of edgeval bench"),
        (None, "no record at"),
    ],
)
def test_what_is_no_benchmark_is_named(content: str | None, says: str, tmp_path: Path) -> None:
    good, bad = saved(tmp_path / "a.json", "Mine", {4: 2.0}), tmp_path / "bad.json"
    if content is not None:
        bad.write_text(content)
    assert_one_sentence(edgeval("compare", good, bad), says)
    with pytest.raises(EdgevalError, match=says):
        load_bench(bad)
    assert not is_bench(tmp_path / "none.json")


def test_text_of_others_is_harmless(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.json", "\x1b[31mred\x1b[0m", {4: 2.0}, description="[bold]x\x07")
    done = edgeval("compare", path, path)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout and "\x07" not in done.stdout
    assert isinstance(load_bench(path), Bench)


def test_power_is_of_the_generation_that_was_timed(tmp_path: Path) -> None:
    bench = board_bench(watts={"typed in": 6.4}, sha256="cd" * 32, n_params=7)
    (file,) = bench.files
    shorter = [each.model_copy(update={"n_generated": 64}) for each in file.timings[1:]]
    for timings, name, joules in (
        (file.timings, "tg128", 0.4),
        ([*shorter, *file.timings], "tg128", 0.4),
        # 64 tokens in 8 s at 6.4 W.
        (shorter, "tg64", 0.8),
        (file.timings[:1], "tg128", None),
    ):
        files = [file.model_copy(update={"timings": timings})]
        path = tmp_path / "a.json"
        made = bench.model_copy(update={"files": files})
        path.write_text(made.model_dump_json(), encoding="utf-8")
        (table,) = board_tables([path])
        assert table.generation == name
        found = table.rows[0].efficiency.joules_per_token
        assert found == (None if joules is None else pytest.approx(joules))


def test_one_record_is_a_table_too(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.json", "Mine", {4: 2.0})
    done = edgeval("compare", path)
    assert done.returncode == 0, done.stderr
    assert "Mine" in done.stdout
    # Of reports there have to be two.
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    for given in ((tmp_path,), ("--lm-eval", tmp_path)):
        done = edgeval("compare", *given)
        assert done.returncode == 2
        assert "name a second one" in done.stderr


def test_the_record_of_a_long_load_is_read(tmp_path: Path) -> None:
    rates = [SustainedRate(at_s=0.5 * at, tokens_per_s=90.0) for at in range(1, 7201)]
    samples = [SensorSample(at_s=float(at), temperature_c=60.0) for at in range(3600)]
    load = heated_load().model_copy(update={"rates": rates, "samples": samples})
    path = tmp_path / "hour.json"
    path.write_text(board_bench(sustained=load).model_dump_json(indent=2), encoding="utf-8")
    (file,) = load_bench(path).files
    assert file.sustained == load


@pytest.mark.parametrize("seconds", ["0.0", "-1.0", "1e-300"])
def test_no_time_is_refused(seconds: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.json", "Mine", {4: 2.0})
    path.write_text(path.read_text("utf-8").replace('"seconds":[2.0]', f'"seconds":[{seconds}]'))
    assert_one_sentence(edgeval("compare", path), ["is no record of edgeval bench", "seconds"])
