"""Files that are made to be shared name no folder, no user and no host, unless one asks for it."""

from __future__ import annotations

import json
import platform
import shlex
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EngineDiedError
from edgeval.llama.session import Session
from edgeval.report.exports.export import FORMATS
from tests.helpers.command import edgeval

USER, HOST = "alice-secret", "alices-bench-host"
CHECKOUT = "secret checkout"
"""A folder with a space, which no pattern of a path sees as one."""

METER = f"{sys.executable} -c 'print(6.4)' {USER}@{HOST} /home/{USER}/meter"
BENCH = ("--pp", "16", "--tg", "2", "-r", "1", "--items", "2", "--threads", "1")
Ran = Callable[..., str]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a user who has a name, on a machine that has one."""
    home = tmp_path / "home" / USER
    folder = home / CHECKOUT / "work"
    folder.mkdir(parents=True)
    for name, value in (("HOME", home), ("USERPROFILE", home), ("USER", USER), ("LOGNAME", USER)):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("HOSTNAME", HOST)
    monkeypatch.setattr(platform, "node", lambda: HOST)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    return folder


@pytest.fixture
def succeed(work: Path) -> Ran:
    def run(*arguments: str | Path) -> str:
        result = edgeval(*arguments, cwd=work)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def assert_private(made: dict[str, str], tmp_path: Path) -> None:
    telling = (USER, HOST, CHECKOUT, str(tmp_path), str(tmp_path).replace("/", "\\"), sys.prefix)
    for name, content in made.items():
        for text in telling:
            assert text not in content, (name, content[max(0, content.find(text) - 100) :][:250])


def texts_of(folder: Path) -> dict[str, str]:
    found = {
        path: path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()
    }
    return {str(path.relative_to(folder)): text for path, text in found.items()}


def test_what_is_made_of_evaluations_is_private(
    work: Path, succeed: Ran, tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_checkpoint, work / "tiny")
    shutil.copy(tiny_items, work)
    shared, out = work / "shared", work / "shared" / "out"
    shared.mkdir()
    data = ["--data", work / tiny_items.name, "--store", work / "s.db", "--limit", "8"]
    ran = ("run", work / "tiny", "--quant", "F16,Q8_0", *data, "--kernels", "plain", "--out", out)
    succeed(*ran, "--csv", shared / "ladder.csv", "--samples", shared / "items.jsonl")
    succeed("report", out, "--summary", shared / "summary.md")
    for form in FORMATS:
        succeed("report", out, "--format", form, "--out", shared / form / "made")
    succeed("runs", "export", "1", shared / "run.json", "--store", work / "s.db")
    made = texts_of(shared)
    assert {"out/report.html", "out/report.md", "out/report.json", "model-card/made"} <= set(made)
    printed = {
        "compare": succeed("compare", out, out / "report.json", "--json"),
        "runs show": succeed("runs", "show", "1", "--store", work / "s.db", "--json"),
        "latex": succeed("report", out, "--format", "latex"),
        "verdict": succeed("verdict", out),
    }
    assert_private(made | printed, tmp_path)


def test_why_a_file_failed_is_private(
    work: Path,
    tiny_f16: Path,
    tiny_f32: Path,
    tiny_items: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, other = work / "whole F16.gguf", work / "other F32.gguf"
    shutil.copy(tiny_f16, whole)
    shutil.copy(tiny_f32, other)
    decode = Session.decode

    def decoding(session: Session, batch: Any) -> Any:
        if session.model.path.name == other.name:
            words, remedy = f"an assertion at {work}/ggml c/ggml.c:7 on {HOST}", f"ask {USER}"
            raise EngineDiedError(f"scoring {session.model.path}", words, remedy)
        return decode(session, batch)

    monkeypatch.setattr(Session, "decode", decoding)
    asked = ("--data", tiny_items, "--limit", "4", "--kernels", "plain", "--json")
    ran = edgeval("eval", whole, other, *asked, cwd=work)
    assert ran.returncode == 1
    (failure,) = json.loads(ran.stdout)["failures"]
    assert failure["file"] == other.name
    assert failure["reason"].endswith("/ggml c/ggml.c:7 on HOST; ask USER.")
    assert_private({"record": ran.stdout}, tmp_path)


def test_what_is_made_of_benchmarks_is_private(
    work: Path, succeed: Ran, tiny_f16: Path, tmp_path: Path
) -> None:
    shutil.copy(tiny_f16, work / "tiny-F16.gguf")
    asked = ("bench", work / "tiny-F16.gguf", *BENCH, "--kernels", "plain")
    meter = ("--watts-command", METER, "--cooling", f"fan of {USER} at {HOST}")
    shared = work / "shared"
    shared.mkdir()
    # A meter that has to be asked by ssh has an address, an account and a key.
    succeed(*asked, *meter, "--save", shared / "bench.json")
    record = json.loads((shared / "bench.json").read_text(encoding="utf-8"))
    words = shlex.split(record["command"])
    program = f"{Path(sys.executable).name} \N{HORIZONTAL ELLIPSIS}"
    assert words[words.index("--watts-command") + 1] == program
    succeed("compare", shared / "bench.json", "--out", shared / "boards")
    assert {"boards/boards.html", "boards/boards.md"} <= set(texts_of(shared))
    assert_private(texts_of(shared), tmp_path)


def test_who_wants_paths_has_them(work: Path, succeed: Ran, tiny_f16: Path) -> None:
    model = work / "tiny-F16.gguf"
    shutil.copy(tiny_f16, model)
    saved = work / "bench.json"
    succeed("bench", model, *BENCH, "--kernels", "plain", "--with-paths", "--save", saved)
    words = shlex.split(json.loads(saved.read_text(encoding="utf-8"))["command"])
    assert words[:3] == ["edgeval", "bench", str(model)]
    assert words[-2:] == ["--save", str(saved)]
