"""Benchmarks of a real, tiny GGUF."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.benchmark import shapes
from edgeval.benchmark.bench import bench
from edgeval.benchmark.options import BenchOptions
from edgeval.benchmark.page_cache import forget
from edgeval.engine import Local
from edgeval.engine.kernels.paths import cpu_build
from edgeval.errors import EdgevalError
from edgeval.records.bench import Bench
from edgeval.scoring.plan import plan

OPTIONS = BenchOptions(
    prompts=(16, 32),
    generated=(4,),
    both=((8, 2),),
    depths=(0, 16),
    threads=(1, "auto"),
    repetitions=2,
    scored_items=3,
    kernels="plain",
)


@pytest.fixture(scope="module")
def found(tiny_f32: Path, tiny_f16: Path) -> Bench:
    return bench([tiny_f32, tiny_f16], OPTIONS, progress=None)


def test_each_test_is_timed_with_each_number_of_threads(found: Bench) -> None:
    assert [file.type for file in found.files] == ["F32", "F16"]
    threads = OPTIONS.thread_counts
    names = ["pp16", "pp32", "tg4", "pp8+tg2"]
    names += [f"{name} @ d16" for name in names]
    for file in found.files:
        assert [each.name for each in file.timings] == names * len(threads)
        assert [each.threads for each in file.timings][:: len(names)] == threads
        assert all(len(each.seconds) == 2 and min(each.seconds) > 0 for each in file.timings)


def test_what_a_file_is_and_takes_is_told(found: Bench, tiny_f32: Path) -> None:
    file = found.files[0]
    assert (file.name, file.file_bytes) == (tiny_f32.name, tiny_f32.stat().st_size)
    assert file.description.endswith("all F32")
    assert 0 < file.tensor_bytes < file.file_bytes
    assert [each.is_cold for each in file.loading] in ([True, False], [False])
    assert all(0 < each.load_s < each.first_token_s for each in file.loading)
    assert file.memory.weights == file.file_bytes
    assert [each.type for each in file.kernel_paths] == ["F32"]
    build = cpu_build(Local())
    assert file.kernel_paths[0].path == build.path("F32", None)
    assert 0 < file.kernel_paths[0].n_bytes < file.tensor_bytes
    assert file.peak_rss_bytes is not None and file.peak_rss_bytes > file.file_bytes


def test_items_that_are_scored_have_real_shapes(found: Bench) -> None:
    scoring = found.files[1].scoring
    assert scoring is not None
    requests = shapes.items(3, 100_000)
    assert (scoring.n_items, len(scoring.seconds)) == (3, 2)
    assert scoring.n_tokens == plan(requests, 1024).tokens
    assert scoring.items_per_s == pytest.approx(sum(3 / each for each in scoring.seconds) / 2)
    # As many tokens as an item of HellaSwag decodes on average.
    sixteen = plan(shapes.items(16, 100_000), 100_000)
    assert sixteen.lower_bound == pytest.approx(16 * 185, rel=0.01)


def test_a_record_is_read_as_it_was_written(found: Bench) -> None:
    assert Bench.model_validate_json(found.model_dump_json()) == found


def test_only_what_is_asked_for_is_timed(tiny_f16: Path) -> None:
    options = BenchOptions(prompts=(), generated=(2,), repetitions=1, scored_items=0)
    (file,) = bench(tiny_f16, options, progress=None).files
    assert [each.name for each in file.timings] == ["tg2"]
    assert file.timings[0].deviation == 0
    assert (file.scoring, file.first_token) == (None, None)


def test_types_are_made_of_a_checkpoint(tiny_checkpoint: Path) -> None:
    options = BenchOptions(prompts=(8,), generated=(), repetitions=1, scored_items=0, types=["f16"])
    found = bench(tiny_checkpoint, options, progress=None)
    assert [file.type for file in found.files] == ["F16"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"prompts": (0,)}, r"--pp 0 cannot be used"),
        ({"generated": (10**9,)}, r"--tg 1000000000 cannot be used"),
        ({"both": ((512, 0),)}, r"--pg 0 cannot be used"),
        ({"depths": (-1,)}, r"--depth -1 cannot be used"),
        ({"threads": (0,)}, r"--threads 0 cannot be used"),
        ({"threads": ()}, r"--threads names none"),
        ({"repetitions": 0}, r"--repetitions 0 cannot be used"),
        ({"prompts": (), "generated": (), "scored_items": 0}, r"nothing is left to time"),
    ],
)
def test_what_cannot_be_timed_is_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(EdgevalError, match=says):
        BenchOptions(**given)  # type: ignore[arg-type]


def test_a_number_of_threads_is_used_once() -> None:
    automatic = BenchOptions().thread_counts
    assert BenchOptions(threads=("auto", *automatic, "auto")).thread_counts == automatic


def test_a_file_that_is_forgotten_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 10_000)
    forget([path])
    assert path.read_bytes() == b"abc" * 10_000
