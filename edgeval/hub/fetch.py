"""Checkpoints of the hub, in the hub's own cache: resumable, verified, usable offline.

``huggingface_hub`` (0.30 to 2.x) finds the repository, authenticates and says where the cache is;
``transfer`` streams the bytes. A snapshot is linked when all its files are there, the weights last.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError

from edgeval.hub.answers import Limits, NetworkError, StatusError, asked, client_errors, within
from edgeval.hub.cache import Cache, HubCheckpoint
from edgeval.hub.client import (
    NotReachedError,
    explained,
    look_up,
    not_cached,
    not_reached,
    require_names,
)
from edgeval.hub.names import is_repo_id, redacted
from edgeval.hub.settings import settings
from edgeval.hub.transfer import download
from edgeval.system.progress import NoProgress, Progress

__all__ = [
    "HubCheckpoint",
    "Limits",
    "client_errors",
    "fetch_checkpoint",
    "is_offline",
    "is_repo_id",
    "redacted",
    "why_unreachable",
    "without_network",
]

_REACH_S = 5.0
_NOT_OF_A_HUB = (407, 502, 503, 504)
"""What a proxy answers that does not reach the hub."""
_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")


def is_offline(*more_variables: str) -> bool:
    """Say whether ``HF_HUB_OFFLINE`` forbids the network, to the client or by now.

    Args:
        more_variables: Others that forbid it to who asks.

    Raises:
        HubError: If the client cannot be used.
    """
    by_now = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", *more_variables))
    forbidden = any(value.upper() in {"1", "ON", "YES", "TRUE"} for value in by_now)
    return bool(settings().HF_HUB_OFFLINE) or forbidden


def why_unreachable() -> str:
    """Say in a clause why nothing answers at the hub's address; an empty one if something does.

    The client's session asks, with its proxies and certificates: any other way to ask could find
    what the client does not, or not find what it does.

    Raises:
        HubError: If the client cannot be used.
    """
    try:
        within(_REACH_S, functools.partial(_reach, settings().ENDPOINT))
    except StatusError as error:
        return str(error) if error.status in _NOT_OF_A_HUB else ""
    except NetworkError as error:
        return str(error)
    except FutureTimeoutError:
        return f"no answer in {_REACH_S:.0f} s"
    return ""


def _reach(address: str) -> None:
    with asked(address, _REACH_S, Limits(), method="HEAD"):
        pass


@contextlib.contextmanager
def without_network() -> Iterator[None]:
    """Let ``huggingface_hub`` and ``datasets`` use their caches only.

    Both read their variables when they are imported, which may be long ago.
    """
    from datasets import config
    from huggingface_hub import constants

    found = [
        (each, name) for each in (config, constants) for name in _OFFLINE if hasattr(each, name)
    ]
    before = [getattr(*each) for each in found]
    for module, name in found:
        setattr(module, name, True)
    try:
        yield
    finally:
        for (module, name), value in zip(found, before, strict=True):
            setattr(module, name, value)


def fetch_checkpoint(
    repo: str,
    revision: str = "main",
    *,
    offline: bool = False,
    progress: Progress | None = None,
    limits: Limits | None = None,
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
        limits: How long and how much is waited for.

    Raises:
        HubError: If the checkpoint is neither cached nor to be had.
    """
    require_names(repo, revision)
    progress, limits = progress or NoProgress(), limits or Limits()
    cache = Cache(repo)
    cached = cache.find(revision)
    offline = offline or is_offline()
    if cached and (offline or cached.commit == revision):
        return cached
    if offline:
        raise not_cached(cache, revision)
    try:
        listing = look_up(repo, revision, limits)
    except NotReachedError as error:
        if cached is None:
            raise not_reached(error) from error
        progress.log(f"hub not reached ({error}): using {repo} at {cached.commit[:12]} from cache")
        return cached
    try:
        download(cache, listing, progress, limits)
        cache.set_ref(revision, listing.commit)
    except (NetworkError, OSError) as error:
        raise explained(error, cache, revision) from error
    return HubCheckpoint(cache.snapshots / listing.commit, repo, revision, listing.commit)
