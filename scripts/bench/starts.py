"""Time how long commands that only read take to start, beside the libraries that they need.

Example::

    python -m scripts.bench.starts FOLDER            # a folder of edgeval run

Prints a Markdown table: the least of several starts of each, since what else the machine does only
adds to them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

_EMPTY = """
import typer, rich.table, rich.console
app = typer.Typer()
@app.command()
def empty(name: str = "x") -> None:
    table = rich.table.Table("name")
    table.add_row(name)
    rich.console.Console().print(table)
app()
"""


def main(
    folder: Annotated[Path, typer.Argument(help="Folder that holds a report.json.")],
    rounds: Annotated[int, typer.Option(min=1, help="Starts of each.")] = 7,
) -> None:
    """Time the starts, in turn."""
    commands = {
        "`import typer, rich`": ["-c", "import typer, rich"],
        "a typer command that prints a table": ["-c", _EMPTY],
        "`import edgeval`": ["-c", "import edgeval"],
        **{
            f"`edgeval {line}`": ["-m", "edgeval", *line.split()]
            for line in ("--version", "--help", "models", "protocols", "schema report")
        },
        **{
            f"`edgeval {name} DIR`": ["-m", "edgeval", name, str(folder)]
            for name in ("verdict", "report")
        },
    }
    least = dict.fromkeys(commands, float("inf"))
    for _ in range(rounds):
        for name, arguments in commands.items():
            least[name] = min(least[name], _seconds(arguments))
    print("| what starts | seconds |\n| --- | ---: |")
    for name, seconds in least.items():
        print(f"| {name} | {seconds:.2f} |")


def _seconds(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    typer.run(main)
