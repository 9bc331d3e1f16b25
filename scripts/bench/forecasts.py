"""Measure how good forecasts are: each run is foretold by ``--dry-run``, and then carried out.

Example::

    python -m scripts.bench.forecasts configurations.txt

A line of the file is the arguments of one ``edgeval run``; before a line that begins with ``cold``
the system forgets what it has read (that needs root). Prints a Markdown table: what was foretold,
what it took, and whether that lies between the ends.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from scripts.lib.peers.markdown import table
from scripts.lib.peers.process import run


def _edgeval(*arguments: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        run([sys.executable, "-m", "edgeval", "run", *arguments, "--json", "--yes"]).stdout
    )
    return found


def _forget() -> None:
    """Have the system forget what it has read."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


def main(
    configurations: Annotated[Path, typer.Argument(help="A line of arguments for each run.")],
) -> None:
    """Print forecasts beside what happened."""
    rows, errors, n_held = [], [], 0
    for line in configurations.read_text(encoding="utf-8").splitlines():
        words = shlex.split(line)
        is_cold = words[0] == "cold"
        arguments = words[is_cold:]
        with tempfile.TemporaryDirectory() as folder:
            store = ["--store", f"{folder}/scores.db"]
            if is_cold:
                _forget()
            time_s: dict[str, float] = _edgeval(*arguments, *store, "--dry-run")["time_s"]  # type: ignore[assignment]
            if is_cold:
                _forget()
            record = _edgeval(*arguments, *store, "--out", f"{folder}/out")
        took_s = float(record["elapsed_s"])  # type: ignore[arg-type]
        is_held = time_s["low"] <= took_s <= time_s["high"]
        n_held += is_held
        errors.append(abs(time_s["value"] / took_s - 1))
        between = f"{time_s['low']:.0f} to {time_s['high']:.0f}"
        rows.append(
            [
                f"`{line}`",
                f"{time_s['value']:.1f} ({between})",
                f"{took_s:.1f}",
                f"{time_s['value'] / took_s:.2f}",
                "yes" if is_held else "no",
            ]
        )
        print(rows[-1], file=sys.stderr, flush=True)
    print(table(["run", "foretold, s", "took, s", "ratio", "held"], rows))
    print(f"\nheld: {n_held} of {len(rows)}; median error {statistics.median(errors):.1%}")


if __name__ == "__main__":
    typer.run(main)
