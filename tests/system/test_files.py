from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgeval.errors import EdgevalError
from edgeval.system.files import (
    refuse_existing,
    replacing,
    require_writable,
    write_files,
    write_text,
)

MB = 1_000_000
SPARE_BYTES = 16 * 1024 * 1024


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def limit_disk(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    usage = shutil.disk_usage(Path.cwd())._replace(free=free_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)


def test_the_target_appears_whole_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "model.gguf"
    with replacing(target, expected_bytes=3) as temporary:
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["model.gguf"]


def test_an_existing_target_is_replaced_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "model.gguf"
    target.write_bytes(b"old")
    with replacing(target) as temporary:
        temporary.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "report.md"
    write_text(target, "x")
    assert target.read_text() == "x"


@pytest.mark.parametrize(
    "failure", [KeyboardInterrupt(), SystemExit(1), RuntimeError("no"), EdgevalError("no")]
)
def test_a_failure_leaves_the_target_as_it_was_and_nothing_else(
    tmp_path: Path, failure: BaseException
) -> None:
    target = tmp_path / "model.gguf"
    target.write_bytes(b"old")
    with pytest.raises(type(failure)) as caught, replacing(target) as temporary:
        temporary.write_bytes(b"half")
        raise failure
    assert caught.value is failure
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["model.gguf"]


def test_a_failure_before_the_first_byte_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "model.gguf"):
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_a_disk_that_fills_up_is_an_error_that_says_so(tmp_path: Path) -> None:
    target = tmp_path / "model.gguf"
    target.write_bytes(b"old")
    with (
        pytest.raises(EdgevalError, match=r"cannot write .*model\.gguf \(No space left") as caught,
        replacing(target) as temporary,
    ):
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "nothing was changed" in str(caught.value)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["model.gguf"]


def test_bytes_that_do_not_reach_the_disk_replace_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", full)
    target = tmp_path / "report.json"
    target.write_text("old")
    with pytest.raises(EdgevalError, match="cannot write"):
        write_text(target, "new")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["report.json"]


def test_a_folder_in_the_targets_place_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "model.gguf"
    (target / "inside").mkdir(parents=True)
    with pytest.raises(EdgevalError, match=r"model\.gguf is a folder; name a file"):
        write_text(target, "new")
    assert names(target) == ["inside"]
    assert names(tmp_path) == ["model.gguf"]


def test_a_disk_too_small_is_found_before_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_disk(monkeypatch, 500 * MB)
    with pytest.raises(EdgevalError) as caught, replacing(tmp_path / "m.gguf", 2_200 * MB):
        pytest.fail("began to write")
    message = str(caught.value)
    assert f"{tmp_path / 'm.gguf'} needs 2,200 MB and its disk has 500 MB free" in message
    assert "choose another folder" in message
    assert names(tmp_path) == []


@pytest.mark.parametrize(("missing_bytes", "fits"), [(0, True), (1, False)])
def test_sixteen_mebibytes_are_left_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing_bytes: int, fits: bool
) -> None:
    limit_disk(monkeypatch, 10 * MB + SPARE_BYTES - missing_bytes)
    target = tmp_path / "model.gguf"
    try:
        with replacing(target, expected_bytes=10 * MB) as temporary:
            temporary.write_bytes(b"x")
    except EdgevalError:
        assert not fits
    assert target.exists() is fits


def test_a_size_not_known_is_not_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_disk(monkeypatch, 0)
    write_text(tmp_path / "report.md", "x")
    assert names(tmp_path) == ["report.md"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EdgevalError, match=r"cannot create .*choose another folder"):
        write_text(tmp_path / "file" / "sub" / "report.md", "x")
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user"
)
def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o500)
    with pytest.raises(EdgevalError, match=r"cannot write .*Permission denied"):
        write_text(folder / "report.md", "x")


def test_a_folder_that_refuses_new_files_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(EdgevalError, match=r"cannot write .*Permission denied"):
        write_text(tmp_path / "report.md", "x")
    assert names(tmp_path) == []


def test_text_is_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "report.md", "±1 日\nx\n")
    assert (tmp_path / "report.md").read_bytes() == b"\xc2\xb11 \xe6\x97\xa5\nx\n"


@pytest.mark.parametrize(
    ("make", "words"),
    [(Path.touch, "exists already; remove it or"), (Path.mkdir, "is a folder; name a file")],
)
def test_what_exists_is_refused_by_name(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    target = tmp_path / "model.gguf"
    refuse_existing(target)
    make(target)
    with pytest.raises(EdgevalError, match=rf"model\.gguf {words}"):
        refuse_existing(target)


posix = pytest.mark.skipif(os.name == "nt", reason="pipes and devices have other names there")


@posix
def test_a_link_stays_and_the_file_that_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    real, link = tmp_path / "deep" / "real.json", tmp_path / "link.json"
    link.symlink_to(Path("deep") / "real.json")
    for text in ("new", "newer"):
        write_text(link, text)
        assert link.is_symlink()
        assert real.read_text() == text
    assert names(tmp_path / "deep") == ["real.json"]


@posix
def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    target.chmod(0o600)
    write_text(target, "new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@posix
def test_a_pipe_gets_what_is_written_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refuse_existing(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        write_text(pipe, "text")
        assert read.result(10) == "text"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


@posix
@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}"])
def test_what_a_shell_has_open_is_written_on(name: str, tmp_path: Path) -> None:
    if not Path(name.format(0)).parent.is_dir():
        pytest.skip(f"no {name} here")
    with (tmp_path / "open").open("w+b") as file:
        file.write(b"before\n")
        file.flush()
        write_text(Path(name.format(file.fileno())), "text\n")
        file.write(b"after\n")
    assert (tmp_path / "open").read_text() == "before\ntext\nafter\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_devices_are_written_to_and_stay() -> None:
    write_text(Path("/dev/null"), "text")
    with pytest.raises(EdgevalError, match=r"cannot write /dev/full \(No space left on device\)"):
        write_text(Path("/dev/full"), "text")
    for name in ("/dev/null", "/dev/full"):
        assert stat.S_ISCHR(Path(name).stat().st_mode)


@pytest.mark.process
@posix
def test_a_file_of_another_user_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "theirs"
    target.write_text("old")
    before, user = target.stat().st_ino, os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    write_text(target, "new")
    assert (target.read_text(), target.stat().st_ino) == ("new", before)


def test_several_files_are_written_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("old")
    original = os.fsync
    calls = iter([False, True])

    def full(descriptor: int) -> None:
        if next(calls):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EdgevalError, match=r"cannot write .*b \(No space left"):
        write_files({tmp_path / "a": "new", tmp_path / "b": "new"})
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize("act", [refuse_existing, require_writable])
def test_a_folder_that_takes_no_file_is_said_before_the_work(
    act: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(tmp_path / "deep" / "out.json")
    assert names(tmp_path / "deep") == []

    def read_only(*_: object, **__: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(EdgevalError, match=r"cannot write .*out\.json \(Read-only file system\)"):
        act(tmp_path / "deep" / "out.json")
