"""Rungs of a ladder: one file each, of a type, made now or ready."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgeval.engine import running
from edgeval.errors import ChangedFileError, EdgevalError
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.imatrix_file import ImportanceMatrix
from edgeval.gguf.part_names import model_stem
from edgeval.quantization.quantize import recipe_of
from edgeval.records import UNQUANTIZED, ModelRun, SameFile, run_label


class LadderRung(Protocol):
    """One file of a ladder, whether it is made now or was ready."""

    @property
    def name(self) -> str:
        """Its type."""

    @property
    def tag(self) -> str | None:
        """What tells it from other files of its type; None where nothing has to."""

    @property
    def has_imatrix(self) -> bool:
        """Whether it is quantized with an importance matrix."""

    @property
    def label(self) -> str:
        """What reports call it."""


class LadderFiles(Protocol):
    """The files of a ladder, in its order."""

    @property
    def rungs(self) -> Sequence[LadderRung]:
        """The files, the reference first."""

    @property
    def same_files(self) -> Sequence[SameFile]:
        """Those that were left out, since they would be another one."""

    def file_name(self, rung: Any) -> str:
        """Return what a file is called."""

    def make(self, rung: Any) -> Path:
        """Return a file, made now if need be."""

    def require_same(self, runs: Sequence[ModelRun]) -> None:
        """Refuse scores of files that changed after they were made or taken.

        Raises:
            ChangedFileError: If one did.
        """


@dataclass(frozen=True)
class Rung:
    """One file of a ladder: its type, and the importance matrix it is made with, if any."""

    name: str
    matrix: ImportanceMatrix | None = None

    @property
    def tag(self) -> None:
        """Nothing: there is one of each type."""

    @property
    def has_imatrix(self) -> bool:
        """Whether it is quantized with an importance matrix."""
        return self.matrix is not None

    @property
    def label(self) -> str:
        """What reports call it."""
        return run_label(self.name, self.has_imatrix)


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
    if name.endswith(".gguf"):
        path = path.with_name(model_stem(path))
    base = path.name if path.is_absolute() else str(path)
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
