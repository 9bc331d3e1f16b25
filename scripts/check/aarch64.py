"""Run edgeval on a Raspberry Pi's CPU that QEMU emulates, and hold its scores to this machine's.

Example::

    python -m scripts.check.aarch64 WORK --limit 100

llama-cpp-python is cross-compiled twice, for a Pi 4 and a Pi 5, with the features that a native
build there has. Both are then installed with the wheels for aarch64 that others publish, and tried
by ``edgeval doctor`` and ``edgeval run``. Last, the build for the Pi 5 is started on the Pi 4, where
it has to end with a sentence. Times are QEMU's and say nothing of a board.

Needs Debian 12 or newer on x86-64, with its packages mmdebstrap, proot, qemu-user-static and
g++-aarch64-linux-gnu; not root.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from scripts.lib.aarch64.emulated import PYTHON, QEMU, Cpu, Emulated, Ended, require_programs
from scripts.lib.aarch64.wheels import GCC, Build, Wheels
from scripts.lib.peers.bench import EDGEVAL
from scripts.lib.peers.markdown import table
from scripts.lib.peers.process import run

PI_4 = Cpu("cortex-a72", "0xd08", "Raspberry Pi 4")
PI_5 = Cpu("cortex-a76", "0xd0b", "Raspberry Pi 5")
BUILDS = {
    PI_4: Build("pi-4", "armv8-a+crc"),
    PI_5: Build("pi-5", "armv8.2-a+fp16+dotprod"),
}

TYPES = "F32,F16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q4_0,Q3_K_M,Q2_K"
KERNELS = ("default", "plain")
HEADER = (
    "board", "kernels", "type", "same GGUF", "largest, nats", "median, nats",
    "other picks", "right, board / here",
)  # fmt: skip
F32_NATS = 1e-3
"""So far may the same arithmetic in another order be apart, as in the tests of this repository."""

_SHOWN_LINES = 4


@dataclass(frozen=True)
class Scored:
    """What a run left behind.

    Attributes:
        folder: Its working folder.
    """

    folder: Path

    def hashes(self) -> dict[str, str]:
        """Return the hashes of the GGUFs by type."""
        report = json.loads((self.folder / "report" / "report.json").read_text(encoding="utf-8"))
        return {each["type"]: each["sha256"] for each in report["runs"]}

    def items(self) -> dict[str, dict[int, dict[str, Any]]]:
        """Return what was said of each item, by type and place."""
        found: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
        for line in (self.folder / "samples.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found[row["type"]][row["index"]] = row
        return found


def arguments(limit: int, kernels: str) -> list[str]:
    """Return what is run on each machine."""
    return [
        *("run", "demo", "--limit", str(limit), "--kernels", kernels, "--quant", TYPES),
        *("--threads", "2", "--kl-items", "0", "--yes", "--out", "report"),
        *("--samples", "samples.jsonl", "--store", "scores.db"),
    ]


def here(folder: Path, words: list[str]) -> Scored:
    """Run edgeval on this machine, from an empty cache."""
    run([*EDGEVAL, *words], cwd=emptied(folder), env={"EDGEVAL_CACHE": str(folder / "cache")})
    return Scored(folder)


def emptied(folder: Path) -> Path:
    """Return a folder in which nothing is: scores of another build or commit would be taken."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def apart(ours: Scored, theirs: Scored) -> Iterator[list[str]]:
    """Yield how far two machines are apart, type by type."""
    hashes, others, there = ours.hashes(), theirs.hashes(), theirs.items()
    for name, items in ours.items().items():
        pairs = [(row, there[name][index]) for index, row in items.items()]
        changes = np.abs(
            np.concatenate([np.subtract(a["logprobs"], b["logprobs"]) for a, b in pairs])
        )
        yield [
            name,
            "yes" if hashes[name] == others[name] else "no",
            f"{changes.max():.2g}",
            f"{np.median(changes):.2g}",
            str(sum(a["pick"] != b["pick"] for a, b in pairs)),
            f"{sum(a['correct'] for a, _ in pairs)} / {sum(b['correct'] for _, b in pairs)}",
        ]


def agree(ours: Scored, theirs: Scored) -> bool:
    """Return whether ``edgeval compare`` finds two machines' counts within what rounding may do."""
    reports = [scored.folder / "report" for scored in (ours, theirs)]
    return subprocess.run([*EDGEVAL, "compare", *reports], capture_output=True).returncode == 0


def tell(what: str, ended: Ended) -> None:
    """Print how long a command took, how it ended, and what it said last where it failed."""
    typer.echo(f"{what}: exit code {ended.code}, {ended.elapsed_s:.0f} s (emulated)")
    if ended.code:
        for line in (ended.stdout + ended.stderr).strip().splitlines()[-_SHOWN_LINES:]:
            typer.echo(f"    {line}")


def main(
    work: Annotated[Path, typer.Argument(help="Folder of what is made, 3 GB.")],
    limit: Annotated[int, typer.Option(min=1, help="Number of the demo's items.")] = 100,
) -> None:
    """Print how each command ended, and how far its scores are from this machine's."""
    require_programs()
    work = work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    for program in (QEMU, GCC):
        typer.echo(run([program, "--version"]).stdout.splitlines()[0])
    wheels = Wheels(work, PYTHON)
    packages = {cpu: wheels.installed(build) for cpu, build in BUILDS.items()}
    rows, faults = [], []
    for cpu in BUILDS:
        board = Emulated(work, cpu)
        typer.echo(f"{cpu.board}, {cpu.name}: {' '.join(board.features())}")
        folder = emptied(work / cpu.name / "doctor")
        ended = board.edgeval("doctor", packages=packages[cpu], folder=folder)
        tell(f"{cpu.board}, edgeval doctor", ended)
        for kernels in KERNELS:
            words = arguments(limit, kernels)
            folder = emptied(work / cpu.name / kernels)
            ended = board.edgeval(*words, packages=packages[cpu], folder=folder)
            tell(f"{cpu.board}, edgeval {shlex.join(words[:6])}", ended)
            if ended.code:
                faults.append(f"{cpu.board}, {kernels}: it failed")
                continue
            ours, theirs = Scored(folder), here(work / "x86-64" / kernels, words)
            found = list(apart(ours, theirs))
            rows += [[cpu.board, kernels, *row] for row in found]
            if not agree(ours, theirs):
                faults.append(f"{cpu.board}, {kernels}: counts are too far apart")
            if any(name == "F32" and float(most) > F32_NATS for name, _, most, *_ in found):
                faults.append(f"{cpu.board}, {kernels}: F32 is too far apart")
    folder = emptied(work / PI_4.name / "wrong")
    ended = Emulated(work, PI_4).edgeval(
        *arguments(1, "default"), packages=packages[PI_5], folder=folder
    )
    tell(f"{PI_4.board} with the build for a {PI_5.board}", ended)
    if ended.code != 1 or "illegal instruction" not in ended.stderr:
        faults.append(f"{PI_4.board}: no sentence about an illegal instruction")
    typer.echo(table(HEADER, rows))
    for fault in faults:
        typer.echo(fault)
    sys.exit(bool(faults))


if __name__ == "__main__":
    typer.run(main)
