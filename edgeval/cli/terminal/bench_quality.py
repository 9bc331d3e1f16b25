"""Quality of benched files, beside their speed, shown in a terminal."""

from __future__ import annotations

from edgeval.benchmark.columns import UNKNOWN, significant
from edgeval.benchmark.efficiency import fastest
from edgeval.benchmark.quality_text import accuracy, drift
from edgeval.records.bench import Bench, BenchedFile
from edgeval.report import formatting as fmt
from edgeval.system.screen import Lines, Said
from edgeval.system.tables import Table


def quality_table(bench: Bench) -> Table:
    """Return one line a file: its size, its speed, and how accurate it is."""
    generation = _generation(bench)
    bits: Said = Lines("bits/", "weight")
    speeds = ([f"{generation}, tokens/s"] if generation else []) + ["items/s"]
    numbers = ("size", bits, *speeds, "items", "accuracy", "drift")
    table = Table.of(
        "speed and quality",
        ["type", *numbers],
        numbers=numbers,
        leaving=(bits, "items/s", "size", "items"),
    )
    for file in bench.files:
        quality = file.quality
        table.add_row(
            file.type,
            fmt.size(file.file_bytes),
            fmt.plain(8 * file.tensor_bytes / file.n_params, 2),
            *([_tokens_per_s(file, generation)] if generation else []),
            significant(file.scoring.items_per_s if file.scoring else None),
            UNKNOWN if quality is None else f"{quality.n_items:,}",
            accuracy(quality),
            drift(quality),
        )
    return table


def _generation(bench: Bench) -> str:
    """Return the first test in which tokens are generated alone; empty for none."""
    timings = (each for file in bench.files for each in file.timings)
    return next((each.name for each in timings if not each.n_prompt), "")


def _tokens_per_s(file: BenchedFile, test: str) -> str:
    timing = fastest(file).get(test)
    return UNKNOWN if timing is None else fmt.rate(timing.tokens_per_s)
