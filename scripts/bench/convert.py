"""Time, memory and result of edgeval convert beside llama.cpp's convert_hf_to_gguf.py.

Example::

    python -m scripts.bench.convert work --tokenizer llama2_tokenizer.model

The script and its interpreter are made in the work folder, as by scripts.bench.peers. The
checkpoint has TinyLlama's shape and random weights. Each round copies it first, flushed to the
disk: no converter can be faster.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from edgeval.gguf.parts import read_header
from edgeval.llama import machine as machines
from edgeval.system.files import replacing
from scripts.lib.checkpoint import write
from scripts.lib.peers.build import Peers
from scripts.lib.peers.markdown import table
from scripts.lib.peers.process import Finished, run

_CHUNK_BYTES = 16 * 1024 * 1024


def copy_s(source: Path, target: Path) -> float:
    """Return the seconds that a flushed copy of a file takes."""
    started = time.perf_counter()
    with (
        replacing(target, source.stat().st_size) as temporary,
        source.open("rb") as read,
        temporary.open("wb") as write,
    ):
        while chunk := read.read(_CHUNK_BYTES):
            write.write(chunk)
    elapsed_s = time.perf_counter() - started
    target.unlink()
    return elapsed_s


def compare(ours: Path, theirs: Path) -> tuple[int, int]:
    """Return how many tensors are byte-identical and how many keys are equal.

    Raises:
        SystemExit: If one is not.
    """
    mine, other = read_header(ours), read_header(theirs)
    other_tensors = {tensor.name: tensor for tensor in other.tensors}
    for tensor in mine.tensors:
        same = other_tensors.pop(tensor.name)
        if tensor.type != same.type or not np.array_equal(mine.raw(tensor), other.raw(same)):
            sys.exit(f"tensor {tensor.name} differs")
    if other_tensors:
        sys.exit(f"tensors {sorted(other_tensors)} are missing")
    for key in mine.metadata.keys() | other.metadata.keys():
        if not np.array_equal(mine.metadata.get(key, "none"), other.metadata.get(key, "none")):
            sys.exit(f"key {key} differs")
    return len(mine.tensors), len(mine.metadata)


def main(
    work: Annotated[Path, typer.Argument(help="Folder of the peers and the checkpoint.")],
    tokenizer: Annotated[Path, typer.Option(help="SentencePiece model with 32,000 pieces.")],
    dtype: Annotated[str, typer.Option(help="Type of the matrices.")] = "f16",
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each converter.")] = 3,
    layers: Annotated[int, typer.Option(min=1, help="Layers; 22 is TinyLlama's.")] = 22,
) -> None:
    """Print the comparison as Markdown."""
    work = work.absolute()
    peers = Peers(work, None, None)
    checkpoint = work / f"tl{layers}"
    if not checkpoint.is_dir():
        write(checkpoint, tokenizer, {"num_hidden_layers": layers})
    ours, theirs = work / f"ours-{dtype}.gguf", work / f"theirs-{dtype}.gguf"
    script = peers.source / "convert_hf_to_gguf.py"
    convert = [sys.executable, "-m", "edgeval", "convert"]
    commands = {
        "edgeval convert": [*convert, checkpoint, ours, "--dtype", dtype],
        script.name: [peers.python, script, checkpoint, "--outfile", theirs, "--outtype", dtype],
    }
    runs: dict[str, list[Finished]] = {name: [] for name in commands}
    copies = []
    for _ in range(rounds):
        copies.append(copy_s(checkpoint / "model.safetensors", work / "copy"))
        for path in (ours, theirs):
            path.unlink(missing_ok=True)
        for name, command in commands.items():
            runs[name].append(run(command))
    n_tensors, n_keys = compare(ours, theirs)
    rows = [["copy of the checkpoint, flushed", f"{statistics.median(copies):.1f}", "", ""]]
    first = statistics.median(each.elapsed_s for each in runs["edgeval convert"])
    for name, made in runs.items():
        elapsed_s = statistics.median(each.elapsed_s for each in made)
        peak = max(each.peak_rss_bytes for each in made) / 1e6
        rows.append([name, f"{elapsed_s:.1f}", f"{elapsed_s / first:.2f}", f"{peak:,.0f} MB"])
    machine = machines.describe()
    typer.echo(
        f"{layers} layers of TinyLlama's shape, bf16 to {dtype}, median of {rounds} rounds in turn "
        f"on {machine.cpu}, {machine.physical_cores} cores:\n"
    )
    typer.echo(table(["", "seconds", "times edgeval's", "peak memory"], rows))
    typer.echo(f"\nAll {n_tensors} tensors are byte-identical and all {n_keys} keys equal.")


if __name__ == "__main__":
    typer.run(main)
