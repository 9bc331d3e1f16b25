"""Comparison of a ladder: with its own most precise file, or with what ``--reference`` names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.checkpoints import cards
from edgeval.checkpoints.locate import ModelLocation, ask_hub, fetch_model, locate
from edgeval.checkpoints.ready_files import ReadyFile
from edgeval.evaluation.reference import SUFFIX, Reference, load_references
from edgeval.gguf.precision import base_for
from edgeval.hub import names
from edgeval.quantization.ladder import Ladder
from edgeval.system.file_kinds import GGUF, kind_of
from edgeval.system.progress import Progress

_SUFFIXES = (SUFFIX, ".gguf")


@dataclass(frozen=True)
class Against:
    """What others are compared with, before anything large is read or downloaded.

    Attributes:
        references: Reference files, whose scores are known: of several tasks one each.
        gguf: A GGUF.
        label: A type, or the name of a file, of the ladder itself.
        model: A model that has to be downloaded or converted first.
    """

    references: tuple[Reference, ...] = ()
    gguf: ReadyFile | None = None
    label: str | None = None
    model: ModelLocation | None = None

    @property
    def known(self) -> Reference | None:
        """The first reference file: all are of one model."""
        return self.references[0] if self.references else None

    @property
    def is_gguf(self) -> bool:
        """Whether it is a GGUF, which stands beside the others in a ladder of ready files."""
        return self.gguf is not None or self.model is not None


def against(reference: str | None) -> Against:
    """Return what ``--reference`` names.

    Args:
        reference: A reference file, or a folder of one a task; a GGUF, a type of the ladder, a
            card or a hub repository.

    Raises:
        EdgevalError: If there is no such thing.
    """
    if reference is None:
        return Against()
    path = Path(reference)
    if path.is_file() and kind_of(path) is GGUF:
        return Against(gguf=locate(reference).ggufs[0])
    if path.is_dir() and any(path.glob(f"*{SUFFIX}")):
        return Against(references=load_references(path))
    if (
        path.is_dir()
        or names.parse_model(reference) is not None
        or cards.find(reference) is not None
    ):
        return Against(model=locate(reference))
    if path.name == reference and not path.exists() and path.suffix not in _SUFFIXES:
        return Against(label=reference)
    return Against(references=load_references(path))


def made(
    wanted: Against,
    types: Sequence[str],
    *,
    threads: int,
    offline: bool,
    progress: Progress,
) -> ReadyFile | None:
    """Return the GGUF that others are compared with, downloaded and converted if need be.

    Args:
        wanted: What was named.
        types: Types that are compared with it.
        threads: CPU threads.
        offline: Never touch the network.
        progress: Where to show progress.

    Raises:
        EdgevalError: If it cannot be had.
    """
    if wanted.model is None:
        return wanted.gguf
    location = ask_hub(wanted.model, offline=offline, progress=progress)
    source = fetch_model(location, offline=offline, progress=progress)
    if source.ggufs:
        return source.ggufs[0]
    base = base_for(types)
    ladder = Ladder(source, [base], threads=threads, progress=progress, base=base)
    return ReadyFile(ladder.make(ladder.rungs[0]), f"{source.info.name}/{base}.gguf")
