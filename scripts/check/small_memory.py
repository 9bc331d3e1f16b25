"""Run edgeval in as little memory as a small machine has, and say what it held and wrote.

Example, with 5 GB of disk and some minutes, as root where cgroups can be made::

    python -m scripts.check.small_memory WORK --tokenizer llama2_tokenizer.model --data items.jsonl

Three commands run in a cgroup each, without swap: the whole demo in 1 GB, and an evaluation and a
run beside a reference file in 1.5 GB, of a Q4_K_M of TinyLlama's shape. That file and the
reference are made before, without a limit, and stay in WORK. What the system kept of the file is
forgotten first, so that its pages count in the group that reads them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from edgeval.benchmark.page_cache import forget
from edgeval.system.written import written_bytes
from scripts.lib import checkpoint
from tests.helpers.memory_groups import MemoryGroup, NoMemoryGroupError, memory_group

MB = 1_000_000
_POLL_S = 0.02


@dataclass(frozen=True)
class Held:
    """A command that ran in a group.

    Attributes:
        own_bytes: The most that its processes held beside pages of files.
        peak_bytes: The most with these; None where the kernel does not say.
        written_bytes: What they sent to disks; None where the kernel does not say.
        elapsed_s: Seconds that it took.
    """

    own_bytes: int
    peak_bytes: int | None
    written_bytes: int | None
    elapsed_s: float


class Own:
    """A thread that looks again and again at what a group's processes hold themselves."""

    def __init__(self, group: MemoryGroup) -> None:
        self.most_bytes = 0
        self._group, self._is_over = group, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Own:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(_POLL_S):
            self.most_bytes = max(self.most_bytes, self._group.own_bytes)


def edgeval(folder: Path, arguments: Sequence[object], group: MemoryGroup | None = None) -> None:
    """Run a command in a folder that has its cache and its store too.

    Raises:
        SystemExit: If it fails.
    """
    line = [sys.executable, "-m", "edgeval", *map(str, arguments)]
    environment = {
        **os.environ,
        "EDGEVAL_CACHE": str(folder / "cache"),
        "EDGEVAL_STORE": str(folder / "edgeval.db"),
    }
    done = subprocess.run(
        group.holding(line) if group else line,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-5:])
        sys.exit(f"edgeval {' '.join(line[3:])} ended with exit code {done.returncode}: {last}")


def held(folder: Path, arguments: Sequence[object], limit_bytes: int) -> Held:
    """Run a command in a group of its own.

    Raises:
        SystemExit: If it fails, a process of it was ended for memory, or no group can be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before, began_s = written_bytes(), time.perf_counter()
    try:
        with memory_group(limit_bytes) as group, Own(group) as own:
            edgeval(folder, arguments, group)
            peak_bytes, kills = group.peak_bytes, group.kills
    except NoMemoryGroupError as error:
        sys.exit(f"no limit of memory can be set here: {error}")
    if kills:
        sys.exit(f"{kills} processes of edgeval {arguments[0]} were ended for memory")
    elapsed_s, after = time.perf_counter() - began_s, written_bytes()
    written = None if before is None or after is None else after - before
    return Held(own.most_bytes, peak_bytes, written, elapsed_s)


def left(folder: Path) -> str:
    """Return what a command left: GGUFs, store, report and others, in MB."""
    sizes: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            kind = {".gguf": "GGUFs", ".db": "store"}.get(path.suffix, "other")
            kind = "report" if path.is_relative_to(folder / "out") else kind
            sizes[kind] = sizes.get(kind, 0) + path.stat().st_size
    return ", ".join(f"{kind} {n_bytes / MB:,.1f}" for kind, n_bytes in sorted(sizes.items()))


def made(work: Path, tokenizer: Path, data: Path, limit: int) -> tuple[Path, Path]:
    """Return a Q4_K_M of TinyLlama's shape, and a file of what its F16 says of the items."""
    full, gguf, reference = work / "tl-F16.gguf", work / "tl-Q4_K_M.gguf", work / "reference.npz"
    if not gguf.is_file():
        if not (work / "tl").is_dir():
            checkpoint.write(work / "tl", tokenizer, {})
        edgeval(work, ("convert", "tl", full))
        edgeval(work, ("quantize", full, "Q4_K_M"))
    if not reference.is_file():
        edgeval(
            work, ("run", full, "--quant", "F16", "--data", data, "--limit", limit, "--out", "f16")
        )
        edgeval(work, ("reference", "export", 1, reference))
    return gguf, reference


def main(
    work: Annotated[Path, typer.Argument(help="Folder for all that is made.")],
    tokenizer: Annotated[Path, typer.Option(help="SentencePiece model with 32,000 pieces.")],
    data: Annotated[Path, typer.Option(help="HellaSwag's items, a .jsonl file.")],
    limit: Annotated[int, typer.Option(min=1, help="Items of TinyLlama's shape.")] = 20,
) -> None:
    """Make what is missing, run the three commands, and print a Markdown table."""
    work, tokenizer, data = work.resolve(), tokenizer.resolve(), data.resolve()
    work.mkdir(parents=True, exist_ok=True)
    gguf, reference = made(work, tokenizer, data, limit)
    items = ("--data", data, "--limit", limit)
    commands: dict[str, tuple[int, tuple[object, ...]]] = {
        "run demo": (1000, ("run", "demo", "--out", "out")),
        "eval tl-Q4_K_M.gguf": (1500, ("eval", gguf, *items)),
        "run tl-Q4_K_M.gguf --reference": (
            1500,
            ("run", gguf, "--reference", reference, *items, "--out", "out"),
        ),
    }
    typer.echo("| command | limit | held | with files | written | left, MB | time |")
    typer.echo("| --- | ---: | ---: | ---: | ---: | --- | ---: |")
    for number, (title, (limit_mb, arguments)) in enumerate(commands.items()):
        forget([gguf])
        folder = work / f"{time.time_ns()}-{number}"
        found = held(folder, arguments, limit_mb * MB)
        cells = (
            f"`edgeval {title}`",
            *map(_megabytes, (limit_mb * MB, found.own_bytes, found.peak_bytes)),
            *(_megabytes(found.written_bytes), left(folder), f"{found.elapsed_s:.1f} s"),
        )
        typer.echo(f"| {' | '.join(cells)} |")


def _megabytes(n_bytes: int | None) -> str:
    return "?" if n_bytes is None else f"{n_bytes / MB:,.1f} MB"


if __name__ == "__main__":
    typer.run(main)
