"""Each tool's command, and what is read from its output."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgeval.gguf.contents import sha256_of
from scripts.lib.paths import LM_EVAL_TASK, ROOT
from scripts.lib.peers.bench import EDGEVAL, Bench, Items
from scripts.lib.peers.process import Finished, PeerError, run

LM_EVAL_BATCH = 8
"""Requests in a forward pass of lm-evaluation-harness; it sorts them by length first."""

_ACCURACY = re.compile(r"^(\d+)\t([\d.]+)%", re.MULTILINE)
_DECODED = re.compile(r"prompt eval time =.*/\s*(\d+) tokens")


@dataclass(frozen=True)
class Scored:
    """One evaluation by edgeval or llama-perplexity.

    Attributes:
        elapsed_s: Seconds of the whole process.
        peak_rss_bytes: Its peak memory.
        tokens_decoded: Tokens the engine decoded.
        correct: Items whose pick is the gold choice, by metric.
        tokens_per_s: Decoded tokens a second of scoring, where the tool says it.
        load_s: Seconds of loading the model, where the tool says it.
        scoring_s: Seconds of scoring, where the tool says it.
        samples: Each item's log-probabilities, where they were asked for.
    """

    elapsed_s: float
    peak_rss_bytes: int
    tokens_decoded: int
    correct: dict[str, int]
    tokens_per_s: float | None = None
    load_s: float | None = None
    scoring_s: float | None = None
    samples: Sequence[dict[str, Any]] = ()

    def as_json(self) -> dict[str, Any]:
        """Return everything but the samples as a JSON object."""
        return {name: value for name, value in vars(self).items() if name != "samples"}


def edgeval(
    bench: Bench, gguf: Path, data: Path, protocol: str, where: Sequence[object] = ()
) -> Scored:
    """Run ``edgeval eval`` in an empty folder, so that no earlier score can answer.

    Args:
        bench: The run.
        gguf: The model.
        data: The items.
        protocol: How they are scored.
        where: Options that say where it is computed.
    """
    with TemporaryDirectory(dir=bench.folder) as folder:
        samples = Path(folder) / "samples.jsonl"
        options = ["--data", data, "--protocol", protocol, "--order", "file"]
        how = ["--threads", str(bench.threads), "--samples", samples, *where, "--json"]
        done = run([*EDGEVAL, "eval", gguf, *options, *how], cwd=Path(folder))
        rows = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    (score,) = json.loads(done.stdout)["runs"]
    return Scored(
        elapsed_s=done.elapsed_s,
        peak_rss_bytes=done.peak_rss_bytes,
        tokens_decoded=score["tokens_decoded"],
        correct={name: metric["correct"] for name, metric in score["metrics"].items()},
        tokens_per_s=score["speed"]["tokens_per_s"],
        load_s=score["speed"]["load_s"],
        scoring_s=score["speed"]["elapsed_s"],
        samples=rows,
    )


def perplexity(bench: Bench, gguf: Path, items: Items, where: Sequence[object] = ()) -> Scored:
    """Run ``llama-perplexity --hellaswag`` on all items; it goes through them in its own order.

    Args:
        bench: The run.
        gguf: The model.
        items: The items.
        where: Options that say where it is computed.
    """
    program = bench.peers.tools["llama-perplexity"]
    task = ["--hellaswag", "--hellaswag-tasks", str(items.n), "-f", items.text]
    # -lv 4: it says how many tokens it decoded.
    how = ["-t", str(bench.threads), "-c", "2048", "-b", "2048", "-lv", "4"]
    done = run([program, "-m", gguf, *task, *how, *where])
    rows = _ACCURACY.findall(done.stdout)
    decoded = _DECODED.search(done.stdout + done.stderr)
    if not rows or int(rows[-1][0]) != items.n or decoded is None:
        raise PeerError(f"{program.name} did not score {items.n} items:\n{done.stderr[-1000:]}")
    correct = round(float(rows[-1][1]) / 100 * items.n)
    return Scored(done.elapsed_s, done.peak_rss_bytes, int(decoded[1]), {"acc_token": correct})


def prompt_speed(bench: Bench, gguf: Path) -> float:
    """Return the median tokens a second of ``llama-bench -p 512 -n 0 -r 3``."""
    return prompt_speeds(bench, gguf, [512], repeats=3)[512]


def prompt_speeds(
    bench: Bench,
    gguf: Path,
    sizes: Sequence[int],
    repeats: int,
    where: Sequence[object] = (),
) -> dict[int, float]:
    """Return the median tokens a second of ``llama-bench -n 0``, by the prompt's tokens.

    Args:
        bench: The run.
        gguf: The model.
        sizes: Tokens of the prompts.
        repeats: How often each is computed.
        where: Options that say where it is computed.
    """
    program = bench.peers.tools["llama-bench"]
    prompts = ["-p", ",".join(map(str, sizes)), "-n", "0", "-r", str(repeats)]
    how = ["-t", str(bench.threads), "-o", "json", *where]
    tests = json.loads(run([program, "-m", gguf, *prompts, *how]).stdout)
    return {test["n_prompt"]: statistics.median(test["samples_ts"]) for test in tests}


def lm_eval(bench: Bench, model: Sequence[object], items: Items) -> tuple[Finished, list[Any]]:
    """Run the command line of lm-evaluation-harness on HellaSwag's own task over a file.

    Args:
        bench: The run.
        model: Its options that name the model.
        items: The items.

    Returns:
        The process, and the samples in the order of the items.
    """
    config = {
        "include": str(LM_EVAL_TASK),
        "task": "hellaswag_file",
        "dataset_kwargs": {"data_files": {"validation": str(items.jsonl)}},
    }
    with TemporaryDirectory(dir=bench.folder) as folder:
        task, out = Path(folder) / "hellaswag_file.yaml", Path(folder) / "out"
        task.write_text(json.dumps(config), encoding="utf-8")
        command = [bench.peers.python, "-m", "lm_eval", *model, "--tasks", task]
        options = ["--log_samples", "--output_path", out]
        done = run([*command, *options], env=environment(bench))
        (path,) = out.rglob("samples_*.jsonl")
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return done, sorted(rows, key=lambda row: int(row["doc_id"]))


def reference(bench: Bench, checkpoint: Path, items: Items) -> dict[str, Any]:
    """Return what lm-evaluation-harness says of a checkpoint: ``hf``, float32, CPU.

    Its answers are kept, by checkpoint, items and version.

    Returns:
        The record that ``scripts.demo.claim`` writes.
    """
    parts = [sha256_of(path) for path in sorted(checkpoint.glob("*.safetensors"))]
    parts += [sha256_of(items.jsonl), str(bench.peers.versions)]
    key = hashlib.sha256("".join(parts).encode()).hexdigest()[:12]
    kept = bench.folder / "lm-eval" / f"{checkpoint.name}-{items.n}-{key}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=bench.folder) as folder:
            out = Path(folder) / "reference.json"
            script = [bench.peers.python, "-m", "scripts.demo.claim"]
            options = ["--checkpoint", checkpoint, "--data", items.jsonl, "--out", out]
            batch = ["--batch-size", str(LM_EVAL_BATCH)]
            run([*script, *options, *batch], cwd=ROOT, env=environment(bench))
            shutil.move(out, kept)
    record: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return record


def environment(bench: Bench) -> dict[str, str]:
    """Return the variables for lm-evaluation-harness: the same threads, and no network."""
    return {
        "OMP_NUM_THREADS": str(bench.threads),
        "NO_PROXY": "127.0.0.1",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(bench.folder / "datasets"),
    }
