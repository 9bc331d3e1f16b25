"""Samples of lm-evaluation-harness: what edgeval's model and ``hf`` answered to the same requests.

Run the harness twice, with the same tasks, ``--log_samples`` and ``--output_path``, then::

    lm_eval run --model hf --model_args pretrained=DIR,dtype=float32 ... --output_path HF
    edgeval lm-eval run --model edgeval --model_args pretrained=F32.gguf ... --output_path OWN
    python -m scripts.check.lm_eval_plugin HF OWN

Log-probabilities of choices may differ by a thousandth nat, rolling ones by a ten-thousandth part;
greedy flags, texts and all metrics of samples have to be equal.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

_NATS, _PART = 1e-3, 1e-4
_OWN = ("word_perplexity", "byte_perplexity", "bits_per_byte")
"""Metrics that are log-likelihoods themselves."""


def samples(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the newest samples of each task in a folder of results."""
    found = {}
    for path in sorted(folder.rglob("samples_*.jsonl"), key=lambda each: each.name):
        task = path.stem.removeprefix("samples_").rsplit("_", 1)[0]
        lines = path.read_text(encoding="utf-8").splitlines()
        found[task] = sorted(map(json.loads, lines), key=lambda each: each["doc_id"])
    return found


def difference(first: Any, second: Any) -> tuple[float, float]:
    """Return by how much two answers differ: in nats, and as a part; infinite if they may not."""
    if isinstance(first, list):
        is_same = str(first[1]) == str(second[1])
        return (abs(float(first[0]) - float(second[0])) if is_same else float("inf")), 0.0
    try:
        one, two = float(first), float(second)
    except ValueError:
        return (0.0 if first == second else float("inf")), 0.0
    return 0.0, abs(one / two - 1) if two else abs(one)


def main(
    hf: Annotated[Path, typer.Argument(help="Output of --model hf.")],
    own: Annotated[Path, typer.Argument(help="Output of --model edgeval.")],
) -> None:
    """Print the largest differences of each task; exit with 1 if one is too large."""
    theirs, ours, is_wrong = samples(hf), samples(own), False
    for task, first in theirs.items():
        second = ours[task]
        pairs = [
            difference(one[0], two[0])
            for left, right in zip(first, second, strict=True)
            for one, two in zip(left["resps"], right["resps"], strict=True)
        ]
        nats, part = (max(column) for column in zip(*pairs, strict=True))
        n_other = sum(
            left[name] != right[name]
            for left, right in zip(first, second, strict=True)
            for name in left["metrics"]
            if name not in _OWN
        )
        print(
            f"{task}: {len(first)} samples, {len(pairs)} requests, at most {nats:.1e} nats and a "
            f"part of {part:.1e} apart, {n_other} metrics differ"
        )
        is_wrong |= nats > _NATS or part > _PART or n_other > 0
    sys.exit(int(is_wrong))


if __name__ == "__main__":
    typer.run(main)
