"""Benchmark, shown in a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from edgeval.benchmark.columns import significant
from edgeval.benchmark.quality_text import quality_sentence
from edgeval.cli.terminal.bench_quality import quality_table
from edgeval.cli.terminal.load_chart import load_charts
from edgeval.cli.terminal.load_tables import load_tables
from edgeval.errors import counted, listed
from edgeval.records.bench import Bench, BenchedFile, Timing
from edgeval.records.sensors import Sensors
from edgeval.report import formatting as fmt
from edgeval.report import hardware
from edgeval.system.console import stdout_console
from edgeval.system.tables import Table

_UNKNOWN = "\N{EN DASH}"
_BUSY_CPUS = 0.25
_WHOLE = 0.95
"""From this share of the time on, a mean power is one of all of it."""


def print_bench(bench: Bench, advice: Sequence[str] = ()) -> None:
    """Print what was measured of each file, and on what machine.

    Args:
        bench: The record.
        advice: What would make this llama.cpp faster, in sentences.
    """
    console = stdout_console()
    tables = [timings(bench)] if any(file.timings for file in bench.files) else []
    tables.append(costs(bench))
    if any(timing.power for file in bench.files for timing in file.timings):
        tables.append(energy(bench))
    if any(file.quality for file in bench.files):
        tables.append(quality_table(bench))
    tables += load_tables(bench)
    console.print_each(tables, are_apart=True)
    console.print_each(load_charts(bench, console.width, console.encoding))
    for sentence in sentences(bench):
        console.print(sentence)
    for each in advice:
        console.print(f"advice: {each}")


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
    """Return one line a file: what loading, the first token and scoring take."""
    numbers = [
        *("cold load", "warm load", "first token", "peak memory", "weights"),
        *("items/s", "±", "tokens/s"),
    ]
    table = Table.of(
        "loading, memory and scoring",
        ["type", *numbers],
        numbers=numbers,
        leaving=("tokens/s", "weights", "±", "first token"),
    )
    for file in bench.files:
        table.add_row(
            file.type,
            _loaded(file, is_cold=True),
            _loaded(file, is_cold=False),
            _seconds(file.first_token),
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
    waited = next((file.first_token for file in bench.files if file.first_token), None)
    if waited is not None:
        yield (
            f"The first token is that behind a prompt of {counted(waited.n_prompt, 'token')}, with "
            f"{counted(waited.threads, 'thread')} and the model loaded before."
        )
    scored = [file.scoring for file in bench.files if file.scoring is not None]
    if scored:
        yield (
            f"Items have four choices and {scored[0].n_tokens / scored[0].n_items:.0f} tokens, and "
            f"are scored with {scored[0].threads} threads."
        )
    if sentence := quality_sentence(bench):
        yield sentence
    yield from _of_paths(bench.files)
    yield from _of_sensors(bench.sensors)
    yield from _of_gaps(bench.files)
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


def _of_gaps(files: Sequence[BenchedFile]) -> Iterator[str]:
    """Yield of which power a part of the time is not known, the least of it a source."""
    least: dict[str, tuple[float, str]] = {}
    for file in files:
        parts = [(each.name, each.power) for each in file.timings]
        parts += [("scoring", file.scoring.power)] if file.scoring else []
        parts += [("the sustained load", file.sustained.power)] if file.sustained else []
        for name, powers in parts:
            for each in powers:
                share = 1.0 if each.known_share is None else each.known_share
                if share < min(_WHOLE, least.get(each.source, (1.0, ""))[0]):
                    least[each.source] = share, f"{name} of {file.type}"
    for source, (share, of) in least.items():
        yield (
            f"The power by {source} is known of {math.floor(100 * share)}% of the time only, in "
            f"{of}: samples were late, or the test was short."
        )


def _of_sensors(found: Sensors) -> Iterator[str]:
    heats = {
        "CPU": (found.start_c, found.hottest_c),
        "hottest GPU": (found.gpu_start_c, found.gpu_hottest_c),
    }
    for device, (start_c, hottest_c) in heats.items():
        if hottest_c is not None:
            began = "" if start_c is None else f", from {start_c:.0f} °C"
            yield f"The {device} reached {hottest_c:.0f} °C{began}."
    if found.throttled:
        yield f"Clocks were held back: {listed(found.throttled)}. Without that it is faster."
    elif found.throttled_before:
        yield (
            f"Clocks were held back since the machine was started, but not now: "
            f"{listed(found.throttled_before)}."
        )
    if found.lost:
        yield (
            f"Sensors told {listed(found.lost)} at first, and no longer in the end: what is shown "
            "of that is of the time before."
        )
    if not found.sources:
        yield "No sensor of temperature, clock or power can be read here."


def _loaded(file: BenchedFile, *, is_cold: bool) -> str:
    found = next((each for each in file.loading if each.is_cold == is_cold), None)
    return _UNKNOWN if found is None else f"{found.first_token_s:.2f} s"


def _seconds(timing: Timing | None) -> str:
    return _UNKNOWN if timing is None else f"{significant(timing.mean_s)} s"


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
