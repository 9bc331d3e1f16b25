"""Measure what the store writes in an evaluation that takes hours, without the hours.

Example::

    python -m scripts.bench.saves FOLDER

Made-up scores of as many items as HellaSwag has are saved as an evaluation would save them, under a
clock that runs ahead: at the pace of evaluations, and once a second. The folder must be on a disk.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from edgeval.evaluation.save_pace import SavePace
from edgeval.store.store import Store
from edgeval.system.written import written_bytes
from edgeval.tasks.requests import Work
from tests.helpers.stores import DEVICE, FACTS, open_run, score_of

MB = 1_000_000


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        """Return its time in seconds."""
        return self.now_s


def written(
    folder: Path, n_items: int, item_s: float, clock: Clock, is_due: Callable[[], bool]
) -> str:
    """Return a row: how often items were saved, what was written for it, and what was kept."""
    order = list(range(n_items))
    random.Random(0).shuffle(order)  # Prefixes decide the order, and know nothing of places.
    n_saves, unsaved = 0, []
    path = folder / "edgeval.db"
    with Store(path) as store, open_run(store) as run:
        plan = run.add_plan(sorted(order), FACTS, DEVICE)
        before = written_bytes()
        for place in order:
            unsaved.append(place)
            clock.now_s += item_s
            if is_due() or place == order[-1]:
                run.save(plan, {each: score_of(each) for each in unsaved}, Work(400, 200, item_s))
                n_saves, unsaved = n_saves + 1, []
        after = written_bytes()
    if before is None or after is None:
        sys.exit("this system does not say what a process writes")
    return f"{n_saves:,} | {(after - before) / MB:,.0f} MB | {path.stat().st_size / MB:,.1f} MB"


def main(
    folder: Annotated[Path, typer.Argument(help="Folder on the disk that is written to.")],
    items: Annotated[int, typer.Option(min=1, help="Items of the evaluation.")] = 10_042,
    seconds: Annotated[float, typer.Option(help="Seconds that an item takes.")] = 1.0,
) -> None:
    """Print a Markdown table."""
    typer.echo("| saved | saves | written | store |\n| --- | ---: | ---: | ---: |")
    clock = Clock()
    paces: dict[str, Callable[[], bool]] = {
        "at the pace of evaluations": SavePace(1.0, clock).is_due,
        "after each second": lambda: True,
    }
    for name, is_due in paces.items():
        with tempfile.TemporaryDirectory(dir=folder) as each:
            typer.echo(f"| {name} | {written(Path(each), items, seconds, clock, is_due)} |")


if __name__ == "__main__":
    typer.run(main)
