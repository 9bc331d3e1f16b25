"""A device's log-probabilities against the CPU's, and both against the exact ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from edgeval.evaluation.file_scorer import FileResult, evaluate_file
from edgeval.evaluation.setup import EvalSetup
from edgeval.quantization.quantize import quantize
from edgeval.store.store import Store
from scripts.lib.gpu.agreement import METRICS, agreement, distance
from scripts.lib.gpu.check import Check
from scripts.lib.peers.markdown import Section, table
from scripts.lib.peers.process import PeerError

STRESS_ITEMS = 200
TINYLLAMA_ITEMS = 24
TINYLLAMA_TYPES = ("F16", "Q8_0", "Q4_K_M")

_HEADER = (
    "model",
    "type",
    "items",
    "tokens/s device",
    "CPU",
    "same pick: acc",
    "acc_norm",
    "\\|Δ logprob\\| max",
    "mean",
    "a token, mean",
    "most of 24 items",
    "device from exact, mean",
    "CPU from exact, mean",
)


def measure(check: Check) -> Section:
    """Compare each type of the ladder, on its own items and on real ones, and larger models."""
    rows = list(_of_checkpoint(check))
    left_out: str | None = None
    try:
        rows += _of_tinyllama(check)
    except PeerError as error:
        left_out = str(error)
    text = (
        "Log-probabilities of the device against the CPU's. Exact is the same file with its "
        "weights expanded to F32, computed on the CPU in f32; differences are in nats.\n\n"
        + table(_HEADER, [_cells(row) for row in rows])
    )
    if left_out:
        text += f"\n\nThe TinyLlama-shaped model is left out: {left_out}."
    return Section("Parity with the CPU", text, {"rows": rows, "tinyllama_not_run": left_out})


def compare(name: str, path: Path, setup: EvalSetup, exact: Path | None) -> dict[str, Any]:
    """Return how far the device is from the CPU with a GGUF, as a JSON object.

    Args:
        name: What the model and the items are called.
        path: The GGUF.
        setup: The items, scored on the device, and anew each time.
        exact: The same weights as F32; None leaves out how far both are from the exact values.
    """
    with Store(None) as store:
        # One store, so that a file is hashed once. A GPU loads its kernels when they are first
        # used: the second time counts.
        for _ in range(2):
            on_device = evaluate_file(path, setup, store)
        on_cpu = evaluate_file(path, setup.on_cpu(), store)
    found = {
        "model": name,
        "type": on_device.run.type,
        "device_tokens_per_s": _tokens_per_s(on_device),
        "cpu_tokens_per_s": _tokens_per_s(on_cpu),
        **agreement(_scores(on_device), _scores(on_cpu)),
        "from_exact": None,
    }
    if exact is not None:
        values = _scores(evaluate_file(exact, setup.on_cpu()))
        found["from_exact"] = {
            "device": distance(_scores(on_device), values),
            "cpu": distance(_scores(on_cpu), values),
        }
    typer.echo(f"  {name} {found['type']}", err=True)
    return found


def exact_of(path: Path, folder: Path, threads: int) -> Path:
    """Return a GGUF with the same weights as F32: what llama.cpp reads out of its blocks."""
    (made,) = quantize(path, ["F32"], folder / path.stem, requantize=True, threads=threads)
    return made


def _of_checkpoint(check: Check) -> Iterator[dict[str, Any]]:
    sets: dict[str, tuple[Path, int | None]] = {check.checkpoint.name: (check.items, None)}
    if check.data is not None:
        sets[f"{check.checkpoint.name}, real items"] = (check.data, STRESS_ITEMS)
    paths = check.ladder(check.types)
    folder = check.folder / "exact"
    exact = [exact_of(path, folder, check.threads) for path in paths]
    for name, (data, limit) in sets.items():
        for path, values in zip(paths, exact, strict=True):
            yield compare(name, path, check.setup(data, limit, fresh=True), values)


def _of_tinyllama(check: Check) -> Sequence[dict[str, Any]]:
    wanted = [name for name in TINYLLAMA_TYPES if name in check.types]
    paths = check.tinyllama(wanted)
    items = check.bench.data
    # Not its exact values: F32 weights of four times the size, computed without flash attention.
    setup = check.setup(items, TINYLLAMA_ITEMS, fresh=True)
    return [compare("TinyLlama's shape", path, setup, None) for path in paths]


def _tokens_per_s(measured: FileResult) -> float:
    """Return how fast a model was scored just now."""
    speed = measured.run.speed
    if speed is None or speed.tokens_per_s is None:
        raise ValueError(f"{measured.run.file} was not scored now")
    return speed.tokens_per_s


def _scores(measured: FileResult) -> list[Any]:
    return list(measured.scores.values())


def _cells(row: dict[str, Any]) -> list[str]:
    changes, by_token = row["logprob_change"], row["token_change"]
    exact = row["from_exact"]
    return [
        row["model"],
        row["type"],
        f"{row['items']:,}",
        f"{row['device_tokens_per_s']:,.0f}",
        f"{row['cpu_tokens_per_s']:,.0f}",
        *(f"{row['same_picks'][name]:,}" for name in METRICS),
        f"{changes['max']:.2g}",
        f"{changes['mean']:.2g}",
        f"{by_token['mean']:.2g}",
        f"{row['token_change_of_draws']['max']:.2g}",
        *(f"{exact[side]['mean']:.2g}" if exact else "" for side in ("device", "cpu")),
    ]
