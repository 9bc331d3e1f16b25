"""Cache as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from edgeval.records.cache import CacheContents, Pruned
from edgeval.report.formatting import size
from edgeval.system.console import stdout_console
from edgeval.system.tables import Table


def print_cache(found: CacheContents) -> None:
    """Print what the cache holds, one line a GGUF, and what it takes in all."""
    console = stdout_console()
    if found.files:
        title = f"GGUFs in {found.folder}, made again where they are needed"
        table = Table.of(title, ("file", "size", "last used"), numbers=("size",))
        for each in found.files:
            table.add_row(each.file, size(each.n_bytes), f"{each.used_at:%Y-%m-%d %H:%M}")
        console.print(table)
    console.print_each(_cache_lines(found))


def _cache_lines(found: CacheContents) -> Iterator[str]:
    ggufs = "1 GGUF" if len(found.files) == 1 else f"{len(found.files):,} GGUFs"
    notes = f"{found.n_notes:,} remembered hashes and trials of kernels"
    yield f"{found.folder}: {ggufs} and {notes}, {size(found.n_bytes)} in all."
    for path, n_bytes in found.left.items():
        yield (
            f"{path} ({size(n_bytes)}): left by a run that was killed; the next run, or edgeval "
            "cache prune, removes it."
        )
    if found.files:
        yield "edgeval cache prune removes those that were not used for 30 days."


def print_pruned(found: Pruned) -> None:
    """Print what was removed of the cache."""
    sentence = f"Removed {len(found.files)} GGUFs, {size(found.n_bytes)} in all."
    if found.kept:
        sentence += f" Kept, for another edgeval makes them now: {', '.join(found.kept)}."
    stdout_console().print(sentence)
