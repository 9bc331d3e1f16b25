"""File types that quantize writes, as a frame below its help."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval.gguf.type_sizes import BITS_PER_WEIGHT, NEEDS_IMATRIX
from edgeval.system.listings import Frame
from edgeval.system.screen import Console, Lines

_MOST_COLUMNS, _GAP = 4, 1


def print_types(names: Sequence[str]) -> None:
    """Print file types for a help page, the largest first, in as few lines as the screen allows."""
    known = sorted((name for name in names if name in BITS_PER_WEIGHT), key=_descending)
    unknown = (name for name in names if name not in known)
    longest = max(map(len, names))
    cells = [_cell(name, longest) for name in [*known, *unknown]]
    console = Console(highlight=False)
    notes = (
        " ",
        "Measured on the shape of TinyLlama 1.1B; other shapes have other numbers.",
        "* needs an importance matrix: --imatrix FILE",
    )
    lines = Lines(*_side_by_side(cells, console.width - 4), *notes)
    console.print(Frame("Types, in bits per weight", lines))


def _side_by_side(cells: Sequence[str], width: int) -> list[str]:
    """Return cells of one width in columns, down the first one first."""
    columns = max(1, min(_MOST_COLUMNS, (width + _GAP) // (len(cells[0]) + _GAP)))
    height = -(-len(cells) // columns)
    return [(" " * _GAP).join(cells[row::height]) for row in range(height)]


def _descending(name: str) -> float:
    return -BITS_PER_WEIGHT[name]


def _cell(name: str, longest: int) -> str:
    bits = f"{BITS_PER_WEIGHT[name]:.2f}" if name in BITS_PER_WEIGHT else "\N{EN DASH}"
    return f"{name:<{longest}}  {bits:>5} {'*' if name in NEEDS_IMATRIX else ' '}"
