"""edgeval's log-probabilities against those of lm-evaluation-harness ``hf``."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from scripts.lib.paths import DEMO
from scripts.lib.peers import answers, tools
from scripts.lib.peers.bench import Bench, Items
from scripts.lib.peers.markdown import Bar, Section, table

TINYLLAMA_ITEMS = 40
BAR_NATS = {"F32": 1e-3, "F16": 0.05}
POLICIES = {"lm-eval": "without_bos", "lm-eval-bos": "with_bos"}
"""edgeval's protocols, and what ``scripts.demo.claim`` calls the same BOS policy."""


def measure(bench: Bench) -> Section:
    """Compare F32 and F16 GGUFs of two checkpoints with float32 on the CPU."""
    some = bench.items(TINYLLAMA_ITEMS)
    rows = [
        *_rows(bench, DEMO, {"F32": bench.demo("f32"), "F16": bench.demo("f16")}, bench.items()),
        *_rows(
            bench,
            bench.tinyllama,
            {name: bench.tinyllama_gguf(name) for name in ("F32", "F16")},
            some,
        ),
    ]
    cells = [
        [f"{row['model']} {row['type']}", row["protocol"], *row["agreement"].row()] for row in rows
    ]
    text = (
        "edgeval / lm-evaluation-harness `hf`, float32, CPU. F32 is the proof; F16 also shows what "
        "llama.cpp's kernels round, since they compute with activations in f16.\n\n"
    )
    return Section(
        "Parity with lm-evaluation-harness",
        text + table(["GGUF", "protocol", *answers.Agreement.HEADER], cells),
        {"rows": [{**row, "agreement": row["agreement"].as_json()} for row in rows]},
        _bars(rows),
    )


def _rows(
    bench: Bench, checkpoint: Path, ggufs: dict[str, Path], items: Items
) -> list[dict[str, Any]]:
    record = tools.reference(bench, checkpoint, items)
    rows = []
    for file_type, gguf in ggufs.items():
        for protocol, policy in POLICIES.items():
            scored = tools.edgeval(bench, gguf, items.jsonl, protocol)
            ours = answers.from_edgeval(scored.samples)
            theirs = answers.from_reference(record["policies"][policy], ours.n_chars)
            rows.append(
                {
                    "model": checkpoint.name,
                    "type": file_type,
                    "protocol": protocol,
                    "agreement": answers.compare(ours, theirs),
                    "edgeval_acc": scored.correct["acc"] / items.n,
                    "edgeval_acc_norm": scored.correct["acc_norm"] / items.n,
                    "lm_eval_acc": record["policies"][policy]["acc"],
                    "lm_eval_acc_norm": record["policies"][policy]["acc_norm"],
                }
            )
    return rows


def _bars(rows: list[dict[str, Any]]) -> list[Bar]:
    exact = [row for row in rows if row["type"] == "F32"]
    picks = [row["agreement"].acc_picks + row["agreement"].acc_norm_picks for row in exact]
    # Both tools' own accuracies, not recomputed here.
    apart = [
        abs(row[f"edgeval_{metric}"] - row[f"lm_eval_{metric}"])
        for row in exact
        for metric in ("acc", "acc_norm")
    ]
    bars = [
        Bar("F32, picks that differ", sum(picks), "<=", 0),
        Bar("F32, difference of the reported accuracies", max(apart), "<=", 1e-9),
    ]
    for (model, file_type), kind in groupby(rows, key=lambda row: (row["model"], row["type"])):
        largest = max(row["agreement"].max_change for row in kind)
        name = f"{model} {file_type}, largest \\|Δ logprob\\|, nats"
        bars.append(Bar(name, largest, "<=", BAR_NATS[file_type]))
    return bars
