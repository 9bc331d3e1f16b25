"""What the hub's client is asked, and what its errors mean to a user."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TypeVar

from edgeval.errors import HubError
from edgeval.hub.cache import COMMIT, Cache, RemoteFile

T = TypeVar("T")


class NotReachedError(Exception):
    """No answer, or none of a hub."""


def look_up(repo: str, revision: str) -> tuple[str, dict[str, RemoteFile]]:
    """Ask the hub, once, for the commit of a revision and for its files by name."""
    from huggingface_hub import HfApi, constants

    timeout_s = constants.HF_HUB_ETAG_TIMEOUT
    api = HfApi(library_name="edgeval")
    try:
        info = within(
            timeout_s,
            lambda: api.model_info(repo, revision=revision, files_metadata=True, timeout=timeout_s),
        )
        commit, siblings = str(info.sha), list(info.siblings or [])
    except FutureTimeoutError as error:
        raise NotReachedError(f"no answer in HF_HUB_ETAG_TIMEOUT={timeout_s} s") from error
    except client_errors() as error:
        raise _refusal(error, repo, revision) or NotReachedError(_first_line(error)) from error
    except (ValueError, TypeError, KeyError) as error:
        raise NotReachedError("the answer is not a hub's") from error
    if not COMMIT.fullmatch(commit):
        raise NotReachedError("the answer is not a hub's")
    files = {
        file.rfilename: RemoteFile(
            file.rfilename, file.size or 0, str(file.lfs.sha256 if file.lfs else file.blob_id)
        )
        for file in siblings
    }
    return commit, files


def within(limit_s: float, call: Callable[[], T]) -> T:
    """Bound a call in time: name resolution and several dead addresses outlast any timeout."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is read
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future.result(limit_s)


def client_errors() -> tuple[type[Exception], ...]:
    """Return the bases of all that the client raises, whichever HTTP library it is built on."""
    from huggingface_hub.errors import HfHubHTTPError

    return (HfHubHTTPError.__bases__[0], OSError)


def is_local(error: Exception) -> bool:
    """Tell the disk's errors from the network's: HTTP libraries wrap theirs and set no errno."""
    return isinstance(error, OSError) and error.errno is not None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def explained(error: Exception, cache: Cache, revision: str) -> HubError:
    """Return what to tell the user when a download ends early."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return HubError(
            f"The disk of {cache.root} is full: free some space, or set HF_HOME to a larger disk, "
            f"and run again; what has arrived of {cache.repo} is kept."
        )
    if is_local(error):
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
