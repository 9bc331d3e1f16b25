"""The runs of a store as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from edgeval.records import protocol_label
from edgeval.records.runs import Repair, Run, RunDetails
from edgeval.report import formatting as fmt
from edgeval.report.machines import device_names
from edgeval.report.speeds import cpu_load, machine
from edgeval.system.console import Table, listing

_UNKNOWN = "\N{EN DASH}"


def runs_table(runs: Sequence[Run], path: Path) -> Table:
    """Return one line a run."""
    # A store of the CPU's runs alone says nothing of devices.
    has_devices = any(run.devices for run in runs)
    titles = ["run", "file", "type", "protocol", "data", "items"]
    titles += [*(["computed on"] if has_devices else []), "when", "latest"]
    table = _table(f"runs in {path}", titles, numbers={"run", "items"})
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


def run_tables(run: RunDetails) -> Iterator[Table]:
    """Yield what to print of one run, one below another."""
    yield listing(
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
    names = {"devices": device_names(run.setting.devices)} if run.setting.devices else {}
    yield listing({name: str(value) for name, value in (rest | names).items()})
    yield _plans(run)
    yield _stints(run)


def _plans(run: RunDetails) -> Table:
    titles = ["plan", "items", "scored", "tokens"]
    table = _table("plans", titles, numbers=set(titles))
    for number, plan in enumerate(run.plans, start=1):
        table.add_row(
            str(number), f"{plan.n_items:,}", f"{plan.n_scored:,}", f"{plan.tokens_decoded:,}"
        )
    return table


def _stints(run: RunDetails) -> Table:
    """Return who computed what, a row for each command and plan: no speed without all it needs."""
    numbers = {"plan", "threads", "items", "tokens", "seconds", "tokens/s", "CPUs busy elsewhere"}
    titles = ["plan", "when", "device", "threads", "items", "tokens", "seconds", "tokens/s"]
    table = _table("computed by", [*titles, "CPUs busy elsewhere"], numbers=numbers)
    for number, plan in enumerate(run.plans, start=1):
        for stint in plan.stints:
            rate, begun = stint.tokens_per_s, stint.measured_at
            table.add_row(
                str(number),
                _UNKNOWN if begun is None else fmt.moment(begun),
                f"{machine(stint, run.setting.devices)}, {stint.device.system}",
                _UNKNOWN if stint.threads is None else str(stint.threads),
                f"{stint.n_items:,}",
                f"{stint.tokens_decoded:,}",
                f"{stint.elapsed_s:,.1f}",
                _UNKNOWN if rate is None else fmt.rate(rate),
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
    table = _table(
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


def _table(title: str, columns: Sequence[str], numbers: Set[str]) -> Table:
    table = Table(title)
    for name in columns:
        table.add_column(name, right=name in numbers, overflow="fold")
    return table
