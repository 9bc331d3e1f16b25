"""Temporary files and folders that no process leaves for good."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeval.system.files import replacing
from edgeval.system.temporary import (
    HeldError,
    Hold,
    leftovers,
    remove_leftovers,
    temporary_file,
    temporary_folder,
)
from tests.helpers.fakes import Lines

_MAKE = """
import sys, time
from pathlib import Path
from edgeval.system.temporary import temporary_file, temporary_folder
kind, folder = sys.argv[1], Path(sys.argv[2])
made = temporary_file(folder, "m.gguf") if kind == "file" else temporary_folder("work", folder)
with made as found:
    if kind == "file":
        found.path.write_bytes(b"half")
    else:
        (found / "part.gguf").write_bytes(b"half")
    print("made", flush=True)
    time.sleep(600)
"""


@contextmanager
def _maker(kind: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that has made a temporary file or folder and is at work."""
    with subprocess.Popen(
        [sys.executable, "-c", _MAKE, kind, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.process
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_found_named_and_removed(kind: str, tmp_path: Path) -> None:
    said = Lines()
    with _maker(kind, tmp_path) as process:
        (temporary,) = tmp_path.iterdir()
        assert leftovers(tmp_path) == []
        assert remove_leftovers([tmp_path], said) == []
        assert temporary.exists()
        process.kill()
    (left,) = leftovers(tmp_path)
    assert (left.path, left.n_bytes) == (temporary, 4)
    assert remove_leftovers([tmp_path], said) == [left]
    assert list(tmp_path.iterdir()) == []
    assert said.lines == [f"removed {temporary} (0.0 MB), which a run that was killed left"]


def test_the_next_file_of_a_folder_that_is_written_is_no_leftover(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.json") as first, replacing(tmp_path / "b.json") as second:
        assert leftovers(tmp_path) == []
        assert first.parent == second.parent == tmp_path
        first.write_text("a")
        second.write_text("b")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.json", "b.json"]


@pytest.mark.parametrize(
    "name",
    [
        "a.edgeval-tmp",
        ".a.edgeval-tmp",
        ".a.12345678.tmp",
        ".a.1234567.edgeval-tmp",
        ".a.12345678.edgeval-tmp.old",
    ],
)
def test_files_of_other_names_are_never_removed(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    assert remove_leftovers([tmp_path], Lines()) == []
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_with_the_name_of_a_temporary_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ".a.12345678.edgeval-tmp").symlink_to(tmp_path / "mine")
    (tmp_path / ".b.12345678.edgeval-tmp").symlink_to(tmp_path)
    assert remove_leftovers([tmp_path], Lines()) == []
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert leftovers(tmp_path / "nowhere") == []


def test_a_name_of_any_length_and_kind_has_a_temporary_one(tmp_path: Path) -> None:
    for name in ("x" * 250, "日" * 80, "a\nb", "."):
        with temporary_file(tmp_path, name) as hold:
            assert hold.path.parent == tmp_path
            assert leftovers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_one_process_holds_a_file(tmp_path: Path) -> None:
    hold = Hold(tmp_path / "mark")
    assert not hold.was_left
    with pytest.raises(HeldError):
        Hold(tmp_path / "mark")
    hold.let_go()
    again = Hold(tmp_path / "mark")
    assert again.was_left
    again.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_maker_died_at_once_is_left_when_it_is_old(tmp_path: Path) -> None:
    folder = tmp_path / ".work.12345678.edgeval-tmp"
    folder.mkdir()
    assert leftovers(tmp_path) == []
    os.utime(folder, (time.time() - 60,) * 2)
    assert [each.path for each in leftovers(tmp_path)] == [folder]


def test_a_folder_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), temporary_folder("work", tmp_path) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "part.gguf").write_bytes(b"x")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
