"""Files of a repository into the cache: streamed, resumed and held against their hashes.

The client from 1.20 on, or a little earlier, throws away what an interrupted download left. Here a
file grows as ``blobs/<hash>.incomplete`` and only gets its name once its hash is the hub's.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import BinaryIO

from edgeval.errors import HubError
from edgeval.hub.answers import Answer, Limits, NetworkError, asked
from edgeval.hub.cache import CONFIG, TOKENIZERS, Cache, RemoteFile, is_index, shard_names
from edgeval.hub.checkpoint_files import SMALL_FILES, WEIGHTS
from edgeval.hub.listing import Listing
from edgeval.hub.names import HASH
from edgeval.hub.settings import settings
from edgeval.system.progress import NoProgress, Progress, Task

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.IGNORECASE)
_RETRY_PAUSES_S = (0.5, 1.5)

Beginning = Callable[[RemoteFile], None]
"""Told of a file of which nothing is there, before its first byte: it is downloaded by this
process, and not by another that was faster."""


def download(cache: Cache, listing: Listing, progress: Progress, limits: Limits) -> None:
    """Complete a checkpoint: fetch what no blob holds yet, then link everything, weights last.

    Raises:
        HubError: If the repository is no checkpoint, or what arrives is not what is listed.
        NetworkError: If what is missing does not arrive.
        OSError: If the cache cannot be written.
    """
    commit, listed = listing.commit, listing.files
    names = choose(cache.repo, listed)
    if is_index(names[-1]):
        index = listed[names[-1]]
        for file in fetch(cache, commit, [index], NoProgress(), limits):
            cache.link(file, commit)
        names += shard_names(cache.snapshots / commit / index.name)
    absent = [name for name in names if name not in listed]
    if absent:
        raise HubError(f"{cache.repo} lacks {absent[0]}, which its index names: try a revision.")
    for file in list(fetch(cache, commit, [listed[name] for name in names], progress, limits)):
        cache.link(file, commit)


def is_checkpoint(listed: Collection[str]) -> bool:
    """Say whether a repository has what ``choose`` wants."""
    return CONFIG in listed and all(
        any(name in listed for name in each) for each in (WEIGHTS, TOKENIZERS)
    )


def choose(repo: str, listed: dict[str, RemoteFile]) -> list[str]:
    """Return the files to fetch, the weights or their index last."""
    if CONFIG not in listed:
        raise HubError(f"{repo} is no checkpoint (no {CONFIG}): give the repository of a model.")
    weights = [name for name in WEIGHTS if name in listed][:1]
    if not weights:
        raise HubError(
            f"{repo} has no weights ({', '.join(WEIGHTS)}): give the repository of a model, or a "
            ".gguf file."
        )
    if not any(name in listed for name in TOKENIZERS):
        raise HubError(f"{repo} has no {' or '.join(TOKENIZERS)}: give one with its tokenizer.")
    small = [name for name in SMALL_FILES if name in listed]
    return small + weights


def fetch(
    cache: Cache,
    commit: str,
    files: Sequence[RemoteFile],
    progress: Progress,
    limits: Limits,
    beginning: Beginning | None = None,
) -> Iterator[RemoteFile]:
    """Yield each file, in order, once the cache holds its bytes; those that it lacks are fetched.

    The disk is looked at before the first byte.

    Args:
        cache: The repository's folder in the hub's cache.
        commit: The commit that the files are of.
        files: The files.
        progress: Where one task in bytes over all files is shown.
        limits: How long and how much is waited for.
        beginning: Told of each file that is begun here.

    Raises:
        HubError: If there is no room, or what arrives is not what is listed.
        NetworkError: If a file does not arrive.
        OSError: If the cache cannot be written.
    """
    missing = {file for file in files if not cache.has(file, commit)}
    if not missing:
        yield from files
        return
    if not all(HASH.fullmatch(file.hash) for file in missing):
        raise HubError(f"The hub lists {cache.repo} without hashes: set HF_ENDPOINT to another.")
    for folder in (cache.blobs, cache.locks):
        folder.mkdir(parents=True, exist_ok=True)
    total_bytes = sum(file.size_bytes for file in missing)
    _require_room(cache, missing, total_bytes)
    with progress.task(f"download {cache.repo}", total_bytes, "bytes") as task:
        for file in files:
            if file in missing:
                _fetch_file(cache, commit, file, task, limits, beginning)
            yield file


def _require_room(cache: Cache, missing: Collection[RemoteFile], total_bytes: int) -> None:
    partials = [path for path in map(cache.partial, missing) if path.is_file()]
    needed_bytes = total_bytes - sum(path.stat().st_size for path in partials)
    free_bytes = shutil.disk_usage(cache.blobs).free
    if needed_bytes > free_bytes:
        raise HubError(
            f"{cache.repo} needs {needed_bytes / 1e6:,.1f} MB more, but {cache.root} has only "
            f"{free_bytes / 1e6:,.1f} MB free: free some, or set HF_HOME to a larger disk."
        )


def _fetch_file(
    cache: Cache,
    commit: str,
    file: RemoteFile,
    task: Task,
    limits: Limits,
    beginning: Beginning | None,
) -> None:
    """Bring one blob into the cache, resuming from the bytes that an earlier call left."""
    from huggingface_hub.utils import WeakFileLock

    blob, partial = cache.blobs / file.hash, cache.partial(file)
    with WeakFileLock(cache.locks / f"{file.hash}.lock"):
        if file.is_at(blob):  # Another process was faster.
            task.advance(file.size_bytes)
            return
        if beginning is not None and not partial.exists():
            beginning(file)
        with partial.open("ab") as out:
            if out.tell() > file.size_bytes:
                out.seek(0)
                out.truncate()
            task.advance(out.tell(), file.name)
            url = f"{settings().ENDPOINT}/{cache.repo}/resolve/{commit}/{file.name}"
            _receive(url, out, file, task, limits)
            out.flush()
            os.fsync(out.fileno())
        task.advance(0, f"{file.name}: checking")
        if not file.matches(partial):
            partial.unlink()
            raise HubError(
                f"{file.name} of {cache.repo} arrived damaged (size or hash is not the hub's) and "
                "was removed: run again."
            )
        partial.replace(blob)


def _receive(url: str, out: BinaryIO, file: RemoteFile, task: Task, limits: Limits) -> None:
    """Append to ``out`` until it is as long as the file, over short losses of the connection."""
    failures, furthest = 0, out.tell()
    while out.tell() < file.size_bytes:
        try:
            _stream(url, out, file, task, limits)
            if out.tell() < file.size_bytes:
                raise NetworkError("the connection was closed early")
        except NetworkError as error:
            # A few bytes each time would never end.
            if out.tell() - furthest >= limits.part_bytes:
                failures, furthest = 0, out.tell()
            failures += 1
            if error.is_final or failures > len(_RETRY_PAUSES_S):
                raise
            time.sleep(_RETRY_PAUSES_S[failures - 1])


def _stream(url: str, out: BinaryIO, file: RemoteFile, task: Task, limits: Limits) -> None:
    """Append one answer of the hub to ``out``, asking only for what follows its present end."""
    start = out.tell()
    more_headers = {"Range": f"bytes={start}-"} if start else {}
    timeout_s = settings().HF_HUB_DOWNLOAD_TIMEOUT
    with asked(url, timeout_s, limits, more_headers=more_headers) as answer:
        if answer.status == 206:
            _require_part(answer, start, file)
        elif answer.status != 200:
            raise NetworkError(f"HTTP {answer.status}", is_final=True)
        elif start:  # Sent from the beginning: the range is ignored.
            out.seek(0)
            out.truncate()
            task.advance(-start)
        for chunk in answer.chunks():
            out.write(chunk)
            task.advance(len(chunk), file.name)
            if out.tell() > file.size_bytes:
                return


def _require_part(answer: Answer, start: int, file: RemoteFile) -> None:
    """Refuse a part of the file that does not follow what is there."""
    said = answer.headers.get("Content-Range", "")
    found = _CONTENT_RANGE.fullmatch(said.strip())
    if found is None or int(found[1]) != start or found[2] not in {"*", str(file.size_bytes)}:
        raise NetworkError(
            f"of {file.name}, byte {start:,} of {file.size_bytes:,} on was asked for, and "
            f"{said or 'an unknown part'} was sent",
            is_final=True,
        )
