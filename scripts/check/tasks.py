"""Hold edgeval's tasks against what lm-evaluation-harness said of the same items.

Example::

    python -m scripts.golden.task_scores smollm2.json --checkpoint DIR
    edgeval convert DIR smollm2-F32.gguf --dtype f32
    python -m scripts.check.tasks smollm2.json smollm2-F32.gguf --protocol lm-eval

The harness was told to put BOS, and edgeval puts what the GGUF asks for: with BOS the two agree
where the GGUF asks for it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from scripts.lib.paths import TASK_ITEMS

TOLERANCE_NATS = 1e-3
TOLERANCE = 1e-12


def compare(gguf: Path, name: str, shots: int, protocol: str, recorded: dict[str, Any]) -> bool:
    """Evaluate a task and print how far it is from what was recorded.

    Returns:
        Whether each choice is within the tolerance, and every metric the same.
    """
    found = evaluate_file(
        gguf,
        prepare(
            Options(
                TASK_ITEMS / f"{name}.jsonl",
                protocol,
                order="file",
                shots=shots,
                shots_data=TASK_ITEMS / f"{name}.shots.jsonl" if shots else None,
                task=name,
            )
        ),
    )
    far = max(
        abs(ours - theirs)
        for score, expected in zip(found.scores.values(), recorded["logprobs"], strict=True)
        for ours, theirs in zip(score.logprobs, expected, strict=True)
    )
    metrics = {metric: found.run.metrics[metric].value for metric in recorded["metrics"]}
    is_same = all(
        abs(value - metrics[metric]) <= TOLERANCE for metric, value in recorded["metrics"].items()
    )
    run = found.run
    typer.echo(
        f"{name:15} {shots}-shot {protocol:12} {far:.1e} nats  "
        f"{'same metrics' if is_same else f'OTHER METRICS {metrics}'}  "
        f"{run.tokens_decoded:,} tokens decoded, {run.tokens_lower_bound:,} in the prefix tree"
    )
    return far <= TOLERANCE_NATS and is_same


def main(
    recorded: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Of scripts.golden.task_scores.")
    ],
    gguf: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The F32 GGUF.")],
    protocol: Annotated[
        list[str],
        typer.Option(help="lm-eval or lm-eval-bos, several times."),
    ] = ["lm-eval", "lm-eval-bos"],  # noqa: B006 - typer reads it
) -> None:
    """Prints the largest difference of each task; fails where one is too large."""
    tasks = json.loads(recorded.read_text(encoding="utf-8"))["tasks"]
    found = [
        compare(gguf, name, int(shots), each, one[each])
        for name, cases in tasks.items()
        for shots, one in cases.items()
        for each in protocol
    ]
    typer.echo(f"{sum(found)} of {len(found)} runs agree")
    raise typer.Exit(0 if all(found) else 1)


if __name__ == "__main__":
    typer.run(main)
