"""Runs that are watched: a browser sees what lands, and the report; nothing is left behind."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from edgeval.report.live.server import LiveServer
from tests.helpers.command import COMMAND, assert_one_sentence, edgeval
from tests.helpers.tiny import make_items, write_items

ROWS = Path(__file__).parents[1] / "data" / "tasks"
PLAIN = ("--kernels", "plain", "--threads", "1", "--batch-tokens", "64")


class Tab:
    """A browser's tab: it takes the news and, when it is told so, the report."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.states: list[dict[str, Any]] = []
        self.linked: dict[str, bytes] = {}
        self.report = b""
        self.thread = threading.Thread(target=self._show)
        self.thread.start()

    def _show(self) -> None:
        with urllib.request.urlopen(f"{self.url}events", timeout=120) as stream:
            for line in stream:
                if line.startswith(b"data: {"):
                    self.states.append(json.loads(line.removeprefix(b"data: ")))
                elif line == b"event: report\n":
                    names = json.loads(next(stream).removeprefix(b"data: "))
                    self.linked = {name: self._taken(name) for name in names}
                    self.report = self._taken("")

    def _taken(self, name: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}{name}", timeout=120) as answer:
            content: bytes = answer.read()
        return content


@pytest.fixture
def tabs(monkeypatch: pytest.MonkeyPatch) -> list[Tab]:
    """Those that are opened as soon as there is an address."""
    opened: list[Tab] = []
    enter = LiveServer.__enter__

    def entered(self: LiveServer) -> LiveServer:
        enter(self)
        opened.append(Tab(self.url))
        return self

    monkeypatch.setattr(LiveServer, "__enter__", entered)
    return opened


def test_a_tab_shows_the_run_and_then_its_report(
    tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path, tabs: list[Tab]
) -> None:
    out = tmp_path / "out"
    types = ("--quant", "F16,Q8_0")
    done = edgeval(
        *("run", tiny_checkpoint, "--data", tiny_items, "--out", out, *types, *PLAIN, "--watch")
    )
    assert done.returncode == 0, done.stderr
    (tab,) = tabs
    tab.thread.join(60)
    assert done.stderr.count(tab.url) == 1
    assert tab.url not in done.stdout
    assert tab.report == (out / "report.html").read_bytes()
    last = tab.states[-1]
    assert last["end"] == f"The run has ended; its report is {out / 'report.html'}."
    record = json.loads((out / "report.json").read_text("utf-8"))
    assert [row["label"] for row in last["rows"]] == ["F16", "Q8_0"]
    for row, run in zip(last["rows"], record["runs"], strict=True):
        found = run["metrics"][record["protocol"]["metric"]]
        assert (row["state"], row["done"]) == ("done", found["total"])
        assert row["accuracy"] == f"{100 * found['value']:.2f}%"
    points = record["drift"][0]["difference_points"]
    assert last["rows"][1]["difference"].lstrip("+\N{MINUS SIGN}") == f"{abs(points):.2f}"


def test_a_tab_gets_the_page_of_each_task(
    tiny_checkpoint: Path, tmp_path: Path, tabs: list[Tab]
) -> None:
    out = tmp_path / "out"
    what = ("--task", "winogrande,boolq", "--data", ROWS, "--quant", "F16", "--limit", "4")
    done = edgeval("run", tiny_checkpoint, *what, "--out", out, *PLAIN, "--watch")
    assert done.returncode == 0, done.stderr
    (tab,) = tabs
    tab.thread.join(60)
    names = re.findall('href="(report-.*?)"', tab.report.decode())
    assert names == ["report-winogrande.html", "report-boolq.html"]
    assert tab.linked == {name: (out / name).read_bytes() for name in names}


def test_a_tab_shows_files_that_are_evaluated_as_they_are(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, tabs: list[Tab]
) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
        shutil.copy(tiny_f16, folder / "same.gguf")
    other = shutil.copy(tiny_f16, tmp_path / "other.gguf")
    files = [*(folder / "same.gguf" for folder in folders), other]
    done = edgeval("eval", *files, "--data", tiny_items, *PLAIN, "--watch", "--json")
    assert done.returncode == 0, done.stderr
    (tab,) = tabs
    tab.thread.join(60)
    last, record = tab.states[-1], json.loads(done.stdout)
    assert (last["end"], tab.report) == ("The run has ended.", b"")
    assert [row["label"] for row in last["rows"]] == [*map(str, files[:2]), "other.gguf"]
    for row, run in zip(last["rows"], record["runs"], strict=True):
        found = run["metrics"][record["protocol"]["metric"]]
        assert (row["state"], row["done"], row["difference"]) == ("done", found["total"], "")
        assert row["accuracy"] == f"{100 * found['value']:.2f}%"


def test_an_unwatched_run_serves_nothing(
    tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path, tabs: list[Tab]
) -> None:
    types = ("--quant", "F16", "--limit", "4")
    done = edgeval(
        *("run", tiny_checkpoint, "--data", tiny_items, "--out", tmp_path / "o", *types, *PLAIN)
    )
    assert (done.returncode, tabs) == (0, [])


def test_a_dry_run_has_nothing_to_watch() -> None:
    done = edgeval("run", "demo", "--dry-run", "--watch")
    assert done.returncode == 2
    assert "--dry-run scores nothing to be watched" in done.stderr


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("command", ["run", "eval"])
def test_ctrl_c_tells_the_tab_and_frees_the_port(
    command: str, tiny_f16: Path, tmp_path: Path
) -> None:
    items = write_items(tmp_path / "items.jsonl", make_items(6_000))
    out = tmp_path / "out"
    own = ["--out", out] if command == "run" else []
    process = subprocess.Popen(
        [*COMMAND, command, tiny_f16, "--data", items, *own, *PLAIN, "--watch", "--yes"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = process.stderr.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", said)
    assert found, said
    end = ""
    with urllib.request.urlopen(f"{found[0]}events", timeout=120) as stream:
        is_stopped = False
        for line in stream:
            if not line.startswith(b"data: {"):
                continue
            state = json.loads(line.removeprefix(b"data: "))
            end = state["end"]
            if not is_stopped and any(row["done"] for row in state["rows"]):
                process.send_signal(signal.SIGINT)
                is_stopped = True
    assert end == "The run has stopped before its end."
    stdout, stderr = process.communicate(timeout=60)
    last = stderr.strip().splitlines()[-1]
    result = subprocess.CompletedProcess(process.args, process.returncode, stdout, last)
    assert_one_sentence(result, ["interrupted", "run the same command"], code=130)
    assert not out.exists()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", urlsplit(found[0]).port or 0), timeout=30)
