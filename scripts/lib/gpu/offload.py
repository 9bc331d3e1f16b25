"""A model of which only some layers are on the device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeval import llama
from edgeval.evaluation.file_scorer import FileResult, evaluate_file
from edgeval.evaluation.setup import EvalSetup
from edgeval.gguf.contents import sha256_of
from scripts.lib.gpu.agreement import logprob_changes
from scripts.lib.gpu.check import Check
from scripts.lib.peers.markdown import Bar, Section, table

TYPES = ("F16", "Q4_K_M")
LAYERS = (None, 1)
ITEMS = 100


def measure(check: Check) -> Section:
    """Score with all layers on the device and with one, and compare with the CPU."""
    rows = [row for path in check.ladder(TYPES) for row in _of_file(check, path)]
    header = ["type", "layers on the device", "\\|Δ logprob\\| max, nats", "mean"]
    cells = [
        [row["type"], str(row["gpu_layers"]), f"{row['max']:.2g}", f"{row['mean']:.2g}"]
        for row in rows
    ]
    keys = {row["setting"] for row in rows}
    bars = [Bar("settings that are told apart", len(keys), ">=", len(rows))]
    return Section("Partial offload", table(header, cells), {"rows": rows}, bars)


def _of_file(check: Check, path: Path) -> list[dict[str, Any]]:
    on_cpu = evaluate_file(path, check.setup(check.items, ITEMS).on_cpu())
    rows = []
    for layers in LAYERS:
        setup = check.setup(check.items, ITEMS, gpu_layers=layers)
        with llama.Tokenizer(path) as vocabulary:
            placed = setup.of(vocabulary.info).placement
        measured = evaluate_file(path, setup)
        changes = logprob_changes(_scores(measured), _scores(on_cpu))
        rows.append(
            {
                "type": measured.run.type,
                "gpu_layers": placed.gpu_layers,
                "n_layers": placed.n_layers,
                "max": float(changes.max()),
                "mean": float(changes.mean()),
                "tokens_per_s": measured.run.speed and measured.run.speed.tokens_per_s,
                "setting": _key(setup, path),
            }
        )
    return rows


def _key(setup: EvalSetup, path: Path) -> str:
    with llama.Tokenizer(path) as vocabulary:
        return setup.of(vocabulary.info).score_key(sha256_of(path)).text


def _scores(measured: FileResult) -> list[Any]:
    return list(measured.scores.values())
