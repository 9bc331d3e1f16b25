"""Live servers: who gets the page, who does not, and that nobody holds up a run."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from edgeval.report.live import server as serving
from edgeval.report.live.board import Board
from edgeval.report.live.page import policy
from edgeval.report.live.server import LiveServer
from edgeval.report.pages import page_scripts, script_source
from edgeval.scoring.observer import Part
from tests.helpers.fakes import score_picking

REPORT = b"<!DOCTYPE html><title>the report</title>"


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def live(board: Board) -> Iterator[LiveServer]:
    with LiveServer(board, "edgeval run <model>") as server:
        yield server


def ask(
    live: LiveServer, path: str | None = None, method: str = "GET", host: str | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    where = urlsplit(live.url)
    connection = http.client.HTTPConnection("127.0.0.1", where.port or 0, timeout=30)
    with contextlib.closing(connection):
        connection.putrequest(method, path or where.path, skip_host=True)
        connection.putheader("Host", host or where.netloc)
        connection.endheaders()
        answer = connection.getresponse()
        return answer, answer.read()


@contextlib.contextmanager
def connected(live: LiveServer, text: str) -> Iterator[socket.socket]:
    where = urlsplit(live.url)
    with socket.create_connection(("127.0.0.1", where.port or 0), timeout=30) as connection:
        connection.sendall(text.encode())
        yield connection


def news(live: LiveServer) -> contextlib.AbstractContextManager[socket.socket]:
    where = urlsplit(live.url)
    return connected(live, f"GET {where.path}events HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n")


def states(stream: Any) -> Iterator[dict[str, Any]]:
    """Yield each state of an open stream of news."""
    for line in stream:
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


def test_the_page_runs_its_own_script_alone(live: LiveServer) -> None:
    answer, body = ask(live)
    text = body.decode()
    assert answer.status == 200
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    policy = answer.headers["Content-Security-Policy"]
    allowed = [script, *page_scripts()]
    sources = " ".join(map(script_source, allowed))
    assert policy.startswith(f"default-src 'none'; script-src {sources}; ")
    assert "connect-src 'self'; base-uri 'none'; form-action 'none'" in policy
    assert "edgeval run &lt;model&gt;" in text
    assert not re.search(r"(?:src|href)=", text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Python" not in answer.headers["Server"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "[::1]:{port}"]
)
def test_another_host_is_refused(live: LiveServer, host: str) -> None:
    answer, body = ask(live, host=host.format(port=urlsplit(live.url).port))
    assert (answer.status, body) == (421, b"421 Misdirected Request\n")


def test_two_hosts_or_none_are_refused(live: LiveServer) -> None:
    where = urlsplit(live.url)
    for hosts in ("", f"Host: {where.netloc}\r\nHost: evil.example\r\n"):
        with connected(live, f"GET {where.path} HTTP/1.1\r\n{hosts}\r\n") as connection:
            assert connection.makefile("rb").readline().startswith(b"HTTP/1.0 421")


def test_localhost_is_the_same_host(live: LiveServer) -> None:
    answer, _ = ask(live, host=f"localhost:{urlsplit(live.url).port}")
    assert answer.status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS", "DELETE", "STRANGE"])
def test_nothing_but_get_is_allowed(live: LiveServer, method: str) -> None:
    answer, _ = ask(live, method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/favicon.ico",
        "/{wrong}/",
        "/{token}",
        "/{token}/?a=1",
        "/{token}/report.html",
        "/{token}/../{token}/",
        "/{token}/..%2f..%2fetc/passwd",
        "/../../etc/passwd",
        "/{token}//etc/passwd",
        "/{wrong}/events",
        "http://127.0.0.1/{token}/",
    ],
)
def test_nothing_else_is_there(live: LiveServer, path: str) -> None:
    token = urlsplit(live.url).path.strip("/")
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    answer, body = ask(live, path.format(token=token, wrong=wrong))
    assert (answer.status, body) == (404, b"404 Not Found\n")


def test_each_server_has_a_token_and_a_port_of_its_own(live: LiveServer) -> None:
    with LiveServer(Board(), "") as other:
        ours, theirs = urlsplit(live.url), urlsplit(other.url)
    assert (ours.port, ours.path) != (theirs.port, theirs.path)
    assert len({ours.path, theirs.path}) == 2
    assert len(ours.path.strip("/")) >= 32
    assert ours.hostname == theirs.hostname == "127.0.0.1"


def test_news_come_as_batches_land(live: LiveServer, board: Board) -> None:
    part = board.begin(Part("Q4_0", "some task", "acc", 3), None, is_drawn=False)
    with news(live) as connection, connection.makefile(encoding="utf-8") as stream:
        told = states(stream)
        assert next(told)["rows"][0]["done"] == 0
        for done in (1, 2, 3):
            part.add({done: score_picking(0, gold=0)})
            assert next(state for state in told if state["rows"][0]["done"] == done)
        live.end("The run has ended.", {"": REPORT})
        assert next(state for state in told if state["end"])["end"] == "The run has ended."
        assert "event: report\n" in stream.readlines()


def test_the_report_takes_the_place_of_the_page(live: LiveServer) -> None:
    live.end("The run has ended.", {"": REPORT})
    answer, body = ask(live)
    assert (answer.status, body) == (200, REPORT)


def test_pages_that_the_report_links_to_are_served_by_name_when_it_is(live: LiveServer) -> None:
    where = urlsplit(live.url).path
    assert ask(live, f"{where}report-a.html")[0].status == 404
    with news(live) as connection, connection.makefile(encoding="utf-8") as stream:
        live.end("The run has ended.", {"": REPORT, "report-a.html": b"of a"})
        assert 'data: ["report-a.html"]\n' in stream.readlines()
    answer, body = ask(live, f"{where}report-a.html")
    assert (answer.status, body) == (200, b"of a")
    assert answer.headers["Content-Length"] == "4"
    assert answer.headers["Content-Security-Policy"] == policy()
    assert ask(live, f"{where}report-a.html", host="evil.example")[0].status == 421
    assert ask(live, f"{where}report-a.html", method="POST")[0].status == 405
    other = where[:-2] + ("A" if where[-2] != "A" else "B")
    wrong = ("/report-a.html", f"{other}/report-a.html", f"{where}./report-a.html")
    more = (f"{where}report-A.html", f"{where}report-a.html?a=1", f"{where}..%2freport-a.html")
    rest = (f"{where}report-a.md", f"{where}report.json", f"{where}report.html", f"{where}{where}")
    for path in (*wrong, *more, *rest):
        assert ask(live, path)[0].status == 404, path


def test_a_browser_that_shows_the_run_gets_the_report_before_the_end(board: Board) -> None:
    taken: list[bytes] = []
    with LiveServer(board, "") as live:
        stack = contextlib.ExitStack()
        stream = stack.enter_context(stack.enter_context(news(live)).makefile(encoding="utf-8"))
        next(states(stream))

        def browse() -> None:
            assert "event: report\n" in stream.readlines()
            taken.append(ask(live)[1])

        browser = threading.Thread(target=browse)
        browser.start()
        live.end("The run has ended.", {"": REPORT})
    browser.join(30)
    stack.close()
    assert taken == [REPORT]


def test_a_run_that_stops_says_so(board: Board) -> None:
    with LiveServer(board, "") as live:
        stack = contextlib.ExitStack()
        stream = stack.enter_context(stack.enter_context(news(live)).makefile(encoding="utf-8"))
        told = states(stream)
        next(told)
    assert [each["end"] for each in told][-1] == "The run has stopped before its end."
    stack.close()


def test_nothing_is_left_behind(board: Board) -> None:
    before = set(threading.enumerate())
    with contextlib.ExitStack() as tabs:
        with LiveServer(board, "") as live:
            port = urlsplit(live.url).port or 0
            # One tab takes no report, one was closed, and one asks for nothing.
            tabs.enter_context(news(live))
            tabs.enter_context(connected(live, "GET"))
            with news(live):
                board.log("a line")
            live.end("The run has ended.", {"": REPORT})
        deadline = time.monotonic() + 30
        while set(threading.enumerate()) - before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert set(threading.enumerate()) == before
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=30)


def test_a_request_that_does_not_come_is_dropped(
    live: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_REQUEST_S", 0.05)
    with connected(live, "GET /") as slow:
        assert slow.recv(1000) == b""
    assert ask(live)[0].status == 200


def test_connections_beyond_a_number_are_closed(
    live: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_MOST_CONNECTIONS", 2)
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stream = stack.enter_context(stack.enter_context(news(live)).makefile("rb"))
            assert stream.readline() == b"HTTP/1.0 200 OK\r\n"
        refused = stack.enter_context(connected(live, ""))
        assert refused.recv(1000) == b""


def test_who_reads_nothing_holds_up_nobody(live: LiveServer, board: Board) -> None:
    part = board.begin(Part("Q4_0", "some task", "acc", 10_000), None, is_drawn=False)
    with news(live) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        for at in range(2_000):
            part.add({at: score_picking(0, gold=0)})
            board.log("x" * 300)
        with news(live) as other, other.makefile(encoding="utf-8") as stream:
            assert next(states(stream))["rows"][0]["done"] == 2_000
