"""Record what lm-evaluation-harness says of the demo checkpoint in forms that change its meaning.

The tests hold edgeval to it: every choice within a thousandth nat, or a refusal::

    python -m scripts.golden.meanings WORK tests/golden/meanings.json

The harness and llama-perplexity are made in the work folder, as by scripts.bench.peers.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from edgeval.checkpoints.convert.convert import convert
from edgeval.engine import Local, use
from scripts.lib.paths import INSIDE_PEERS
from scripts.lib.peers.build import Peers
from scripts.lib.peers.process import run
from tests.helpers.forms import meanings


def accuracy(tool: Path, checkpoint: Path, folder: Path) -> float:
    """Return what llama-perplexity --hellaswag says of a checkpoint, in percent."""
    gguf, texts = folder / f"{checkpoint.name}.gguf", folder / "items.txt"
    items = meanings.text_items()
    lines = [line for item in items for line in (*item.contexts, str(item.gold), *item.choices)]
    texts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with use(Local()):
        convert(checkpoint, gguf, "f32")
    asked = ("--hellaswag", "--hellaswag-tasks", str(len(items)), "-c", "2048")
    said = run([tool, "-m", gguf, "-f", texts, *asked]).stdout.splitlines()
    rows = [line.split("\t") for line in said if line.split("\t")[0].isdecimal()]
    return float(rows[-1][1].rstrip("%"))


def main(
    work: Annotated[Path, typer.Argument(help="Folder of the peers.")],
    out: Annotated[Path, typer.Argument(help="JSON file to write.")],
    tools: Annotated[Path | None, typer.Option(help="Folder of llama-perplexity.")] = None,
) -> None:
    """Record the harness's log-probabilities, and llama-perplexity's accuracy."""
    peers = Peers(work, tools, None, programs=("llama-perplexity",))
    with tempfile.TemporaryDirectory() as folder:
        parent = Path(folder)
        names = (*meanings.EVALUATED, *meanings.REFUSED)
        checkpoints = {name: str(meanings.write(name, parent)) for name in names}
        job, answers = parent / "job.json", parent / "answers.json"
        job.write_text(
            json.dumps({"checkpoints": checkpoints, "pairs": meanings.pairs()}), encoding="utf-8"
        )
        run([peers.python, "-I", INSIDE_PEERS / "meanings.py", job, answers])
        found = json.loads(answers.read_text(encoding="utf-8"))
        accuracies = {
            name: accuracy(peers.tools["llama-perplexity"], Path(checkpoints[name]), parent)
            for name in meanings.PERPLEXITY
        }
    record = {
        "llama-cpp-python": peers.binding_version,
        **peers.versions,
        "logprobs": found,
        "llama-perplexity": accuracies,
    }
    out.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    typer.echo(f"{len(found)} checkpoints recorded in {out}")


if __name__ == "__main__":
    typer.run(main)
