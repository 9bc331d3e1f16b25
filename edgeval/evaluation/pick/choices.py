"""Choices: the files among which it is picked; nothing of them is downloaded yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgeval.checkpoints.locate import ModelLocation
from edgeval.checkpoints.ready_files import ReadyFile
from edgeval.errors import EdgevalError, HubError, closest, counted, listed
from edgeval.gguf.contents import joint_hash, sha256_of
from edgeval.gguf.part_names import model_stem
from edgeval.gguf.parts import model_files, read_header
from edgeval.gguf.precision import rank
from edgeval.hub.cache import Cache
from edgeval.hub.gguf_names import label_of, type_called
from edgeval.hub.ggufs import GgufRepo, RemoteGguf, chosen, list_ggufs
from edgeval.quantization.tags import TagSource, tags
from edgeval.records.pick import MOST_FILES
from edgeval.system.progress import Progress
from edgeval.system.sharing import shareable_path
from edgeval.system.untrusted import printable

_LABEL_CHARS = 50


@dataclass(frozen=True)
class Choice:
    """A GGUF that may be taken, or that others are compared with.

    Attributes:
        label: What it is called: its type as its name says it, and what tells it from others.
        name: Its path in its repository, with that before it; or its path as it was typed.
        type: The type that its name says, or that a local file is of; empty where it says none.
        size_bytes: Its size.
        digest: Hash of the file, or over those of its parts; empty where the hub says none.
        repo: The repository that it is in.
        gguf: Which of its files it is.
        path: The file, where it is a local one.
    """

    label: str
    name: str
    type: str
    size_bytes: int
    digest: str
    repo: GgufRepo | None = None
    gguf: RemoteGguf | None = None
    path: Path | None = None

    @property
    def shown_name(self) -> str:
        """Its name without the folders of this machine."""
        return shareable_path(self.name)

    @property
    def problem(self) -> str | None:
        """Why nothing can be done with it, as a sentence; None as a rule."""
        if self.gguf is None or self.gguf.is_whole:
            return None
        there, n_files = len(self.gguf.files), self.gguf.n_files
        return f"The hub has {there:,} of its {n_files:,} files."

    @property
    def precision(self) -> tuple[int, int]:
        """Orders files of one model by what they kept of it: the most precise is last.

        F32 comes before BF16 and F16. Names of quantized types differ by publisher and say little
        of what is in a file, so its size tells.
        """
        return rank(self.type), self.size_bytes

    def tag(self, file_type: str) -> str | None:
        """Return what tells it from others of a type: what it is called beside that."""
        return None if self.label == file_type else self.label.removeprefix(f"{file_type} ")

    def missing_bytes(self) -> int:
        """Return how much of it is still to be downloaded."""
        if self.repo is None or self.gguf is None:
            return 0
        cache, commit = Cache(self.repo.repo), self.repo.commit
        missing = [file for file in self.gguf.files if not cache.has(file, commit)]
        partial = (path for path in map(cache.partial, missing) if path.is_file())
        return sum(file.size_bytes for file in missing) - sum(
            each.stat().st_size for each in partial
        )


def remote_choices(
    location: ModelLocation, *, offline: bool, progress: Progress
) -> Iterator[Choice]:
    """Yield the GGUFs that repositories of the hub hold, of a named one only that.

    A repository that is a checkpoint, too, has its GGUFs here.

    Args:
        location: What was named.
        offline: Take what the cache has.
        progress: Where to show progress.

    Raises:
        HubError: If a repository cannot be asked, or holds no GGUF.
    """
    for named in location.named:
        found = list_ggufs(
            named.repo, named.revision, offline=offline, needs_hub=True, progress=progress
        )
        if found is None:
            raise HubError(
                f"{named.repo} holds no GGUF of a model, and only GGUFs are picked from; edgeval "
                f"run {named.repo} evaluates a checkpoint"
            )
        for gguf in found.ggufs if named.gguf is None else chosen(found, [named.gguf]):
            yield of_remote(found, gguf)


def of_remote(repo: GgufRepo, gguf: RemoteGguf) -> Choice:
    """Return a GGUF of the hub."""
    hashes = [file.hash for file in gguf.files]
    return Choice(
        label=gguf.label,
        name=f"{repo.repo}/{gguf.name}",
        type=type_called(gguf.label).removeprefix("UD-").removeprefix("i1-"),
        size_bytes=gguf.size_bytes,
        digest=joint_hash(hashes) if all(hashes) else "",
        repo=repo,
        gguf=gguf,
    )


def of_local(file: ReadyFile, progress: Progress) -> Choice:
    """Return a GGUF that is there; it is hashed.

    Raises:
        GgufError: If it is damaged, or a part of it is missing.
    """
    paths = model_files(file.path)
    header = read_header(paths[0])
    return Choice(
        label=label_of(paths[0].name),
        name=file.name,
        type=header.file_type,
        size_bytes=sum(path.stat().st_size for path in paths),
        digest=sha256_of(*paths, progress=progress),
        path=paths[0],
    )


def located_choices(
    location: ModelLocation, models: Sequence[str], *, offline: bool, progress: Progress
) -> list[Choice]:
    """Return all files that were named, the smallest first; no two are called the same.

    Args:
        location: What ``locate`` found.
        models: What was typed, for a sentence.
        offline: Take what the cache has.
        progress: Where to show progress.

    Raises:
        EdgevalError: If something else than GGUFs was named, or too many were.
    """
    if not (location.named or location.ggufs):
        raise EdgevalError(
            f"{printable(models[0])} is no GGUF, and only GGUFs are picked from; name a repository "
            "of them on the hub, a folder, or several files; edgeval run makes the types of a "
            "checkpoint and compares them"
        )
    local = [of_local(each, progress) for each in location.ggufs]
    remote = remote_choices(location, offline=offline, progress=progress)
    # A repository and a file of it may both be named.
    found = list({each.name: each for each in (*local, *remote)}.values())
    if len(found) > MOST_FILES:
        raise EdgevalError(
            f"there are {len(found):,} GGUFs, and it is picked from {MOST_FILES:,} at most; name "
            "some of them, as OWNER/NAME:TYPE"
        )
    return sorted(told_apart(found), key=lambda each: (each.size_bytes, each.name))


def told_apart(choices: Sequence[Choice]) -> list[Choice]:
    """Return files with labels of their own: of one type, by what else their names say."""
    by_label: dict[str, list[Choice]] = {}
    for choice in choices:
        by_label.setdefault(printable(choice.label, _LABEL_CHARS), []).append(choice)
    label_of_choice: dict[Choice, str] = {}
    for label, same in by_label.items():
        sources = [TagSource(_known_as(each), None, each.digest or each.name) for each in same]
        for choice, tag in zip(same, tags(sources), strict=True):
            label_of_choice[choice] = f"{label} {tag}" if tag else label
    return [replace(choice, label=label_of_choice[choice]) for choice in choices]


def _known_as(choice: Choice) -> str:
    path = Path(choice.name)
    return str(path.with_name(model_stem(path)))


def named(choices: Sequence[Choice], name: str) -> Choice:
    """Return the file that is called so, is of this type, or has this name.

    Raises:
        EdgevalError: If none is, or several are.
    """
    wanted = name.casefold()
    ways: tuple[Callable[[Choice], Iterable[str]], ...] = (
        lambda each: [each.label],
        lambda each: [each.type],
        _names,
    )
    for texts in ways:
        found = [each for each in choices if wanted in map(str.casefold, texts(each))]
        if len(found) > 1:
            several = listed([each.shown_name for each in found])
            raise EdgevalError(f"several files are {printable(name)}: {several}; name one of them")
        if found:
            return found[0]
    labels = [each.label for each in choices]
    raise EdgevalError(
        f"of {counted(len(choices), 'file')} none is {printable(name)}{closest(name, labels)}; "
        f"there is {listed(labels)}"
    )


def _names(choice: Choice) -> tuple[str, ...]:
    path = Path(choice.name)
    return choice.name, path.name, model_stem(path)
