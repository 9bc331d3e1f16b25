"""Time the report of a whole HellaSwag: its evidence, its pages, and how long the page is.

Example::

    python -m scripts.bench.page

The scores and the texts are made up. Items have the lengths of HellaSwag's, and types flip as often
as those of a real ladder do. Each time is the median of three.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edgeval.records import Report
from edgeval.records.evidence import MOST_TOLD
from edgeval.report import record_files
from edgeval.report.pages import html_page
from edgeval.stats.drift import drift
from edgeval.stats.evidence import evidence
from edgeval.tasks.item import ItemScore
from tests.helpers.evidence import with_evidence
from tests.helpers.fakes import make_item, make_score
from tests.helpers.reports import example_report
from tests.helpers.shown_pages import crowded_report

N_ITEMS, N_TYPES = 10_042, 8
CONTEXT = "A man is standing at a table, and pours the flour into a bowl. He looks up. " * 4
CHOICE = "stirs it with a spoon for a while, then adds two eggs and a little salt."


def seconds(work: Callable[[], object], n_times: int = 3) -> float:
    """Return the median time of some work."""
    times = []
    for _ in range(n_times):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def scores(spread: float, seed: int) -> list[ItemScore]:
    """Return scores of all items, of which those of two seeds are ``spread`` nats apart."""
    base, own = random.Random(0), random.Random(seed)
    found = []
    for number in range(N_ITEMS):
        item = make_item(CONTEXT, [CHOICE] * 4, gold=number % 4, name=str(number))
        logprobs = [base.uniform(-60, -40) + own.gauss(0, spread) for _ in range(4)]
        found.append(make_score(logprobs, item))
    return found


def time_of_evidence() -> float:
    """Return the seconds in which the evidence of all types is put together."""
    types = {f"type {at}": scores(0.1 * at, at) for at in range(1, N_TYPES)}
    known = {"F16": scores(0, 99), **types}
    drifts = [drift(name, each, "F16", known["F16"], "acc") for name, each in types.items()]
    by_place = {name: dict(enumerate(each)) for name, each in known.items()}
    return seconds(lambda: evidence(drifts, by_place, "acc"))


def with_texts(record: Report) -> Report:
    """Return a report that tells of as many flips as one can, with texts of HellaSwag's length."""
    record = with_evidence(record, told=MOST_TOLD // len(record.drift))
    assert record.evidence is not None
    texts = {"context": CONTEXT, "choices": [CHOICE] * 4}
    flips = [flip.model_copy(update=texts) for flip in record.evidence.flips]
    return record.model_copy(
        update={"evidence": record.evidence.model_copy(update={"flips": flips})}
    )


def main() -> None:
    """Print a row for each number of types."""
    print(f"evidence of {N_ITEMS:,} items and {N_TYPES} types: {time_of_evidence():.2f} s\n")
    print("| types | flips told | page, MB | HTML, s | `edgeval report`, all files, s |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for record in map(with_texts, (example_report(), crowded_report())):
        assert record.evidence is not None
        page = html_page(record)
        with tempfile.TemporaryDirectory() as folder:
            record_files.save(record, Path(folder, "report"))
            command = [sys.executable, "-m", "edgeval", "report", str(Path(folder, "report"))]
            whole = seconds(lambda: subprocess.run(command, check=True, capture_output=True))  # noqa: B023
        print(
            f"| {len(record.runs)} | {len(record.evidence.flips)} | {len(page.encode()) / 1e6:.2f} "
            f"| {seconds(lambda: html_page(record)):.2f} | {whole:.2f} |"  # noqa: B023
        )


if __name__ == "__main__":
    main()
