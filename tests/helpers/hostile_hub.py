"""A hub that answers as it is told, and the client that asks it."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from edgeval.errors import HubError
from edgeval.hub.answers import Limits
from edgeval.hub.fetch import fetch_checkpoint

REPO = "tiny/llama"
SECRET = "hf_let_me_in"
LIMITS = Limits(
    head_s=2.0, window_s=0.5, window_bytes=2000, part_bytes=1 << 16, listing_bytes=10**6
)
FILES = {"config.json": b'{"a": 1}', "tokenizer.json": b"{}", "model.safetensors": b"\1" * 300_000}

Request = BaseHTTPRequestHandler


def fetch(**kwargs: Any) -> dict[str, bytes]:
    """Return the files of a snapshot."""
    found = fetch_checkpoint(REPO, limits=LIMITS, **kwargs).path
    return {path.name: path.read_bytes() for path in found.iterdir()}


def refused(reason: str) -> str:
    """Return the sentence that a fetch ends in, within seconds and in little memory."""
    begun = time.monotonic()
    tracemalloc.start()
    with pytest.raises(HubError, match=reason) as found:
        fetch()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    sentence = str(found.value)
    assert time.monotonic() - begun < 9
    assert peak_bytes < 40_000_000
    assert sentence.isprintable()
    assert len(sentence) < 700
    assert SECRET not in sentence
    return sentence


def send(
    handler: Request, body: bytes, status: int = 200, length: int | None = None, **headers: object
) -> bool:
    """Answer; ``Content_Type`` is the header ``Content-Type``."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    try:
        handler.wfile.write(b"" if handler.command == "HEAD" else body)
    except OSError:  # The client has seen enough.
        handler.close_connection = True
    return True


def chunked(handler: Request, chunks: Iterator[bytes], **headers: str) -> bool:
    """Answer with chunks, until there is none any more, or the client has seen enough."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.close_connection = True
    try:
        for chunk in chunks:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        handler.wfile.write(b"0\r\n\r\n")
    except OSError:  # The client has seen enough.
        return True
    return True


def of_weights(answer: Callable[[Request], bool]) -> Callable[[Request], bool]:
    return lambda handler: handler.path.startswith("/cdn/") and answer(handler)


def forever(chunk: bytes, pause_s: float = 0.0) -> Iterator[bytes]:
    while True:
        yield chunk
        time.sleep(pause_s)


# What is listed.


def entry(**changes: Any) -> Callable[[dict[str, Any]], object]:
    """Change what is said of ``config.json``."""

    def change(content: dict[str, Any]) -> object:
        entry = next(each for each in content["siblings"] if each["rfilename"] == "config.json")
        entry.update(changes)
        return content

    return change
