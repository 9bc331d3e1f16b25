"""Run edgeval on a Raspberry Pi's CPU that QEMU emulates, and hold its scores to this machine's.

Example::

    python -m scripts.check.aarch64 WORK --limit 100

llama-cpp-python is cross-compiled twice, for a Pi 4 and a Pi 5, with the features that a native
build there has. Both are then installed with the wheels for aarch64 that others publish, and tried
by ``edgeval doctor`` and ``edgeval run``. Last, the build for the Pi 5 is started on the Pi 4,
where it has to end with a sentence. Times are QEMU's and say nothing of a board. Only the CPU is
emulated: the number of cores and the memory are those of this machine.

Needs Debian 12 or newer on x86-64, with its packages mmdebstrap, proot, qemu-user-static and
g++-aarch64-linux-gnu; not root.
"""

from __future__ import annotations

import json
import shutil
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
from scripts.lib.paths import ROOT
from scripts.lib.peers.bench import EDGEVAL
from scripts.lib.peers.markdown import table
from scripts.lib.peers.process import PeerError, run

PI_4 = Cpu("cortex-a72", "0xd08", "Raspberry Pi 4")
PI_5 = Cpu("cortex-a76", "0xd0b", "Raspberry Pi 5")
BUILDS = {
    PI_4: Build("pi-4", "armv8-a+crc"),
    PI_5: Build("pi-5", "armv8.2-a+fp16+dotprod"),
}

TYPES = "F32,F16,Q8_0,Q4_K_M,Q4_0,Q2_K"
"""Each takes QEMU minutes; ``edgeval doctor`` tries kernels of the others too."""

KERNELS = ("default", "plain")
HEADER = (
    "board", "kernels", "type", "same GGUF", "largest, nats", "median, nats",
    "other picks", "right, board / here",
)  # fmt: skip
F32_NATS = 1e-3
"""So far may the same arithmetic in another order be apart, as in the tests of this repository."""

_SAME_SOURCE = {"PYTHONPATH": str(ROOT)}
"""The board's wheel is made of it, whatever edgeval is installed here."""

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


class Check:
    """What is tried, and what came of it.

    Attributes:
        rows: How far two machines are apart, a row for each board, path of kernels and type.
        faults: What may not be, in words.
    """

    def __init__(self, work: Path, limit: int) -> None:
        """Make the builds that are not there yet."""
        self.rows: list[list[str]] = []
        self.faults: list[str] = []
        self._work, self._limit = work, limit
        self._done: set[Path] = set()
        wheels = Wheels(work, PYTHON)
        self._packages = {cpu: wheels.installed(build) for cpu, build in BUILDS.items()}

    def diagnose(self, cpu: Cpu) -> None:
        """Let ``edgeval doctor`` look at a board and its build."""
        typer.echo(f"{cpu.board}, {cpu.name}: {' '.join(Emulated(self._work, cpu).features())}")
        ended = self._emulated(cpu, cpu, "doctor", ["doctor"])
        if ended.code:
            self.faults.append(f"{cpu.board}: edgeval doctor finds a problem")

    def score(self, cpu: Cpu, kernels: str) -> None:
        """Hold a board's scores to this machine's."""
        words, case = self._run(kernels), f"{cpu.board}, {kernels} kernels"
        if self._emulated(cpu, cpu, kernels, words).code:
            self.faults.append(f"{case}: edgeval run fails")
            return
        ours, theirs = Scored(self._work / cpu.name / kernels), self._here(kernels, words)
        rows = list(apart(ours, theirs))
        self.rows += [[cpu.board, kernels, *row] for row in rows]
        if fault := disagreement(ours, theirs):
            self.faults.append(f"{case}: {fault}")
        if any(name == "F32" and float(largest) > F32_NATS for name, _, largest, *_ in rows):
            self.faults.append(f"{case}: F32 is further apart than {F32_NATS} nats")

    def refuse(self, cpu: Cpu, other: Cpu) -> None:
        """Start the build for another board, whose instructions this one does not have."""
        ended = self._emulated(cpu, other, "wrong", self._run("default"))
        said = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
        if ended.code != 1 or len(said) != 1 or "built for another CPU" not in said[0]:
            self.faults.append(f"{cpu.board}: no sentence says that llama.cpp is another CPU's")

    def _run(self, kernels: str) -> list[str]:
        """Return the arguments of ``edgeval run`` on each machine."""
        return [
            *("run", "demo", "--limit", str(self._limit), "--kernels", kernels, "--quant", TYPES),
            *("--threads", "1", "--kl-items", "0", "--yes", "--out", "report"),
            *("--samples", "samples.jsonl", "--store", "scores.db"),
        ]

    def _emulated(self, cpu: Cpu, build: Cpu, name: str, words: list[str]) -> Ended:
        """Run edgeval on a board with a board's build, and print how it ended."""
        folder = emptied(self._work / cpu.name / name)
        ended = Emulated(self._work, cpu).edgeval(
            *words, packages=self._packages[build], folder=folder
        )
        what = f"{cpu.board}, build for a {build.board}, edgeval {' '.join(words[:6])}"
        typer.echo(f"{what}: exit code {ended.code}, {ended.elapsed_s:.0f} s (emulated)")
        lines = ended.stderr.splitlines()[-_SHOWN_LINES:] if ended.code else []
        # What the doctor sees of a board is worth reading.
        lines = ended.stdout.splitlines() + lines if name == "doctor" else lines
        for line in lines:
            typer.echo(f"    {line}")
        return ended

    def _here(self, kernels: str, words: list[str]) -> Scored:
        """Run edgeval on this machine, once for each path of kernels, from an empty cache."""
        folder = self._work / "x86-64" / kernels
        if folder not in self._done:
            cache = {"EDGEVAL_CACHE": str(folder / "cache")}
            run([*EDGEVAL, *words], cwd=emptied(folder), env=cache | _SAME_SOURCE)
            self._done.add(folder)
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


def disagreement(ours: Scored, theirs: Scored) -> str:
    """Return what ``edgeval compare`` says of counts that rounding alone does not explain.

    Returns:
        An empty text, if it explains all of them.
    """
    try:
        run(
            [*EDGEVAL, "compare", theirs.folder / "report", ours.folder / "report"],
            env=_SAME_SOURCE,
        )
    except PeerError as error:
        return str(error)
    return ""


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
    check = Check(work, limit)
    for cpu in BUILDS:
        check.diagnose(cpu)
        for kernels in KERNELS:
            check.score(cpu, kernels)
    check.refuse(PI_4, PI_5)
    typer.echo(table(HEADER, check.rows))
    for fault in check.faults:
        typer.echo(fault)
    sys.exit(bool(check.faults))


if __name__ == "__main__":
    typer.run(main)
