"""Rungs of a ladder: one file each, of a type, with or without an importance matrix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.engine import running
from edgeval.errors import ChangedFileError, EdgevalError
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.imatrix_file import ImportanceMatrix
from edgeval.gguf.parts import model_stem
from edgeval.quantization.quantize import recipe_of
from edgeval.records import UNQUANTIZED, run_label


@dataclass(frozen=True)
class Rung:
    """One file of a ladder: its type, and the importance matrix it is made with, if any."""

    name: str
    matrix: ImportanceMatrix | None = None

    @property
    def label(self) -> str:
        """What reports call it."""
        return run_label(self.name, self.matrix is not None)


def rungs(base: Path, names: Sequence[str], matrix: ImportanceMatrix) -> list[Rung]:
    """Return each type without the matrix and with it, where both can be and differ."""
    rungs = []
    for name in names:
        plain, weighed = Rung(name), Rung(name, matrix)
        if name in UNQUANTIZED:
            rungs.append(plain)
            continue
        with_it = recipe_of(base, name, matrix)
        with running() as engine:
            without = engine.recipe(base, name)
        if without.needing_importances:
            rungs.append(weighed)
        elif without.types != with_it.types or with_it.heeds(matrix.entries):
            rungs += [plain, weighed]
        else:
            rungs.append(plain)
    if all(rung.matrix is None for rung in rungs):
        raise EdgevalError(
            f"{matrix.path} changes none of {', '.join(names)}; leave out --imatrix, or add a type "
            "like Q4_K_M to --quant"
        )
    return rungs


def file_stem(name: str) -> str:
    """Return a name without the characters that file systems refuse."""
    path = Path(name)
    base = str(path.with_name(model_stem(path))) if name.endswith(".gguf") else name
    return re.sub(r"[^\w.-]+", "-", Path(base).name if Path(base).exists() else base).strip("-.")


def made_hash(target: Path) -> str | None:
    """Return the hash of a file of the cache, if it is what was made; None otherwise."""
    try:
        noted = hash_file(target).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return noted if target.is_file() and sha256_of(target) == noted else None


def hash_file(target: Path) -> Path:
    """Return where the hash of a file of the cache is noted."""
    return target.with_suffix(".sha256")


def changed(path: Path) -> ChangedFileError:
    """Return the error that a file of the ladder became another one meanwhile."""
    return ChangedFileError(
        f"{path} changed while its ladder was evaluated; run again when no other program writes it"
    )
