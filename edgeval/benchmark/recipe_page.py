"""Page of a recipe: what board owners paste, and beside it what that lacks, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from edgeval.benchmark.columns import (
    UNKNOWN,
    Column,
    celsius,
    known,
    share,
    significant,
    throttling,
)
from edgeval.benchmark.efficiency import GENERATION, efficiency
from edgeval.benchmark.formats import as_markdown
from edgeval.benchmark.quality_text import accuracy, drift, quality_sentence
from edgeval.records.bench import Bench
from edgeval.report import formatting as fmt
from edgeval.report import hardware

_SINCE_BOOT = "vcgencmd"
"""The source that knows what held clocks back since the machine was started."""


def recipe_page(bench: Bench) -> str:
    """Return llama-bench's table with its lines, a table of what it lacks, and the machine."""
    from edgeval.report.pages import template  # Whoever prints tables draws no page.

    page = template("recipe.md.j2").render(
        table=as_markdown(bench), columns=known(_columns(bench)), facts=list(_facts(bench))
    )
    return page.rstrip("\n")


def _columns(bench: Bench) -> Iterator[Column]:
    files = bench.files
    found = [efficiency(bench, each) for each in files]
    rates = [each.scoring.items_per_s if each.scoring else None for each in files]
    yield Column("type", [each.type for each in files], is_number=False)
    yield Column("sustained", [share(each.sustained_share) for each in found])
    yield Column("hottest CPU", [celsius(each.hottest_c) for each in found])
    yield Column("hottest GPU", [celsius(each.gpu_hottest_c) for each in found])
    yield Column("throttled", [throttling(each.throttled) for each in found], is_number=False)
    yield Column("watts by", [each.source or UNKNOWN for each in found], is_number=False)
    yield Column(f"J/token ({GENERATION})", [significant(each.joules_per_token) for each in found])
    yield Column("items/s", [significant(each) for each in rates])
    yield Column("items/J", [significant(each.items_per_joule) for each in found])
    yield Column("accuracy", [accuracy(each.quality) for each in files])
    yield Column("drift", [drift(each.quality) for each in files])


def _facts(bench: Bench) -> Iterator[tuple[str, str]]:
    """Yield what is known of the machine, as labels and texts."""
    device, conditions = bench.device, bench.conditions
    memory = f"{fmt.size(device.memory_bytes)} of memory"
    kind = hardware.memory_kind(device)
    yield (
        "Machine",
        _joined(
            hardware.board(device),
            device.cpu,
            hardware.core_kinds(device),
            f"{memory} ({kind})" if kind else memory,
            hardware.limits(device),
        ),
    )
    yield "Kernel", _joined(device.system, device.machine, device.os)
    if conditions is not None:
        # What cools it has a line of its own.
        told = hardware.conditions(conditions.model_copy(update={"cooling": None}))
        yield from (
            (label, text)
            for label, text in (
                ("Governor and power", told),
                ("Cooling", conditions.cooling),
                ("Storage", conditions.storage),
            )
            if text
        )
    sensors = bench.sensors
    held = list(dict.fromkeys([*sensors.throttled_before, *sensors.throttled]))
    if held or _SINCE_BOOT in sensors.sources:
        yield "Throttled since boot", throttling(held)
    for part, hottest in (("CPU", sensors.hottest_c), ("GPU", sensors.gpu_hottest_c)):
        if len(bench.files) > 1 and hottest is not None:
            yield f"Hottest {part} of all tests", celsius(hottest)
    if sentence := quality_sentence(bench):
        yield "Quality", sentence
    if not sensors.sources:
        yield "Sensors", "none of temperature, clock or power can be read here"


def _joined(*parts: str | None) -> str:
    return "; ".join(filter(None, parts))
