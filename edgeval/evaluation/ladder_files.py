"""Files of a ladder: made of one model now, or ready ones that are shown to be of one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgeval.checkpoints.locate import ModelFiles, ModelLocation
from edgeval.engine import running
from edgeval.errors import EdgevalError
from edgeval.evaluation.against import Against, made
from edgeval.evaluation.options import DEFAULT_LADDER
from edgeval.evaluation.reference import Reference
from edgeval.evaluation.setup import EvalSetup
from edgeval.gguf import imatrix_file
from edgeval.gguf.imatrix_file import ImportanceMatrix
from edgeval.gguf.parts import read_header
from edgeval.gguf.precision import reference_first, with_base
from edgeval.hub.gguf_repo import ALL
from edgeval.quantization.ladder import Ladder
from edgeval.quantization.ready import ReadyLadder
from edgeval.records import UNQUANTIZED
from edgeval.system.progress import Progress


@dataclass(frozen=True)
class Wanted:
    """The ladder that was asked for.

    Attributes:
        types: File types, or names of ready files; None for the default.
        imatrix: An importance matrix to quantize with.
        dtype: Type that a checkpoint is converted to before it is quantized.
        against: What the others are compared with.
        is_forced: Whether files are compared that are not shown to be of one model.
    """

    types: Sequence[str] | None = None
    imatrix: Path | None = None
    dtype: str | None = None
    against: Against = field(default_factory=Against)
    is_forced: bool = False

    @property
    def known(self) -> Reference | None:
        """The reference file, if there is one."""
        return self.against.known

    @property
    def names(self) -> Sequence[str] | None:
        """Types, or names, of the ready files that are wanted; None for all of them."""
        types = self.types
        return None if types is None or any(name.casefold() == ALL for name in types) else types

    def is_ready(self, location: ModelLocation) -> bool:
        """Return whether the files are there already: nothing is quantized here.

        Of a single GGUF that is not quantized a ladder is made, unless it is to be compared with
        another GGUF. A quantized one is evaluated as it is, unless other types are asked for.
        """
        if len(location.ggufs) != 1 or location.remote:
            return bool(location.ggufs or location.remote)
        if self.against.is_gguf:
            return True
        is_quantized = read_header(location.ggufs[0].path).file_type not in UNQUANTIZED
        return is_quantized and self.names is None

    def require_usable(self, location: ModelLocation) -> None:
        """Refuse what cannot be asked of these files, before anything is loaded.

        Raises:
            EdgevalError: If something is for files that are made here, and these are ready, or the
                other way round.
        """
        if self.is_ready(location):
            for name, given in (("--imatrix", self.imatrix), ("--dtype", self.dtype)):
                if given is not None:
                    raise EdgevalError(
                        f"{name} is for files that are quantized now, and these are evaluated as "
                        "they are; leave it out"
                    )
        elif self.against.is_gguf:
            raise EdgevalError(
                "--reference is a GGUF, and this model's types are quantized here; name the GGUFs "
                "that are compared with it, or a file of edgeval reference export"
            )


def ready_ladder(
    wanted: Wanted,
    location: ModelLocation,
    source: ModelFiles,
    setup: EvalSetup,
    progress: Progress,
) -> ReadyLadder:
    """Return a ladder of files that are there already; see ``ReadyLadder``."""
    options = setup.options
    reference = wanted.against.label or made(
        wanted.against,
        wanted.names or (),
        threads=setup.threads,
        offline=options.offline,
        progress=progress,
    )
    return ReadyLadder(
        source.ggufs,
        reference=reference,
        # Of a repository, what was wanted is all that was fetched.
        names=None if location.remote else wanted.names,
        pre=options.pre,
        known_sha256=wanted.known.header.setting.gguf_sha256 if wanted.known else None,
        is_forced=wanted.is_forced,
        progress=progress,
    )


@dataclass(frozen=True)
class ToMake:
    """Files that are to be made of one model, as far as that is known without the model.

    Attributes:
        types: Canonical names of their types, the reference first.
        matrix: The importance matrix.
    """

    types: Sequence[str]
    matrix: ImportanceMatrix | None

    @classmethod
    def of(cls, wanted: Wanted, progress: Progress) -> ToMake:
        """Return what is to be made.

        Raises:
            EdgevalError: If there is no such type, one is named twice or none is left, or the
                importance matrix cannot be read.
        """
        types = ladder_types(wanted, progress)
        return cls(types, None if wanted.imatrix is None else imatrix_file.read(wanted.imatrix))


def made_ladder(
    to_make: ToMake, wanted: Wanted, source: ModelFiles, setup: EvalSetup, progress: Progress
) -> Ladder:
    """Return a ladder that is quantized of one model; see ``Ladder``."""
    return Ladder(
        source,
        to_make.types,
        threads=setup.threads,
        progress=progress,
        matrix=to_make.matrix,
        pre=setup.options.pre,
        known=wanted.known.header.type if wanted.known else None,
        base=None if wanted.dtype is None else wanted.dtype.upper(),
    )


def ladder_types(wanted: Wanted, progress: Progress) -> list[str]:
    """Return the types to make, the reference first; that of a reference file is not made.

    Raises:
        EdgevalError: If there is no such type, one is named twice, or none is left.
    """
    types, reference = wanted.types, wanted.known
    if types is None:
        types = with_base(DEFAULT_LADDER, wanted.dtype.upper()) if wanted.dtype else DEFAULT_LADDER
    with running() as engine:
        names = [engine.file_type(name) for name in types]
        label = wanted.against.label and engine.file_type(wanted.against.label)
    if not names:
        raise EdgevalError("the ladder is empty; name at least one type with --quant")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise EdgevalError(f"{repeated} is in the ladder twice; name each type once in --quant")
    if label:
        return [label, *(name for name in names if name != label)]
    if reference is None:
        ordered = reference_first(names)
        if ordered != names:
            progress.log(
                f"{ordered[0]} is the reference, being the most precise type asked for; the others "
                "are compared with it"
            )
        return ordered
    own = reference.header.type
    left = [name for name in names if name != own]
    if not left:
        raise EdgevalError(
            f"{reference.path} is {own}, and so is all of the ladder; add a type to --quant that "
            "is compared with it"
        )
    return left
