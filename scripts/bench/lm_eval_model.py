"""Time edgeval's model inside lm-evaluation-harness beside the harness's own ways to a model.

Example::

    python -m scripts.bench.lm_eval_model CHECKPOINT F32.gguf --peer PYTHON --server PYTHON

Three of the harness's tasks run over the items of ``tests/data/tasks``: HellaSwag, ARC easy, and
MMLU with five solved items. ``hf`` computes the checkpoint in float32, edgeval its F32 GGUF, and
``gguf`` asks llama-cpp-python's server about the same file. In each round they take turns. The
server is asked about the first items only: it takes minutes for what others do in seconds.

``--peer`` is an interpreter with lm_eval[hf] and torch, ``--server`` one with
llama-cpp-python[server].
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from scripts.golden.task_scores import write_tasks
from scripts.lib.paths import INSIDE_PEERS
from scripts.lib.peers import replies
from scripts.lib.peers.markdown import table
from scripts.lib.peers.process import run

_SHOTS = {"hellaswag": 0, "arc_easy": 0, "mmlu": 5}
_WINDOW = 2048
_SCRIPT = INSIDE_PEERS / "lm_eval_speed.py"

Found = dict[str, Any]


def _measure(
    python: str, kind: str, arguments: Found, tasks: Path, limits: dict[str, int | None]
) -> Found:
    measured = {f"local_{name}": (_SHOTS[name], limits[name]) for name in _SHOTS}
    job = {"kind": kind, "arguments": arguments, "tasks": str(tasks), "measured": measured}
    with TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "asked.json", Path(folder) / "answered.json"
        asked.write_text(json.dumps(job), encoding="utf-8")
        run([python, _SCRIPT, asked, answered])
        found: Found = json.loads(answered.read_text(encoding="utf-8"))
    typer.echo(json.dumps({kind: found}), err=True)
    return found


def _row(name: str, ours: list[Found], theirs: list[Found]) -> list[str]:
    """Return items, rates, their ratio in each round, and the accuracies of both."""
    task = f"local_{name}"
    pairs = [(one[task], two[task]) for one, two in zip(ours, theirs, strict=True)]
    assert all(one["items"] == two["items"] for one, two in pairs)
    rates = [[each["items"] / each["seconds"] for each in pair] for pair in pairs]
    last = pairs[-1]
    return [
        f"{name}, {_SHOTS[name]}-shot",
        str(last[0]["items"]),
        ", ".join(f"{own:.2f}" for own, _ in rates),
        ", ".join(f"{their:.2f}" for _, their in rates),
        ", ".join(f"{own / their:.1f}" for own, their in rates),
        " / ".join(f"{100 * each['metrics']['acc']:.2f}" for each in last),
    ]


def main(
    checkpoint: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="For hf.")],
    gguf: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The same, F32.")],
    peer: Annotated[str, typer.Option(help="Interpreter with lm_eval[hf].")],
    server: Annotated[
        str | None, typer.Option(help="Interpreter with llama-cpp-python[server].")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each.")] = 2,
    batch_size: Annotated[int, typer.Option(min=1, help="Texts a batch of hf.")] = 1,
    server_items: Annotated[int, typer.Option(min=1, help="Items that the server gets.")] = 4,
) -> None:
    """Print items a second of each, beside edgeval's in the same round."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    own: Found = {"pretrained": str(gguf), "max_length": _WINDOW, "threads": threads}
    hf: Found = {"pretrained": str(checkpoint), "dtype": "float32", "device": "cpu"}
    hf |= {"batch_size": batch_size, "max_length": _WINDOW, "threads": threads}
    every: dict[str, int | None] = dict.fromkeys(_SHOTS)
    # Of MMLU, so many of each subject.
    few: dict[str, int | None] = {**dict.fromkeys(_SHOTS, server_items), "mmlu": 1}
    header = ["task", "items", "edgeval, items/s", "items/s", "edgeval's times", "acc, %"]
    with TemporaryDirectory() as folder:
        tasks = Path(folder) / "tasks"
        tasks.mkdir()
        for name in _SHOTS:
            write_tasks(name, tasks)
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(_measure(sys.executable, "edgeval", own, tasks, every))
            theirs.append(_measure(peer, "hf", hf, tasks, every))
        facts = ours[-1]["facts"]
        typer.echo(table(header, [_row(name, ours, theirs) for name in _SHOTS]))
        typer.echo(
            "edgeval decoded {tokens_decoded:,} tokens; bound {tokens_lower_bound:,}".format(
                **facts
            )
        )
        if server is None:
            return
        with contextlib.ExitStack() as stack:
            log = Path(folder) / "server.log"
            url = stack.enter_context(replies.server(server, gguf, threads, log))
            asked = {"base_url": url, "max_length": _WINDOW}
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(_measure(sys.executable, "edgeval", own, tasks, few))
                theirs.append(_measure(sys.executable, "gguf", asked, tasks, few))
            typer.echo(table(header, [_row(name, ours, theirs) for name in _SHOTS]))


if __name__ == "__main__":
    typer.run(main)
