"""Time and memory of edgeval, llama-perplexity, llama-bench and lm-evaluation-harness."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.lib.peers import tools
from scripts.lib.peers.bench import Bench, Items
from scripts.lib.peers.markdown import Bar, Section, table
from scripts.lib.peers.tools import Scored

TYPES = ("F16", "Q4_K_M")
DEMO_ROUNDS = 3
MIB = 1024 * 1024


@dataclass
class Series:
    """One GGUF's runs, interleaved.

    Attributes:
        gguf: The file.
        prompt_speeds: ``llama-bench`` tokens a second, before, between and after the others.
        ours: edgeval's runs.
        theirs: llama-perplexity's runs.
    """

    gguf: Path
    prompt_speeds: list[float] = field(default_factory=list)
    ours: list[Scored] = field(default_factory=list)
    theirs: list[Scored] = field(default_factory=list)

    @property
    def time_ratio(self) -> float:
        """Median seconds of edgeval over llama-perplexity's."""
        return _median_s(self.ours) / _median_s(self.theirs)

    @property
    def token_ratio(self) -> float:
        """Decoded tokens of edgeval over llama-perplexity's."""
        return self.ours[0].tokens_decoded / self.theirs[0].tokens_decoded

    def rows(self) -> list[list[str]]:
        """Return the cells of the table."""
        name = self.gguf.stem
        return [
            [name, "edgeval eval", *_cells(self.ours)],
            [name, "llama-perplexity", *_cells(self.theirs)],
            [name, "llama-bench pp512", "", "", _values(self.prompt_speeds), ""],
        ]

    def bars(self) -> list[Bar]:
        """Return what the series is held to."""
        speed = statistics.median(run.tokens_per_s or 0.0 for run in self.ours)
        peak = max(run.peak_rss_bytes for run in self.ours) - self.gguf.stat().st_size
        pp512 = statistics.median(self.prompt_speeds)
        name = self.gguf.stem
        share = self.time_ratio / self.token_ratio
        return [
            Bar(f"{name}: decoded tokens/s over llama-bench pp512", speed / pp512, ">=", 0.97),
            Bar(f"{name}: time over llama-perplexity's, a decoded token", share, "<=", 1.02),
            Bar(f"{name}: peak memory less the file, MiB", peak / MIB, "<=", 350),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return every value measured."""
        return {
            "file": self.gguf.name,
            "file_bytes": self.gguf.stat().st_size,
            "llama_bench_pp512": self.prompt_speeds,
            "edgeval": [run.as_json() for run in self.ours],
            "llama_perplexity": [run.as_json() for run in self.theirs],
        }


def measure(bench: Bench) -> Section:
    """Measure the TinyLlama-shaped types and the demo, and lm-evaluation-harness beside them."""
    items = bench.items(bench.n_items)
    series = [_interleaved(bench, bench.tinyllama_gguf(name), items) for name in TYPES]
    whole = bench.items()
    demo = Series(bench.demo("f16"))
    for turn in range(DEMO_ROUNDS):
        _turn(bench, demo, whole, turn)
    header = ["GGUF", "tool", "process, s", "tokens decoded", "tokens/s", "peak memory, MiB"]
    parts = [
        f"TinyLlama's shape, {items.label}, {bench.threads} threads: medians, and all values in "
        "the order of the runs. edgeval's tokens/s are of scoring, without loading.",
        table(header, [row for each in series for row in each.rows()]),
        f"The demo, F16, {whole.label}, in turn: edgeval takes {demo.time_ratio:.2f} times "
        f"llama-perplexity's seconds, for {demo.token_ratio:.3f} times its tokens.",
        table(header, demo.rows()[:2]),
    ]
    bars = [bar for each in series for bar in each.bars()]
    bars.append(Bar("the demo: time over llama-perplexity's", demo.time_ratio, "<=", 1.0))
    result: dict[str, Any] = {
        "items": items.n,
        "tinyllama": [each.as_json() for each in series],
        "demo": demo.as_json(),
    }
    if bench.n_lm_eval_items:
        text, result["lm_eval"], bar = _against_lm_eval(bench, series[0].gguf)
        parts.append(text)
        bars.append(bar)
    return Section("Speed and memory", "\n\n".join(parts), result, bars)


def _interleaved(bench: Bench, gguf: Path, items: Items) -> Series:
    """Run bench, edgeval, perplexity, bench, perplexity, edgeval, bench … so that drift shows."""
    series = Series(gguf, [tools.prompt_speed(bench, gguf)])
    for turn in range(bench.rounds):
        _turn(bench, series, items, turn)
        series.prompt_speeds.append(tools.prompt_speed(bench, gguf))
    return series


def _turn(bench: Bench, series: Series, items: Items, turn: int) -> None:
    """Run both tools once; who is first changes with the turn."""
    for is_ours in (turn % 2 == 0, turn % 2 == 1):
        if is_ours:
            series.ours.append(tools.edgeval(bench, series.gguf, items.text, "llama.cpp"))
        else:
            series.theirs.append(tools.perplexity(bench, series.gguf, items))


def _against_lm_eval(bench: Bench, gguf: Path) -> tuple[str, dict[str, Any], Bar]:
    """Compare edgeval's F16 with ``hf`` in float32: both the whole process, loading included."""
    items = bench.items(bench.n_lm_eval_items)
    ours = tools.edgeval(bench, gguf, items.jsonl, "lm-eval")
    weights = f"pretrained={bench.tinyllama},dtype=float32,add_bos_token=False"
    batch = ["--device", "cpu", "--batch_size", str(tools.LM_EVAL_BATCH)]
    theirs, _ = tools.lm_eval(bench, ["--model", "hf", "--model_args", weights, *batch], items)
    rows = [
        [name, f"{s:.1f}", f"{s / items.n:.2f}", f"{peak / MIB:,.0f}"]
        for name, s, peak in (
            (f"edgeval eval {gguf.name}", ours.elapsed_s, ours.peak_rss_bytes),
            ("lm_eval --model hf, float32", theirs.elapsed_s, theirs.peak_rss_bytes),
        )
    ]
    text = f"Protocol lm-eval, {items.label}, the whole process, batch {tools.LM_EVAL_BATCH}:\n\n"
    result = {
        "items": items.n,
        "edgeval": ours.as_json(),
        "elapsed_s": theirs.elapsed_s,
        "peak_rss_bytes": theirs.peak_rss_bytes,
        "batch_size": tools.LM_EVAL_BATCH,
    }
    ratio = ours.elapsed_s / theirs.elapsed_s
    return (
        text + table(["tool", "process, s", "s an item", "peak memory, MiB"], rows),
        result,
        Bar("time over lm-evaluation-harness's", ratio, "<=", 1 / 3),
    )


def _cells(runs: Sequence[Scored]) -> list[str]:
    return [
        _values([run.elapsed_s for run in runs]),
        f"{runs[0].tokens_decoded:,}",
        _values([run.tokens_per_s for run in runs if run.tokens_per_s is not None]),
        f"{max(run.peak_rss_bytes for run in runs) / MIB:,.0f}",
    ]


def _values(values: Sequence[float]) -> str:
    """Return the median, and all values where there are several."""
    if not values:
        return ""
    every = ", ".join(f"{value:,.1f}" for value in values)
    return f"{statistics.median(values):,.1f} ({every})" if len(values) > 1 else every


def _median_s(runs: Sequence[Scored]) -> float:
    return statistics.median(run.elapsed_s for run in runs)
