"""The GGUF files of a ladder, from the cache or made now."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from edgeval import cards, llama
from edgeval.checkpoint import sha256_of
from edgeval.convert import CONVERTER_VERSION, OutputType, convert
from edgeval.engine import running
from edgeval.errors import EdgevalError
from edgeval.files import cache_folder
from edgeval.gguf_header import read_header
from edgeval.importance import ImportanceMatrix
from edgeval.origin import Origin
from edgeval.progress import Progress
from edgeval.quantize import quantize_to, recipe_of
from edgeval.records import UNQUANTIZED, ModelSource, SameFile, run_label
from edgeval.remarks import same_files

_BASE_TYPE = "F16"


@dataclass(frozen=True)
class Source:
    """A model found: a checkpoint directory or a GGUF, and how it is cited."""

    path: Path
    kind: Literal["checkpoint", "gguf"]
    info: ModelSource
    card: cards.Card | None = None


@dataclass(frozen=True)
class Rung:
    """One file of a ladder: its type, and the importance matrix it is made with, if any."""

    name: str
    matrix: ImportanceMatrix | None = None

    @property
    def label(self) -> str:
        """What reports call it."""
        return run_label(self.name, self.matrix is not None)


def ladder_files(
    source: Source,
    names: Sequence[str],
    *,
    threads: int,
    progress: Progress,
    matrix: ImportanceMatrix | None = None,
) -> list[Path]:
    """Return the GGUFs of a ladder, in its order; see ``Ladder``."""
    ladder = Ladder(source, names, threads=threads, progress=progress, matrix=matrix)
    return [ladder.make(rung) for rung in ladder.rungs]


def file_stem(name: str) -> str:
    """Return a name without the characters that file systems refuse."""
    base = name[:-5] if name.endswith(".gguf") else name
    return re.sub(r"[^\w.-]+", "-", Path(base).name if Path(base).exists() else base).strip("-.")


def _rungs(base: Path, names: Sequence[str], matrix: ImportanceMatrix) -> list[Rung]:
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


class Ladder:
    """The files of a ladder: where each is, and how it is made.

    With an importance matrix, each type that it changes follows again, made with it; one that
    cannot be made without it is there once. A type is left out if llama.cpp would make the same
    tensors of this model as for one before it: rows that do not fit a type's blocks fall back to
    another type.

    Attributes:
        rungs: The files, in the order of the ladder.
        same_files: The types that were left out.
    """

    def __init__(
        self,
        source: Source,
        names: Sequence[str],
        *,
        threads: int,
        progress: Progress,
        matrix: ImportanceMatrix | None = None,
        pre: str | None = None,
        known: str | None = None,
    ) -> None:
        """Find out what is to be made; nothing is, before all of it is known to work.

        Args:
            source: The model.
            names: Canonical names of file types.
            threads: CPU threads.
            progress: Where to show progress.
            matrix: An importance matrix of the model.
            pre: The pre-tokenizer to use instead of a GGUF's own.
            known: The type that the others are compared with, if it is not one of them.

        Raises:
            EdgevalError: If the source is a GGUF that is quantized already or does not predict the
                next token, the importance matrix is missing for a type, of another model, or
                changes no type, or all tensors of all types would be those of the known one.
        """
        self._source = source
        self._threads = threads
        self._progress = progress
        if source.kind == "gguf":
            with running() as engine:
                engine.info(source.path, pre).require_predicting()
        self._require_base_for(names, matrix)
        if matrix is None:
            self.rungs = [Rung(name) for name in names]
            for rung in self.rungs:
                if rung.name not in UNQUANTIZED and not self._path_of(rung).is_file():
                    recipe_of(self._base, rung.name, None)
        else:
            matrix.require_fit(read_header(self._base))
            self.rungs = _rungs(self._base, names, matrix)
        self.same_files = list(self._leave_out(known))
        if self.same_files:
            progress.log(same_files(self.same_files))
        if not self.rungs:
            raise EdgevalError(
                f"as {', '.join(names)} llama.cpp makes of this model the same tensors as {known}, "
                "for their rows fit the blocks of none of these types; there is nothing to compare"
            )

    def _leave_out(self, known: str | None) -> Iterator[SameFile]:
        """Take the types from the ladder that make the same tensors, and yield them."""
        rungs, first = self.rungs, dict[Hashable, str]()
        if known is not None and known == (self._type or _BASE_TYPE):
            first[self._content(Rung(known))] = known
        self.rungs = []
        for rung in rungs:
            label = first.setdefault(self._content(rung), rung.label)
            if label == rung.label:
                self.rungs.append(rung)
            else:
                yield SameFile(type=rung.name, has_imatrix=rung.matrix is not None, same_as=label)

    def _content(self, rung: Rung) -> Hashable:
        """Return what decides a file's tensors: their types, and whether a matrix weighs them."""
        is_converted = self._type is None and rung.name in UNQUANTIZED
        if is_converted and rung.name != _BASE_TYPE:
            return rung.name
        path = self._base if is_converted else self._path_of(rung)
        if rung.matrix is None and path.is_file():
            types = {tensor.name: tensor.type.name for tensor in read_header(path).tensors}
            return frozenset(types.items()), False
        recipe = recipe_of(self._base, rung.name, rung.matrix)
        is_weighed = rung.matrix is not None and recipe.heeds(rung.matrix.entries)
        return frozenset((name, kind.upper()) for name, kind in recipe.types.items()), is_weighed

    @functools.cached_property
    def _type(self) -> str | None:
        """File type of a source that is a GGUF."""
        if self._source.kind == "checkpoint":
            return None
        return read_header(self._source.path).file_type

    @functools.cached_property
    def _base(self) -> Path:
        """The file that the others are quantized from."""
        return self._source.path if self._type else self.make(Rung(_BASE_TYPE))

    @functools.cached_property
    def _base_sha256(self) -> str:
        return self._source.info.fingerprint if self._type else sha256_of(self._base)

    def _require_base_for(self, names: Sequence[str], matrix: ImportanceMatrix | None) -> None:
        """Refuse to start from a GGUF that is quantized already.

        Raises:
            EdgevalError: If it is, and more is wanted than the file itself.
        """
        found, path = self._type, self._source.path
        if found is None or found in UNQUANTIZED:
            return
        if any(name != found for name in names):
            raise EdgevalError(
                f"{path} is {found} already, and a ladder starts from F16, BF16 or F32; "
                f"evaluate it as it is with edgeval eval, or ask for --quant {found} alone"
            )
        if matrix is not None:
            raise EdgevalError(
                f"{path} is {found} already, and --imatrix is for what is quantized now; leave it "
                "out, or start from F16, BF16 or F32"
            )

    def _path_of(self, rung: Rung) -> Path:
        """Return where a file is, or is to be.

        The cache folder is keyed by everything that decides the file: the source's hash, the
        converter, llama.cpp and the importance matrix.
        """
        if rung.name == self._type:
            return self._source.path
        info = self._source.info
        key = f"{info.fingerprint} converter {CONVERTER_VERSION} {llama.engine_version()}"
        name = f"{file_stem(info.name)}-{rung.name}"
        if rung.matrix is not None:
            key += f" imatrix {rung.matrix.sha256}"
            name += "-imatrix"
        folder = cache_folder() / "gguf" / hashlib.sha256(key.encode()).hexdigest()[:16]
        return folder / f"{name}.gguf"

    def file_name(self, rung: Rung) -> str:
        """Return what a file is called, or is to be."""
        return self._path_of(rung).name

    def make(self, rung: Rung) -> Path:
        """Return a file, from the cache or made now; it is in the cache only when it is whole."""
        target = self._path_of(rung)
        if target.is_file():
            return target
        if self._type is None and rung.name in UNQUANTIZED:
            dtype = cast("OutputType", rung.name.lower())
            return convert(self._source.path, target, dtype, progress=self._progress)
        quantize_to(
            self._base,
            target,
            recipe_of(self._base, rung.name, rung.matrix),
            Origin(self._base_sha256, rung.matrix),
            threads=self._threads,
            progress=self._progress,
        )
        return target
