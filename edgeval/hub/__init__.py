"""Checkpoints of the hub, in the hub's own cache: resumable, verified, usable offline.

``huggingface_hub`` (0.30 to 2.x) finds the repository, authenticates and says where the cache is;
``transfer`` streams the bytes. A snapshot is linked when all its files are there, the weights last.
"""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from concurrent.futures import TimeoutError as FutureTimeoutError

from edgeval.errors import HubError
from edgeval.hub.cache import Cache, HubCheckpoint
from edgeval.hub.client import NotReachedError, client_errors, explained, look_up, within
from edgeval.hub.transfer import download
from edgeval.progress import NoProgress, Progress

__all__ = ["HubCheckpoint", "fetch_checkpoint", "is_reachable", "is_repo_id"]

_OWNER_AND_NAME = re.compile(r"\b[\w.-]{1,96}\b/\b[\w.-]{1,96}\b", re.ASCII)
_REACH_S = 5.0
_WAYS_OUT = "give a local checkpoint directory or a .gguf file instead"


def is_repo_id(text: str) -> bool:
    """Say whether ``text`` has the shape ``owner/name`` that the hub allows."""
    forbidden = "--" in text or ".." in text or text.endswith(".git")
    return _OWNER_AND_NAME.fullmatch(text) is not None and not forbidden


def is_reachable() -> bool:
    """Say whether anything answers at the hub's address; always false with ``HF_HUB_OFFLINE=1``.

    Only the standard library is used: the hub's client reads the environment when it is imported,
    and callers may still want to change that.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    request = urllib.request.Request(endpoint, method="HEAD")
    try:
        within(_REACH_S, lambda: urllib.request.urlopen(request, timeout=_REACH_S).close())
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError, FutureTimeoutError):
        return False
    return True


def fetch_checkpoint(
    repo: str, revision: str = "main", *, offline: bool = False, progress: Progress | None = None
) -> HubCheckpoint:
    """Return a checkpoint of the hub as a local folder, downloading only what is not cached.

    Only the files that a conversion reads are downloaded, the weights in the first form of
    ``checkpoint.WEIGHTS`` that there is. ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_ENDPOINT``,
    ``HF_TOKEN``, ``HF_HUB_OFFLINE``, ``HF_HUB_ETAG_TIMEOUT`` (seconds to wait for the hub) and
    ``HF_HUB_DOWNLOAD_TIMEOUT`` mean what they mean to the hub.

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
    cache = Cache(repo)
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
        commit, files = look_up(repo, revision)
    except NotReachedError as error:
        if cached is None:
            raise HubError(
                f"Could not reach the hub at {constants.ENDPOINT} ({error}): check the network and "
                f"HF_ENDPOINT and run again, or {_WAYS_OUT}."
            ) from error
        progress.log(f"hub not reached ({error}): using {repo} at {cached.commit[:12]} from cache")
        return cached
    try:
        download(cache, commit, files, progress)
        cache.set_ref(revision, commit)
    except client_errors() as error:
        raise explained(error, cache, revision) from error
    return HubCheckpoint(cache.snapshots / commit, repo, revision, commit)
