"""Run every command in poor environments: no traceback, no death, no word that is missing.

Example::

    python -m scripts.check.environments

The environments: standard output in ASCII, in a code page of Windows, closed or full; standard
error closed; a home that cannot be written, or none; proxies that answer nothing; a limit of memory
(as root, where cgroups can be made). A command that fails has to say why in one sentence.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from edgeval.checkpoints.cards import cards_folder
from tests.helpers.memory_groups import memory_group

DEMO = cards_folder() / "demo"
ITEMS = DEMO / "items.jsonl"
LIMITED = ("--data", str(ITEMS), "--limit", "30", "--threads", "1")
COMMANDS: dict[str, tuple[str, ...]] = {
    "help": ("--help",),
    "version": ("--version",),
    "convert": ("convert", str(DEMO), "made.gguf"),
    "quantize": ("quantize", "m.gguf", "Q8_0", "--out-dir", "quants"),
    "inspect": ("inspect", "m.gguf"),
    "imatrix": ("imatrix", "m.gguf", "--data", "text.txt", "--out", "made.imatrix.gguf"),
    "eval": ("eval", "m.gguf", *LIMITED, "--fresh"),
    "eval --json": ("eval", "m.gguf", *LIMITED, "--fresh", "--json"),
    "run": ("run", "demo", "--quant", "F16,Q8_0", "--limit", "30", "--kl-items", "5"),
    "run OWNER/NAME": ("run", "somebody/some-model", "--quant", "F16"),
    "models": ("models",),
    "protocols": ("protocols",),
    "report": ("report", "report"),
    "verdict": ("verdict", "report"),
    "compare": ("compare", "report", "report"),
    "doctor": ("doctor",),
    "runs": ("runs",),
    "runs show": ("runs", "show", "1"),
    "runs export": ("runs", "export", "1", "made.json"),
    "runs repair": ("runs", "repair"),
    "reference export": ("reference", "export", "1", "made.npz"),
    "reference show": ("reference", "show", "ref.npz"),
    "cache": ("cache",),
    "cache prune": ("cache", "prune"),
    "schema": ("schema",),
    "a mistake": ("run", "demo", "--quant", "Q4_K_N"),
}
_MADE = ("made.gguf", "made.json", "made.npz", "made.imatrix.gguf")


@dataclass(frozen=True)
class Poor:
    """An environment: variables, what standard output and error are, a limit of memory."""

    variables: dict[str, str | None] = field(default_factory=dict)
    stdout: str = "pipe"
    stderr: str = "pipe"
    memory_bytes: int = 0


_CLOSED_PORT = "http://127.0.0.1:9"
ENVIRONMENTS = {
    "ascii": Poor({"PYTHONIOENCODING": "ascii"}),
    "cp1252": Poor({"PYTHONIOENCODING": "cp1252"}),
    "C locale": Poor({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "read-only home": Poor({"HOME": "/proc", "EDGEVAL_CACHE": None, "HF_HOME": None}),
    "no home": Poor({"HOME": None, "EDGEVAL_CACHE": None, "HF_HOME": None}),
    "nowhere home": Poor({"HOME": "/dev/null/home", "EDGEVAL_CACHE": None, "HF_HOME": None}),
    "proxy": Poor({"HTTPS_PROXY": _CLOSED_PORT, "HTTP_PROXY": _CLOSED_PORT}),
    "SOCKS proxy": Poor({"ALL_PROXY": "socks5://127.0.0.1:9"}),
    "stdout closed": Poor(stdout="closed"),
    "stdout full": Poor(stdout="full"),
    "stderr closed": Poor(stderr="closed"),
    "stderr full": Poor(stderr="full"),
    "220 MB": Poor(memory_bytes=220_000_000),
}


def shell(arguments: list[str], poor: Poor) -> list[str]:
    """Return a command that runs another with such an output."""
    ends = {"closed": ">&-", "full": ">/dev/full", "pipe": ""}
    out = ends[poor.stdout]
    error = f"2{ends[poor.stderr]}" if ends[poor.stderr] else ""
    return ["bash", "-c", f'exec "$@" {out} {error}', "bash", *arguments]


def faults(done: subprocess.CompletedProcess[str], poor: Poor) -> Iterator[str]:
    """Yield what is wrong with how a command ended."""
    said = done.stdout + done.stderr
    if "Traceback" in said or "Exception ignored" in said:
        yield "a traceback"
    if done.returncode not in (0, 1, 2):
        yield f"exit code {done.returncode}"
    # What is wrong with a machine is what doctor prints.
    is_silent = not done.stderr.strip() and (poor.stdout != "pipe" or not done.stdout.strip())
    if done.returncode and poor.stderr == "pipe" and is_silent:
        yield "no word"
    if "\x1b" in said:
        yield "an escape"


def main(
    only: Annotated[str, typer.Option(help="Part of an environment's name.")] = "",
    show: Annotated[bool, typer.Option(help="Print what each command said on stderr.")] = False,
) -> None:
    """Run all of it; the exit code is 1 if something is wrong."""
    n_run, wrong = 0, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for title, poor in ENVIRONMENTS.items():
            if only not in title:
                continue
            for command, arguments in COMMANDS.items():
                for made in _MADE:
                    (folder / made).unlink(missing_ok=True)
                n_run += 1
                done = carried_out(folder, arguments, poor)
                last = (done.stderr.strip().splitlines() or [""])[-1]
                if show and done.returncode:
                    typer.echo(f"{title}, {command}: {done.returncode} {last[:200]!a}")
                for fault in faults(done, poor):
                    wrong.append(f"{title}, {command}: {fault}: {last[:300]!a}")
    for line in wrong:
        typer.echo(line)
    typer.echo(f"{n_run} commands, {len(wrong)} faults")
    sys.exit(bool(wrong))


def prepare(folder: Path) -> None:
    """Make what the commands read: a GGUF, a text, a store with a run, its report, a reference."""
    (folder / "text.txt").write_text("Some words of a text. " * 2000)
    for arguments in (
        ("convert", str(DEMO), "m.gguf"),
        ("run", "demo", "--quant", "F16,Q8_0", "--limit", "30", "--out", "report"),
        ("reference", "export", "1", "ref.npz"),
    ):
        done = carried_out(folder, arguments, Poor())
        if done.returncode:
            sys.exit(f"cannot prepare: {done.stderr}")


def carried_out(
    folder: Path, arguments: tuple[str, ...], poor: Poor
) -> subprocess.CompletedProcess[str]:
    """Run a command in an environment."""
    variables = {
        **os.environ,
        "EDGEVAL_CACHE": str(folder / "cache"),
        "HF_HOME": str(folder / "hub"),
        **poor.variables,
    }
    with contextlib.ExitStack() as stack:
        line = shell([sys.executable, "-m", "edgeval", *arguments], poor)
        if poor.memory_bytes:
            line = stack.enter_context(memory_group(poor.memory_bytes)).holding(line)
        return subprocess.run(
            line,
            cwd=folder,
            env={key: value for key, value in variables.items() if value is not None},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=600,
        )


if __name__ == "__main__":
    typer.run(main)
