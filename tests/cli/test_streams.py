"""The standard streams as shells and services leave them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pytest

from tests.helpers.command import COMMAND, edgeval, edgeval_process
from tests.helpers.hostile import UNSEEN
from tests.helpers.paths import ROOT

PACKAGE = ROOT / "edgeval"
PRINTING = {
    "rich": {f"system/{name}.py" for name in ("screen", "tables", "listings", "bars")},
    "print": {
        "engine/worker.py",  # Its parent reads it, and the next one's.
        "engine/kernels/isolation.py",
        "system/notebook.py",  # Notebooks keep what their cells print.
    },
    "write": {"system/streams.py", "system/console.py", "cli/app.py", "__main__.py"},
}
"""Where output may be made; everything else goes through them."""

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    python = f"'{sys.executable}' -m edgeval"
    return subprocess.run(
        ["bash", "-c", command.replace("edgeval", python, 1)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
        timeout=120,
    )


def printing(tree: ast.AST) -> set[str]:
    """Return in which ways a module makes output."""
    found = set()
    for node in ast.walk(tree):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.partition(".")[0] == "rich" for name in names):
            found.add("rich")
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "print":
                found.add("print")
            if called in {"typer.echo", "typer.secho", "click.echo"}:
                found.add("echo")
            if called in {"sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer.write"}:
                found.add("write")
    return found


def test_nothing_prints_past_the_console() -> None:
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        for way in printing(ast.parse(path.read_text(encoding="utf-8"))):
            assert name in PRINTING.get(way, set()), f"{name} makes output with {way}"


@pytest.mark.process
@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", ["protocols", "schema", "--version", "--help"])
def test_a_full_output_is_a_sentence(command: str) -> None:
    result = shell(f"edgeval {command} > /dev/full")
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("error: cannot write to standard output (No space left on device)")


@pytest.mark.process
@posix
@pytest.mark.parametrize("command", ["protocols --json", "models"])
def test_a_closed_output_is_a_sentence(command: str) -> None:
    result = shell(f"edgeval {command} >&-")
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("error: cannot write to standard output (it is closed)")


@pytest.mark.process
@posix
@pytest.mark.parametrize("command", ["schema report", "protocols"])
def test_a_broken_pipe_is_silent(command: str) -> None:
    # The reader is gone before the first byte.
    result = shell(f"(sleep 0; exec edgeval {command}) | true; echo ${{PIPESTATUS[0]}}")
    assert (result.stdout, result.stderr) == ("141\n", "")


@pytest.mark.process
@posix
@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full", "2>&- <&-"])
def test_a_lost_stderr_stops_nothing(stream: str, tiny_f16: Path, tmp_path: Path) -> None:
    if "full" in stream and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    result = shell(f"edgeval quantize '{tiny_f16}' Q4_0 --out-dir '{tmp_path}' {stream}")
    assert result.returncode == 0
    assert result.stdout.strip().endswith("Q4_0.gguf")
    assert list(tmp_path.glob("*-Q4_0.gguf"))
    failed = shell(f"edgeval convert nowhere {stream}")
    assert (failed.returncode, failed.stdout) == (1, "")


@pytest.mark.process
@posix
def test_files_never_become_a_standard_stream(tmp_path: Path) -> None:
    code = (
        "import os, sys; from edgeval.system import streams; streams.guard();"
        f"file = open({str(tmp_path / 'a')!r}, 'w'); sys.exit(file.fileno() > 2)"
    )
    done = subprocess.run(["bash", "-c", f'"{sys.executable}" -c "{code}" <&- >&- 2>&-'])
    assert done.returncode == 1


@pytest.mark.process
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_a_table_stays_a_table_in_every_encoding(encoding: str) -> None:
    result = subprocess.run(
        [*COMMAND, "protocols"],
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        check=True,
    )
    lines = [line.rstrip() for line in result.stdout.decode("ascii").splitlines()]
    is_row = [line.startswith(("|", "+")) for line in lines]
    tables = [
        [line for line, _ in several]
        for is_table, several in groupby(zip(lines, is_row, strict=True), key=itemgetter(1))
        if is_table
    ]
    assert len(tables) == 2
    for rows in tables:
        assert len(rows) >= 6
        assert len({len(row) for row in rows}) == 1


@pytest.mark.process
@posix
def test_the_c_locale_is_enough() -> None:
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = shell("edgeval convert $'m\\xff\\xe2\\x80\\xae.gguf'", **locale)
    assert result.returncode == 1
    assert result.stderr.isascii()
    assert r"\xff" in result.stderr


@pytest.mark.process
def test_json_is_ascii() -> None:
    result = edgeval_process("models", "--json", PYTHONIOENCODING="cp1252")
    assert result.stdout.isascii()
    assert json.loads(result.stdout)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["\x1b[31mnonsense"], 2),
        (["run", "--\x1b]0;owned\x07"], 2),
        (["run", "--order", "\u202eup\n\n[red]"], 2),
        (["inspect", "a\n\x1b[31m[red]\u2066.gguf"], 1),
        (["convert", "a[/]\x9b"], 1),
        (["--debug", "convert", "a\x1b[31m"], 1),
        (["quantize", "a\x85b.gguf", "Q4\x1b[31m"], 1),
        (["report", "[bold]\x07"], 1),
        (["runs", "--store", "\x1b[31m.db"], 1),
    ],
)
def test_what_was_mistyped_is_shown_as_it_is(arguments: list[str], code: int) -> None:
    result = edgeval(*arguments)
    assert result.returncode == code
    assert not UNSEEN.search(result.stdout + result.stderr)
    if code == 1 and "--debug" not in arguments:
        assert len(result.stderr.splitlines()) == 1


def test_a_very_long_argument_is_cut() -> None:
    result = edgeval("convert", "x/" * 20_000)
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert len(sentence) < 5_000


def test_a_command_alone_shows_its_help() -> None:
    result = edgeval("reference")
    assert result.returncode == 2
    assert "Usage: edgeval reference" in result.stdout + result.stderr
    assert "error" not in result.stderr
