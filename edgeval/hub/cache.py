"""Cache folder of the hub, in the layout that all its clients share."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeval.errors import HubError
from edgeval.hub.checkpoint_files import WEIGHTS
from edgeval.hub.names import COMMIT, HASH, MOST_LEVELS, is_plain_name, is_plain_path
from edgeval.hub.settings import settings
from edgeval.system.untrusted import UnreadableError, read_json, read_regular

CONFIG = "config.json"
TOKENIZERS = ("tokenizer.model", "tokenizer.json")

_SHARD = re.compile(r".+\.(safetensors|bin)")
_MAX_INDEX_BYTES = 20_000_000
"""A thousand layers of a thousand experts have some ten million."""


@dataclass(frozen=True)
class HubCheckpoint:
    """A checkpoint in the local cache.

    Attributes:
        path: The snapshot folder, complete.
        repo: ``owner/name``.
        revision: The branch, tag or commit that was asked for.
        commit: The commit it stands for, 40 hexadecimal digits.
    """

    path: Path
    repo: str
    revision: str
    commit: str


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub lists it; ``hash`` is a git blob's SHA-1, or the SHA-256 of an LFS file."""

    name: str
    size_bytes: int
    hash: str

    def is_at(self, path: Path) -> bool:
        """Say whether ``path`` is this file; a name is only given after verification."""
        return path.is_file() and path.stat().st_size == self.size_bytes

    def matches(self, path: Path) -> bool:
        """Say whether the content of ``path`` has the listed hash."""
        git_header = b"blob %d\0" % self.size_bytes
        is_lfs = len(self.hash) == 64
        digest = hashlib.sha256() if is_lfs else hashlib.sha1(git_header, usedforsecurity=False)
        with path.open("rb") as content:
            while chunk := content.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest() == self.hash


class Cache:
    """One model's folder in the hub's cache, in the layout that all its clients share."""

    def __init__(self, repo: str) -> None:
        folder = f"models--{repo.replace('/', '--')}"
        self.repo = repo
        self.root = Path(settings().HF_HUB_CACHE).expanduser().resolve()
        self.locks = self.root / ".locks" / folder
        self.blobs = self.root / folder / "blobs"
        self.refs = self.root / folder / "refs"
        self.snapshots = self.root / folder / "snapshots"

    def commit_of(self, revision: str) -> str:
        """Return what a branch or tag stood for when it was last fetched, else the revision."""
        try:
            known = read_regular(self.refs / revision, 1000).decode("ascii", "replace").strip()
        except (OSError, UnreadableError):
            return revision
        return known if COMMIT.fullmatch(known) else revision

    def find(self, revision: str) -> HubCheckpoint | None:
        """Return the snapshot last fetched for a revision, if it is complete."""
        commit = self.commit_of(revision)
        path = self.snapshots / commit
        is_usable = COMMIT.fullmatch(commit) and is_complete(path)
        return HubCheckpoint(path, self.repo, revision, commit) if is_usable else None

    def has(self, file: RemoteFile, commit: str) -> bool:
        """Say whether a file is here, as a blob or under its name in a snapshot."""
        return file.is_at(self.snapshots / commit / file.name) or file.is_at(self.blobs / file.hash)

    def partial(self, file: RemoteFile) -> Path:
        """Return where a file grows; older clients resume from the same name."""
        return self.blobs / f"{file.hash}.incomplete"

    def link(self, file: RemoteFile, commit: str) -> None:
        """Give a blob its name in a snapshot, by a link, or where there are none by a copy."""
        blob, pointer = self.blobs / file.hash, self.snapshots / commit / file.name
        if file.is_at(pointer):
            return
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.unlink(missing_ok=True)
        try:
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))
        except FileExistsError:  # Another process was faster.
            return
        except OSError:
            # Other snapshots may have the blob, too, so it stays where it is.
            _copy(blob, pointer)

    def remove(self, file: RemoteFile, commit: str) -> None:
        """Remove a file's name in a snapshot, and its bytes unless another name leads to them.

        What has arrived of it is removed, too. Folders that are empty then go with it.

        Raises:
            OSError: If something cannot be removed.
        """
        if HASH.fullmatch(file.hash) is None or COMMIT.fullmatch(commit) is None:
            raise ValueError(f"{file.name} has no hash, so that nothing says what it is")
        pointer = self.snapshots / commit / file.name
        pointer.unlink(missing_ok=True)
        for folder in itertools.takewhile(lambda each: each != self.snapshots, pointer.parents):
            with contextlib.suppress(OSError):  # It holds more, or is not there.
                folder.rmdir()
        self.partial(file).unlink(missing_ok=True)
        blob = self.blobs / file.hash
        links = (path.readlink().name for path in self._names() if path.is_symlink())
        if blob.name not in links:
            blob.unlink(missing_ok=True)

    def _names(self) -> Iterator[Path]:
        """Yield what snapshots call their files, as deep as names of a repository are."""
        for depth in range(MOST_LEVELS):
            yield from self.snapshots.glob("*/" * (depth + 1) + "*")

    def set_ref(self, revision: str, commit: str) -> None:
        """Remember what a branch or tag stands for."""
        if self.commit_of(revision) != commit:  # A cache that has it all may be read-only.
            (self.refs / revision).parent.mkdir(parents=True, exist_ok=True)
            (self.refs / revision).write_text(commit, encoding="utf-8")


def _copy(blob: Path, pointer: Path) -> None:
    """Give a file another name, without a second copy of its bytes where the disk can."""
    try:
        pointer.hardlink_to(blob.resolve())
    except FileExistsError:  # Another process was faster.
        return
    except (OSError, NotImplementedError):
        beside = pointer.with_name(f".{pointer.name}.{os.getpid()}.tmp")
        try:
            shutil.copyfile(blob, beside)
            beside.replace(pointer)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


def ggufs_in(snapshot: Path) -> dict[str, RemoteFile]:
    """Return the GGUFs of a snapshot by their names in the repository, in their order.

    Where the disk has no links, nothing says their hashes, which are empty then.
    """
    found = {}
    for depth in range(MOST_LEVELS):
        for path in sorted(snapshot.glob("*/" * depth + "*.gguf")):
            name = path.relative_to(snapshot).as_posix()
            if path.is_file() and is_plain_path(name):
                digest = path.readlink().name if path.is_symlink() else ""
                is_hash = HASH.fullmatch(digest)
                found[name] = RemoteFile(name, path.stat().st_size, digest if is_hash else "")
    return found


def is_complete(snapshot: Path) -> bool:
    """Say whether a snapshot has all that a conversion needs, judged without the hub's listing."""

    def has(name: str) -> bool:
        return (snapshot / name).is_file()

    found = next(filter(has, WEIGHTS), None)
    if found is None:
        return False
    try:
        weights = shard_names(snapshot / found) if is_index(found) else [found]
    except (OSError, HubError):
        return False
    return has(CONFIG) and any(map(has, TOKENIZERS)) and all(map(has, weights))


def is_index(name: str) -> bool:
    """Say whether a file of ``WEIGHTS`` only names the shards."""
    return name.endswith(".index.json")


def shard_names(index: Path) -> list[str]:
    """Return the files that an index names; a name that leaves the folder is refused."""
    try:
        names = set(read_json(index, _MAX_INDEX_BYTES)["weight_map"].values())
        if names and all(is_plain_name(name) and _SHARD.fullmatch(name) for name in names):
            return sorted(names)
    except (UnreadableError, KeyError, TypeError, AttributeError):
        pass  # Damaged in whatever way: the same sentence as for a name that is no shard's.
    raise HubError(f"{index.name} of the repository names no usable shards: try another revision.")
