"""Client of the hub: what it is asked, and what its answers mean to a user."""

from __future__ import annotations

import errno
import functools
import urllib.request
from concurrent.futures import TimeoutError as FutureTimeoutError
from urllib.parse import quote

from edgeval.errors import HubError
from edgeval.hub.answers import Limits, NetworkError, StatusError, asked, within
from edgeval.hub.cache import Cache
from edgeval.hub.listing import Listing, read_listing
from edgeval.hub.names import is_repo_id, is_revision, redacted
from edgeval.hub.settings import settings
from edgeval.system.untrusted import UnreadableError, parse_json, printable

_MAX_FILE_BITS = 53
_WAYS_OUT = "give a local checkpoint directory or a .gguf file instead"


class NotReachedError(Exception):
    """No answer, or none of a hub."""


def require_names(repo: str, revision: str) -> None:
    """Refuse what cannot name a repository or a revision, before a hub or a disk is asked.

    Raises:
        HubError: If one cannot.
    """
    if not is_repo_id(repo):
        raise HubError(f"{printable(repo)!r} is not a repository of the hub: write owner/name.")
    if not is_revision(revision):
        raise HubError(f"{printable(revision)!r} is no branch, tag or commit: see those of {repo}.")


def look_up(repo: str, revision: str, limits: Limits) -> Listing:
    """Ask the hub, once, for the commit of a revision and for what it holds.

    Raises:
        HubError: If the hub refuses.
        NotReachedError: If there is no answer, or none of a hub.
    """
    timeout_s = settings().HF_HUB_ETAG_TIMEOUT
    where = f"{settings().ENDPOINT}/api/models/{repo}/revision/{quote(revision, safe='')}"
    try:
        text = within(timeout_s, functools.partial(_body, f"{where}?blobs=true", timeout_s, limits))
        return read_listing(parse_json(text, bits=_MAX_FILE_BITS))
    except FutureTimeoutError as error:
        raise NotReachedError(f"no answer in HF_HUB_ETAG_TIMEOUT={timeout_s} s") from error
    except StatusError as error:
        raise _refusal(error, repo, revision) or NotReachedError(str(error)) from error
    except NetworkError as error:
        raise NotReachedError(str(error)) from error
    except UnreadableError as error:
        raise NotReachedError(f"the answer is not a hub's: {error}") from error


def _body(address: str, timeout_s: float, limits: Limits) -> bytes:
    with asked(address, timeout_s, limits) as answer:
        return answer.body(limits.listing_bytes)


def not_cached(cache: Cache, revision: str) -> HubError:
    """Return what to tell the user of what is wanted without the network, and is not here."""
    return HubError(
        f"{cache.repo} (revision {revision}) is not completely in the cache {cache.root}: "
        f"run once online to download it, or {_WAYS_OUT}."
    )


def not_reached(error: NotReachedError) -> HubError:
    """Return what to tell the user of a hub that does not answer."""
    return HubError(
        f"Could not reach the hub at {redacted(settings().ENDPOINT)} ({error}): check the network "
        f"and HF_ENDPOINT and run again, or {_WAYS_OUT}."
    )


def explained(error: Exception, cache: Cache, revision: str) -> HubError:
    """Return what to tell the user when a download ends early."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return HubError(
            f"The disk of {cache.root} is full: free some space, or set HF_HOME to a larger disk, "
            f"and run again; what has arrived of {cache.repo} is kept."
        )
    if isinstance(error, OSError):
        return HubError(f"Could not write to the hub's cache: {error}. Set HF_HOME to another.")
    refused = _refusal(error, cache.repo, revision) if isinstance(error, StatusError) else None
    return refused or HubError(
        f"The download of {cache.repo} stopped ({error}): run again to resume, "
        "what has arrived is kept."
    )


def _refusal(error: StatusError, repo: str, revision: str) -> HubError | None:
    """Return what to tell the user of a hub's final answer, None if asking again may help."""
    endpoint = redacted(settings().ENDPOINT)
    page, login = f"{endpoint}/{repo}", "log in with `hf auth login` or set HF_TOKEN"
    status, code = error.status, error.code
    through = ", or the proxy of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY does" if _has_proxy() else ""
    if code == "GatedRepo":
        return HubError(f"{repo} is gated: accept its terms at {page}, then {login}.")
    if code == "RevisionNotFound":
        return HubError(f"{repo} has no revision {revision!r}: see {page}/commits/main.")
    if status == 407:
        return HubError(
            "The proxy wants to know who asks (HTTP 407): put a name and a password into "
            "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or the host of the hub into NO_PROXY."
        )
    # The hub answers 401 to whoever has not logged in, whether there is such a repository or not.
    if code == "RepoNotFound" or (
        status == 401 and not through and "nvalid cred" not in error.message
    ):
        return HubError(
            f"{endpoint} has no model {repo}, or it is private: `edgeval models` lists "
            f"known ones; for a private one, {login}."
        )
    if status in (401, 403):
        said = f"HTTP {status}: {error.message.rstrip('.')}" if error.message else f"HTTP {status}"
        return HubError(
            f"The hub refuses {repo} ({said}){through}: {login}, as one who may read it."
        )
    return None


def _has_proxy() -> bool:
    return any(urllib.request.getproxies().get(each) for each in ("http", "https", "all"))
