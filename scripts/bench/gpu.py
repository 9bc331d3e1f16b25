"""Hold edgeval on a GPU to the CPU's scores, to llama.cpp's own tools, and to its memory.

Example::

    python -m scripts.bench.gpu work --backend cuda --data hellaswag_val_fifth.jsonl \
        --text hellaswag_val_fifth.txt --tokenizer llama2_tokenizer.model

llama-perplexity and llama-bench that ``--tools`` does not name are built in the work folder, once,
for the backend and of the llama.cpp that edgeval itself runs on. Models are kept there. Without
real items or tools, what needs them is not run, and the rest is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeval import __version__, llama
from edgeval.errors import EdgevalError, EngineError
from edgeval.llama import machine as machines
from edgeval.system.files import write_text
from scripts.lib.gpu import machine, memory, offload, parity, sessions, speed
from scripts.lib.gpu.check import TYPES, Check, cmake_options, first_device
from scripts.lib.peers.markdown import Section
from scripts.lib.peers.process import PeerError

SECTIONS: dict[str, Callable[[Check], Section]] = {
    "machine": machine.measure,
    "parity": parity.measure,
    "offload": offload.measure,
    "sessions": sessions.measure,
    "memory": memory.measure,
    "speed": speed.measure,
}


def main(
    workdir: Annotated[Path, typer.Argument(help="Folder for models, tools and results.")],
    backend: Annotated[str, typer.Option(help="cuda or metal.")] = "cuda",
    data: Annotated[
        Path | None, typer.Option(exists=True, help="Items in the hub's schema, .jsonl.")
    ] = None,
    text: Annotated[
        Path | None, typer.Option(exists=True, help="The same items for llama-perplexity.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(exists=True, help="Llama 2's SentencePiece model.")
    ] = None,
    tools: Annotated[
        Path | None, typer.Option(help="Folder of llama-perplexity and llama-bench.")
    ] = None,
    only: Annotated[str, typer.Option(help="Sections to run.")] = ",".join(SECTIONS),
    types: Annotated[str, typer.Option(help="Types whose scores are compared.")] = ",".join(TYPES),
    limit: Annotated[
        int | None, typer.Option(min=2, help="At most N items in any section: a rehearsal.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each tool for speed.")] = 2,
    memory_model: Annotated[
        str | None,
        typer.Option(
            help="Whose ladder memory is measured with: demo or tinyllama.",
            show_default="tinyllama if it is there",
        ),
    ] = None,
    layers: Annotated[int, typer.Option(min=1, help="Layers; 22 is TinyLlama's.")] = 22,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads.", show_default="physical cores")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="JSON file; sections that are in it are kept.",
            show_default="WORKDIR/gpu-TIME.json",
        ),
    ] = None,
    build: Annotated[
        bool, typer.Option("--build", help="Build the binding for the backend if it is not.")
    ] = False,
) -> None:
    """Print what was found as Markdown and write every value to one JSON file."""
    names = chosen(only, SECTIONS, "section")
    wanted = chosen(types, TYPES, "type")
    if memory_model is not None:
        chosen(memory_model, ("demo", "tinyllama"), "model")
    try:
        llama.choose_devices(backend)
    except EngineError as error:
        _build_or_exit(backend, str(error), build)
    check = Check(
        # Paths absolute: the tools run in folders of their own.
        folder=workdir.absolute(),
        find_device=partial(first_device, backend),
        threads=threads or machines.physical_cores(),
        data=data and data.absolute(),
        text=text and text.absolute(),
        tokenizer=tokenizer and tokenizer.absolute(),
        tools=tools and tools.absolute(),
        types=tuple(wanted),
        limit=limit,
        rounds=rounds,
        memory_model=memory_model,
        layers=layers,
    )
    check.folder.mkdir(parents=True, exist_ok=True)
    path = out or check.folder / f"gpu-{datetime.now(timezone.utc):%Y%m%dT%H%M%S}.json"
    try:
        done = run(check, names, path)
    except EdgevalError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo("\n\n".join(["# edgeval on a GPU", *(_markdown(name, done[name]) for name in done)]))
    typer.echo(f"every value: {path}", err=True)
    if any(isinstance(section, Exception) for section in done.values()):
        raise typer.Exit(1)


def run(check: Check, names: list[str], path: Path) -> dict[str, Section | Exception]:
    """Run sections, and write the file after each: what took an hour outlives what comes after it.

    Args:
        check: The run.
        names: The sections; ``machine`` is always run.
        path: The JSON file. Sections that are in it already are kept, if it is of the same build.

    Returns:
        Each section, or why it was not run.

    Raises:
        EdgevalError: If the file is of another build of edgeval or llama.cpp, or another device.
    """
    record = _record(check, path)
    done: dict[str, Section | Exception] = {}
    for name in dict.fromkeys(("machine", *names)):
        typer.echo(f"{name} …", err=True)
        try:
            section = done[name] = SECTIONS[name](check)
            found: dict[str, Any] = section.as_json()
        except (PeerError, EdgevalError) as error:
            typer.echo(f"{name}: {error}", err=True)
            done[name] = error
            found = {"not_run": str(error)}
        record["sections"][name] = {
            "created_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "limit": check.limit,
            "command": ["python", *sys.orig_argv[1:]],
            **found,
        }
        write_text(path, json.dumps(record, indent=1) + "\n")
    return done


def chosen(text: str, known: Collection[str], what: str) -> list[str]:
    """Return the names in a list with commas.

    Raises:
        typer.BadParameter: If there is none, or one is not known.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise typer.BadParameter(
            f"{', '.join(unknown) or 'nothing'} is no {what}; choose from {', '.join(known)}"
        )
    return names


def build_command(backend: str) -> tuple[list[str], dict[str, str]]:
    """Return ``llama.rebuild_command`` for this interpreter: the words, and the variables."""
    command = llama.rebuild_command(backend)
    words = command[command.index("pip install") :].split()
    return [sys.executable, "-m", *words], {"CMAKE_ARGS": " ".join(cmake_options(backend))}


def _record(check: Check, path: Path) -> dict[str, Any]:
    """Return what a file holds that is of the same build, or an empty record."""
    build = {
        "edgeval": __version__,
        "engine": llama.engine_version(),
        "features": llama.system_info(),
        "device": check.device.description,
    }
    if not path.exists():
        return {"build": build, "sections": {}}
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if record.get("build") != build:
        raise EdgevalError(
            f"{path} holds the results of another build or device; name another file with --out"
        )
    return record


def _build_or_exit(backend: str, reason: str, build: bool) -> None:
    """Build the binding for a backend and start again; or say what is missing, and end."""
    # What llama.cpp cannot be built for, or is built for already, offers no command.
    offered = "pip install" in reason
    if not (build and offered):
        typer.echo(reason, err=True)
        raise typer.Exit(1)
    typer.echo(llama.rebuild_command(backend), err=True)
    words, variables = build_command(backend)
    done = subprocess.run(words, env={**os.environ, **variables}, check=False)
    if done.returncode == 0:
        again = [word for word in sys.orig_argv[1:] if word != "--build"]
        done = subprocess.run([sys.executable, *again], check=False)
    raise typer.Exit(done.returncode)


def _markdown(name: str, section: Section | Exception) -> str:
    if isinstance(section, Section):
        return section.markdown()
    return f"## {name}\n\nNot run:\n\n```\n{section}\n```"


if __name__ == "__main__":
    typer.run(main)
