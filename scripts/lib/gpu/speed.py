"""edgeval's time on a device beside llama-perplexity's and llama-bench's, and the idle share."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.lib.gpu.check import Check
from scripts.lib.gpu.sampling import Sampler, Usage, idle_percent, usage_reader
from scripts.lib.peers import tools
from scripts.lib.peers.bench import Bench, Items
from scripts.lib.peers.markdown import Bar, Section, table
from scripts.lib.peers.process import PeerError
from scripts.lib.peers.tools import Scored

TIME_BAR = 0.8
PROMPTS = (512, 2048)
REPEATS = 10
PROTOCOL = "lm-eval"
_INTERVAL_S = 0.1


@dataclass
class Series:
    """The runs with one GGUF, in turn.

    Attributes:
        gguf: The file.
        ours: edgeval's runs.
        theirs: llama-perplexity's runs.
        prompt_speeds: llama-bench's tokens a second by the prompt's tokens, a round each.
        idle: Percent of the time in which the device computed nothing, a run of edgeval each.
        not_run: Why there is nothing of one of them, by its name.
    """

    gguf: Path
    ours: list[Scored] = field(default_factory=list)
    theirs: list[Scored] = field(default_factory=list)
    prompt_speeds: list[dict[int, float]] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)

    @property
    def time_ratio(self) -> float | None:
        """Median seconds of edgeval over llama-perplexity's, the whole processes."""
        return _median_s(self.ours) / _median_s(self.theirs) if self.theirs else None

    def speed_ratio(self, prompt: int) -> float | None:
        """Return edgeval's tokens a second of scoring over llama-bench's with a prompt."""
        if not self.prompt_speeds:
            return None
        ours = statistics.median(run.tokens_per_s or 0.0 for run in self.ours)
        return ours / statistics.median(each[prompt] for each in self.prompt_speeds)

    def parts(self) -> dict[str, float]:
        """Return the median seconds of edgeval's scoring, loading and all the rest."""
        scoring = statistics.median(run.scoring_s or 0.0 for run in self.ours)
        loading = statistics.median(run.load_s or 0.0 for run in self.ours)
        whole = _median_s(self.ours)
        return {"scoring": scoring, "loading": loading, "rest": whole - scoring - loading}

    def as_json(self) -> dict[str, Any]:
        """Return every value measured, and the ratios."""
        return {
            "file": self.gguf.name,
            "file_bytes": self.gguf.stat().st_size,
            "edgeval": [run.as_json() for run in self.ours],
            "llama_perplexity": [run.as_json() for run in self.theirs],
            "llama_bench": self.prompt_speeds,
            "idle_percent": self.idle,
            "parts_s": self.parts(),
            "time_ratio": self.time_ratio,
            "speed_ratios": {prompt: self.speed_ratio(prompt) for prompt in PROMPTS},
            "not_run": self.not_run,
        }


def measure(check: Check) -> Section:
    """Measure the TinyLlama-shaped F16 on all real items."""
    bench = check.bench
    (gguf,) = check.tinyllama(["F16"])
    return section(in_turn(check, bench, gguf), bench.items())


def in_turn(check: Check, bench: Bench, gguf: Path) -> Series:
    """Run edgeval, llama-perplexity and llama-bench, then again, so that drift shows."""
    series = Series(gguf)
    items = bench.items()
    device = check.device
    where = ["--backend", device.backend, "--no-check"]
    read: Callable[[], Usage] | None = None
    with _noted(series, "idle share"):
        read = usage_reader(device)
    for _ in range(bench.rounds):
        if read is None:
            series.ours.append(tools.edgeval(bench, gguf, items.jsonl, PROTOCOL, where))
        else:
            with Sampler(read, _INTERVAL_S) as sampler:
                series.ours.append(tools.edgeval(bench, gguf, items.jsonl, PROTOCOL, where))
            with _noted(series, "idle share"):
                series.idle.append(idle_percent(sampler.values, gguf.stat().st_size))
        # On one device, as edgeval computes a model that one holds.
        _peers_turn(bench, series, items, ["-ngl", "99", "-dev", device.name])
    return series


def _peers_turn(bench: Bench, series: Series, items: Items, where: Sequence[object]) -> None:
    with _noted(series, "llama-perplexity"):
        series.theirs.append(tools.perplexity(bench, series.gguf, items, where))
    with _noted(series, "llama-bench"):
        speeds = tools.prompt_speeds(bench, series.gguf, PROMPTS, REPEATS, where)
        series.prompt_speeds.append(speeds)


def section(series: Series, items: Items) -> Section:
    """Return the runs as a table, with the bar on the time."""
    parts = series.parts()
    whole = _median_s(series.ours)
    shares = ", ".join(f"{name} {value:.1f} s" for name, value in parts.items())
    sentences = [f"edgeval's {whole:.1f} s are: {shares} (start, tokens, hash of the file)."]
    for prompt in PROMPTS:
        if (ratio := series.speed_ratio(prompt)) is not None:
            sentences.append(f"Its tokens/s are {ratio:.2f} of llama-bench's pp{prompt}.")
    if series.idle:
        idle = statistics.median(series.idle)
        sentences.append(f"The device was idle {idle:.0f} % of the time that it held the model.")
    sentences += [f"Not run: {name}: {reason}." for name, reason in series.not_run.items()]
    text = "\n\n".join(
        [
            f"{series.gguf.stem}, {items.label}, in turn, {len(series.ours)} rounds.",
            table(["tool", "process, s", "tokens decoded", "tokens/s"], _rows(series)),
            " ".join(sentences),
        ]
    )
    bars = []
    if series.time_ratio is not None:
        bars.append(Bar("time over llama-perplexity's", series.time_ratio, "<=", TIME_BAR))
    return Section("Speed", text, {"items": items.n, **series.as_json()}, bars)


def _rows(series: Series) -> list[list[str]]:
    rows = []
    for name, runs in (("edgeval eval", series.ours), ("llama-perplexity", series.theirs)):
        if runs:
            seconds = ", ".join(f"{run.elapsed_s:.1f}" for run in runs)
            speeds = ", ".join(f"{run.tokens_per_s:,.0f}" for run in runs if run.tokens_per_s)
            rows.append([name, seconds, f"{runs[0].tokens_decoded:,}", speeds])
    for prompt in PROMPTS if series.prompt_speeds else ():
        speeds = ", ".join(f"{each[prompt]:,.0f}" for each in series.prompt_speeds)
        rows.append([f"llama-bench pp{prompt}", "", "", speeds])
    return rows


@contextlib.contextmanager
def _noted(series: Series, name: str) -> Any:
    """Note why a part could not be measured, and go on without it."""
    try:
        yield
    except PeerError as error:
        series.not_run[name] = str(error).rstrip(".")


def _median_s(runs: Sequence[Scored]) -> float:
    return statistics.median(run.elapsed_s for run in runs)
