"""Answers of a hub, read within bounds: it may be slow, endless, packed, or no hub at all.

The client's session is asked, with its proxies, certificates and token, so that what reaches the
hub here is what reaches it there. ``huggingface_hub`` 0.x gives a session of requests, later
versions a client of httpx. Redirects are followed here, since the token stays with its host.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from edgeval.hub.names import is_same_hub, redacted

T = TypeVar("T")

_CHUNK_BYTES = 1 << 16
_REDIRECTS = (301, 302, 303, 307, 308)
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


@dataclass(frozen=True)
class Limits:
    """How long and how much is waited for.

    Attributes:
        head_s: Seconds until an answer begins.
        window_s: In so many seconds there are to be at least
        window_bytes: so many bytes of a file.
        part_bytes: A connection that brings fewer before it is lost has brought nothing.
        listing_bytes: The most that the list of a repository's files may have.
        redirects: How often an answer may be that another address has it.
    """

    head_s: float = 60.0
    window_s: float = 60.0
    window_bytes: int = 300_000
    part_bytes: int = 1 << 20
    listing_bytes: int = 50_000_000
    redirects: int = 10


class NetworkError(Exception):
    """No answer, or none that can be used; a clause without secrets.

    Attributes:
        is_final: Whether asking again at once is of no use.
    """

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        """Keep the reason as it may be shown."""
        super().__init__(redacted(reason))
        self.is_final = is_final


class StatusError(NetworkError):
    """An answer that says what is wrong.

    Attributes:
        status: HTTP's number.
        code: The hub's name of the reason; empty if it has none.
        message: What it says besides.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        """Keep what was said."""
        reason = "it asks to come again later, " if status == 429 else ""
        super().__init__(f"{reason}HTTP {status}", is_final=True)
        self.status, self.code, self.message = status, code, redacted(message)


@dataclass(frozen=True)
class Answer:
    """An answer whose body is still to come.

    Attributes:
        status: HTTP's number, below 400.
        headers: Its headers, whatever the case of their names.
        limits: What is waited for.
    """

    status: int
    headers: Mapping[str, str]
    limits: Limits
    _response: Any = field(repr=False)

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it comes.

        Raises:
            NetworkError: If the connection is lost, or hardly anything comes.
        """
        with _explained():
            yield from _unpacked(self._steady(), self.headers.get("Content-Encoding", ""))

    def _steady(self) -> Iterator[bytes]:
        begun, n_bytes = time.monotonic(), 0
        for chunk in _raw(self._response):
            n_bytes += len(chunk)
            if (now := time.monotonic()) - begun > self.limits.window_s:
                self._require_progress(n_bytes)
                begun, n_bytes = now, 0
            yield chunk

    def body(self, limit_bytes: int) -> bytes:
        """Return all of the body.

        Raises:
            NetworkError: If it is longer, or as ``chunks``.
        """
        parts, n_bytes = [], 0
        for chunk in self.chunks():
            n_bytes += len(chunk)
            if n_bytes > limit_bytes:
                raise NetworkError(f"the answer has more than {limit_bytes / 1e6:,.1f} MB")
            parts.append(chunk)
        return b"".join(parts)

    def _require_progress(self, n_bytes: int) -> None:
        if n_bytes < self.limits.window_bytes:
            raise NetworkError(
                f"only {n_bytes:,} bytes in {self.limits.window_s:,.0f} s", is_final=True
            )


@contextlib.contextmanager
def asked(
    address: str,
    timeout_s: float,
    limits: Limits,
    *,
    method: str = "GET",
    more_headers: Mapping[str, str] | None = None,
) -> Iterator[Answer]:
    """Yield the answer to a request, after redirects.

    Args:
        address: The address at the hub.
        timeout_s: Seconds to wait for a connection, and for each part of the answer.
        limits: What is waited for besides.
        method: ``GET`` or ``HEAD``.
        more_headers: Headers besides the client's own.

    Raises:
        StatusError: If the answer is an error of HTTP.
        NetworkError: If there is none.
    """
    with _explained():
        from huggingface_hub.utils import build_hf_headers

        headers = build_hf_headers(library_name="edgeval") | {"Accept-Encoding": "identity"}
        headers |= more_headers or {}
        response = _followed(
            functools.partial(_opened, method, timeout_s), address, headers, limits
        )
    try:
        if response.status_code >= 400:
            said = response.headers
            code, message = said.get("X-Error-Code", ""), said.get("X-Error-Message", "")
            raise StatusError(response.status_code, code, message)
        yield Answer(response.status_code, response.headers, limits, response)
    finally:
        response.close()


def within(limit_s: float, call: Callable[[], T]) -> T:
    """Bound a call in time: name resolution and several dead addresses outlast any timeout.

    Raises:
        concurrent.futures.TimeoutError: If it takes longer; it goes on in the background.
    """
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

    base = HfHubHTTPError.__bases__[0]
    library = importlib.import_module(base.__module__.split(".")[0])
    more = [getattr(library, "InvalidURL", base), getattr(library, "StreamError", base)]
    with contextlib.suppress(ImportError):
        # What requests does not wrap where its stream is read as it comes.
        more.append(importlib.import_module("urllib3.exceptions").HTTPError)
    return (base, *more, OSError)


def _faults() -> tuple[type[Exception], ...]:
    """Return what may be raised on the way to an answer and while it is read."""
    # A proxy of a kind that needs a package, or a token or an address that is none.
    return (*client_errors(), ValueError, ImportError, zlib.error)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn what the client and its library raise into a clause."""
    try:
        yield
    except NetworkError:
        raise
    except FutureTimeoutError as error:
        raise NetworkError("no answer", is_final=True) from error
    except _faults() as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise NetworkError(lines[0].rstrip(".")) from error


def _followed(
    opened: Callable[[str, Mapping[str, str]], Any],
    address: str,
    headers: dict[str, str],
    limits: Limits,
) -> Any:
    """Return the response at the end of all redirects; the token stays with its host."""
    for _ in range(limits.redirects + 1):
        response = within(limits.head_s, functools.partial(opened, address, dict(headers)))
        location = response.headers.get("Location")
        if response.status_code not in _REDIRECTS or not location:
            return response
        response.close()
        target = urljoin(address, location)
        if urlsplit(target).scheme not in {"http", "https"}:
            raise NetworkError("it redirects to what is no address of the web", is_final=True)
        if not is_same_hub(address, target):
            headers = {
                name: value for name, value in headers.items() if name.lower() != "authorization"
            }
        address = target
    raise NetworkError("it redirects without an end", is_final=True)


def _opened(method: str, timeout_s: float, address: str, headers: Mapping[str, str]) -> Any:
    from huggingface_hub.utils import get_session

    session: Any = get_session()
    if callable(session.stream):
        request = session.build_request(method, address, headers=headers, timeout=timeout_s)
        return session.send(request, stream=True, follow_redirects=False)
    return session.request(
        method, address, headers=headers, timeout=timeout_s, stream=True, allow_redirects=False
    )


def _raw(response: Any) -> Iterator[bytes]:
    """Return the body as it comes: a chunk of a certain size would be waited for."""
    if callable(getattr(response, "iter_raw", None)):
        return iter(response.iter_raw())
    read = getattr(response.raw, "read1", None)
    n_bytes, read = (_CHUNK_BYTES, read) if read else (1024, response.raw.read)
    return iter(lambda: read(n_bytes, decode_content=False), b"")


def _unpacked(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield what chunks hold, a little at a time."""
    if encoding.lower() in {"", "identity"}:
        yield from chunks
        return
    if encoding.lower() not in {"gzip", "x-gzip", "deflate"}:
        raise NetworkError(f"the answer is packed as {encoding}", is_final=True)
    stream = zlib.decompressobj(_GZIP_OR_ZLIB)
    for chunk in chunks:
        rest = chunk
        while rest:
            yield stream.decompress(rest, _CHUNK_BYTES)
            rest = stream.unconsumed_tail
    if not stream.eof:
        raise NetworkError("the connection was closed early")
