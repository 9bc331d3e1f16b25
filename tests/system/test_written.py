"""What was written to disks: by this process, by those that it started, and by those that ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgeval.system.written import written_bytes

MIB = 1024 * 1024
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what was written")
CHILD = (
    "import os, pathlib, sys; path = pathlib.Path(sys.argv[1]); path.write_bytes(bytes(8 << 20));"
    "print('written', flush=True); sys.stdin.read()"
)


def counted() -> int:
    found = written_bytes()
    if found is None:
        pytest.skip("this kernel counts no bytes")
    return found


def require_counting(folder: Path) -> None:
    """Skip where files are in memory, which is no disk."""
    before = counted()
    (folder / "a").write_bytes(bytes(MIB))
    if counted() == before:
        pytest.skip(f"{folder} is on no disk that Linux counts")


@LINUX
def test_what_this_process_writes_counts(tmp_path: Path) -> None:
    require_counting(tmp_path)
    before = counted()
    (tmp_path / "b").write_bytes(bytes(8 * MIB))
    assert 8 * MIB <= counted() - before < 12 * MIB


@LINUX
def test_a_process_that_it_started_counts_while_it_runs_and_when_it_has_ended(
    tmp_path: Path,
) -> None:
    require_counting(tmp_path)
    before = counted()
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "c")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        assert 8 * MIB <= counted() - before < 12 * MIB
        child.communicate(b"")
    assert 8 * MIB <= counted() - before < 12 * MIB


@pytest.mark.parametrize("content", [None, "", "rchar: 5\n", "write_bytes: many\n"])
def test_nothing_stands_for_what_the_system_does_not_say(
    content: str | None, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "io").write_text(content)
    assert written_bytes(tmp_path) is None


@LINUX
def test_the_bytes_of_pages_are_read_and_not_those_of_calls(tmp_path: Path) -> None:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "io").write_text(
        "rchar: 1\nwchar: 2\nread_bytes: 3\nwrite_bytes: 4096\ncancelled_write_bytes: 5\n"
    )
    assert written_bytes(tmp_path) == 4096
