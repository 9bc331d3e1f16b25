"""Benchmark, shown in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeval.cli.terminal.load_chart import load_charts
from edgeval.errors import listed
from edgeval.records.bench import Bench, BenchedFile
from edgeval.records.sensors import Sensors
from edgeval.report import formatting as fmt
from edgeval.report import hardware
from edgeval.system.console import stdout_console
from edgeval.system.tables import Table

_UNKNOWN = "\N{EN DASH}"
_BUSY_CPUS = 0.25


def print_bench(bench: Bench) -> None:
    """Print what was measured of each file, and on what machine."""
    console = stdout_console()
    tables = [timings(bench)] if any(file.timings for file in bench.files) else []
    tables.append(costs(bench))
    if any(timing.power for file in bench.files for timing in file.timings):
        tables.append(energy(bench))
    if any(file.sustained for file in bench.files):
        tables.append(sustained(bench))
    console.print_each(tables, are_apart=True)
    console.print_each(load_charts(bench, console.width, console.encoding))
    for sentence in sentences(bench):
        console.print(sentence)


def timings(bench: Bench) -> Table:
    """Return one line a test."""
    table = Table.of(
        f"tokens/s on {bench.device.cpu}",
        ["file", "type", "size", "threads", "test", "tokens/s", "±"],
        numbers=("size", "threads", "tokens/s", "±"),
        leaving=("size", "file"),
    )
    for file in bench.files:
        for timing in file.timings:
            table.add_row(
                file.name,
                file.type,
                fmt.size(file.tensor_bytes),
                str(timing.threads),
                timing.name,
                f"{timing.tokens_per_s:,.2f}",
                f"{timing.deviation:,.2f}",
            )
        table.add_section()
    return table


def costs(bench: Bench) -> Table:
    """Return one line a file: what loading and scoring take."""
    table = Table.of(
        "loading, memory and scoring",
        ["type", "cold load", "warm load", "peak memory", "weights", "items/s", "±", "tokens/s"],
        numbers=("cold load", "warm load", "peak memory", "weights", "items/s", "±", "tokens/s"),
        leaving=("tokens/s", "weights", "±"),
    )
    for file in bench.files:
        table.add_row(
            file.type,
            _loaded(file, is_cold=True),
            _loaded(file, is_cold=False),
            _UNKNOWN if file.peak_rss_bytes is None else fmt.size(file.peak_rss_bytes),
            fmt.size(file.memory.weights),
            *_scored(file),
        )
    return table


def energy(bench: Bench) -> Table:
    """Return one line a test and source: power, and what a token or an item takes."""
    table = Table.of(
        "power and energy",
        ["type", "threads", "of", "source", "watts", "J each", "above idle"],
        numbers=("threads", "watts", "J each", "above idle"),
        leaving=("threads",),
    )
    for file in bench.files:
        parts = [(each.threads, each.name, each.tokens_per_s, each.power) for each in file.timings]
        if file.scoring is not None:
            scoring = file.scoring
            parts.append((scoring.threads, "an item", scoring.items_per_s, scoring.power))
        for threads, name, rate, powers in parts:
            for each in powers:
                above = each.above_idle
                table.add_row(
                    file.type,
                    str(threads),
                    name,
                    each.source,
                    f"{each.watts:.2f}",
                    f"{each.watts / rate:.4g}",
                    _UNKNOWN if above is None else f"{above / rate:.4g}",
                )
        table.add_section()
    return table


def sustained(bench: Bench) -> Table:
    """Return one line a file: what minutes of load left of its speed."""
    table = Table.of(
        "sustained load",
        ["type", "time", "first", "steady", "lost", "a minute", "hottest", "throttled"],
        numbers=("time", "first", "steady", "lost", "a minute", "hottest"),
        leaving=("a minute", "throttled"),
    )
    for file in bench.files:
        found = file.sustained
        if found is None:
            continue
        hottest = [each.temperature_c for each in found.samples if each.temperature_c is not None]
        throttled = dict.fromkeys(name for each in found.samples for name in each.throttled)
        table.add_row(
            file.type,
            fmt.duration(found.duration_s),
            fmt.rate(found.first),
            fmt.rate(found.steady),
            f"{100 * found.lost:.1f}%",
            f"{100 * found.slope:+.2f}%",
            f"{max(hottest):.0f} °C" if hottest else _UNKNOWN,
            ", ".join(throttled) or _UNKNOWN,
        )
    return table


def sentences(bench: Bench) -> Iterator[str]:
    """Yield what the numbers mean, and what to know of them."""
    told = [hardware.board(bench.device), hardware.core_kinds(bench.device)]
    told += [hardware.memory_kind(bench.device), hardware.limits(bench.device)]
    if bench.conditions is not None:
        told += [hardware.conditions(bench.conditions), bench.conditions.storage or ""]
    if any(told):
        yield f"Machine: {'; '.join(filter(None, told))}."
    yield (
        "Loading is the time until one token is decoded: cold from the disk, warm from the "
        "system's memory."
    )
    scored = [file.scoring for file in bench.files if file.scoring is not None]
    if scored:
        yield (
            f"Items have four choices and {scored[0].n_tokens / scored[0].n_items:.0f} tokens, and "
            f"are scored with {scored[0].threads} threads."
        )
    yield from _of_paths(bench.files)
    yield from _of_sensors(bench.sensors)
    if bench.cpu_load is not None and bench.cpu_load >= _BUSY_CPUS:
        yield (
            f"Other processes kept {bench.cpu_load:.1f} of {bench.n_cpus} CPUs busy meanwhile: "
            "close them, and measure again."
        )
    types_of: dict[str, list[str]] = {}
    for file in bench.files:
        if file.kernels_reason is not None:
            types_of.setdefault(file.kernels_reason, []).append(file.type)
    for reason, types in types_of.items():
        yield f"Computed with llama.cpp's plain kernels: {listed(types)} ({reason})."


def _of_paths(files: Sequence[BenchedFile]) -> Iterator[str]:
    told = list(dict.fromkeys(f"{file.type} {_paths(file)}" for file in files if file.kernel_paths))
    if told:
        yield f"Kernels: {'; '.join(told)}."


def _paths(file: BenchedFile) -> str:
    """Return the path of most bytes, and the types that have another one."""
    first = file.kernel_paths[0].path
    others: dict[str, list[str]] = {}
    for each in file.kernel_paths:
        if each.path != first:
            others.setdefault(each.path, []).append(each.type)
    return ", ".join([first, *(f"its {listed(types)} {path}" for path, types in others.items())])


def _of_sensors(found: Sensors) -> Iterator[str]:
    if found.hottest_c is not None:
        began = "" if found.start_c is None else f", from {found.start_c:.0f} °C"
        yield f"The CPU reached {found.hottest_c:.0f} °C{began}."
    if found.throttled:
        yield f"Its clocks were held back: {listed(found.throttled)}. A cooler machine is faster."
    elif found.throttled_before:
        yield (
            f"Its clocks were held back since it was started, but not now: "
            f"{listed(found.throttled_before)}."
        )
    if not found.sources:
        yield "No sensor of temperature, clock or power can be read here."


def _loaded(file: BenchedFile, *, is_cold: bool) -> str:
    found = next((each for each in file.loading if each.is_cold == is_cold), None)
    return _UNKNOWN if found is None else f"{found.first_token_s:.2f} s"


def _scored(file: BenchedFile) -> tuple[str, str, str]:
    scoring = file.scoring
    if scoring is None:
        return _UNKNOWN, _UNKNOWN, _UNKNOWN
    per_item = scoring.n_tokens / scoring.n_items
    return (
        f"{scoring.items_per_s:,.2f}",
        f"{scoring.deviation:,.2f}",
        fmt.rate(scoring.items_per_s * per_item),
    )
