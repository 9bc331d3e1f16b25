"""Comparison as a table for the terminal, a column a machine."""

from __future__ import annotations

from collections.abc import Callable

from edgeval.cli.terminal.records import LOUD
from edgeval.records.comparison import ComparedMachine, ComparedRun, Comparison
from edgeval.report import formatting as fmt
from edgeval.report.compare import cells
from edgeval.report.compare.labels import short_cpu
from edgeval.report.compare.sentences import alarms, sentences
from edgeval.report.failures import FAILED
from edgeval.report.machines import device_names, self_check_in_short
from edgeval.system.console import stdout_console
from edgeval.system.screen import Said, Styled
from edgeval.system.tables import Table

_NONE = "\N{EN DASH}"


def print_comparison(found: Comparison) -> None:
    """Print several machines' records side by side."""
    console = stdout_console()
    first = found.machines[0]
    title = f"{cells.items(first.data)}, protocol {first.protocol.label}"
    console.print(title, style="bold")
    console.print(table(found))
    console.print_each(alarms(found), style=LOUD)
    console.print_each(sentences(found))


def table(found: Comparison) -> Table:
    """Return the machines, their right items by the primary metric, and their speed."""
    metric = found.machines[0].protocol.metric
    title = f"right, {metric}"
    grid = Table()
    grid.add_column(is_whole=True)
    for machine in found.machines:
        grid.add_column(machine.label, right=True)
    for name, facts in _facts(found).items():
        grid.add_row(name, *facts)
    _add_section(grid, title, found, lambda run: _right_items(run, metric), FAILED)
    if any(run.beside for row in found.types for run in row.runs if run):
        _add_section(grid, "difference", found, _difference)
    _add_section(grid, "tokens/s", found, cells.tokens_per_s)
    _add_section(grid, "items/s", found, cells.items_per_s)
    return grid


def _facts(found: Comparison) -> dict[str, list[str]]:
    machines = found.machines
    rows: dict[str, Callable[[ComparedMachine], str]] = {
        "cpu": lambda each: short_cpu(each.device),
        "cores": lambda each: f"{each.device.physical_cores} ({each.device.logical_cores} logical)",
        "memory": lambda each: fmt.size(each.device.memory_bytes),
        "backend": lambda each: each.engine.backend,
        "GPU": lambda each: device_names(each.devices) or _NONE,
        "threads": lambda each: str(each.engine.threads),
        "elapsed": lambda each: _NONE if each.elapsed_s is None else fmt.duration(each.elapsed_s),
        "peak memory": lambda each: (
            _NONE if each.peak_rss_bytes is None else fmt.size(each.peak_rss_bytes)
        ),
    }
    if all(each.label == short_cpu(each.device) for each in machines):
        del rows["cpu"]
    facts = {name: [text(each) for each in machines] for name, text in rows.items()}
    if not any(each.devices for each in machines):
        del facts["GPU"]
        return facts
    checks = [self_check_in_short(found.runs_of(index)) for index in range(len(machines))]
    return facts | {"self-check": [each or _NONE for each in checks]}


def _add_section(
    grid: Table,
    title: str,
    found: Comparison,
    cell: Callable[[ComparedRun], Said],
    failed: str = _NONE,
) -> None:
    """Add a row a name; ``failed`` stands where that failed."""
    grid.add_section()
    grid.add_row(Styled(title, "bold"))
    for row in found.types:
        outcomes = zip(row.runs, row.failures, strict=True)
        said = (cell(run) if run else (failed if failure else _NONE) for run, failure in outcomes)
        grid.add_row(row.name, *said)


def _right_items(run: ComparedRun, metric: str) -> Said:
    text = cells.right_items(run, metric)
    return Styled(text, LOUD) if run.standing == "differs" else text


def _difference(run: ComparedRun) -> Said:
    text = cells.difference(run)
    return Styled(text, LOUD) if run.is_contradicted else text
