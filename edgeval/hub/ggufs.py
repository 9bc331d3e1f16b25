"""GGUFs of the hub: what a repository holds, and the chosen ones in the hub's own cache.

Listing takes one request and downloads nothing. ``fetch`` says how checkpoints are had; what is
here differs in that only what is chosen is fetched, and in folders, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from edgeval.errors import HubError
from edgeval.hub.answers import Limits, NetworkError
from edgeval.hub.cache import Cache, ggufs_in
from edgeval.hub.client import (
    NotReachedError,
    explained,
    look_up,
    not_cached,
    not_reached,
    require_names,
)
from edgeval.hub.fetch import is_offline
from edgeval.hub.gguf_names import is_model
from edgeval.hub.gguf_repo import GgufRepo, RemoteGguf, chosen, models_in, require_whole
from edgeval.hub.listing import Listing
from edgeval.hub.names import COMMIT
from edgeval.hub.transfer import Beginning, fetch, is_checkpoint
from edgeval.system.progress import NoProgress, Progress

__all__ = ["GgufRepo", "RemoteGguf", "chosen", "fetch_ggufs", "list_ggufs"]

_MOST_FILES = 5000
"""GGUFs in one repository; genuine ones have some hundreds of files."""
_LEAST_BITS, _MOST_BITS = 1.0, 40.0
"""Of a weight, with what a file holds besides; F32 has 32."""

_BESIDE = re.compile(r"\.gguf|\.imatrix$|imatrix.*\.dat$", re.IGNORECASE)


def list_ggufs(
    repo: str,
    revision: str = "main",
    *,
    offline: bool = False,
    needs_hub: bool = False,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> GgufRepo | None:
    """Return what GGUFs a repository holds; one request, and nothing is downloaded.

    Where the hub is not to be asked, or not reached, it is what the snapshot in the cache holds
    that was last fetched for the revision.

    Args:
        repo: ``owner/name``.
        revision: A branch, a tag or a commit.
        offline: Use the cache only, as ``HF_HUB_OFFLINE=1`` does.
        needs_hub: Whether a hub that is not reached is an error, unless it is not to be asked: what
            the cache has may be a part of what there is.
        progress: Where it is said that the hub was not reached.
        limits: How long and how much is waited for.

    Returns:
        None if it holds no GGUF of a model: it may be a checkpoint.

    Raises:
        HubError: If there is no such repository, or it cannot be asked and nothing is cached.
    """
    require_names(repo, revision)
    cache = Cache(repo)
    if offline or is_offline():
        return _in_cache(cache, revision, not_cached(cache, revision))
    try:
        listing = look_up(repo, revision, limits or Limits())
    except NotReachedError as error:
        if needs_hub:
            raise not_reached(error) from error
        found = _in_cache(cache, revision, not_reached(error))
        if found is not None and progress is not None:
            progress.log(
                f"hub not reached ({error}): using {repo} at {found.commit[:12]} from cache"
            )
        return found
    return _in_listing(repo, revision, listing)


def fetch_ggufs(
    listing: GgufRepo,
    ggufs: Sequence[RemoteGguf],
    *,
    offline: bool = False,
    progress: Progress | None = None,
    limits: Limits | None = None,
    beginning: Beginning | None = None,
) -> list[list[Path]]:
    """Return the paths of GGUFs' files in the hub's cache, downloading only what it lacks.

    Downloads are resumed, and held against the hub's hashes. A GGUF is in the cache as soon as its
    last file is, whatever becomes of the next one. The hub's variables mean what they mean to
    ``fetch.fetch_checkpoint``.

    Args:
        listing: What ``list_ggufs`` returned.
        ggufs: Some of it.
        offline: Use the cache only.
        progress: Where one task in bytes over all files is shown.
        limits: How long and how much is waited for.
        beginning: Told of each file that is begun here.

    Returns:
        For each GGUF its files, in order.

    Raises:
        HubError: If one is neither cached nor to be had.
    """
    require_whole(listing.repo, ggufs)
    cache, commit = Cache(listing.repo), listing.commit
    if (offline or is_offline()) and not all(map(listing.is_cached, ggufs)):
        raise not_cached(cache, listing.revision)
    files = [file for gguf in ggufs for file in gguf.files]
    lasts = {gguf.files[-1] for gguf in ggufs}
    try:
        for file in fetch(
            cache, commit, files, progress or NoProgress(), limits or Limits(), beginning
        ):
            cache.link(file, commit)
            if file in lasts:
                cache.set_ref(listing.revision, commit)
    except (NetworkError, OSError) as error:
        raise explained(error, cache, listing.revision) from error
    return [[cache.snapshots / commit / file.name for file in gguf.files] for gguf in ggufs]


def _in_cache(cache: Cache, revision: str, refusal: HubError) -> GgufRepo | None:
    """Return what the cache holds of a revision; refused if that is neither GGUF nor checkpoint."""
    commit, checkpoint = cache.commit_of(revision), cache.find(revision)
    files = ggufs_in(cache.snapshots / commit) if COMMIT.fullmatch(commit) else {}
    ggufs = tuple(gguf for gguf in models_in(files) if gguf.is_whole)
    if not ggufs:
        if checkpoint is None:
            raise refusal
        return None
    return GgufRepo(
        cache.repo,
        revision,
        commit,
        ggufs,
        others=tuple(name for name in files if not is_model(name)),
        is_checkpoint=checkpoint is not None,
    )


def _in_listing(repo: str, revision: str, listing: Listing) -> GgufRepo | None:
    files = {name: file for name, file in listing.files.items() if name.endswith(".gguf")}
    if len(files) > _MOST_FILES:
        raise HubError(
            f"{repo} lists {len(files):,} GGUFs, and at most {_MOST_FILES:,} are read: download "
            "one with another program and give its path."
        )
    ggufs = models_in(files)
    if not ggufs:
        return None
    wanted = {file.name for gguf in ggufs for file in gguf.files}
    beside = (name for name in listing.files if _BESIDE.search(name) and name not in wanted)
    return GgufRepo(
        repo,
        revision,
        listing.commit,
        ggufs,
        base_model=None if listing.base_model == repo else listing.base_model,
        others=(*beside, *listing.odd_ggufs),
        n_params=_likely(listing.n_params, ggufs),
        architecture=listing.architecture,
        is_checkpoint=is_checkpoint(listing.files),
    )


def _likely(n_params: int | None, ggufs: Sequence[RemoteGguf]) -> int | None:
    """Return the hub's number of parameters, unless it gives a file bits a weight that none has.

    The hub reads one file, which may be a projector, one of several parts, or another size.
    """
    if n_params is None:
        return None
    bits = [8 * gguf.size_bytes / n_params for gguf in ggufs if gguf.is_whole]
    return n_params if all(_LEAST_BITS <= each <= _MOST_BITS for each in bits) else None
