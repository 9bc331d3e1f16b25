"""Server of a live page: a run's pages and its news, on the loopback, to who knows its address.

Nothing else is served, and no file is read for an answer: a page is one of those that the run gave
by name, and a path is never one of the file system. The address holds a random token, so
that no other user or page of this machine guesses it; the host's name is checked, so that no other
site's name can be led here (DNS rebinding). Each browser has a thread of its own, which ends with
the server: one that reads slowly, or sends slowly, holds up nobody.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import secrets
import socket
import socketserver
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from edgeval.report.live.board import Board
from edgeval.report.live.page import live_page, policy

_HOST: Final = "127.0.0.1"
_NEWS: Final = "events"
_MOST_CONNECTIONS: Final = 32
_REQUEST_S: Final = 5.0
"""A request that is not complete by then is dropped."""
_STALLED_S: Final = 10.0
"""Who takes nothing for so long is dropped."""
_GAP_S: Final = 0.4
"""Between two pieces of news."""
_HEARTBEAT_S: Final = 5.0
"""So often a browser that is gone is noticed."""
_FAREWELL_S: Final = 3.0
"""So long the report waits to be taken by browsers that show the run, and longer if it is long."""
_SLOW_BYTES_PER_S: Final = 5e6
"""As fast as a small board hands pages to a browser."""
_STOP_S: Final = 1.0
"""So long threads have to end."""


class LiveServer:
    """Serves a board's page while a context lasts."""

    def __init__(self, board: Board, title: str) -> None:
        """Take a board.

        Args:
            board: What is served.
            title: What runs.
        """
        self._board, self._title = board, title
        self._token = secrets.token_urlsafe(24)

    def __enter__(self) -> LiveServer:
        self._server = _Server((_HOST, 0), self._board, self._title, self._token)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="edgeval-watch", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._board.has_ended:
            self._board.end("The run has stopped before its end.")
        # Ctrl-C ends the wait alone: all that was to be shown is shown.
        with contextlib.suppress(KeyboardInterrupt):
            self._server.wait_for_browsers()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{_HOST}:{self._server.server_port}/{self._token}/"

    def end(self, sentence: str, report: Mapping[str, bytes] | None = None) -> None:
        """Say that the run has ended, and serve its report from now on.

        Args:
            sentence: How it ended, and where its report is.
            report: Its page without a name, and those that it links to by theirs; None without one.
        """
        if report is not None:
            self._server.pages, self._server.has_report = report, True
        self._board.end(sentence)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], board: Board, title: str, token: str) -> None:
        self.board, self.token = board, token
        self.pages: Mapping[str, bytes] = {"": live_page(title).encode()}
        self.has_report = False
        self.is_closing = threading.Event()
        self._open: dict[socket.socket, float | None] = {}
        self._guard = threading.Condition()
        self._n_told, self._n_taken, self._n_streams = 0, 0, 0
        super().__init__(address, _Handler)
        self.hosts = {f"{name}:{self.server_port}" for name in (_HOST, "localhost")}

    def server_bind(self) -> None:
        """Take a port that the system chooses, and ask no name server for its host's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, self.server_address[1]

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse connections beyond a number that no user opens."""
        with self._guard:
            if len(self._open) >= _MOST_CONNECTIONS:
                return False
            self._open[request] = time.monotonic() + _REQUEST_S
            return True

    def complete(self, request: socket.socket) -> None:
        """Take note that a request was read."""
        with self._guard:
            if request in self._open:
                self._open[request] = None

    def service_actions(self) -> None:
        """Drop connections whose request does not come."""
        now_s = time.monotonic()
        with self._guard:
            late = [each for each, until in self._open.items() if until and until < now_s]
        for request in late:
            _cut_off(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and forget it."""
        with self._guard:
            self._open.pop(request, None)
            self._guard.notify_all()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that went away is no news."""

    @contextlib.contextmanager
    def stream(self) -> Any:
        """Count a browser that shows the run while the context lasts."""
        with self._guard:
            self._n_streams += 1
        try:
            yield
        finally:
            with self._guard:
                self._n_streams -= 1
                self._guard.notify_all()

    def told_the_end(self) -> None:
        """Count a browser that was told the end, and now takes the report."""
        with self._guard:
            self._n_told += 1

    def took_the_report(self) -> None:
        """Count a browser that has it."""
        with self._guard:
            self._n_taken += 1
            self._guard.notify_all()

    def wait_for_browsers(self) -> None:
        """Wait a little until those that show the run were told its end, and have the report."""
        n_bytes = sum(map(len, self.pages.values()))
        wait_s = _FAREWELL_S + n_bytes / _SLOW_BYTES_PER_S if self.has_report else _STOP_S
        with self._guard:
            self._guard.wait_for(
                lambda: not self._n_streams and self._n_taken >= self._n_told, wait_s
            )

    def server_close(self) -> None:
        """Free the port, and end all connections with their threads."""
        self.is_closing.set()
        super().server_close()
        with self._guard:
            left = list(self._open)
        for request in left:
            _cut_off(request)
        with self._guard:
            self._guard.wait_for(lambda: not self._open, _STOP_S)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _STALLED_S

    def version_string(self) -> str:
        return "edgeval"

    def parse_request(self) -> bool:
        """Read a request; whatever its method is, what is wrong with it is said in one place."""
        is_complete = super().parse_request()
        self.server.complete(self.connection)
        if not is_complete:
            return False
        refusal = self._refusal()
        if refusal is not None:
            self.send_error(refusal)
        return refusal is None

    def do_GET(self) -> None:
        """Answer with a page, or the news."""
        name, has_report = self._name(), self.server.has_report
        if name == _NEWS:
            self._send_news()
            return
        page = self.server.pages[name]
        # With its length, so that a browser knows whether it has all of it.
        self._begin(HTTPStatus.OK, "text/html; charset=utf-8", {"Content-Length": str(len(page))})
        self.wfile.write(page)
        if has_report and not name:
            self.server.took_the_report()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with a status and its name alone."""
        status = HTTPStatus(code)
        with contextlib.suppress(OSError):
            self._begin(status, "text/plain; charset=utf-8")
            self.wfile.write(f"{status.value} {status.phrase}\n".encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal is the run's."""

    def _refusal(self) -> HTTPStatus | None:
        if self.headers.get_all("Host", []) not in [[host] for host in self.server.hosts]:
            return HTTPStatus.MISDIRECTED_REQUEST
        if self.command != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED
        begin = f"/{self.server.token}/".encode()
        given = self.path.encode("latin-1", "replace")[: len(begin)]
        is_known = self._name() in (_NEWS, *self.server.pages)
        return None if hmac.compare_digest(given, begin) and is_known else HTTPStatus.NOT_FOUND

    def _name(self) -> str:
        """Return what is asked for below the address; empty for the page itself."""
        return self.path[len(f"/{self.server.token}/") :]

    def _begin(self, status: HTTPStatus, kind: str, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        for name, value in {
            "Content-Type": kind,
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy(),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            **(more or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_news(self) -> None:
        """Send each new state until the run ends, or the browser goes."""
        board, server = self.server.board, self.server
        with server.stream():
            self._begin(HTTPStatus.OK, "text/event-stream")
            seen = -1
            while not server.is_closing.is_set():
                newest = board.wait(seen, _HEARTBEAT_S)
                has_ended = board.has_ended
                if newest != seen:
                    self._send(f"data: {json.dumps(board.state())}\n\n")
                    seen = newest
                else:
                    self._send(": still here\n\n")
                if has_ended:
                    if server.has_report:
                        server.told_the_end()
                        names = json.dumps([name for name in server.pages if name])
                        self._send(f"event: report\ndata: {names}\n\n")
                    return
                server.is_closing.wait(_GAP_S)

    def _send(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()


def _cut_off(request: socket.socket) -> None:
    """End a connection, so that its thread wakes."""
    with contextlib.suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)
