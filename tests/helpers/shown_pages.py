"""Pages that a browser is shown: of each kind of record, as edgeval writes them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from edgeval.benchmark.board_pages import boards_html
from edgeval.benchmark.boards import board_tables
from edgeval.evaluation.history import history
from edgeval.records import Report
from edgeval.records.sensors import Sensors
from edgeval.report.compare.pages import compare_html
from edgeval.report.compare.tasks import ComparedTasks, compare_tasks
from edgeval.report.derived import renewed
from edgeval.report.history.pages import history_html
from edgeval.report.pages import html_page
from edgeval.report.suite.pages import suite_html
from tests.helpers.benches import board_bench, heated_load, on_gpu
from tests.helpers.comparisons import machine, side_by_side, with_right
from tests.helpers.evidence import with_evidence
from tests.helpers.histories import GOLD, N_ITEMS, Again, add_runs
from tests.helpers.hostile import TEXTS
from tests.helpers.pages import with_imatrix
from tests.helpers.reports import (
    HOSTILE,
    example_report,
    failed_report,
    gpu_report,
    sliced_report,
    stopped_report,
)
from tests.helpers.suites import example_suite

LONG = "W" * 300
"""A word that no line holds."""


def crowded_report(n_types: int = 40) -> Report:
    """Return a report of so many files, most of them of one type."""
    record = example_report()
    (run,) = (each for each in record.runs if each.type == "Q4_K_M")
    (drift,) = (each for each in record.drift if each.type == "Q4_K_M")
    names = [f"maker-{number}" for number in range(n_types - len(record.runs))]
    runs = [
        run.model_copy(
            update={"name": name, "file": f"{name}.gguf", "file_bytes": run.file_bytes + 1000 * n}
        )
        for n, name in enumerate(names)
    ]
    drifts = [drift.model_copy(update={"name": name}) for name in names]
    update = {"runs": [*record.runs, *runs], "drift": [*record.drift, *drifts]}
    return renewed(record.model_copy(update=update))


def hostile_report() -> Report:
    """Return a report whose texts try to be more than texts."""
    text = " ".join((HOSTILE, *TEXTS.values()))
    record = failed_report("Q4_0", status="partial", n_items=1000, reason=text, file=text)
    first, *rest = record.runs
    update = {
        "model": record.model.model_copy(update={"title": text, "name": text}),
        "data": record.data.model_copy(update={"name": text}),
        "command": f"edgeval run {text}",
        "runs": [first.model_copy(update={"quantized_by": HOSTILE}), *rest],
    }
    content = json.loads(record.model_copy(update=update).model_dump_json())
    for drift in content["drift"]:
        for flip in drift["flips"]:
            flip |= {"item": text, "group": text}
    return Report.model_validate(content)


def suite_page() -> str:
    """Return the page of several tasks."""
    return suite_html(example_suite(n_items=200))


def boards_page() -> str:
    """Return the page of boards that were busy for minutes, beside published ones."""
    hot = Sensors(sources=["vcgencmd"], hottest_c=85.4, throttled=["hot"])
    cool = Sensors(sources=["NVML"], hottest_c=60.0, gpu_hottest_c=71.0)
    mine = {"sustained": heated_load(), "peak_rss_bytes": 1_500 * 2**20}
    yours = {"sustained": on_gpu(heated_load(throttled=())), "peak_rss_bytes": 700 * 2**20}
    benches = (
        board_bench("Mine", {"typed in": 6.4}, sensors=hot, **mine),
        board_bench("Yours", sensors=cool, **yours),
        board_bench(LONG, {"estimated from the PMIC": 3.2}, sha256="cd" * 32, n_params=7),
        board_bench("Alone", sustained=heated_load(), sha256="cd" * 32, n_params=7),
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number}.json") for number in range(len(benches))]
        for path, bench in zip(paths, benches, strict=True):
            path.write_text(bench.model_dump_json(), "utf-8")
        return boards_html(board_tables(paths))


def compared_page() -> str:
    """Return the page of three machines, on one of which a type has other scores."""
    other = with_right(machine("Raspberry Pi 4 Model B"), 3, -40)
    return compare_html(ComparedTasks([side_by_side(machine(), other)], []))


def compared_tasks_page() -> str:
    """Return the page of two runs of the same tasks."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, suite in (("Mine", example_suite()), ("Yours", example_suite(n_items=400))):
            paths.append(Path(folder, f"{name}.json"))
            paths[-1].write_text(suite.model_dump_json(), "utf-8")
        return compare_html(compare_tasks(paths))


def history_page() -> str:
    """Return the page of a store in which an engine's update changed scores."""
    with tempfile.TemporaryDirectory() as folder:
        picks = [GOLD] * N_ITEMS
        runs = [
            Again(picks, tokens=200),
            Again([0, *picks[1:]], "0.3.36", 0.5, tokens=150),
            Again(picks, "0.3.37", 0.5, tokens=160),
        ]
        store = add_runs(Path(folder, "a.db"), runs)
        return history_html(
            history(add_runs(store, runs[:2], file="n.gguf", gguf_sha256="ab" * 32))
        )


PAGES: dict[str, Callable[[], str]] = {
    "full": lambda: html_page(example_report()),
    "evidence": lambda: html_page(with_evidence(example_report(), told=8)),
    "slice": lambda: html_page(sliced_report()),
    "stopped early": lambda: html_page(stopped_report(status="reproduced")),
    "one failed": lambda: html_page(failed_report("Q4_0")),
    "reference failed": lambda: html_page(failed_report("F16", status="partial", n_items=1000)),
    "one type": lambda: html_page(example_report(alone=True)),
    "one type, no claim": lambda: html_page(example_report(alone=True, status=None)),
    "imatrix": lambda: html_page(with_imatrix(example_report())),
    "no claim": lambda: html_page(example_report(status=None)),
    "GPU": lambda: html_page(gpu_report()),
    "40 types": lambda: html_page(crowded_report()),
    "long words": lambda: html_page(example_report(title=LONG, group=LONG)),
    "hostile": lambda: html_page(hostile_report()),
    "several tasks": suite_page,
    "boards": boards_page,
    "compared": compared_page,
    "compared tasks": compared_tasks_page,
    "history": history_page,
}
"""What makes a page, by what is special about it."""


def write_page(shown: str, folder: Path) -> Path:
    """Write a page to a folder; return its file."""
    path = folder / "page.html"
    path.write_text(PAGES[shown](), encoding="utf-8")
    return path
