"""Kill runs at random moments, and see that the next one leaves nothing of them.

Example::

    python -m scripts.check.kills --kills 60

Each run converts, quantizes and scores the demo with a cache, a store and a folder for temporary
files of its own; the cache is emptied now and then, so that kills meet every stage.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from edgeval.system.temporary import leftovers

COMMAND = (
    *(sys.executable, "-m", "edgeval", "run", "demo", "--limit", "200", "--threads", "1"),
    *("--quant", "F16,Q8_0,Q6_K,Q4_K_M,Q2_K"),
)
_KEPT = {".json", ".md", ".html", ".gguf", ".sha256", ".lock", ".db"}


def started(folder: Path, out: str | None) -> subprocess.Popen[bytes]:
    """Start a run in a folder, with a process group of its own."""
    options = [] if out is None else ["--out", out, "--overwrite"]
    environment = {
        **os.environ,
        "EDGEVAL_CACHE": str(folder / "cache"),
        "EDGEVAL_STORE": str(folder / "store" / "edgeval.db"),
        "TMPDIR": str(folder / "tmp"),
    }
    return subprocess.Popen(
        [*COMMAND, *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def left(folder: Path) -> list[Path]:
    """Return what is under a folder and is no result, no file of the cache and no lock."""
    strange = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in _KEPT]
    results = folder / "edgeval-results"
    empty = (
        [path for path in results.iterdir() if not any(path.iterdir())] if results.is_dir() else []
    )
    return [*strange, *empty]


def main(
    kills: Annotated[int, typer.Option(help="How often a run is killed.")] = 60,
    longest: Annotated[float, typer.Option(help="Seconds that a run lives at most.")] = 8.0,
    seed: Annotated[int, typer.Option(help="Seed of the moments.")] = 0,
) -> None:
    """Kill, look, run to the end, and look again."""
    rng = random.Random(seed)
    n_left = n_bytes = n_done = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        for number in range(kills):
            if number % 4 == 0:
                shutil.rmtree(folder / "cache", ignore_errors=True)
                shutil.rmtree(folder / "store", ignore_errors=True)
            process = started(folder, "out" if number % 2 else None)
            time.sleep(rng.uniform(0.2, longest))
            n_done += process.poll() is not None
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            folders = [folder / "tmp", *(path.parent for path in folder.rglob(".*.edgeval-tmp"))]
            found = [each for path in dict.fromkeys(folders) for each in leftovers(path)]
            n_left += len(found)
            n_bytes += sum(each.n_bytes for each in found)
        process = started(folder, "out")
        _, said = process.communicate()
        if process.returncode:
            sys.exit(f"the last run failed: {said.decode()}")
        rest = left(folder)
        reports = len(list(folder.glob("edgeval-results/*/report.json")))
        result = {
            "kills": kills - n_done,
            "runs that were done before": n_done,
            "temporaries after kills": n_left,
            "bytes of them": n_bytes,
            "reports": reports,
            "left after the last run": [str(path.relative_to(folder)) for path in rest],
        }
    typer.echo(json.dumps(result, indent=2))
    if rest:
        sys.exit("something is left")


if __name__ == "__main__":
    typer.run(main)
