"""Fetch a checkpoint from the hub into the hub's own cache: resumable, verified, usable offline.

``huggingface_hub`` (0.30 to 2.x) finds the repository, authenticates and says where the cache is.
The bytes are streamed here, over plain HTTP, because the client from 1.20 on, or a little earlier,
throws away what an interrupted download left: a file grows as ``blobs/<hash>.incomplete``, is held
against the hash that the hub lists, and only then gets its name. A snapshot is linked when all of
its files are there, the weights last.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from edgeval.errors import HubError
from edgeval.progress import NoProgress, Progress, Task

T = TypeVar("T")

_CONFIG = "config.json"
_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_TOKENIZERS = ("tokenizer.model", "tokenizer.json")
_OPTIONAL = (
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
_OWNER_AND_NAME = re.compile(r"\b[\w.-]{1,96}\b/\b[\w.-]{1,96}\b", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHARD = re.compile(r"[\w.-]+\.safetensors", re.ASCII)
_CHUNK_BYTES = 1 << 16
_RETRY_PAUSES_S = (0.5, 1.5)
_WAYS_OUT = "give a local checkpoint directory or a .gguf file instead"


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
class _RemoteFile:
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


class _NotReachedError(Exception):
    """No answer, or none of a hub."""


def is_repo_id(text: str) -> bool:
    """Say whether ``text`` has the shape ``owner/name`` that the hub allows."""
    forbidden = "--" in text or ".." in text or text.endswith(".git")
    return _OWNER_AND_NAME.fullmatch(text) is not None and not forbidden


def fetch_checkpoint(
    repo: str, revision: str = "main", *, offline: bool = False, progress: Progress | None = None
) -> HubCheckpoint:
    """Return a checkpoint of the hub as a local folder, downloading only what is not cached.

    Only the files that a conversion reads are downloaded, the weights as safetensors. ``HF_HOME``,
    ``HF_HUB_CACHE``, ``HF_ENDPOINT``, ``HF_TOKEN``, ``HF_HUB_OFFLINE``, ``HF_HUB_ETAG_TIMEOUT``
    (seconds to wait for the hub) and ``HF_HUB_DOWNLOAD_TIMEOUT`` mean what they mean to the hub.

    Args:
        repo: ``owner/name``.
        revision: A branch, a tag or a commit; a full commit that is cached needs no network.
        offline: Use the cache only, as ``HF_HUB_OFFLINE=1`` does.
        progress: Where one task in bytes over all files is shown.

    Raises:
        HubError: If the checkpoint is neither cached nor to be had.
    """
    if not is_repo_id(repo):
        raise HubError(f"{repo!r} is not a repository of the hub: write owner/name.")
    from huggingface_hub import constants

    progress = progress or NoProgress()
    cache = _Cache(repo)
    cached = cache.find(revision)
    offline = offline or constants.HF_HUB_OFFLINE
    if cached and (offline or cached.commit == revision):
        return cached
    if offline:
        raise HubError(
            f"{repo} (revision {revision}) is not completely in the cache {cache.root}: "
            f"run once online to download it, or {_WAYS_OUT}."
        )
    try:
        commit, files = _look_up(repo, revision)
    except _NotReachedError as error:
        if cached is None:
            raise HubError(
                f"Could not reach the hub at {constants.ENDPOINT} ({error}): check the network and "
                f"HF_ENDPOINT and run again, or {_WAYS_OUT}."
            ) from error
        progress.log(f"hub not reached ({error}): using {repo} at {cached.commit[:12]} from cache")
        return cached
    try:
        _download(cache, commit, files, progress)
        cache.set_ref(revision, commit)
    except _client_errors() as error:
        raise _explained(error, cache, revision) from error
    return HubCheckpoint(cache.snapshots / commit, repo, revision, commit)


class _Cache:
    """One model's folder in the hub's cache, in the layout that all its clients share."""

    def __init__(self, repo: str) -> None:
        from huggingface_hub import constants

        folder = f"models--{repo.replace('/', '--')}"
        self.repo = repo
        self.root = Path(constants.HF_HUB_CACHE).expanduser().resolve()
        self.locks = self.root / ".locks" / folder
        self.blobs = self.root / folder / "blobs"
        self.refs = self.root / folder / "refs"
        self.snapshots = self.root / folder / "snapshots"

    def commit_of(self, revision: str) -> str:
        """Return what a branch or tag stood for when it was last fetched, else the revision."""
        ref = self.refs / revision
        return ref.read_text(encoding="utf-8").strip() if ref.is_file() else revision

    def find(self, revision: str) -> HubCheckpoint | None:
        """Return the snapshot last fetched for a revision, if it is complete."""
        commit = self.commit_of(revision)
        path = self.snapshots / commit
        is_usable = _COMMIT.fullmatch(commit) and _is_complete(path)
        return HubCheckpoint(path, self.repo, revision, commit) if is_usable else None

    def partial(self, file: _RemoteFile) -> Path:
        """Return where a file grows; older clients resume from the same name."""
        return self.blobs / f"{file.hash}.incomplete"

    def link(self, file: _RemoteFile, commit: str) -> None:
        """Give a blob its name in a snapshot; moved there where symbolic links are not allowed."""
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
            blob.replace(pointer)

    def set_ref(self, revision: str, commit: str) -> None:
        """Remember what a branch or tag stands for."""
        if self.commit_of(revision) != commit:  # A cache that has it all may be read-only.
            (self.refs / revision).parent.mkdir(parents=True, exist_ok=True)
            (self.refs / revision).write_text(commit, encoding="utf-8")


def _is_complete(snapshot: Path) -> bool:
    """Say whether a snapshot has all that a conversion needs, judged without the hub's listing."""

    def has(name: str) -> bool:
        return (snapshot / name).is_file()

    try:
        weights = [_WEIGHTS] if has(_WEIGHTS) else _shard_names(snapshot / _INDEX)
    except (OSError, HubError):
        return False
    return has(_CONFIG) and any(map(has, _TOKENIZERS)) and all(map(has, weights))


def _shard_names(index: Path) -> list[str]:
    """Return the files that an index names; a name that leaves the folder is refused."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        if names and all(_SHARD.fullmatch(name) for name in names):
            return names
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # Damaged in whatever way: the same sentence as for a name that is no shard's.
    raise HubError(f"{_INDEX} of the repository names no usable shards: choose another revision.")


def _look_up(repo: str, revision: str) -> tuple[str, dict[str, _RemoteFile]]:
    """Ask the hub, once, for the commit of a revision and for its files by name."""
    from huggingface_hub import HfApi, constants

    timeout_s = constants.HF_HUB_ETAG_TIMEOUT
    api = HfApi(library_name="edgeval")
    try:
        info = _within(
            timeout_s,
            lambda: api.model_info(repo, revision=revision, files_metadata=True, timeout=timeout_s),
        )
        commit, siblings = str(info.sha), list(info.siblings or [])
    except FutureTimeoutError as error:
        raise _NotReachedError(f"no answer in HF_HUB_ETAG_TIMEOUT={timeout_s} s") from error
    except _client_errors() as error:
        raise _refusal(error, repo, revision) or _NotReachedError(_first_line(error)) from error
    except (ValueError, TypeError, KeyError) as error:
        raise _NotReachedError("the answer is not a hub's") from error
    if not _COMMIT.fullmatch(commit):
        raise _NotReachedError("the answer is not a hub's")
    files = {
        file.rfilename: _RemoteFile(
            file.rfilename, file.size or 0, str(file.lfs.sha256 if file.lfs else file.blob_id)
        )
        for file in siblings
    }
    return commit, files


def _within(limit_s: float, call: Callable[[], T]) -> T:
    """Bound a call in time: name resolution and several dead addresses outlast any timeout."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is read
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future.result(limit_s)


def _choose(repo: str, listed: dict[str, _RemoteFile]) -> list[str]:
    """Return the files to fetch, the weights or their index last."""
    if _CONFIG not in listed:
        raise HubError(f"{repo} is no checkpoint (no {_CONFIG}): give the repository of a model.")
    weights = [name for name in (_WEIGHTS, _INDEX) if name in listed][:1]
    if not weights and any(re.fullmatch(r"pytorch_model.*\.bin", name) for name in listed):
        raise HubError(
            f"{repo} has only pytorch_model*.bin, which is not read: convert it to safetensors, "
            "choose a revision that has them, or bring a .gguf file."
        )
    if not weights:
        raise HubError(f"{repo} has no {_WEIGHTS}: give a repository with safetensors, or a .gguf.")
    if not any(name in listed for name in _TOKENIZERS):
        raise HubError(f"{repo} has no {' or '.join(_TOKENIZERS)}: give one with its tokenizer.")
    small = [name for name in (_CONFIG, *_OPTIONAL, *_TOKENIZERS) if name in listed]
    return small + weights


def _download(
    cache: _Cache, commit: str, listed: dict[str, _RemoteFile], progress: Progress
) -> None:
    """Complete a snapshot: fetch what no blob holds yet, then link everything, weights last."""
    names = _choose(cache.repo, listed)
    if names[-1] == _INDEX:
        index = listed[_INDEX]
        _fetch(cache, commit, [index], NoProgress())
        cache.link(index, commit)
        names += _shard_names(cache.snapshots / commit / _INDEX)
    absent = [name for name in names if name not in listed]
    if absent:
        raise HubError(f"{cache.repo} lacks {absent[0]}, which its index names: try a revision.")
    files = [listed[name] for name in names]
    _fetch(cache, commit, files, progress)
    for file in files:
        cache.link(file, commit)


def _fetch(cache: _Cache, commit: str, files: list[_RemoteFile], progress: Progress) -> None:
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


def _fetch_file(cache: _Cache, commit: str, file: _RemoteFile, task: Task) -> None:
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


def _receive(url: str, out: BinaryIO, file: _RemoteFile, task: Task) -> None:
    """Append to ``out`` until it is as long as the file, over short losses of the connection."""
    from huggingface_hub.errors import HfHubHTTPError

    failures, furthest = 0, out.tell()
    while out.tell() < file.size_bytes:
        try:
            _stream(url, out, file, task)
            if out.tell() < file.size_bytes:
                raise ConnectionError("the connection was closed early")
        except _client_errors() as error:
            failures = 1 if out.tell() > furthest else failures + 1
            final = isinstance(error, HfHubHTTPError) or _is_local(error)
            if final or failures > len(_RETRY_PAUSES_S):
                raise
            furthest = max(furthest, out.tell())
            time.sleep(_RETRY_PAUSES_S[failures - 1])


def _stream(url: str, out: BinaryIO, file: _RemoteFile, task: Task) -> None:
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


def _client_errors() -> tuple[type[Exception], ...]:
    """Return the bases of all that the client raises, whichever HTTP library it is built on."""
    from huggingface_hub.errors import HfHubHTTPError

    return (HfHubHTTPError.__bases__[0], OSError)


def _is_local(error: Exception) -> bool:
    """Tell the disk's errors from the network's: HTTP libraries wrap theirs and set no errno."""
    return isinstance(error, OSError) and error.errno is not None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _explained(error: Exception, cache: _Cache, revision: str) -> HubError:
    """Return what to tell the user when a download ends early."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return HubError(
            f"The disk of {cache.root} is full: free some space, or set HF_HOME to a larger disk, "
            f"and run again; what has arrived of {cache.repo} is kept."
        )
    if _is_local(error):
        return HubError(f"Could not write to the hub's cache: {error}. Set HF_HOME to another.")
    return _refusal(error, cache.repo, revision) or HubError(
        f"The download of {cache.repo} stopped ({_first_line(error)}): run again to resume, "
        "what has arrived is kept."
    )


def _refusal(error: Exception, repo: str, revision: str) -> HubError | None:
    """Return what to tell the user of a hub's final answer, None if asking again may help."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page, login = f"{constants.ENDPOINT}/{repo}", "log in with `hf auth login` or set HF_TOKEN"
    if isinstance(error, GatedRepoError):
        return HubError(f"{repo} is gated: accept its terms at {page}, then {login}.")
    if isinstance(error, RepositoryNotFoundError):
        return HubError(
            f"{constants.ENDPOINT} has no model {repo}, or it is private: `edgeval models` lists "
            f"known ones; for a private one, {login}."
        )
    if isinstance(error, RevisionNotFoundError):
        return HubError(f"{repo} has no revision {revision!r}: see {page}/commits/main.")
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return HubError(f"The hub refuses {repo} (HTTP {status}): {login}, as one who may read it.")
    return None
