"""Runs of a store as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeval.records import protocol_label
from edgeval.records.runs import Repair, Run, RunDetails
from edgeval.report import formatting as fmt
from edgeval.report.machines import device_names, where
from edgeval.report.speeds import cpu_load, in_short, machine
from edgeval.system.console import stdout_console
from edgeval.system.listings import Listing
from edgeval.system.tables import Table

_UNKNOWN = "\N{EN DASH}"
_LEAVING = ("latest", "data", "when", "protocol")
"""What a narrow screen has no room for, the least wanted first."""


def print_runs(runs: Sequence[Run], path: Path) -> None:
    """Print the runs of a store, one line each."""
    stdout_console().print(runs_table(runs, path))


def print_run(run: RunDetails) -> None:
    """Print what a store holds of a run, in tables."""
    console = stdout_console()
    console.print_each(run_tables(run), are_apart=True)
    known = (plan.facts.model.shape for plan in run.plans if plan.facts.model is not None)
    if run.setting.devices and (shape := next(known, None)):
        there = where(run.setting.backend, run.setting.offload(shape.n_layers))
        console.print(f"Computed with {there}.")


def print_repair(found: Repair) -> None:
    """Print what was recovered of a store, and what was lost."""
    stdout_console().print_each(repair_lines(found))


def runs_table(runs: Sequence[Run], path: Path) -> Table:
    """Return one line a run."""
    # A store of the CPU's runs alone says nothing of devices.
    has_devices = any(run.devices for run in runs)
    titles = ["run", "file", "type", "protocol", "data", "items"]
    titles += [*(["computed on"] if has_devices else []), "when", "latest"]
    table = Table.of(f"runs in {path}", titles, numbers=("run", "items"), leaving=_LEAVING)
    for run in runs:
        table.add_row(
            str(run.number),
            run.file,
            run.type or _UNKNOWN,
            protocol_label(run.protocol, run.shots),
            run.data,
            f"{run.n_items:,}",
            *([device_names(run.devices) or run.backend] if has_devices else []),
            _when(run),
            "yes" if run.is_latest else "no",
        )
    return table


def run_tables(run: RunDetails) -> Iterator[Table | Listing]:
    """Yield what to print of one run, one below another."""
    yield Listing(
        {
            "run": f"{run.number}, {'the latest' if run.is_latest else 'an earlier one'} of its "
            "setting",
            "file": run.file,
            "type": run.type or _UNKNOWN,
            "data": run.data,
            "items scored": f"{run.n_items:,}",
            "when": _when(run),
        }
    )
    unsaid = set() if run.setting.devices else {"devices", "gpu_layers"}
    unsaid |= set() if run.setting.pre_tokenizer else {"pre_tokenizer"}
    rest = {name: value for name, value in run.setting if name not in unsaid}
    names = {"task": run.task}
    if run.setting.devices:
        names["devices"] = device_names(run.setting.devices)
    yield Listing({name: str(value) for name, value in (rest | names).items()})
    yield _plans(run)
    yield _stints(run)


def _plans(run: RunDetails) -> Table:
    titles = ("plan", "items", "scored", "tokens")
    table = Table.of("plans", titles, numbers=titles)
    for number, plan in enumerate(run.plans, start=1):
        table.add_row(
            str(number), f"{plan.n_items:,}", f"{plan.n_scored:,}", f"{plan.tokens_decoded:,}"
        )
    return table


def _stints(run: RunDetails) -> Table:
    """Return who computed what, a row for each command and plan: no speed without all it needs."""
    titles = ["plan", "when", "device", "threads", "items", "tokens", "seconds", "tokens/s"]
    titles.append("CPUs busy elsewhere")
    table = Table.of("computed by", titles, numbers={*titles} - {"when", "device"})
    for number, plan in enumerate(run.plans, start=1):
        for stint in plan.stints:
            begun = stint.measured_at
            table.add_row(
                str(number),
                _UNKNOWN if begun is None else fmt.moment(begun),
                f"{machine(stint, run.setting.devices)}, {stint.device.system}",
                _UNKNOWN if stint.threads is None else str(stint.threads),
                f"{stint.n_items:,}",
                f"{stint.tokens_decoded:,}",
                f"{stint.elapsed_s:,.1f}",
                in_short(stint),
                cpu_load(stint) or _UNKNOWN,
            )
    return table


def repair_lines(found: Repair) -> Iterator[str | Table]:
    """Yield what to print of a repair, one below another."""
    scored = sum(run.n_scored for run in found.runs)
    if found.out is None:
        yield f"{found.store} is whole: {len(found.runs):,} runs, {scored:,} items scored"
        return
    left_title = "to be scored again"
    table = Table.of(
        f"recovered from {found.store}",
        ["run", "file", "items", left_title],
        numbers={"run", "items", left_title},
    )
    for run in found.runs:
        left = run.n_planned - run.n_scored
        table.add_row(str(run.number), run.file, f"{run.n_scored:,}", f"{left:,}")
    yield table
    if found.problems:
        yield f"damage: {found.problems[0]}"
    lost = f"{found.n_lost:,} rows that had changed or lost what they belong to were left out; "
    yield (
        f"{lost if found.n_lost else ''}{found.store} is as it was, and {found.out} holds what is "
        "above: rename it, or name it with --store"
    )


def _when(run: Run) -> str:
    return f"{run.created_at:%Y-%m-%d %H:%M} UTC"
