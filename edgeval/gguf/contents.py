"""Contents of files: their hashes, and whether they still hold what was hashed.

A hash of gigabytes is remembered. It is believed only of a file whose times, size and place on the
disk are those that it had, and whose first, last and some other blocks are.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from edgeval.errors import ChangedFileError, EdgevalError, EngineDiedError
from edgeval.records import Record
from edgeval.system.files import HASH_FOLDER, FileState, cache_folder, file_state, write_text
from edgeval.system.progress import NoProgress, Progress

_CHUNK_BYTES = 1 << 20
_SMALL_BYTES = 1 << 22
"""Files up to this size are hashed whenever they are looked at, which takes milliseconds."""
_SHOWN_BYTES = 1 << 28
"""Hashing a file from this size on takes long enough to be shown."""

_END_BYTES, _BLOCK_BYTES, _N_BLOCKS = 1 << 16, 1 << 12, 30

_FINE_NS, _COARSE_NS = 50_000_000, 2_100_000_000
"""Two changes that follow each other faster may leave the same time behind. A clock of ticks moves
every 16 ms at the latest; FAT has whole seconds, and other disks that have no fractions do too."""

_KEY_LENGTH = 32


class _Hash(Record):
    """A hash that is remembered, with what the file was like."""

    state: dict[str, int]
    sample: str
    sha256: str


@dataclass(frozen=True)
class _Held:
    """A file that is held open: nobody else gets its place on the disk meanwhile."""

    path: Path
    file: IO[bytes]
    state: FileState

    @property
    def is_small(self) -> bool:
        """Whether all of it is hashed each time."""
        return self.state.n_bytes <= _SMALL_BYTES

    def read(self, offset: int, n_bytes: int) -> Iterator[bytes]:
        """Yield bytes in chunks, as they are on the disk now."""
        self.file.seek(offset)
        while n_bytes > 0 and (chunk := self.file.read(min(n_bytes, _CHUNK_BYTES))):
            n_bytes -= len(chunk)
            yield chunk

    def sample(self) -> str:
        """Return a hash of its blocks at both ends and between; of a small file, of all of it."""
        size, digest = self.state.n_bytes, hashlib.sha256()
        if self.is_small:
            blocks = [(0, size)]
        else:
            step = size // (_N_BLOCKS + 1)
            between = [(step * n, _BLOCK_BYTES) for n in range(1, _N_BLOCKS + 1)]
            blocks = [(0, _END_BYTES), *between, (size - _END_BYTES, _END_BYTES)]
        for offset, n_bytes in blocks:
            for chunk in self.read(offset, n_bytes):
                digest.update(chunk)
        return digest.hexdigest()

    def is_where_it_was(self) -> bool:
        """Return whether the name is still that of this file, and nobody has touched it."""
        here = FileState.of(os.fstat(self.file.fileno()))
        return here == self.state == file_state(self.path)


@dataclass(frozen=True)
class Contents:
    """Files that were hashed, and are held open; see ``held``.

    Attributes:
        sha256: The SHA-256 of a single file; of several, that over the hexadecimal digits of each
            and a line break, in their order.
        n_bytes: Their size.
    """

    sha256: str
    n_bytes: int
    _files: tuple[_Held, ...]
    _samples: tuple[str, ...]

    def is_unchanged(self) -> bool:
        """Return whether the files hold what was hashed."""
        return all(
            each.is_where_it_was() and each.sample() == sample and each.is_where_it_was()
            for each, sample in zip(self._files, self._samples, strict=True)
        )

    def require_unchanged(self, doing: str) -> None:
        """Refuse to go on with files that hold something else now.

        Args:
            doing: What was done with them, for use behind ``while``.

        Raises:
            ChangedFileError: If they do.
        """
        if not self.is_unchanged():
            raise self._changed(doing)

    def _changed(self, doing: str) -> ChangedFileError:
        path = next((each.path for each in self._files if not each.is_where_it_was()), None)
        path = path or self._files[0].path
        if not path.exists():
            return ChangedFileError(
                f"{path} was removed while {doing}; what was saved before is kept, so put it back "
                "and run the same again"
            )
        return ChangedFileError(
            f"{path} changed or was touched while {doing}; what was saved before is kept, so run "
            "the same again when no other program writes it"
        )

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        """Let a death of llama.cpp be what it is where a file was cut off while it was read.

        Raises:
            ChangedFileError: If llama.cpp died and the files do not hold what was hashed.
        """
        try:
            yield
        except EngineDiedError as error:
            if self.is_unchanged():
                raise
            raise self._changed("llama.cpp read it") from error


@contextlib.contextmanager
def held(paths: Sequence[Path], progress: Progress | None = None) -> Iterator[Contents]:
    """Yield what files hold, and hold them open.

    Args:
        paths: The files.
        progress: Where the hashing of a large one is shown.

    Raises:
        EdgevalError: If one cannot be read.
        ChangedFileError: If one changes while it is hashed.
    """
    with contextlib.ExitStack() as stack:
        files = tuple(stack.enter_context(_opened(path)) for path in paths)
        found = [_hash_of(each, progress or NoProgress()) for each in files]
        hashes = [each.sha256 for each in found]
        contents = Contents(
            sha256=joint_hash(hashes),
            n_bytes=sum(each.state.n_bytes for each in files),
            _files=files,
            _samples=tuple(each.sample for each in found),
        )
        with contents._explaining():
            yield contents


def joint_hash(hashes: Sequence[str]) -> str:
    """Return the hash of several files, from theirs: that of a single one is its own.

    Args:
        hashes: The SHA-256 of each, as hexadecimal digits, in their order.
    """
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("".join(f"{each}\n" for each in hashes).encode()).hexdigest()


def sha256_of(*paths: Path, progress: Progress | None = None) -> str:
    """Return the SHA-256 of files as hexadecimal digits; see ``Contents``.

    Raises:
        EdgevalError: If one cannot be read.
        ChangedFileError: If one changes while it is hashed.
    """
    with held(paths, progress) as contents:
        return contents.sha256


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Held]:
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise EdgevalError(
            f"cannot read {path} ({error.strerror or error}); check the path and its permissions"
        ) from error
    with file:
        _let_times_tell(FileState.of(os.fstat(file.fileno())))
        yield _Held(path, file, FileState.of(os.fstat(file.fileno())))


def _let_times_tell(state: FileState) -> None:
    """Wait until a change from now on leaves another time behind than the last one did."""
    times = (state.modified_ns, state.changed_ns)
    least = _FINE_NS if any(each % 1_000_000_000 for each in times) else _COARSE_NS
    ages = [age for each in times if 0 <= (age := time.time_ns() - each) < least]
    if ages:
        time.sleep((least - min(ages)) / 1e9)


def _hash_of(held_file: _Held, progress: Progress) -> _Hash:
    """Return a file's hash, as it is remembered or computed now.

    Raises:
        ChangedFileError: If the file changes meanwhile.
        EdgevalError: If it cannot be read.
    """
    try:
        known = _remembered(held_file)
        found = known or _hashed(held_file, progress)
    except OSError as error:
        raise EdgevalError(
            f"cannot read {held_file.path} ({error.strerror or error}); check its disk"
        ) from error
    if not held_file.is_where_it_was():
        raise ChangedFileError(
            f"{held_file.path} changed while it was read; run again when it is complete and no "
            "other program writes it"
        )
    if known is None and not held_file.is_small:
        # Where nothing can be written, it is hashed again another time.
        with contextlib.suppress(EdgevalError):
            write_text(_place(held_file.path), found.model_dump_json(indent=2) + "\n")
    return found


def _hashed(held_file: _Held, progress: Progress) -> _Hash:
    sample = held_file.sample()
    state = asdict(held_file.state)
    if held_file.is_small:
        return _Hash(state=state, sample=sample, sha256=sample)
    size, digest = held_file.state.n_bytes, hashlib.sha256()
    shown = progress if size >= _SHOWN_BYTES else NoProgress()
    with shown.task(f"hash {held_file.path.name}", size, "bytes") as task:
        for chunk in held_file.read(0, size):
            digest.update(chunk)
            task.advance(len(chunk))
    return _Hash(state=state, sample=sample, sha256=digest.hexdigest())


def _remembered(held_file: _Held) -> _Hash | None:
    """Return the hash that is remembered of a file, if nothing tells that it is another now."""
    if held_file.is_small:
        return None
    try:
        known = _Hash.model_validate_json(_place(held_file.path).read_bytes())
    except (OSError, ValidationError):
        return None
    is_same = known.state == asdict(held_file.state) and known.sample == held_file.sample()
    return known if is_same else None


def _place(path: Path) -> Path:
    """Return where a file's hash is remembered."""
    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:_KEY_LENGTH]
    return cache_folder() / HASH_FOLDER / f"{name}.json"
