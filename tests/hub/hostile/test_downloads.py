"""Answers that are none, and files that never end."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.hostile_hub import (
    FILES,
    Request,
    chunked,
    fetch,
    forever,
    of_weights,
    refused,
    send,
)
from tests.helpers.hub_server import HubServer

GZIP_BOMB = gzip.compress(b" " * 10**8, 1)
ZLIB_BOMB = zlib.compress(b" " * 10**8, 1)


def of_listing(answer: Callable[[Request], bool]) -> Callable[[Request], bool]:
    return lambda handler: handler.path.startswith("/api/models/") and answer(handler)


# Answers that are none.


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda handler: send(handler, b"<html>log in"), "it is no JSON: Expecting value"),
        (lambda handler: send(handler, b""), "it is empty"),
        (lambda handler: send(handler, b"[" * 100_000), "nested more than 64 deep"),
        (lambda handler: send(handler, b"9" * 5000), "an integer of 5,000 digits"),
        (lambda handler: send(handler, b'{"sha": NaN}'), "the number NaN"),
        (lambda handler: send(handler, b"\xff\xfe\xff"), "no UTF-16 text"),
        (lambda handler: send(handler, b"\0" * 100), "NUL bytes"),
        (lambda handler: send(handler, b'"\\ud800"'), "half of a surrogate pair"),
        (lambda handler: send(handler, b"x", 500), "HTTP 500"),
        (lambda handler: send(handler, b"x", 503, Retry_After=10**9), "HTTP 503"),
        (
            lambda handler: send(handler, b"x", 429, Retry_After=10**9),
            "come again later, HTTP 429",
        ),
        (lambda handler: send(handler, b"", 404), "HTTP 404"),
        (lambda handler: send(handler, b"x", 302, Location=handler.path), "without an end"),
        (lambda handler: send(handler, b"x", 302, Location="file:///etc/passwd"), "no address"),
        (lambda handler: send(handler, b"x", 302, Location="http://[::1"), "Could not reach"),
        (lambda handler: send(handler, b"x", Content_Encoding="br"), "packed as br"),
        (
            lambda handler: send(handler, b"xxxx", Content_Encoding="gzip"),
            "incorrect header check",
        ),
        (lambda handler: send(handler, b"{}", length=10**10), "Could not reach the hub"),
        (lambda handler: chunked(handler, forever(b'{"a": 1},' * 1000)), "more than 1.0 MB"),
        (lambda handler: chunked(handler, forever(b" ", 0.05)), "bytes in|no answer in"),
        (
            lambda handler: send(handler, GZIP_BOMB, Content_Encoding="gzip"),
            "more than 1.0 MB",
        ),
        (
            lambda handler: send(handler, ZLIB_BOMB, Content_Encoding="deflate"),
            "more than 1.0 MB",
        ),
    ],
)
def test_an_answer_that_is_none_is_a_sentence(
    answer: Callable[[Request], bool], reason: str, server: HubServer
) -> None:
    server.intercept = of_listing(answer)
    refused(reason)


def test_a_packed_listing_is_read(server: HubServer) -> None:
    listing: list[bytes] = []

    def keep(content: dict[str, Any]) -> object:
        listing.append(json.dumps(content).encode())
        return content

    server.listing = keep
    fetch()
    packed = gzip.compress(listing[0])
    server.intercept = of_listing(lambda handler: send(handler, packed, Content_Encoding="gzip"))
    assert fetch() == FILES


def test_an_answer_whose_head_drips_is_not_waited_for(server: HubServer) -> None:
    def drip(handler: Request) -> bool:
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000:
                handler.wfile.write(bytes([byte]))
                time.sleep(0.05)
        except OSError:  # The client has seen enough.
            handler.close_connection = True
        handler.close_connection = True
        return True

    server.intercept = of_listing(drip)
    refused("no answer")
    server.intercept = of_weights(drip)
    refused("no answer")


# Files that never end.


def weights_kept(tmp_path: Path) -> int:
    """Return how many bytes of the weights are kept to go on with."""
    (partial,) = (tmp_path / "cache").rglob("blobs/*.incomplete")
    return partial.stat().st_size


def test_a_download_that_drips_ends_and_is_gone_on_with(server: HubServer, tmp_path: Path) -> None:
    def drip(handler: Request) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", "300000")
        handler.end_headers()
        handler.close_connection = True
        try:
            for _ in range(200):
                handler.wfile.write(b"\1")
                handler.wfile.flush()
                time.sleep(0.02)
        except OSError:  # The client has seen enough.
            return True
        return True

    server.intercept = of_weights(drip)
    refused(r"The download of tiny/llama stopped \(only \d+ bytes in 0 s\): run again to resume")
    assert 0 < weights_kept(tmp_path) < 200
    server.intercept = lambda handler: False
    assert fetch() == FILES


def test_tiny_parts_end(server: HubServer) -> None:
    def part(handler: Request) -> bool:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        said = f"bytes {start}-{start + 9}/300000"
        return send(handler, b"\1" * 10, 206, Content_Range=said)

    server.intercept = of_weights(part)
    refused("the connection was closed early")
    assert len(server.ranges_of("model.safetensors")) < 10


def test_parts_of_a_fair_size_are_put_together(server: HubServer) -> None:
    def part(handler: Request) -> bool:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        body = FILES["model.safetensors"][start : start + (1 << 16)]
        said = f"bytes {start}-{start + len(body) - 1}/300000"
        return send(handler, body, 206, Content_Range=said)

    server.intercept = of_weights(part)
    assert fetch() == FILES


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            lambda handler: send(handler, b"\1", 206, Content_Range="bytes 7-7/300000"),
            "byte 0 of 300,000 on was asked for, and bytes 7-7/300000 was sent",
        ),
        (lambda handler: send(handler, b"\1", 206), "an unknown part was sent"),
        (lambda handler: send(handler, b"\1", 206, Content_Range="x" * 999), "was asked for"),
        (lambda handler: send(handler, b"\1", 206, Content_Range="bytes 0-0/7"), "0-0/7 was sent"),
        (lambda handler: send(handler, b"", 204), "HTTP 204"),
        (lambda handler: send(handler, b"", 416), "HTTP 416"),
        (lambda handler: send(handler, b"", 500), "HTTP 500"),
        (lambda handler: send(handler, b"", 403, X_Error_Message="\x1b[2J"), "refuses tiny/llama"),
        (lambda handler: send(handler, b"", 302, Location=handler.path), "without an end"),
        (lambda handler: chunked(handler, forever(b"\1" * 65536)), "arrived damaged"),
        (lambda handler: send(handler, b"\1" * 10**7), "arrived damaged"),
        (
            lambda handler: send(handler, GZIP_BOMB, Content_Encoding="gzip"),
            "arrived damaged",
        ),
        (lambda handler: send(handler, b"\1" * 9, Content_Encoding="zstd"), "packed as zstd"),
    ],
)
def test_a_file_that_is_another_is_a_sentence(
    answer: Callable[[Request], bool], reason: str, server: HubServer
) -> None:
    server.intercept = of_weights(answer)
    refused(reason)
    server.intercept = lambda handler: False
    assert fetch() == FILES
