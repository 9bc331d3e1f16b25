"""Ladder: its GGUF files, from the cache or made now."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import cast

from edgeval import llama
from edgeval.checkpoints.convert.convert import CONVERTER_VERSION, convert
from edgeval.checkpoints.convert.tensors import OutputType
from edgeval.checkpoints.locate import ModelFiles
from edgeval.engine import running
from edgeval.errors import EdgevalError
from edgeval.gguf.contents import Contents, held, sha256_of
from edgeval.gguf.imatrix_file import ImportanceMatrix
from edgeval.gguf.parts import model_files, read_header
from edgeval.gguf.precision import DEFAULT_BASE, base_for
from edgeval.gguf.remarks import same_files
from edgeval.quantization.cache import used
from edgeval.quantization.provenance import Provenance
from edgeval.quantization.quantize import quantize_to, recipe_of
from edgeval.quantization.rungs import Rung, changed, file_stem, hash_file, made_hash, rungs
from edgeval.records import UNQUANTIZED, ModelRun, SameFile
from edgeval.system.files import GGUF_FOLDER, alone, cache_folder, write_text
from edgeval.system.progress import Progress


def ladder_files(
    source: ModelFiles,
    names: Sequence[str],
    *,
    threads: int,
    progress: Progress,
    matrix: ImportanceMatrix | None = None,
) -> list[Path]:
    """Return the GGUFs of a ladder, in its order; see ``Ladder``."""
    ladder = Ladder(source, names, threads=threads, progress=progress, matrix=matrix)
    return [ladder.make(rung) for rung in ladder.rungs]


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
        source: ModelFiles,
        names: Sequence[str],
        *,
        threads: int,
        progress: Progress,
        matrix: ImportanceMatrix | None = None,
        pre: str | None = None,
        known: str | None = None,
        base: str | None = None,
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
            base: The type that a checkpoint is converted to before it is quantized; by default the
                most precise one that is asked for.

        Raises:
            EdgevalError: If the source is a GGUF that is quantized already or does not predict the
                next token, the importance matrix is missing for a type, of another model, or
                changes no type, or all tensors of all types would be those of the known one.
        """
        if base is not None and source.kind == "gguf":
            raise EdgevalError(
                f"{source.path} is a GGUF, and --dtype says what a checkpoint is converted to; "
                "leave it out: the other types are made of the file"
            )
        self._source = source
        self._base_type = base or base_for([*names, *([known] if known else [])])
        self._hashes: dict[str, str] = {}
        self._recipes: dict[str, llama.Recipe] = {}
        self._threads = threads
        self._progress = progress
        if source.kind == "gguf":
            with running() as engine:
                engine.info(source.path, pre).require_predicting()
        self._require_base_for(names, matrix)
        if matrix is None:
            self.rungs = [Rung(name) for name in names]
        else:
            matrix.require_fit(read_header(self._base))
            self.rungs = rungs(self._base, names, matrix)
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
        if known is not None and known == (self._type or self._base_type):
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
        if is_converted and rung.name != self._base_type:
            return rung.name
        path = self._base if is_converted else self._path_of(rung)
        is_known = is_converted or path == self._source.path
        if rung.matrix is None and (is_known or made_hash(path) is not None):
            types = {tensor.name: tensor.type.name for tensor in read_header(path).tensors}
            return frozenset(types.items()), False
        recipe = self._recipe(rung)
        is_weighed = rung.matrix is not None and recipe.heeds(rung.matrix.entries)
        return frozenset((name, kind.upper()) for name, kind in recipe.types.items()), is_weighed

    def _recipe(self, rung: Rung) -> llama.Recipe:
        """Return what quantizing to a type will make; llama.cpp is asked once."""
        if rung.label not in self._recipes:
            self._recipes[rung.label] = recipe_of(self._base, rung.name, rung.matrix)
        return self._recipes[rung.label]

    @functools.cached_property
    def _type(self) -> str | None:
        """File type of a source that is a GGUF."""
        if self._source.kind == "checkpoint":
            return None
        return read_header(self._source.path).file_type

    @functools.cached_property
    def _base(self) -> Path:
        """The file that the others are quantized from."""
        return self._source.path if self._type else self.make(Rung(self._base_type))

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
        converter, llama.cpp, what it is quantized from and the importance matrix.
        """
        if rung.name == self._type:
            return self._source.path
        info = self._source.info
        key = f"{info.fingerprint} converter {CONVERTER_VERSION} {llama.engine_version()}"
        if rung.name not in UNQUANTIZED and self._base_type != DEFAULT_BASE:
            key += f" base {self._base_type}"
        name = f"{file_stem(info.name)}-{rung.name}"
        if rung.matrix is not None:
            key += f" imatrix {rung.matrix.sha256}"
            name += "-imatrix"
        folder = cache_folder() / GGUF_FOLDER / hashlib.sha256(key.encode()).hexdigest()[:16]
        return folder / f"{name}.gguf"

    def file_name(self, rung: Rung) -> str:
        """Return what a file is called, or is to be."""
        return self._path_of(rung).name

    def make(self, rung: Rung) -> Path:
        """Return a file, from the cache or made now; it is in the cache only when it is whole.

        Raises:
            ChangedFileError: If the source is not what it was when it was found.
        """
        target = self._path_of(rung)
        if target == self._source.path:
            with self._held_base() as contents:
                self._hashes[target.name] = contents.sha256
            return target
        known = made_hash(target)
        if known is None:
            with self._alone(target):
                # Another process may have made it meanwhile.
                known = made_hash(target) or self._make(rung, target)
        used(target)
        self._hashes[target.name] = known
        return target

    @contextlib.contextmanager
    def _alone(self, target: Path) -> Iterator[None]:
        """Let no other process make a file, or take it before it is complete."""
        waiting = f"another edgeval makes {target.name}; waiting for it"
        with contextlib.ExitStack() as stack:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(alone(target.with_suffix(".lock"), waiting, self._progress))
            except (OSError, NotImplementedError) as error:
                reason = getattr(error, "strerror", None) or error
                raise EdgevalError(
                    f"cannot write or lock {target.parent} ({reason}); name a folder on a local "
                    "disk with EDGEVAL_CACHE"
                ) from error
            yield

    def _make(self, rung: Rung, target: Path) -> str:
        """Make a file, and return its hash."""
        # What is there is not what was made, or it was never known to be whole.
        target.unlink(missing_ok=True)
        self._write(rung, target)
        made = sha256_of(target, progress=self._progress)
        write_text(hash_file(target), f"{made}\n")
        return made

    def _write(self, rung: Rung, target: Path) -> None:
        if self._type is None and rung.name in UNQUANTIZED:
            dtype = cast("OutputType", rung.name.lower())
            source = self._source
            convert(
                source.path,
                target,
                dtype,
                fingerprint=source.info.fingerprint,
                progress=self._progress,
            )
            return
        recipe = self._recipe(rung)
        with self._held_base() as contents:
            quantize_to(
                self._base,
                target,
                recipe,
                Provenance(contents, rung.matrix),
                threads=self._threads,
                progress=self._progress,
            )

    @contextlib.contextmanager
    def _held_base(self) -> Iterator[Contents]:
        """Yield what the file holds that the others are made of.

        Raises:
            ChangedFileError: If it is not what it was when the model was found.
        """
        with held(model_files(self._base), self._progress) as contents:
            if self._type and contents.sha256 != self._source.info.fingerprint:
                raise changed(self._base)
            yield contents

    def require_same(self, runs: Sequence[ModelRun]) -> None:
        """Refuse scores of files that changed after they were made or taken.

        Raises:
            ChangedFileError: If one did.
        """
        for run in runs:
            if run.from_reference is None and run.sha256 != self._hashes[run.file]:
                raise changed(self._source.path.with_name(run.file))
