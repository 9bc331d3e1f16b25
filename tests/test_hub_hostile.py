"""The real client against hubs that lie, drip, never end, or are none."""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from fakes import Lines
from hub_server import HubServer

from edgeval.errors import HubError
from edgeval.hub import fetch as hubs
from edgeval.hub.answers import Limits
from edgeval.hub.fetch import fetch_checkpoint, why_unreachable
from edgeval.hub.names import is_plain_name, is_revision, is_same_hub, redacted

SLOW = pytest.mark.slow
REPO = "tiny/llama"
SECRET = "hf_let_me_in"
LIMITS = Limits(
    head_s=2.0, window_s=0.5, window_bytes=2000, part_bytes=1 << 16, listing_bytes=10**6
)
FILES = {"config.json": b'{"a": 1}', "tokenizer.json": b"{}", "model.safetensors": b"\1" * 300_000}

GZIP_BOMB = gzip.compress(b" " * 10**8, 1)
ZLIB_BOMB = zlib.compress(b" " * 10**8, 1)

Request = BaseHTTPRequestHandler


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HubServer]:
    folder = tmp_path / "repository"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    with HubServer(folder, REPO) as found:
        yield found


@pytest.fixture(autouse=True)
def _client_of_the_server(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 3)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("edgeval.hub.transfer._RETRY_PAUSES_S", (0.01, 0.02))


def _fetch(**kwargs: Any) -> dict[str, bytes]:
    """Return the files of a snapshot."""
    found = fetch_checkpoint(REPO, limits=LIMITS, **kwargs).path
    return {path.name: path.read_bytes() for path in found.iterdir()}


def _refused(reason: str) -> str:
    """Return the sentence that a fetch ends in, within seconds and in little memory."""
    begun = time.monotonic()
    tracemalloc.start()
    with pytest.raises(HubError, match=reason) as found:
        _fetch()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    sentence = str(found.value)
    assert time.monotonic() - begun < 9
    assert peak_bytes < 40_000_000
    assert sentence.isprintable()
    assert len(sentence) < 700
    assert SECRET not in sentence
    return sentence


def _send(
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


def _chunked(handler: Request, chunks: Iterator[bytes], **headers: str) -> bool:
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


def _of_listing(answer: Callable[[Request], bool]) -> Callable[[Request], bool]:
    return lambda handler: handler.path.startswith("/api/models/") and answer(handler)


def _of_weights(answer: Callable[[Request], bool]) -> Callable[[Request], bool]:
    return lambda handler: handler.path.startswith("/cdn/") and answer(handler)


def _forever(chunk: bytes, pause_s: float = 0.0) -> Iterator[bytes]:
    while True:
        yield chunk
        time.sleep(pause_s)


# What is listed.


def _entry(**changes: Any) -> Callable[[dict[str, Any]], object]:
    """Change what is said of ``config.json``."""

    def change(content: dict[str, Any]) -> object:
        entry = next(each for each in content["siblings"] if each["rfilename"] == "config.json")
        entry.update(changes)
        return content

    return change


def _twice(content: dict[str, Any]) -> object:
    content["siblings"].append(content["siblings"][0])
    return content


@pytest.mark.parametrize(
    ("listing", "reason"),
    [
        (lambda content: None, "it is no object"),
        (lambda content: [], "it is no object"),
        (lambda content: "x" * 5000, "it is no object"),
        (lambda content: {}, "its commit is None"),
        (lambda content: content | {"sha": None}, "its commit is None"),
        (lambda content: content | {"sha": 7}, "its commit is 7"),
        (lambda content: content | {"sha": "../../.."}, r"its commit is '../../\.\.'"),
        (lambda content: content | {"sha": "A" * 40}, "its commit is 'AAAA"),
        (lambda content: content | {"sha": "a" * 41}, "its commit is 'aaaa"),
        (lambda content: content | {"sha": "a" * 39 + "\n"}, "its commit is 'aaaa"),
        (lambda content: content | {"sha": "\x1b[2J"}, r"its commit is '\\x1b\[2J'"),
        (lambda content: content | {"siblings": None}, "its list of files is None"),
        (lambda content: content | {"siblings": {}}, r"its list of files is {}"),
        (lambda content: content | {"siblings": [None]}, "it lists a file as None"),
        (lambda content: content | {"siblings": [[]]}, r"it lists a file as \[\]"),
        (lambda content: content | {"siblings": [{}]}, r"it lists a file as {}"),
        (_entry(rfilename=7), "it lists a file as {'rfilename': 7"),
        (_twice, "it lists config.json twice"),
        (_entry(size="8"), "config.json has the size '8'"),
        (_entry(size=-8), "config.json has the size -8"),
        (_entry(size=8.0), r"config.json has the size 8\.0"),
        (_entry(size=True), "config.json has the size True"),
        (_entry(size=None), "config.json has the size None"),
        (_entry(size=2**63), "the number 9223372036854775808, which is too large"),
        (_entry(lfs=[]), r"config.json has the LFS \[\]"),
        (_entry(lfs="x"), "config.json has the LFS 'x'"),
        (_entry(lfs={"sha256": "../secret"}), "config.json has the hash '../secret'"),
        (_entry(blobId="/etc/passwd"), "config.json has the hash '/etc/passwd'"),
        (_entry(blobId="..\\secret"), "config.json has the hash"),
        (_entry(blobId=7), "config.json has the hash 7"),
        (_entry(blobId="a" * 40 + "\n"), "config.json has the hash"),
        (_entry(blobId=""), "config.json has the hash ''"),
    ],
)
def test_a_field_of_another_kind_is_named(
    listing: Callable[[dict[str, Any]], object], reason: str, server: HubServer, tmp_path: Path
) -> None:
    server.listing = listing
    sentence = _refused(f"the answer is not a hub's: .*{reason}")
    assert sentence.startswith(f"Could not reach the hub at {server.url}")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"private": "maybe", "gated": 7, "lastModified": "never", "createdAt": [], "id": None},
        {"inferenceProviderMapping": 7, "cardData": "x", "safetensors": [], "tags": None},
    ],
)
def test_fields_that_nobody_asks_for_may_be_anything(
    fields: dict[str, Any], server: HubServer
) -> None:
    server.listing = lambda content: content | fields
    assert _fetch() == FILES


ODD_NAMES = [
    *("../config.json", "/etc/passwd", "a/../../b.json", "..", ".", "", "a\\b.json", "C:x.json"),
    *("nul.json", "CON", "com1.safetensors", "x\0y", "\x1b[2J", "a\nb", "-rf", ".hidden."),
    *("é.json", "x" * 500, "folder/config.json"),
]


def test_odd_names_are_never_looked_for(server: HubServer, tmp_path: Path) -> None:
    def more(content: dict[str, Any]) -> object:
        odd = [{"rfilename": name, "size": 8, "blobId": "../../../secret"} for name in ODD_NAMES]
        return content | {"siblings": [*odd, *content["siblings"]]}

    server.listing = more
    assert _fetch() == FILES
    names = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert set(FILES) <= names
    assert not names & set(ODD_NAMES)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_index_names_files_of_its_folder_alone(name: str, server: HubServer) -> None:
    (server.folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": name.removesuffix(".safetensors") + ".safetensors"}}
    if is_plain_name(index["weight_map"]["a"]):
        pytest.skip("a good name with this ending")
    (server.folder / "model.safetensors.index.json").write_text(json.dumps(index))
    _refused("names no usable shards")


@pytest.mark.parametrize(
    "index",
    [
        *("", "[]", "{}", "[" * 100_000, '{"weight_map": []}', '{"weight_map": {"a": [1]}}'),
        *('{"weight_map": {"a": 7}}', '{"weight_map": {}}', '{"weight_map": null}', "\0" * 99),
    ],
)
def test_an_odd_index_is_a_sentence(index: str, server: HubServer) -> None:
    (server.folder / "model.safetensors").unlink()
    (server.folder / "model.safetensors.index.json").write_text(index)
    _refused("names no usable shards")


def test_names() -> None:
    assert not any(map(is_plain_name, [*ODD_NAMES, None, 7, ["a"]]))
    for name in (*FILES, "model-00001-of-00002.safetensors", "a+b.bin", "_x", "console.json"):
        assert is_plain_name(name), name
    for name in ("main", "refs/pr/7", "v1.0", "step-1431k-3T", "a" * 40):
        assert is_revision(name), name
    for name in (
        "../main",
        "a/../../b",
        "/main",
        "a//b",
        "a\\b",
        "",
        ".",
        "x\x1b[2J",
        "é",
        "a" * 201,
    ):
        assert not is_revision(name), name


@pytest.mark.parametrize("revision", ["../../../secret", "a\x1b[2Jb", "/etc/passwd", "x" * 5000])
def test_a_revision_is_no_path(revision: str, server: HubServer) -> None:
    with pytest.raises(HubError, match="is no branch, tag or commit") as found:
        fetch_checkpoint(REPO, revision)
    assert str(found.value).isprintable()
    assert len(str(found.value)) < 400
    assert server.requests == []


def test_a_repository_of_control_characters_is_shown_as_it_is() -> None:
    with pytest.raises(HubError, match=r"'a\\\\x1b\[2J/b' is not a repository"):
        fetch_checkpoint("a\x1b[2J/b")


# The user's files.


def test_no_file_of_the_user_gets_into_a_snapshot(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"8 bytes.")

    def denied(*_: object, **__: object) -> None:
        raise OSError("a required privilege is not held")

    for digest in (
        str(secret),
        os.path.relpath(secret, tmp_path / "cache/models--tiny--llama/blobs"),
    ):
        for name in ("symlink_to", "hardlink_to"):
            monkeypatch.setattr(Path, name, denied)
        server.listing = _entry(blobId=digest)
        _refused("config.json has the hash")
        server.listing = _entry(lfs={"sha256": digest, "size": 8})
        _refused("config.json has the hash")
    assert secret.read_bytes() == b"8 bytes."


@pytest.mark.parametrize("denied", [["symlink_to"], ["symlink_to", "hardlink_to"]])
def test_without_links_blobs_stay_where_they_are(
    denied: list[str], server: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def deny(*_: object, **__: object) -> None:
        raise OSError("a required privilege is not held")

    for name in denied:
        monkeypatch.setattr(Path, name, deny)
    assert _fetch() == FILES
    (server.folder / "config.json").write_bytes(b'{"a": 2}')
    server.forget()
    assert _fetch() == FILES | {"config.json": b'{"a": 2}'}
    # What has not changed is not fetched again, for the blobs are still there.
    assert [path for path in server.paths() if "resolve" in path] == [
        f"/{REPO}/resolve/{server.commit}/config.json"
    ]
    blobs = list((tmp_path / "cache").rglob("blobs/*"))
    assert sorted(path.read_bytes() for path in blobs) == sorted([*FILES.values(), b'{"a": 2}'])


def test_a_reference_of_the_cache_that_is_none_is_not_followed(
    server: HubServer, tmp_path: Path
) -> None:
    _fetch()
    ref = tmp_path / "cache/models--tiny--llama/refs/main"
    for content in (b"../../..", b"\xff" * 40, b"a" * 10_000, b""):
        ref.write_bytes(content)
        with pytest.raises(HubError, match="not completely in the cache"):
            _fetch(offline=True)
    if os.name != "nt":
        ref.unlink()
        os.mkfifo(ref)
        with pytest.raises(HubError, match="not completely in the cache"):
            _fetch(offline=True)
        ref.unlink()
    assert _fetch() == FILES


# Answers that are none.


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda handler: _send(handler, b"<html>log in"), "it is no JSON: Expecting value"),
        (lambda handler: _send(handler, b""), "it is empty"),
        (lambda handler: _send(handler, b"[" * 100_000), "nested more than 64 deep"),
        (lambda handler: _send(handler, b"9" * 5000), "an integer of 5,000 digits"),
        (lambda handler: _send(handler, b'{"sha": NaN}'), "the number NaN"),
        (lambda handler: _send(handler, b"\xff\xfe\xff"), "no UTF-16 text"),
        (lambda handler: _send(handler, b"\0" * 100), "NUL bytes"),
        (lambda handler: _send(handler, b'"\\ud800"'), "half of a surrogate pair"),
        (lambda handler: _send(handler, b"x", 500), "HTTP 500"),
        (lambda handler: _send(handler, b"x", 503, Retry_After=10**9), "HTTP 503"),
        (
            lambda handler: _send(handler, b"x", 429, Retry_After=10**9),
            "come again later, HTTP 429",
        ),
        (lambda handler: _send(handler, b"", 404), "HTTP 404"),
        (lambda handler: _send(handler, b"x", 302, Location=handler.path), "without an end"),
        (lambda handler: _send(handler, b"x", 302, Location="file:///etc/passwd"), "no address"),
        (lambda handler: _send(handler, b"x", 302, Location="http://[::1"), "Could not reach"),
        (lambda handler: _send(handler, b"x", Content_Encoding="br"), "packed as br"),
        (
            lambda handler: _send(handler, b"xxxx", Content_Encoding="gzip"),
            "incorrect header check",
        ),
        (lambda handler: _send(handler, b"{}", length=10**10), "Could not reach the hub"),
        (lambda handler: _chunked(handler, _forever(b'{"a": 1},' * 1000)), "more than 1.0 MB"),
        (lambda handler: _chunked(handler, _forever(b" ", 0.05)), "bytes in|no answer in"),
        (
            lambda handler: _send(handler, GZIP_BOMB, Content_Encoding="gzip"),
            "more than 1.0 MB",
        ),
        (
            lambda handler: _send(handler, ZLIB_BOMB, Content_Encoding="deflate"),
            "more than 1.0 MB",
        ),
    ],
)
def test_an_answer_that_is_none_is_a_sentence(
    answer: Callable[[Request], bool], reason: str, server: HubServer
) -> None:
    server.intercept = _of_listing(answer)
    _refused(reason)


def test_a_packed_listing_is_read(server: HubServer) -> None:
    listing: list[bytes] = []

    def keep(content: dict[str, Any]) -> object:
        listing.append(json.dumps(content).encode())
        return content

    server.listing = keep
    _fetch()
    packed = gzip.compress(listing[0])
    server.intercept = _of_listing(lambda handler: _send(handler, packed, Content_Encoding="gzip"))
    assert _fetch() == FILES


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

    server.intercept = _of_listing(drip)
    _refused("no answer")
    server.intercept = _of_weights(drip)
    _refused("no answer")


# Files that never end.


def _weights_kept(tmp_path: Path) -> int:
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

    server.intercept = _of_weights(drip)
    _refused(r"The download of tiny/llama stopped \(only \d+ bytes in 0 s\): run again to resume")
    assert 0 < _weights_kept(tmp_path) < 200
    server.intercept = lambda handler: False
    assert _fetch() == FILES


def test_tiny_parts_end(server: HubServer) -> None:
    def part(handler: Request) -> bool:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        said = f"bytes {start}-{start + 9}/300000"
        return _send(handler, b"\1" * 10, 206, Content_Range=said)

    server.intercept = _of_weights(part)
    _refused("the connection was closed early")
    assert len(server.ranges_of("model.safetensors")) < 10


def test_parts_of_a_fair_size_are_put_together(server: HubServer) -> None:
    def part(handler: Request) -> bool:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        body = FILES["model.safetensors"][start : start + (1 << 16)]
        said = f"bytes {start}-{start + len(body) - 1}/300000"
        return _send(handler, body, 206, Content_Range=said)

    server.intercept = _of_weights(part)
    assert _fetch() == FILES


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            lambda handler: _send(handler, b"\1", 206, Content_Range="bytes 7-7/300000"),
            "byte 0 of 300,000 on was asked for, and bytes 7-7/300000 was sent",
        ),
        (lambda handler: _send(handler, b"\1", 206), "an unknown part was sent"),
        (lambda handler: _send(handler, b"\1", 206, Content_Range="x" * 999), "was asked for"),
        (lambda handler: _send(handler, b"\1", 206, Content_Range="bytes 0-0/7"), "0-0/7 was sent"),
        (lambda handler: _send(handler, b"", 204), "HTTP 204"),
        (lambda handler: _send(handler, b"", 416), "HTTP 416"),
        (lambda handler: _send(handler, b"", 500), "HTTP 500"),
        (lambda handler: _send(handler, b"", 403, X_Error_Message="\x1b[2J"), "refuses tiny/llama"),
        (lambda handler: _send(handler, b"", 302, Location=handler.path), "without an end"),
        (lambda handler: _chunked(handler, _forever(b"\1" * 65536)), "arrived damaged"),
        (lambda handler: _send(handler, b"\1" * 10**7), "arrived damaged"),
        (
            lambda handler: _send(handler, GZIP_BOMB, Content_Encoding="gzip"),
            "arrived damaged",
        ),
        (lambda handler: _send(handler, b"\1" * 9, Content_Encoding="zstd"), "packed as zstd"),
    ],
)
def test_a_file_that_is_another_is_a_sentence(
    answer: Callable[[Request], bool], reason: str, server: HubServer
) -> None:
    server.intercept = _of_weights(answer)
    _refused(reason)
    server.intercept = lambda handler: False
    assert _fetch() == FILES


# Tokens and passwords.


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("what", ["/api/models/", "/cdn/"])
def test_a_token_stays_with_its_host(host: str, what: str, server: HubServer) -> None:
    """Another host, or another port of the same, is given no token, however it is come to."""
    asked: list[tuple[str, str | None]] = []

    def watch(handler: Request) -> bool:
        asked.append((handler.path, handler.headers.get("Authorization")))
        return False

    with HubServer(server.folder, REPO, host=host) as other:

        def elsewhere(handler: Request) -> bool:
            assert handler.headers.get("Authorization") == f"Bearer {SECRET}"
            target = f"{other.url}{handler.path}"
            return handler.path.startswith(what) and _send(handler, b"", 307, Location=target)

        server.intercept, other.intercept = elsewhere, watch
        assert _fetch() == FILES
    assert [path.startswith(what) for path, _ in asked] == [True]
    assert [token for _, token in asked] == [None]


def test_where_a_token_may_go() -> None:
    hub = "https://huggingface.co/api"
    assert is_same_hub(hub, "https://huggingface.co:443/x")
    assert is_same_hub("http://hub.example/x", "https://HUB.example/x")
    for other in (
        *("http://huggingface.co/x", "https://cdn.huggingface.co/x", "https://huggingface.co:444/"),
        *("https://huggingface.co@evil.example/", "https://huggingface.co.evil.example/"),
    ):
        assert not is_same_hub(hub, other), other
    assert not is_same_hub("http://hub.example:8080/x", "https://hub.example/x")


@pytest.mark.parametrize(
    "fault",
    ["refuse", "404", "403", "gated", "revision", "damaged", "redirect", "cut", "drip", "fallback"],
)
def test_credentials_of_an_address_are_not_shown(
    fault: str, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    lines = Lines()
    if fault == "fallback":
        _fetch()
    monkeypatch.setattr(constants, "ENDPOINT", server.url.replace("://", "://user:pass-word@"))
    if fault in {"refuse", "fallback"}:
        server.refuse = True
    elif fault in {"404", "403"}:
        server.status = int(fault)
    elif fault == "gated":
        server.gated, server.token = True, "another"
    elif fault == "revision":
        server.revisions = set()
    elif fault == "damaged":
        server.corrupt.add("config.json")
    elif fault == "redirect":
        target = "http://127.0.0.1:9/x?X-Amz-Signature=pass-word"
        server.intercept = _of_weights(lambda handler: _send(handler, b"", 302, Location=target))
    elif fault == "cut":
        server.cut_at["model.safetensors"] = 1000
    else:
        server.intercept = _of_weights(lambda handler: _chunked(handler, _forever(b"x", 0.05)))
    if fault == "fallback":
        assert _fetch(progress=lines) == FILES
        said = " ".join(lines.lines)
        assert said.startswith("hub not reached (")
    else:
        said = _refused("tiny/llama|Could not reach the hub at http://[*]{3}@127.0.0.1")
    assert "pass-word" not in said
    assert "user" not in said.replace("user:", "user").split("/")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at https://user:pass@host/x?", "at https://***@host/x?"),
        ("url: /x/y?X-Amz-Signature=abc (Caused by", "url: /x/y?*** (Caused by"),
        ("socks5://u:p@w@host:1080", "socks5://***@host:1080"),
        ("https://token@host", "https://***@host"),
        ("'https://h/x?X-Amz-Signature=abc&y=1' failed", "'https://h/x?***' failed"),
        ("Illegal header value b'Bearer hf_abcdefgh '", "Illegal header value b'Bearer *** '"),
        ("Authorization: Basic dXNlcjpw", "Authorization: Basic ***"),
        ("the token hf_abcdefgh is bad", "the token hf_*** is bad"),
        ("mail me@host.example", "mail me@host.example"),
        ("a\nb\x1b[2J", "a\\nb\\x1b[2J"),
    ],
)
def test_what_is_secret_is_left_out(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize("token", ["hf_é" * 9, "hf_a\x00bcdefgh", "hf_a\nX-Evil: 1"])
def test_a_token_that_cannot_be_sent_is_not_shown(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.utils._headers.get_token", lambda: token)
    try:
        assert _fetch() == FILES  # Older clients send what they are given.
    except HubError as error:
        assert "Could not reach the hub" in str(error)
        assert "bcdefgh" not in str(error)
        assert "é" not in str(error)


# Proxies, certificates and what forbids the network, each in a process of its own.

ASK = """
import json, sys
from edgeval.hub import fetch as hub
from edgeval.errors import EdgevalError
from edgeval.tasks.hellaswag import HELLASWAG
said = []
def attempt(call):
    try:
        said.append(str(call() or ""))
    except EdgevalError as error:
        said.append(f"{type(error).__name__}: {error}")
attempt(hub.why_unreachable)
attempt(lambda: hub.fetch_checkpoint("tiny/llama").commit)
if "data" in sys.argv:
    attempt(lambda: HELLASWAG.load(offline="offline" in sys.argv))
print(json.dumps(said))
"""


def _ask(home: Path, server: HubServer, *words: str, **variables: str) -> list[str]:
    from test_hub import User

    process = User(home, server, {"HF_HUB_ETAG_TIMEOUT": "3"}).start(
        ASK.replace("sys.argv", f"{list(words)!r}"), "", **variables
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    found: list[str] = json.loads(out)
    assert all(each.isprintable() and "pass-word" not in each for each in found)
    return found


@pytest.mark.parametrize(
    "name",
    [
        "ALL_PROXY",
        "http_proxy",
        *(pytest.param(n, marks=SLOW) for n in ("all_proxy", "HTTP_PROXY")),
    ],
)
def test_what_the_client_reaches_is_reachable(name: str, server: HubServer, tmp_path: Path) -> None:
    if name == "HTTP_PROXY" and sys.platform == "win32":
        pytest.skip("names of variables have no case there")
    proxied = {
        "HF_ENDPOINT": "http://hub.invalid",
        name: server.url.replace("//", "//u:pass-word@"),
    }
    assert _ask(tmp_path / "home", server, **proxied) == ["", server.commit]
    assert all(path.startswith("http://hub.invalid/") for path in server.paths("HEAD"))
    assert len(server.paths("HEAD")) == 1


def test_hosts_without_a_proxy_are_asked_themselves(server: HubServer, tmp_path: Path) -> None:
    away = {"ALL_PROXY": "http://127.0.0.1:9"}
    found = _ask(tmp_path / "home", server, **away, NO_PROXY="127.0.0.1")
    assert found == ["", server.commit]
    reason, sentence = _ask(tmp_path / "other", server, **away)
    assert reason
    assert sentence.startswith("HubError: Could not reach the hub")


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"ALL_PROXY": "socks5://u:pass-word@127.0.0.1:9"}, "socksio|SOCKS"),
        pytest.param({"ALL_PROXY": "gopher://u:pass-word@h:9"}, "gopher|scheme", marks=SLOW),
        ({"HF_ENDPOINT": "http://u:pass-word@[::1"}, "(?i)invalid|ipv6|not a valid host"),
        pytest.param({"HF_ENDPOINT": "hub.example"}, "(?i)protocol|scheme|invalid", marks=SLOW),
        ({"HF_ENDPOINT": "https://127.0.0.1:9", "SSL_CERT_FILE": "/absent.pem"}, "."),
        pytest.param(
            {"HF_ENDPOINT": "https://127.0.0.1:9", "REQUESTS_CA_BUNDLE": "/absent.pem"},
            ".",
            marks=SLOW,
        ),
    ],
)
def test_settings_of_the_network_that_do_not_work_are_a_sentence(
    variables: dict[str, str], reason: str, server: HubServer, tmp_path: Path
) -> None:
    import re

    why, sentence = _ask(tmp_path / "home", server, **variables)
    assert re.search(reason, why), why
    assert sentence.startswith("HubError: ")
    assert "HF_ENDPOINT" in sentence
    assert "Could not write" not in sentence


def test_a_variable_that_the_client_cannot_read_is_named(server: HubServer, tmp_path: Path) -> None:
    found = _ask(tmp_path / "home", server, HF_HUB_ETAG_TIMEOUT="soon")
    assert all("such as HF_ENDPOINT and HF_HUB_ETAG_TIMEOUT" in each for each in found)


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "refuses tiny/llama"), (407, "proxy wants to know who asks")]
)
def test_what_a_proxy_refuses_is_said_of_the_proxy(
    status: int, reason: str, server: HubServer, tmp_path: Path
) -> None:
    server.status = status
    proxied = {"HF_ENDPOINT": "http://hub.invalid", "http_proxy": server.url}
    _, sentence, data = _ask(tmp_path / "home", server, "data", **proxied)
    assert reason in sentence
    assert "proxy" in sentence
    assert str(status) in data
    assert "go online once" in data


@pytest.mark.parametrize("how", ["--offline", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_offline_asks_nothing_for_the_data_set(how: str, server: HubServer, tmp_path: Path) -> None:
    words = ["data", *(["offline"] if how == "--offline" else [])]
    variables = {} if how == "--offline" else {how: "1"}
    *_, data = _ask(tmp_path / "home", server, *words, **variables)
    assert "is neither cached here nor to be had from the hub (offline)" in data
    assert not [each for each in server.requests if "datasets" in each.path]


def test_the_data_set_is_asked_for_where_the_client_reaches_the_hub(
    server: HubServer, tmp_path: Path
) -> None:
    proxied = {"HF_ENDPOINT": "http://hub.invalid", "ALL_PROXY": server.url}
    *_, data = _ask(tmp_path / "home", server, "data", **proxied)
    assert "is neither cached here nor to be had from the hub (" in data
    assert [each for each in server.requests if "datasets" in each.path]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        *(pytest.param(each, marks=SLOW) for each in (b"", b"null", b"[]", b"[" * 9999)),
        pytest.param(b'{"siblings": null}', marks=SLOW),
    ],
)
def test_a_data_set_of_an_odd_hub_is_a_sentence(
    body: bytes, server: HubServer, tmp_path: Path
) -> None:
    def odd(handler: Request) -> bool:
        if handler.path.startswith("/datasets/"):
            return _send(handler, b"", 404, X_Error_Code="EntryNotFound")
        return handler.path.startswith("/api/datasets/") and _send(handler, body)

    server.intercept = odd
    *_, data = _ask(tmp_path / "home", server, "data")
    assert "is neither cached here nor to be had from the hub" in data
    assert [path for path in server.paths() if path.startswith("/api/datasets/")]


def test_without_network_is_taken_back() -> None:
    from datasets import config
    from huggingface_hub import constants

    before = (config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE)
    with hubs.without_network():
        assert (config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE) == (True, True)
        assert hubs.is_offline()
    assert before == (config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE)
    assert why_unreachable() == ""
