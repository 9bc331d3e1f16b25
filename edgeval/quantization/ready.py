"""Ready ladder: GGUFs that somebody made already, shown to be of one model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.checkpoints.ready_files import ReadyFile
from edgeval.engine import running
from edgeval.errors import EdgevalError, closest, counted, listed
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.part_names import model_stem
from edgeval.gguf.parts import model_files, read_header
from edgeval.gguf.precision import precision
from edgeval.gguf.provenance import imatrix_info
from edgeval.gguf.remarks import same_files
from edgeval.gguf.sameness import differences, names_differ
from edgeval.hub.gguf_names import label_of
from edgeval.quantization.rungs import changed
from edgeval.quantization.tags import TagSource, tags
from edgeval.records import ModelRun, SameFile, run_label
from edgeval.system.progress import Progress
from edgeval.system.untrusted import printable


@dataclass(frozen=True)
class ReadyRung:
    """One ready file of a ladder.

    Attributes:
        name: Its type, as its tensors and metadata say.
        file: The file.
        sha256: Its hash.
        has_imatrix: Whether it says that it was quantized with an importance matrix.
        quantized_by: Who quantized it, as it says; None where it does not.
        precision: Orders files: the most precise has the most.
        wants_bos: Whether its tokenizer puts a BOS token before every text by its own default.
        tag: What tells it from other files of its type; None where nothing has to.
    """

    name: str
    file: ReadyFile
    sha256: str
    has_imatrix: bool
    quantized_by: str | None
    precision: tuple[float, ...]
    wants_bos: bool
    tag: str | None = None

    @property
    def path(self) -> Path:
        """The file, or the first one of a split model."""
        return self.file.path

    @property
    def label(self) -> str:
        """What reports call it."""
        return run_label(self.name, self.has_imatrix, self.tag)


class ReadyLadder:
    """The files of a ladder that nobody has to make.

    Attributes:
        rungs: The files, the most precise first; before them the reference, if one was named.
        same_files: Files that were left out, since they are another one with another name.
        unlike: In what the files are of different models, where that was forced; a sentence each.
    """

    def __init__(
        self,
        files: Sequence[ReadyFile],
        *,
        progress: Progress,
        reference: ReadyFile | str | None = None,
        names: Sequence[str] | None = None,
        pre: str | None = None,
        known_sha256: str | None = None,
        is_forced: bool = False,
    ) -> None:
        """Look at all of them before any is computed.

        Args:
            files: The files.
            progress: Where to show progress.
            reference: What the others are compared with: one more file, or the type or the name of
                one of them; None for the most precise one.
            names: Types, or names of files, of those that are wanted besides; None for all.
            pre: The pre-tokenizer to use instead of their own.
            known_sha256: Hash of the GGUF that a reference file is of, which is not evaluated.
            is_forced: Whether files are compared that are not shown to be of one model.

        Raises:
            EdgevalError: If a file is missing, damaged or no model that predicts the next token,
                no file has a name, or they are of different models.
        """
        self._pre = pre
        rungs = [self._rung(file, progress) for file in files]
        first = self._first(rungs, reference, progress)
        if names is not None:
            rungs = [rungs[index] for index in sorted(_selected(rungs, names))]
        self.same_files: list[SameFile] = []
        rungs = self._distinct([*([first] if first else []), *rungs], known_sha256)
        if not rungs:
            raise EdgevalError(
                f"{files[0].name} is the file that the reference is of; name others to compare "
                "with it"
            )
        rungs = sorted(rungs, key=lambda rung: rung.precision, reverse=True)
        first = first or rungs[0]
        rest = [rung for rung in rungs if rung is not first]
        self.rungs = _tagged([first, *rest])
        self.unlike = list(self._differences(is_forced))
        if self.same_files:
            progress.log(same_files(self.same_files))
        for sentence in self.unlike:
            progress.log(f"compared all the same: {sentence}")

    def _rung(self, file: ReadyFile, progress: Progress) -> ReadyRung:
        path = model_files(file.path)[0]
        header = read_header(path)
        with running() as engine:
            info = engine.info(path, self._pre)
        info.require_predicting()
        return ReadyRung(
            name=header.file_type,
            file=dataclasses.replace(file, path=path),
            sha256=sha256_of(*header.files, progress=progress),
            has_imatrix=imatrix_info(header.text) is not None,
            quantized_by=header.text("general.quantized_by"),
            precision=precision(header.file_type, 8 * header.tensor_bytes / header.n_params),
            wants_bos=info.wants_bos,
        )

    def _first(
        self, rungs: Sequence[ReadyRung], reference: ReadyFile | str | None, progress: Progress
    ) -> ReadyRung | None:
        """Return the file that the others are compared with, if one was named.

        Raises:
            EdgevalError: If none of them is what was named, or several are.
        """
        if isinstance(reference, ReadyFile):
            return self._rung(reference, progress)
        if reference is None:
            return None
        found = _selected(rungs, [reference])
        if len(found) > 1:
            several = ", ".join(rungs[index].file.name for index in sorted(found))
            raise EdgevalError(f"several files are {reference}: {several}; name one by its file")
        return rungs[found.pop()]

    def _distinct(self, rungs: Sequence[ReadyRung], known_sha256: str | None) -> list[ReadyRung]:
        """Return the files that differ in their bytes; of those that do not, the first."""
        first: dict[str, ReadyRung] = {}
        for rung in rungs:
            kept = first.setdefault(rung.sha256, rung)
            if kept is not rung and kept.path != rung.path:
                ours, theirs = _names_of(rung.path, kept.path)
                same = SameFile(
                    type=rung.name, has_imatrix=rung.has_imatrix, file=ours, same_as=theirs
                )
                self.same_files.append(same)
        return [
            rung for rung in rungs if rung is first[rung.sha256] and rung.sha256 != known_sha256
        ]

    def _differences(self, is_forced: bool) -> Iterator[str]:
        """Yield in what files are of another model than the first one, if that is forced.

        Raises:
            EdgevalError: If they are, and it is not.
        """
        first = self.rungs[0]
        header = read_header(first.path)
        for rung in self.rungs[1:]:
            other = read_header(rung.path)
            found = differences(header, other, self._pre) or list(_ends(first, rung))
            if not found:
                continue
            if not is_forced:
                raise EdgevalError(_refusal(first, rung, found, names_differ(header, other)))
            for clause in found:
                yield f"{rung.file.name} {clause} as {first.file.name} has"

    def file_name(self, rung: ReadyRung) -> str:
        """Return what a file is called."""
        return rung.path.name

    def make(self, rung: ReadyRung) -> Path:
        """Return a file."""
        return rung.path

    def require_same(self, runs: Sequence[ModelRun]) -> None:
        """Refuse scores of files that changed after they were looked at.

        Raises:
            ChangedFileError: If one did.
        """
        known = {rung.label: rung for rung in self.rungs}
        for run in runs:
            if run.from_reference is None and run.sha256 != known[run.label].sha256:
                raise changed(known[run.label].path)


def _ends(first: ReadyRung, rung: ReadyRung) -> Iterator[str]:
    """Yield whether one asks for a BOS token where the other does not."""
    if first.wants_bos != rung.wants_bos:
        wants, wants_not = "asks for a BOS token before a text", "asks for no BOS token"
        ours, theirs = (wants if each.wants_bos else wants_not for each in (first, rung))
        yield f"has a tokenizer that {theirs}, not one that {ours}"


def _names_of(path: Path, other: Path) -> tuple[str, str]:
    """Return the names of two files, with their folders where the names are the same."""
    if path.name != other.name:
        return path.name, other.name
    return f"{path.parent.name}/{path.name}", f"{other.parent.name}/{other.name}"


def _tagged(rungs: Sequence[ReadyRung]) -> list[ReadyRung]:
    """Return files with what tells those apart that reports would call the same."""
    by_label: dict[str, list[ReadyRung]] = {}
    for rung in rungs:
        by_label.setdefault(rung.label, []).append(rung)
    tag_of: dict[str, str | None] = {}
    for same in by_label.values():
        sources = [TagSource(_known_as(rung.file), rung.quantized_by, rung.sha256) for rung in same]
        for rung, tag in zip(same, tags(sources), strict=True):
            # What only repeats the type tells nothing.
            tag_of[rung.sha256] = None if tag == rung.name else tag
    return [dataclasses.replace(rung, tag=tag_of[rung.sha256]) for rung in rungs]


def _known_as(file: ReadyFile) -> str:
    """Return a file's name with its folders, without its suffix and without which part it is."""
    return str(Path(file.name).with_name(model_stem(file.path)))


def _selected(rungs: Sequence[ReadyRung], names: Sequence[str]) -> set[int]:
    """Return the indices of the files of some types, or with these names.

    Raises:
        EdgevalError: If there is none of one.
    """
    chosen: set[int] = set()
    for name in names:
        found = {index for index, rung in enumerate(rungs) if _is(rung, name.casefold())}
        if not found:
            known = list(dict.fromkeys(rung.name for rung in rungs))
            raise EdgevalError(
                f"of {counted(len(rungs), 'file')} none is {printable(name)}"
                f"{closest(name, known)}; there is {listed(known)}"
            )
        chosen |= found
    return chosen


def _is(rung: ReadyRung, name: str) -> bool:
    """Return whether a file is of a type, says so in its name, or has that name."""
    stem = model_stem(rung.path)
    known = (rung.name, rung.path.name, stem, label_of(rung.path.name))
    return name in map(str.casefold, known)


def _refusal(first: ReadyRung, rung: ReadyRung, found: Sequence[str], names: str) -> str:
    more = f" (and {counted(len(found) - 1, 'more difference')})" if len(found) > 1 else ""
    hint = f"; {names}" if names else ""
    return (
        f"{rung.file.name} is not shown to be of the model of {first.file.name}: it {found[0]}"
        f"{more}{hint}. Leave it out, or compare all the same with --force-compare"
    )
