"""Client of the hub: what it is asked, and what its answers mean to a user."""

from __future__ import annotations

import errno
import functools
import urllib.request
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any
from urllib.parse import quote

from edgeval.errors import HubError
from edgeval.hub.answers import Limits, NetworkError, StatusError, asked, within
from edgeval.hub.cache import Cache, RemoteFile
from edgeval.hub.names import COMMIT, HASH, is_plain_name, redacted
from edgeval.system.untrusted import UnreadableError, parse_json, printable

_MAX_FILE_BITS = 53


class NotReachedError(Exception):
    """No answer, or none of a hub."""


def settings() -> Any:
    """Return the client's constants, which it reads from the environment when it is imported.

    Raises:
        HubError: If a variable is none that it can read.
    """
    try:
        from huggingface_hub import constants
    except ValueError as error:
        raise HubError(
            f"The hub's client cannot be used ({redacted(str(error))}): correct the variables "
            "that begin with HF_, such as HF_ENDPOINT and HF_HUB_ETAG_TIMEOUT."
        ) from error
    return constants


def look_up(repo: str, revision: str, limits: Limits) -> tuple[str, dict[str, RemoteFile]]:
    """Ask the hub, once, for the commit of a revision and for its files by name.

    Files in folders, and with names that not every system has, are left out: none is ever wanted.

    Raises:
        HubError: If the hub refuses.
        NotReachedError: If there is no answer, or none of a hub.
    """
    timeout_s = settings().HF_HUB_ETAG_TIMEOUT
    where = f"{settings().ENDPOINT}/api/models/{repo}/revision/{quote(revision, safe='')}"
    try:
        text = within(timeout_s, functools.partial(_body, f"{where}?blobs=true", timeout_s, limits))
        return _listed(parse_json(text, bits=_MAX_FILE_BITS))
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


def _listed(content: Any) -> tuple[str, dict[str, RemoteFile]]:
    """Return the commit and the files of an answer, nothing of which is believed."""
    if not isinstance(content, dict):
        raise UnreadableError("it is no object")
    commit, siblings = content.get("sha"), content.get("siblings")
    if not isinstance(commit, str) or COMMIT.fullmatch(commit) is None:
        raise UnreadableError(f"its commit is {_shown(commit)}")
    if not isinstance(siblings, list):
        raise UnreadableError(f"its list of files is {_shown(siblings)}")
    files = {}
    for entry in siblings:
        name = entry.get("rfilename") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            raise UnreadableError(f"it lists a file as {_shown(entry)}")
        if is_plain_name(name):
            if name in files:
                raise UnreadableError(f"it lists {name} twice")
            files[name] = _file(name, entry)
    return commit, files


def _file(name: str, entry: dict[str, Any]) -> RemoteFile:
    lfs = entry.get("lfs")
    if not isinstance(lfs, dict | None):
        raise UnreadableError(f"{name} has the LFS {_shown(lfs)}")
    size = entry.get("size", 0)
    if type(size) is not int or size < 0:
        raise UnreadableError(f"{name} has the size {_shown(size)}")
    digest = lfs.get("sha256") if lfs else entry.get("blobId")
    # Some hubs list files without hashes; they are refused only if they are wanted.
    if digest is not None and (not isinstance(digest, str) or HASH.fullmatch(digest) is None):
        raise UnreadableError(f"{name} has the hash {_shown(digest)}")
    return RemoteFile(name, size, digest or "")


def _shown(value: object) -> str:
    return printable(repr(value), 60)


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
