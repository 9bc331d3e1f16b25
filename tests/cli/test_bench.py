"""The command that times how fast this machine computes models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeval.benchmark.formats import FORMATS
from edgeval.cli.terminal.bench import sentences
from edgeval.records.bench import Bench
from edgeval.records.sensors import MeanPower
from tests.helpers.benches import example_bench
from tests.helpers.command import assert_one_sentence, edgeval

SMALL = ("--kernels", "plain", "-r", "1", "--items", "2", "--threads", "1")


@pytest.fixture(scope="module")
def saved(tiny_f16: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    path = tmp_path_factory.mktemp("bench") / "a.json"
    done = edgeval("bench", tiny_f16, "--pp", "16,8", "--tg", "2", *SMALL, "--save", path)
    assert done.returncode == 0, done.stderr
    return done.stdout, path


def test_tables_show_what_the_record_has(saved: tuple[str, Path]) -> None:
    shown, path = saved
    record = Bench.model_validate_json(path.read_text("utf-8"))
    (file,) = record.files
    assert [each.name for each in file.timings] == ["pp16", "pp8", "tg2"]
    for each in file.timings:
        assert f"{each.tokens_per_s:,.2f}" in shown
    assert "cold" in shown and "items/s" in shown
    assert record.command.startswith("edgeval bench")


def test_one_sentence_tells_the_kernels(saved: tuple[str, Path]) -> None:
    assert "Kernels: Q4_K_M repack, its Q6_K and F32 tiled." in sentences(example_bench())
    shown, path = saved
    (file,) = Bench.model_validate_json(path.read_text("utf-8")).files
    told = [f"Kernels: F16 {each.path}." for each in file.kernel_paths]
    assert all(sentence in shown for sentence in told)
    assert len(told) == shown.count("Kernels: ")


def test_that_a_power_is_known_of_a_part_of_the_time_is_said() -> None:
    def told(*shares: float | None) -> list[str]:
        powers = [MeanPower(source="meter", watts=6.4, known_share=each) for each in shares]
        bench = example_bench()
        file = bench.files[0]
        timings = [
            timing.model_copy(update={"power": [power]})
            for timing, power in zip(file.timings, powers, strict=False)
        ]
        whole = bench.model_copy(
            update={"files": [file.model_copy(update={"timings": timings, "sustained": None})]}
        )
        return [each for each in sentences(whole) if "is known of" in each]

    assert told(1.0, 0.95, None) == []
    (only,) = told(0.93, 0.629, 0.8)
    assert only.startswith(
        "The power by meter is known of 62% of the time only, in tg128 @ d1024 of Q4_K_M"
    )


def test_a_record_is_not_replaced_unasked(saved: tuple[str, Path], tiny_f16: Path) -> None:
    _, path = saved
    before = path.read_bytes()
    done = edgeval("bench", tiny_f16, *SMALL, "--save", path)
    assert_one_sentence(done, "exists already; name another file, or add --overwrite")
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", [*FORMATS, "--json"])
def test_what_is_printed_for_programs_is_all_that_is_printed(name: str, tiny_f16: Path) -> None:
    asked = [name] if name == "--json" else ["--output", name]
    done = edgeval("bench", tiny_f16, "--pg", "8,2", *SMALL, *asked)
    assert done.returncode == 0, done.stderr
    if "json" in name:
        found = json.loads(done.stdout)
        rows = found["files"][0]["timings"] if name == "--json" else found
        rows = [rows] if isinstance(rows, dict) else rows
        # Of --pg alone, nothing else is timed.
        assert [each["n_prompt"] for each in rows] == [8]
    else:
        assert "pp8+tg2" in done.stdout or "llama_bench" in done.stdout or '"8"' in done.stdout


def test_a_recipe_prints_the_page_that_is_pasted(tiny_f16: Path, tmp_path: Path) -> None:
    given = ("--recipe", "ai-benchmarks", "--kernels", "plain", "--items", "2", "--threads", "1")
    path = tmp_path / "a.json"
    done = edgeval(
        "bench", tiny_f16, *given, "-o", "md", "--save", path, "--price", "80 usd", "--watts", "6.4"
    )
    assert done.returncode == 0, done.stderr
    record = Bench.model_validate_json(path.read_text("utf-8"))
    (file,) = record.files
    assert [each.name for each in file.timings] == ["pp512", "pp4096", "tg128", "pp4096+tg128"]
    assert all(len(each.seconds) == 2 for each in file.timings)
    assert str(record.price) == "80 USD"
    assert done.stdout.startswith(FORMATS["md"](record))
    beside = done.stdout.removeprefix(FORMATS["md"](record))
    assert "| F16 |" in beside and "- Machine: " in beside


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        (("--pp", "x"), 2, "'x' is no number"),
        (("--pg", "12"), 2, "two numbers are needed, as in 4096,128"),
        (("--threads", "1,two"), 2, "'two' is no number"),
        (("--pp", "0"), 1, "--pp 0 cannot be used"),
        (("--output", "md", "--json"), 1, "leave one of them out"),
        (("--recipe", "ai-benchmarks", "--pp", "8"), 1, "has its own tests"),
    ],
)
def test_what_is_mistyped_is_one_sentence(
    given: tuple[str, ...], code: int, says: str, tiny_f16: Path
) -> None:
    done = edgeval("bench", tiny_f16, *given)
    assert done.returncode == code
    assert says in done.stderr


def test_a_model_that_is_not_there_is_named() -> None:
    done = edgeval("bench", "no-such-model.gguf")
    assert done.returncode == 1
    assert "no-such-model.gguf" in done.stderr
