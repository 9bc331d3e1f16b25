"""GGUFs that a repository of the hub holds: which files are one model, and which is meant."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgeval.errors import HubError, closest, counted, listed
from edgeval.gguf.part_names import numbered, part_name
from edgeval.hub.cache import Cache, RemoteFile
from edgeval.hub.gguf_names import is_model, label_of, type_called
from edgeval.system.untrusted import printable

ALL = "all"
"""What names every GGUF of a repository."""

_MOST_NAMED = 3
_MOST_LABELS = 60


@dataclass(frozen=True)
class RemoteGguf:
    """One model file of a repository: all files of a split one.

    Attributes:
        label: The type that its name says, as people type it; see ``label_of``.
        files: Its files that there are, in order.
        n_files: How many it has, as their names say.
    """

    label: str
    files: tuple[RemoteFile, ...]
    n_files: int = 1

    @property
    def name(self) -> str:
        """Path of its first file in the repository: it names this one and no other."""
        return self.files[0].name

    @property
    def size_bytes(self) -> int:
        """Sum of its files."""
        return sum(file.size_bytes for file in self.files)

    @property
    def is_whole(self) -> bool:
        """Whether none of its files is missing."""
        return len(self.files) == self.n_files

    def missing(self) -> Iterator[str]:
        """Yield the names of its files that there are not."""
        part = part_name(Path(self.name))
        if self.is_whole or part is None:
            return
        there = {file.name for file in self.files}
        for number in range(1, part.count + 1):
            name = numbered(part.stem, number, part.count)
            path = str(PurePosixPath(self.name).with_name(name))
            if path not in there:
                yield path


@dataclass(frozen=True)
class GgufRepo:
    """A repository that holds GGUFs.

    Attributes:
        repo: ``owner/name``.
        revision: The branch, tag or commit that was asked for.
        commit: The commit it stands for, 40 hexadecimal digits.
        ggufs: Its models, the largest first.
        base_model: The repository that the model was made from, as the card says; None if it does
            not, or if the hub was not asked.
        others: Names of what else there is: projectors, importance matrices, and GGUFs that cannot
            be run, or not be fetched, by their names.
        n_params: Parameters of the model, as the hub read them; None if that is not known, or does
            not fit the files.
        architecture: llama.cpp's name of the architecture, as the hub read it.
        is_checkpoint: Whether the repository is a checkpoint besides.
    """

    repo: str
    revision: str
    commit: str
    ggufs: tuple[RemoteGguf, ...]
    base_model: str | None = None
    others: tuple[str, ...] = ()
    n_params: int | None = None
    architecture: str | None = None
    is_checkpoint: bool = False

    def bits_per_weight(self, gguf: RemoteGguf) -> float | None:
        """Estimate bits a weight: all bits of the files over the parameters that the hub says."""
        if self.n_params is None or not gguf.is_whole:
            return None
        return 8 * gguf.size_bytes / self.n_params

    def is_cached(self, gguf: RemoteGguf) -> bool:
        """Say whether all its files are in the cache."""
        cache = Cache(self.repo)
        return gguf.is_whole and all(cache.has(file, self.commit) for file in gguf.files)


def models_in(files: Mapping[str, RemoteFile]) -> tuple[RemoteGguf, ...]:
    """Return the models among GGUFs, those of several files as one, the largest first.

    Args:
        files: GGUFs by their paths in the repository.
    """
    parts: dict[tuple[str, int], dict[int, RemoteFile]] = {}
    for name, file in files.items():
        if not is_model(name):
            continue
        part = part_name(Path(name))
        if part is None or not 1 <= part.number <= part.count:
            parts[name, 1] = {1: file}
        else:
            whole = str(PurePosixPath(name).with_name(part.stem))
            parts.setdefault((whole, part.count), {})[part.number] = file
    found = []
    for (_, n_files), there in parts.items():
        in_order = tuple(there[number] for number in sorted(there))
        found.append(RemoteGguf(label_of(in_order[0].name), in_order, n_files))
    return tuple(sorted(found, key=lambda gguf: (-gguf.size_bytes, gguf.name)))


def chosen(listing: GgufRepo, names: Iterable[str]) -> list[RemoteGguf]:
    """Return the GGUFs that are named, each once, in the order of the names.

    Args:
        listing: What there is.
        names: Types (``q4_k_m``), files with or without their folders and suffixes, or ``all``.

    Raises:
        HubError: If there is none of a name, or several, or a file of it is missing.
    """
    found: dict[RemoteGguf, None] = {}
    for name in names:
        wanted = listing.ggufs if name.casefold() == ALL else [_named(listing, name)]
        found |= dict.fromkeys(wanted)
    require_whole(listing.repo, found)
    return list(found)


def require_whole(repo: str, ggufs: Collection[RemoteGguf]) -> None:
    """Refuse a split model of which the hub does not have all files.

    Raises:
        HubError: If one is not whole.
    """
    for gguf in ggufs:
        if not gguf.is_whole:
            n_missing = gguf.n_files - len(gguf.files)
            names = list(itertools.islice(gguf.missing(), _MOST_NAMED))
            raise HubError(
                f"{repo} lacks {_several(names, n_missing)}, of the {gguf.n_files:,} files of "
                f"{gguf.label}: choose another, or try a revision."
            )


def _named(listing: GgufRepo, name: str) -> RemoteGguf:
    """Return the one GGUF that a name means: by its file, its type, or what ends in that type."""
    wanted, type_name = name.casefold(), type_called(name).casefold()
    ways: tuple[Callable[[RemoteGguf], bool], ...] = (
        lambda gguf: any(file.name == name for file in gguf.files),
        lambda gguf: any(file.name.casefold() == wanted for file in gguf.files),
        lambda gguf: gguf.label.casefold() == (type_name or wanted),
        lambda gguf: wanted in _file_names(gguf),
        # Q4_K_XL may be there as UD-Q4_K_XL alone.
        lambda gguf: bool(type_name) and gguf.label.casefold().endswith(f"-{type_name}"),
    )
    for is_meant in ways:
        found = [gguf for gguf in listing.ggufs if is_meant(gguf)]
        if len(found) == 1:
            return found[0]
        if found:
            raise HubError(
                f"{listing.repo} has {counted(len(found), 'GGUF')} called {printable(name)}: name "
                f"one by its file, {_several([gguf.name for gguf in found])}."
            )
    labels = list(dict.fromkeys(gguf.label for gguf in listing.ggufs))
    near = closest(name[:200], labels)
    raise HubError(
        f"{listing.repo} has no GGUF {printable(name)!r}{near}; it has {_several(labels)}."
    )


def _file_names(gguf: RemoteGguf) -> Iterator[str]:
    for file in gguf.files:
        path = PurePosixPath(file.name.casefold())
        yield from (path.name, path.stem)


def _several(names: list[str], n_all: int | None = None) -> str:
    """Return the first names as a phrase, and how many more there are in all."""
    shown = names[:_MOST_LABELS]
    n_more = (n_all or len(names)) - len(shown)
    return f"{', '.join(shown)} and {n_more:,} more" if n_more else listed(shown)
