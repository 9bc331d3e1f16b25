"""The parts of scripts/bench/gpu.py, with the CPU in a GPU's place.

A device without llama.cpp's pointer ends the list of devices: the CPU computes what it is given.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from edgeval import llama
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.tasks.item import Item, ItemScore
from scripts.bench import gpu
from scripts.lib.gpu import agreement, memory, offload, parity, sampling, scoring, sessions, speed
from scripts.lib.gpu.check import Check, cmake_options
from scripts.lib.peers.bench import Bench
from scripts.lib.peers.build import Peers
from scripts.lib.peers.process import PeerError
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.usefixtures("plain_kernels")

TOTAL = 64 * 2**30


@dataclass(frozen=True)
class StandIn(llama.Device):
    """The CPU, called a GPU; its memory is always the same."""

    def memory(self) -> tuple[int, int]:
        return TOTAL - 2**30, TOTAL


def stand_in() -> StandIn:
    return StandIn("CUDA0", "Stand-in", "standin")


@pytest.fixture(scope="module")
def check(tiny_checkpoint: Path, tiny_items: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run on the tiny model."""
    return Check(
        folder=tmp_path_factory.mktemp("work"),
        find_device=stand_in,
        threads=1,
        checkpoint=tiny_checkpoint,
        items=tiny_items,
        types=("F32", "F16", "Q4_K_M"),
        limit=8,
    )


def score(item: Item, *logprobs: float) -> ItemScore:
    n = len(logprobs)
    return ItemScore(item, logprobs, (2,) * n, (-1.0,) * n, (False,) * n)


@pytest.fixture
def item() -> Item:
    return Item("0", "group", ("A cook",), ("x" * 10, "y" * 20), 0)


def test_agreement_counts_picks_and_differences(item: Item) -> None:
    ours = [score(item, -1.0, -2.0), score(item, -3.0, -2.5)]
    theirs = [score(item, -1.5, -2.0), score(item, -3.0, -3.5)]
    found = agreement.agreement(ours, theirs)
    assert found["items"] == 2
    assert found["same_picks"]["acc"] == 1
    assert found["logprob_change"] == {
        "max": 1.0,
        "p99": pytest.approx(np.quantile([0.5, 0, 0, 1], 0.99)),
        "mean": 0.375,
        "median": 0.25,
    }
    assert found["token_change"] == {"mean": 0.1875, "max": 0.5}
    # Of two items every draw is both.
    draws = found["token_change_of_draws"]
    assert (draws["items"], draws["median"], draws["max"]) == (2, 0.1875, 0.1875)


def test_draws_are_of_different_items_and_weigh_choices_alike() -> None:
    draws = agreement.token_change_of_draws
    one = np.zeros(48 * 4)
    one[:4] = 24.0
    # At most one of 48 items differs; 24 of them are drawn, each at most once.
    assert draws(one, [4] * 48)["max"] == 1.0
    assert draws(one, [4] * 48)["median"] in (0.0, 1.0)
    assert draws(np.array([1.0, 1.0, 1.0, 5.0]), [3, 1])["max"] == 2.0


def test_parity_is_exact_where_the_cpu_stands_in(check: Any) -> None:
    section = parity.measure(check)
    rows = section.result["rows"]
    assert [row["type"] for row in rows] == ["F32", "F16", "Q4_K_M"]
    for row in rows:
        assert row["items"] == row["same_picks"]["acc"] == row["same_picks"]["acc_norm"] == 8
        assert row["logprob_change"]["max"] < 1e-3
    exact = {row["type"]: row["from_exact"] for row in rows}
    assert exact["F32"]["cpu"]["max"] == 0
    # Blocks are read with rounded activations; the exact weights are not.
    assert 0 < exact["F16"]["cpu"]["mean"] < exact["Q4_K_M"]["cpu"]["mean"] < 1
    assert "--data, --text and --tokenizer" in section.result["tinyllama_not_run"]
    assert "Q4_K_M" in section.markdown()


def test_exact_weights_are_those_of_the_blocks(check: Any, tmp_path: Path) -> None:
    import gguf

    (path,) = check.ladder(["Q4_K_M"])
    exact = parity.exact_of(path, tmp_path, 1)
    blocks = {each.name: each for each in gguf.GGUFReader(path).tensors}
    for tensor in gguf.GGUFReader(exact).tensors:
        assert tensor.tensor_type == gguf.GGMLQuantizationType.F32
        block = blocks[tensor.name]
        expected = gguf.quants.dequantize(block.data, block.tensor_type)
        np.testing.assert_array_equal(tensor.data.ravel(), expected.ravel())


def test_offload_and_sessions(check: Any) -> None:
    section = offload.measure(check)
    rows = section.result["rows"]
    assert [row["gpu_layers"] for row in rows] == [3, 1] * 2
    assert len({row["setting"] for row in rows}) == 4
    assert all(bar.met for bar in section.bars)
    assert max(row["max"] for row in rows) < 1e-3
    section = sessions.measure(check)
    assert [row["n_sessions"] for row in section.result["rows"]] == [1, 1, 2, 2, 3, 3] * 2
    assert section.bars[0].value == 0


def test_memory_is_measured_in_another_process(check: Any) -> None:
    paths = check.ladder(["F16", "Q4_K_M"])
    rungs, taken = memory.apart(stand_in, paths, check.options(check.items, 4))
    assert [(rung.round, rung.file) for rung in rungs] == [
        (turn, path.name) for turn in (0, 1) for path in paths
    ]
    assert {rung.after for rung in rungs} == {TOTAL - 2**30}
    assert [each.n_sessions for each in taken] == [1, 3]
    # Three sessions need more than one, and the stand-in's memory never changes.
    assert 0 < taken[0].estimate < taken[1].estimate
    assert {each.taken for each in taken} == {0}


def test_memory_that_is_not_given_back_is_seen() -> None:
    mib = 2**20
    rungs = [
        memory.Rung(turn, f"{n}.gguf", 900 * mib, 500 * mib, (900 - 100 * turn - 2 * n) * mib)
        for turn in (0, 1)
        for n in (0, 1)
    ]
    taken = [memory.Taken("0.gguf", 1, 300 * mib, 900 * mib)]
    section = memory.section(rungs, taken, [0, 20 * mib])
    assert [bar.value for bar in section.bars] == [100, 600, 20]
    assert not any(bar.met for bar in section.bars)


def test_idle_share_is_of_the_time_with_the_model() -> None:
    used = [100, 100, 1000, 1100, 1100, 100]
    percents = [0, 50, 80, 90, 100, 0]
    values = [sampling.Usage(*each) for each in zip(percents, used, strict=True)]
    assert sampling.idle_percent(values, 1000) == 10
    with pytest.raises(PeerError, match="ran too shortly"):
        sampling.idle_percent(values[:2], 1000)


def test_sampler_reads_until_its_context_ends() -> None:
    values = iter(range(10**9))
    with sampling.Sampler(lambda: next(values), 0.001) as sampler:
        while len(sampler.values) < 3:
            pass
    n = len(sampler.values)
    assert sampler.values == list(range(n))
    assert next(values) == n


def test_speed_says_what_is_not_run(check: Any, tiny_f16: Path, tmp_path: Path) -> None:
    records = check.items.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(record) for record in records]
    text = "".join(f"c\n{row['label']}\n{'e' + chr(10)}" + "e\n" * 3 for row in rows)
    (tmp_path / "items.txt").write_text(text, encoding="utf-8")
    bench = Bench(
        folder=tmp_path,
        data=check.items,
        text=tmp_path / "items.txt",
        tokenizer=tmp_path,
        peers=Peers(tmp_path, tmp_path / "no-tools", None),
        threads=1,
        n_items=1,
        n_lm_eval_items=0,
        rounds=1,
        limit=8,
        layers=1,
    )
    # edgeval itself knows no stand-in.
    cpu = replace(check, find_device=lambda: llama.Device("cpu", "The CPU", "cpu"))
    series = speed.in_turn(cpu, bench, tiny_f16)
    section = speed.section(series, bench.items())
    assert series.ours[0].tokens_decoded > 0
    assert set(series.not_run) == {"idle share", "llama-perplexity", "llama-bench"}
    assert "no llama-perplexity" in section.text
    assert section.result["time_ratio"] is None
    whole = series.ours[0].elapsed_s
    assert sum(section.result["parts_s"].values()) == pytest.approx(whole)
    assert section.bars == []


def test_sections_outlive_what_fails_after_them(check: Any, tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    done = gpu.run(check, ["speed"], path)
    assert isinstance(done["speed"], PeerError)
    record = json.loads(path.read_text(encoding="utf-8"))
    assert list(record["sections"]) == ["machine", "speed"]
    assert record["sections"]["machine"]["checked"]["total_bytes"] == TOTAL
    assert "--tokenizer" in record["sections"]["speed"]["not_run"]
    gpu.run(check, ["machine"], path)
    record = json.loads(path.read_text(encoding="utf-8"))
    assert list(record["sections"]) == ["machine", "speed"]
    other = replace(check, find_device=lambda: StandIn("CUDA0", "Another", "standin"))
    with pytest.raises(gpu.EdgevalError, match="of another build or device"):
        gpu.run(other, ["machine"], path)


def test_absent_backend_ends_with_the_command_that_builds_it(tmp_path: Path) -> None:
    if "cuda" in llama.available_backends():
        pytest.skip("this llama.cpp has cuda")
    if sys.platform == "darwin":
        pytest.skip("there is no cuda on this system")
    done = subprocess.run(
        [sys.executable, "-m", "scripts.bench.gpu", tmp_path / "work"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert llama.rebuild_command("cuda") in done.stderr
    assert not (tmp_path / "work").exists()


def test_unknown_sections_are_refused(tmp_path: Path) -> None:
    import typer

    app = typer.Typer()
    app.command()(gpu.main)
    found = CliRunner().invoke(app, [str(tmp_path), "--only", "spead"])
    assert found.exit_code == 2
    assert "spead is no section" in " ".join(found.output.replace("│", " ").split())


def test_tools_are_built_as_the_binding_is() -> None:
    assert cmake_options("cuda") == ["-DGGML_CUDA=on"]
    words, variables = gpu.build_command("cuda")
    assert words[:4] == [sys.executable, "-m", "pip", "install"]
    assert words[-1] == llama.engine_version().replace(" ", "==")
    assert variables == {"CMAKE_ARGS": "-DGGML_CUDA=on"}


def test_scores_of_the_sections_are_those_of_edgeval(check: Any, tiny_items: Path) -> None:
    (path,) = check.ladder(["F16"])
    options = Options(data=tiny_items, limit=8, order="file", backend="cpu", threads=1)
    run = evaluate([path], options).runs[0]
    setup = check.setup(check.items, None).on_cpu()
    with llama.Tokenizer(path) as vocabulary:
        placed = setup.of(vocabulary.info).placement
    values, work = scoring.logprobs(path, setup, placed)
    assert len(values) == 8 * 4
    assert work.tokens_decoded == run.tokens_decoded
