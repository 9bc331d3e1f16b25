"""Compare edgeval with the tools that people use today, in one command.

Example::

    python -m scripts.bench.peers work --data hellaswag_val_fifth.jsonl \
        --text hellaswag_val_fifth.txt --tokenizer llama2_tokenizer.model

The peers are lm-evaluation-harness, llama-perplexity, llama-bench and llama-cpp-python's server.
Those that ``--tools`` and ``--peers`` do not name are built in the work folder, once, of the
llama.cpp that edgeval itself runs on. Models and lm-evaluation-harness's answers are kept there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeval import __version__
from edgeval.llama import machine as machines
from scripts.lib.peers import correct, counts, parity, server, speed
from scripts.lib.peers.bench import Bench
from scripts.lib.peers.build import Peers
from scripts.lib.peers.markdown import Section
from scripts.lib.peers.process import PeerError

SECTIONS: dict[str, Callable[[Bench], Section]] = {
    "parity": parity.measure,
    "counts": counts.measure,
    "correct": correct.measure,
    "speed": speed.measure,
    "server": server.measure,
}


def main(
    workdir: Annotated[Path, typer.Argument(help="Folder for peers, models and results.")],
    data: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Items in the hub's schema, .jsonl.")
    ],
    text: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The same items for llama-perplexity.")
    ],
    tokenizer: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Llama 2's SentencePiece model.")
    ],
    only: Annotated[str, typer.Option(help="Sections to run.")] = ",".join(SECTIONS),
    tools: Annotated[
        Path | None, typer.Option(help="Folder of llama-perplexity and llama-bench.")
    ] = None,
    peers: Annotated[
        Path | None, typer.Option(help="Interpreter that has lm_eval and the binding's server.")
    ] = None,
    items: Annotated[int, typer.Option(min=1, help="Items that speed is measured on.")] = 100,
    lm_eval_items: Annotated[
        int | None,
        typer.Option(min=0, help="The same for lm_eval; 0: not.", show_default="as --items"),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each tool for speed.")] = 2,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads.", show_default="physical cores")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=2, help="At most N items in any section: a rehearsal.")
    ] = None,
    layers: Annotated[int, typer.Option(min=1, help="Layers; 22 is TinyLlama's.")] = 22,
) -> None:
    """Print the comparisons as Markdown and write every value to WORKDIR/peers-TIME.json."""
    names = _sections(only)
    bench = Bench(
        folder=workdir.absolute(),
        data=data.absolute(),
        text=text.absolute(),
        tokenizer=tokenizer.absolute(),
        # Absolute, not resolved: a virtual environment's interpreter is a link.
        peers=Peers(workdir.absolute(), tools and tools.absolute(), peers and peers.absolute()),
        threads=threads or machines.physical_cores(),
        n_items=items,
        n_lm_eval_items=items if lm_eval_items is None else lm_eval_items,
        rounds=rounds,
        limit=limit,
        layers=layers,
    )
    bench.folder.mkdir(parents=True, exist_ok=True)
    path = bench.folder / f"peers-{datetime.now(timezone.utc):%Y%m%dT%H%M%S}.json"
    done: dict[str, Section | PeerError] = {}
    for name in names:
        typer.echo(f"{name} …", err=True)
        try:
            done[name] = SECTIONS[name](bench)
        except PeerError as error:
            typer.echo(f"{name}: {error}", err=True)
            done[name] = error
        # After each section: what took an hour outlives what comes after it.
        record = _record(bench, done)
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    typer.echo(_markdown(record, done))
    typer.echo(f"every value: {path}", err=True)
    if any(isinstance(section, PeerError) for section in done.values()):
        raise typer.Exit(1)


def _sections(only: str) -> list[str]:
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = sorted(set(names) - set(SECTIONS))
    if unknown or not names:
        raise typer.BadParameter(
            f"{', '.join(unknown) or 'nothing'} is no section; choose from {', '.join(SECTIONS)}"
        )
    return names


def _record(bench: Bench, done: dict[str, Section | PeerError]) -> dict[str, Any]:
    """Return everything measured, and on what."""
    peers: dict[str, str | None] = {}
    if any(isinstance(done.get(name), Section) for name in ("parity", "speed", "server")):
        # The binding there is of the same version, or the server section does not run.
        peers = {k: v for k, v in bench.peers.versions.items() if k != "llama_cpp_python"}
    return {
        "created_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machines.describe().model_dump(),
        "versions": {
            "edgeval": __version__,
            "llama-cpp-python": bench.peers.binding_version,
            **peers,
        },
        "threads": bench.threads,
        "limit": bench.limit,
        "layers": bench.layers,
        "command": ["python", *sys.orig_argv[1:]],
        "sections": {
            name: {"not_run": str(section)} if isinstance(section, PeerError) else section.as_json()
            for name, section in done.items()
        },
    }


def _markdown(record: dict[str, Any], done: dict[str, Section | PeerError]) -> str:
    machine = record["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    lines = [
        "# edgeval and its peers",
        f"{machine['cpu']}, {machine['physical_cores']} cores, "
        f"{machine['memory_bytes'] / 1e9:.0f} GB, {record['threads']} threads; {versions}.",
    ]
    if record["limit"] is not None or record["layers"] != 22:
        lines.append(
            f"**A rehearsal**: at most {record['limit']} items, {record['layers']} layers."
        )
    for name, section in done.items():
        lines.append(
            f"## {name}\n\nNot run:\n\n```\n{section}\n```"
            if isinstance(section, PeerError)
            else section.markdown()
        )
    return "\n\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
