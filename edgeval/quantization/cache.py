"""Cache: what is kept so that it need not be made again, and what killed runs left there."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from edgeval.errors import EdgevalError
from edgeval.records.cache import CacheContents, CachedFile, Pruned
from edgeval.system.files import GGUF_FOLDER, HASH_FOLDER, KERNEL_FOLDER, cache_folder, others_have
from edgeval.system.progress import Progress
from edgeval.system.temporary import leftovers, remove_leftovers

_DAY_S = 24 * 60 * 60
_ENDINGS = (".gguf", ".sha256", ".lock")


def clean(progress: Progress, *folders: Path) -> None:
    """Remove what runs that were killed left in the cache and in other folders, and say so."""
    remove_leftovers([*_places(), *folders], progress)


def contents() -> CacheContents:
    """Return what is in the cache folder; nothing is removed."""
    notes = [
        path
        for name in (HASH_FOLDER, KERNEL_FOLDER)
        for path in _children(cache_folder() / name)
        if path.suffix == ".json"
    ]
    return CacheContents(
        folder=cache_folder(),
        files=sorted(_files(), key=lambda each: each.used_at, reverse=True),
        n_notes=len(notes),
        n_note_bytes=sum(map(_size, notes)),
        left={str(each.path): each.n_bytes for folder in _places() for each in leftovers(folder)},
    )


def prune(progress: Progress, unused_days: int) -> Pruned:
    """Remove GGUFs that were not used for some days, and what runs that were killed left.

    They are made again where they are needed.

    Args:
        progress: Where it is said what is removed.
        unused_days: The days; 0 for all.

    Raises:
        EdgevalError: If a file cannot be removed.
    """
    n_bytes = sum(each.n_bytes for each in remove_leftovers(_places(), progress))
    files, kept = [], []
    for each in _files():
        if time.time() - each.used_at.timestamp() < unused_days * _DAY_S:
            continue
        if others_have(each.path.with_suffix(".lock")):
            kept.append(each.file)
            continue
        _remove(each.path)
        progress.log(f"removed {each.path} ({each.n_bytes / 1e6:,.1f} MB)")
        files.append(each.file)
        n_bytes += each.n_bytes
    return Pruned(files=files, kept=kept, n_bytes=n_bytes)


def used(path: Path) -> None:
    """Note that a GGUF of the cache is used now; where nothing can be written, it is not."""
    with contextlib.suppress(OSError):
        path.with_suffix(".sha256").touch()


def _places() -> Iterator[Path]:
    """Yield the folders where temporary files are made beside those of results."""
    yield Path(tempfile.gettempdir())
    yield from (cache_folder() / name for name in (HASH_FOLDER, KERNEL_FOLDER))
    yield from _children(cache_folder() / GGUF_FOLDER)


def _files() -> Iterator[CachedFile]:
    for folder in _children(cache_folder() / GGUF_FOLDER):
        for path in _children(folder):
            if path.suffix != ".gguf" or path.name.startswith("."):
                continue
            note = path.with_suffix(".sha256")
            with contextlib.suppress(OSError):
                seconds = (note if note.exists() else path).stat().st_mtime
                yield CachedFile(
                    file=path.name,
                    path=path,
                    n_bytes=path.stat().st_size,
                    used_at=datetime.fromtimestamp(seconds, timezone.utc),
                )


def _remove(path: Path) -> None:
    try:
        for ending in _ENDINGS:
            path.with_suffix(ending).unlink(missing_ok=True)
    except OSError as error:
        raise EdgevalError(
            f"cannot remove {path} ({error.strerror or error}); close what uses it, or remove it "
            "yourself"
        ) from error
    # Others of the same model may be there.
    with contextlib.suppress(OSError):
        path.parent.rmdir()


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
