"""GGUFs of a hub repository as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from edgeval.hub.ggufs import GgufRepo, RemoteGguf
from edgeval.report import formatting as fmt
from edgeval.system.console import stdout_console
from edgeval.system.tables import Table

_WANTED = "Q4_K_M"
"""What the line that runs one names if it is there: what most people take."""
_MOST_OTHERS = 8
_COMMIT_DIGITS = 12


def print_ggufs(listing: GgufRepo) -> None:
    """Print the GGUFs of a repository, one line each, and how to run one."""
    numbers = ("size", "files", "bits/weight")
    table = Table.of(
        f"{listing.repo} at {listing.commit[:_COMMIT_DIGITS]}",
        ("type", *numbers, "cached", "file"),
        numbers=numbers,
        leaving=("file", "files"),
    )
    for gguf in listing.ggufs:
        bits = listing.bits_per_weight(gguf)
        table.add_row(
            gguf.label,
            fmt.size(gguf.size_bytes),
            f"{gguf.n_files:,}",
            "" if bits is None else f"{bits:.2f}",
            "yes" if listing.is_cached(gguf) else "",
            gguf.name,
        )
    console = stdout_console()
    console.print(table)
    console.print_each(_below(listing))


def ggufs_json(listing: GgufRepo) -> str:
    """Return the GGUFs of a repository as a JSON object."""
    return json.dumps(
        {
            "repo": listing.repo,
            "revision": listing.revision,
            "commit": listing.commit,
            "base_model": listing.base_model,
            "architecture": listing.architecture,
            "n_params": listing.n_params,
            "is_checkpoint": listing.is_checkpoint,
            "ggufs": [_row(listing, gguf) for gguf in listing.ggufs],
            "others": listing.others,
        },
        indent=2,
    )


def _row(listing: GgufRepo, gguf: RemoteGguf) -> dict[str, Any]:
    return {
        "label": gguf.label,
        "size_bytes": gguf.size_bytes,
        "n_files": gguf.n_files,
        "bits_per_weight": listing.bits_per_weight(gguf),
        "is_cached": listing.is_cached(gguf),
        "files": [
            {"name": file.name, "size_bytes": file.size_bytes, "hash": file.hash or None}
            for file in gguf.files
        ],
    }


def _below(listing: GgufRepo) -> Iterator[str]:
    """Yield what else there is to know, and what to type."""
    for gguf in listing.ggufs:
        if not gguf.is_whole:
            yield f"{gguf.label}: only {len(gguf.files):,} of its {gguf.n_files:,} files are there."
    if listing.n_params is not None:
        name = f"{listing.architecture}, " if listing.architecture else ""
        yield (
            f"{name}{listing.n_params:,} parameters, as the hub says; bits/weight are the files "
            "over them."
        )
    if listing.base_model is not None:
        yield f"Base model, as the card says: {listing.base_model}."
    if listing.others:
        n_more = len(listing.others) - _MOST_OTHERS
        more = f" and {n_more:,} more" if n_more > 0 else ""
        yield f"Not for evaluation: {', '.join(listing.others[:_MOST_OTHERS])}{more}."
    revision = "" if listing.revision == "main" else f"@{listing.revision}"
    where = f"{listing.repo}{revision}"
    if listing.is_checkpoint:
        yield f"It is a checkpoint, too, which edgeval run {where} converts."
    whole = [gguf for gguf in listing.ggufs if gguf.is_whole]
    if whole:
        # Of a checkpoint, --quant names what is made of it.
        joint = ":" if listing.is_checkpoint else " --quant "
        yield f"edgeval run {where}{joint}{_example(whole)}"


def _example(ggufs: list[RemoteGguf]) -> str:
    """Return a name that means one GGUF alone: Q4_K_M, or the smallest."""
    labels = [gguf.label for gguf in ggufs]
    smallest = ggufs[-1]
    name = _WANTED if _WANTED in labels else smallest.label
    return name if labels.count(name) == 1 else smallest.name
