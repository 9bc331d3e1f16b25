"""Files of a repository into the cache: streamed, resumed and held against their hashes.

The client from 1.20 on, or a little earlier, throws away what an interrupted download left. Here a
file grows as ``blobs/<hash>.incomplete`` and only gets its name once its hash is the hub's.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from typing import Any, BinaryIO

from edgeval.checkpoint import SMALL_FILES, WEIGHTS
from edgeval.errors import HubError
from edgeval.hub.cache import CONFIG, TOKENIZERS, Cache, RemoteFile, is_index, shard_names
from edgeval.hub.client import client_errors, is_local
from edgeval.progress import NoProgress, Progress, Task

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 16
_RETRY_PAUSES_S = (0.5, 1.5)


def download(cache: Cache, commit: str, listed: dict[str, RemoteFile], progress: Progress) -> None:
    """Complete a snapshot: fetch what no blob holds yet, then link everything, weights last."""
    names = choose(cache.repo, listed)
    if is_index(names[-1]):
        index = listed[names[-1]]
        _fetch(cache, commit, [index], NoProgress())
        cache.link(index, commit)
        names += shard_names(cache.snapshots / commit / index.name)
    absent = [name for name in names if name not in listed]
    if absent:
        raise HubError(f"{cache.repo} lacks {absent[0]}, which its index names: try a revision.")
    files = [listed[name] for name in names]
    _fetch(cache, commit, files, progress)
    for file in files:
        cache.link(file, commit)


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


def _fetch(cache: Cache, commit: str, files: list[RemoteFile], progress: Progress) -> None:
    """Bring files into the cache as blobs, unless a blob or a name in the snapshot is there."""
    named, blobs = cache.snapshots / commit, cache.blobs
    missing = [f for f in files if not f.is_at(named / f.name) and not f.is_at(blobs / f.hash)]
    if not missing:
        return
    if not all(_HASH.fullmatch(file.hash) for file in missing):
        raise HubError(f"The hub lists {cache.repo} without hashes: set HF_ENDPOINT to another.")
    for folder in (cache.blobs, cache.locks):
        folder.mkdir(parents=True, exist_ok=True)
    total_bytes = sum(file.size_bytes for file in missing)
    partials = [path for path in map(cache.partial, missing) if path.is_file()]
    needed_bytes = total_bytes - sum(path.stat().st_size for path in partials)
    free_bytes = shutil.disk_usage(cache.blobs).free
    if needed_bytes > free_bytes:
        raise HubError(
            f"{cache.repo} needs {needed_bytes / 1e6:,.1f} MB more, but {cache.root} has only "
            f"{free_bytes / 1e6:,.1f} MB free: free some, or set HF_HOME to a larger disk."
        )
    with progress.task(f"download {cache.repo}", total_bytes, "bytes") as task:
        for file in missing:
            _fetch_file(cache, commit, file, task)


def _fetch_file(cache: Cache, commit: str, file: RemoteFile, task: Task) -> None:
    """Bring one blob into the cache, resuming from the bytes that an earlier call left."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import WeakFileLock

    blob, partial = cache.blobs / file.hash, cache.partial(file)
    with WeakFileLock(cache.locks / f"{file.hash}.lock"):
        if file.is_at(blob):  # Another process was faster.
            task.advance(file.size_bytes)
            return
        with partial.open("ab") as out:
            if out.tell() > file.size_bytes:
                out.seek(0)
                out.truncate()
            task.advance(out.tell(), file.name)
            _receive(hf_hub_url(cache.repo, file.name, revision=commit), out, file, task)
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


def _receive(url: str, out: BinaryIO, file: RemoteFile, task: Task) -> None:
    """Append to ``out`` until it is as long as the file, over short losses of the connection."""
    from huggingface_hub.errors import HfHubHTTPError

    failures, furthest = 0, out.tell()
    while out.tell() < file.size_bytes:
        try:
            _stream(url, out, file, task)
            if out.tell() < file.size_bytes:
                raise ConnectionError("the connection was closed early")
        except client_errors() as error:
            failures = 1 if out.tell() > furthest else failures + 1
            final = isinstance(error, HfHubHTTPError) or is_local(error)
            if final or failures > len(_RETRY_PAUSES_S):
                raise
            furthest = max(furthest, out.tell())
            time.sleep(_RETRY_PAUSES_S[failures - 1])


def _stream(url: str, out: BinaryIO, file: RemoteFile, task: Task) -> None:
    """Append one answer of the hub to ``out``, asking only for what follows its present end."""
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    start = out.tell()
    headers = build_hf_headers(library_name="edgeval") | {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    session: Any = get_session()
    options = {"headers": headers, "timeout": constants.HF_HUB_DOWNLOAD_TIMEOUT}
    # huggingface_hub 0.x gives a session of requests, later versions a client of httpx.
    is_requests = not callable(session.stream)
    answer = (
        session.get(url, stream=True, **options)
        if is_requests
        else session.stream("GET", url, follow_redirects=True, **options)
    )
    with answer as response:
        hf_raise_for_status(response)
        if start and response.status_code != 206:  # Sent from the beginning: the range is ignored.
            out.seek(0)
            out.truncate()
            task.advance(-start)
        chunks = response.iter_content(_CHUNK_BYTES) if is_requests else response.iter_bytes()
        for chunk in chunks:
            out.write(chunk)
            task.advance(len(chunk), file.name)
            if out.tell() > file.size_bytes:
                return
