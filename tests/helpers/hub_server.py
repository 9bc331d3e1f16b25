"""A small hub on 127.0.0.1 that serves one directory as a model repository, and fails on request.

It speaks as much of the hub's protocol as its clients need to find and download a model: the
listing with sizes and hashes, the file tree, and ``resolve`` with ETag, commit and Range, where
large files are answered with a redirect to another path, as the hub does to its CDN::

    with HubServer(folder, repo="tiny/llama") as hub:
        environment["HF_ENDPOINT"] = hub.url
        ...
        assert hub.ranges_of("model.safetensors") == ["", "bytes=1000-"]

Every attribute below may be changed while the server runs.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

BLOCK_BYTES = 1 << 16


class Request(NamedTuple):
    """One request as it arrived; ``range_header`` is empty when it had none."""

    method: str
    path: str
    range_header: str


class RepoFile(NamedTuple):
    """A file of the repository; ``sha256`` is empty unless it is kept as an LFS file."""

    name: str
    content: bytes
    git_sha1: str
    sha256: str

    @property
    def etag(self) -> str:
        """Return what the hub calls the content's name: the SHA-256 of LFS files, else git's."""
        return self.sha256 or self.git_sha1


class HubServer:
    """Serves a directory; a context manager.

    Attributes:
        requests: What was asked, in order.
        sent: Bytes of each file that were sent, by its name.
        revisions: Branches and tags besides ``main``; all name the one commit.
        gated: Files (not the listing) need the token, as for a model whose terms must be accepted.
        private: Without the token the repository does not exist.
        token: The token that opens a gated or private repository.
        refuse: Every connection is closed without an answer.
        status: Every request is answered with this HTTP status, if not 0.
        cut_at: File name to byte position: no answer carries that file beyond the position.
        cut_once: Forget a position of ``cut_at`` when it has taken effect.
        corrupt: Names of files that are sent with one byte changed.
        ignore_range: Answer a Range request with the whole file.
        delay_s: Pause before every answer.
        block_pause_s: Pause after every 64 KiB of a file.
        info: What is said of the repository besides its files: ``cardData``, ``gguf``.
        listing: Called with the listing of the files before it is sent; returns another.
        intercept: Called with every request before it is answered; answers by itself if it returns
            True.
    """

    def __init__(
        self,
        folder: Path,
        repo: str = "tiny/llama",
        *,
        lfs: tuple[str, ...] = (".safetensors",),
        host: str = "127.0.0.1",
    ) -> None:
        self.host = host
        self.folder = folder
        self.repo = repo
        self.lfs_suffixes = lfs
        self.requests: list[Request] = []
        self.sent: Counter[str] = Counter()
        self.revisions = {"main"}
        self.gated = self.private = False
        self.token = "hf_let_me_in"
        self.refuse = self.ignore_range = False
        self.status = 0
        self.cut_at: dict[str, int] = {}
        self.cut_once = False
        self.corrupt: set[str] = set()
        self.delay_s = self.block_pause_s = 0.0
        self.info: dict[str, Any] = {}
        self.listing: Callable[[dict[str, Any]], object] = lambda content: content
        self.intercept: Callable[[BaseHTTPRequestHandler], bool] = lambda handler: False
        self._known: dict[Path, tuple[int, RepoFile]] = {}
        self._server: _Server | None = None
        self.url = ""

    def __enter__(self) -> HubServer:
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://{self.host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the server down: from now on, connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def files(self) -> list[RepoFile]:
        """Return the repository's files, as they are in the folder now."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return [self._file(path, path.stat().st_mtime_ns) for path in paths]

    def _file(self, path: Path, modified_ns: int) -> RepoFile:
        """Read and hash a file, once for every change of it."""
        if path not in self._known or self._known[path][0] != modified_ns:
            content = path.read_bytes()
            name = path.relative_to(self.folder).as_posix()
            git_sha1 = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            is_lfs = name.endswith(self.lfs_suffixes)
            sha256 = hashlib.sha256(content).hexdigest() if is_lfs else ""
            self._known[path] = (modified_ns, RepoFile(name, content, git_sha1, sha256))
        return self._known[path][1]

    @property
    def commit(self) -> str:
        """Return the commit: a new one whenever a file changes."""
        listing = "".join(f"{file.name} {file.git_sha1}\n" for file in self.files())
        return hashlib.sha1(listing.encode()).hexdigest()

    def forget(self) -> None:
        """Empty the request log."""
        self.requests.clear()
        self.sent.clear()

    def paths(self, method: str = "GET") -> list[str]:
        """Return the paths asked for with a method, in order."""
        return [request.path for request in self.requests if request.method == method]

    def ranges_of(self, name: str) -> list[str]:
        """Return the Range header ("" for none) of every request for a file's bytes, in order."""
        ends = tuple(f"/{file.sha256 or file.name}" for file in self.files() if file.name == name)
        return [
            request.range_header
            for request in self.requests
            if request.method == "GET" and request.path.endswith(ends)
        ]


class _Server(ThreadingHTTPServer):
    """A server that does not write of clients that are gone into what a command prints."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def do_GET(self) -> None:
        hub = self.hub
        hub.requests.append(Request(self.command, self.path, self.headers.get("Range", "")))
        time.sleep(hub.delay_s)
        if hub.intercept(self):
            return
        if hub.refuse:
            self._hang_up()
        elif hub.status:
            self._answer(hub.status, b"out of order")
        else:
            self._route(unquote(urlsplit(self.path).path))

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def _route(self, path: str) -> None:
        hub = self.hub
        api, files, cdn = f"/api/models/{hub.repo}", f"/{hub.repo}/resolve/", f"/cdn/{hub.repo}/"
        is_open = self.headers.get("Authorization") == f"Bearer {hub.token}"
        if path == "/api/agent-harnesses":  # Clients from 1.20 on ask once a day.
            self._answer(200, b'{"standardEnvVars": [], "harnesses": {}}')
        elif path.startswith(cdn):
            by_hash = {file.sha256: file for file in hub.files()}
            self._send_file(by_hash[path.removeprefix(cdn)])
        elif not f"{path}/".startswith((f"{api}/", files)) or (hub.private and not is_open):
            # As the hub: whoever has not logged in is not told whether a private one exists.
            self._fail(404 if is_open else 401, "RepoNotFound", "Repository not found")
        elif path.startswith(files):
            revision, _, name = path.removeprefix(files).partition("/")
            self._resolve(revision, name, is_open)
        else:
            _, kind, revision = (*path.removeprefix(api).split("/", 2), "", "")[:3]
            self._list(kind, revision)

    def _list(self, kind: str, revision: str) -> None:
        hub = self.hub
        if not self._is_known(revision or "main"):
            return
        entries = []
        for file in hub.files():
            size = len(file.content)
            lfs = {"sha256": file.sha256, "size": size, "pointerSize": 134}
            if kind == "tree":
                entry = {"type": "file", "path": file.name, "size": size, "oid": file.git_sha1}
                entries.append(
                    entry | ({"lfs": {**lfs, "oid": file.sha256}} if file.sha256 else {})
                )
            elif "blobs" in parse_qs(urlsplit(self.path).query):
                entry = {"rfilename": file.name, "size": size, "blobId": file.git_sha1}
                entries.append(entry | ({"lfs": lfs} if file.sha256 else {}))
            else:
                entries.append({"rfilename": file.name})
        info = {"id": hub.repo, "modelId": hub.repo, "sha": hub.commit, "siblings": entries}
        info |= hub.info
        body = json.dumps(entries if kind == "tree" else hub.listing(info)).encode()
        self._answer(200, body, {"Content-Type": "application/json"})

    def _resolve(self, revision: str, name: str, is_open: bool) -> None:
        hub = self.hub
        if not self._is_known(revision):
            return
        file = {file.name: file for file in hub.files()}.get(name)
        if hub.gated and not is_open:
            self._fail(401, "GatedRepo", f"Access to model {hub.repo} is restricted.")
        elif file is None:
            self._fail(404, "EntryNotFound", "Entry not found")
        elif file.sha256:
            self._answer(302, b"", {"Location": f"/cdn/{hub.repo}/{file.sha256}"}, file)
        else:
            self._send_file(file)

    def _is_known(self, revision: str) -> bool:
        known = revision in self.hub.revisions or revision == self.hub.commit
        if not known:
            self._fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return known

    def _send_file(self, file: RepoFile) -> None:
        hub, content = self.hub, bytearray(file.content)
        if file.name in hub.corrupt:
            content[len(content) // 2] ^= 1
        range_header = "" if hub.ignore_range else self.headers.get("Range", "")
        start = int(range_header.removeprefix("bytes=").split("-")[0]) if range_header else 0
        if start >= len(content) > 0:
            self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        end = hub.cut_at.get(file.name, len(content))
        if hub.cut_once:
            hub.cut_at.pop(file.name, None)
        self._answer(206 if range_header else 200, content[start:], headers, file, end - start)

    def _answer(
        self,
        status: int,
        body: bytes | bytearray,
        headers: dict[str, str] | None = None,
        file: RepoFile | None = None,
        send_bytes: int | None = None,
    ) -> None:
        """Send an answer, of whose body only ``send_bytes`` arrive before the line is cut."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if file is not None:
            self.send_header("ETag", f'"{file.etag}"')
            self.send_header("X-Repo-Commit", self.hub.commit)
            self.send_header("Accept-Ranges", "bytes")
        if file is not None and file.sha256:
            self.send_header("X-Linked-Size", str(len(file.content)))
            self.send_header("X-Linked-Etag", f'"{file.sha256}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        end = len(body) if send_bytes is None else max(0, min(send_bytes, len(body)))
        if self.command == "HEAD":
            return
        try:
            for position in range(0, end, BLOCK_BYTES):
                block = body[position : min(position + BLOCK_BYTES, end)]
                self.wfile.write(block)
                if file is not None:
                    self.hub.sent[file.name] += len(block)
                time.sleep(self.hub.block_pause_s)
        except OSError:  # The client went away, which is what some tests are about.
            end = -1
        if end < len(body):
            self._hang_up()

    def _fail(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message, "X-Repo-Commit": "0" * 40}
        self._answer(status, json.dumps({"error": message}).encode(), headers)

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:  # The client was faster.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server has it
        """Print nothing: the log is ``HubServer.requests``."""
