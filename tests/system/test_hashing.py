"""What is believed of files: nothing that is not in them any more."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from pathlib import Path

import pytest

from edgeval.errors import ChangedFileError, EdgevalError
from edgeval.gguf import contents
from edgeval.gguf.contents import held, sha256_of
from edgeval.system import files
from edgeval.system.files import cache_folder

LARGE = contents._SMALL_BYTES + 100_000
SIZES = (0, 1, 1000, LARGE)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _random(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", SIZES)
def test_the_hash_is_the_files(size: int, tmp_path: Path) -> None:
    path, data = tmp_path / "a.gguf", _random(size)
    path.write_bytes(data)
    assert sha256_of(path) == sha256_of(path) == _sha256(data)


def test_that_of_several_is_over_theirs(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    for number, path in enumerate(paths):
        path.write_bytes(_random(10, number))
    digits = "".join(f"{_sha256(path.read_bytes())}\n" for path in paths)
    assert sha256_of(*paths) == _sha256(digits.encode())
    assert sha256_of(*reversed(paths)) != sha256_of(*paths)


def test_a_large_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(_random(LARGE))
    first = sha256_of(path)
    monkeypatch.setattr(contents, "_hashed", lambda *_: pytest.fail("it was hashed again"))
    assert sha256_of(path) == first
    # Another name of the same file is another file to us, and a link to it is not.
    link = tmp_path / "link.gguf"
    link.symlink_to(path)
    assert sha256_of(link) == first


def _in_place(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:
        file.write(data)


def _anew(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def _renamed(path: Path, data: bytes) -> None:
    other = path.with_name("other")
    other.write_bytes(data)
    other.replace(path)


def _through_a_hard_link(path: Path, data: bytes) -> None:
    link = path.with_name("hard")
    os.link(path, link)
    _in_place(link, data)
    link.unlink()


def _by_a_symlink(path: Path, data: bytes) -> None:
    other = path.with_name(f"target-{_sha256(data)[:8]}")
    other.write_bytes(data)
    path.unlink()
    path.symlink_to(other)


REPLACEMENTS = (_in_place, _anew, _renamed, _through_a_hard_link, _by_a_symlink)


@pytest.mark.parametrize("replace", REPLACEMENTS)
@pytest.mark.parametrize("size", SIZES[2:])
@pytest.mark.parametrize("keeps_times", [True, False])
def test_what_replaces_a_file_is_seen(
    replace: object, size: int, keeps_times: bool, tmp_path: Path
) -> None:
    assert callable(replace)
    path, data = tmp_path / "a.gguf", bytearray(_random(size))
    path.write_bytes(data)
    sha256_of(path)
    for place in (0, size // 2, size - 1):
        before = path.stat()
        data[place] ^= 1
        replace(path, bytes(data))
        if keeps_times:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
        assert sha256_of(path) == _sha256(bytes(data))


def test_without_a_time_of_change_other_blocks_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows a file that is overwritten may have the same times, size and place."""
    path = tmp_path / "a.gguf"
    path.write_bytes(_random(LARGE))
    with held([path]) as whole:
        state = whole._files[0].state
        monkeypatch.setattr(files.FileState, "of", lambda _: state)
        monkeypatch.setattr(contents, "file_state", lambda _: state)
        for data in (b"GGUF", b"last"):
            assert whole.is_unchanged()
            with path.open("r+b") as file:
                file.seek(
                    0 if data == b"GGUF" else -4, os.SEEK_SET if data == b"GGUF" else os.SEEK_END
                )
                before = file.read(4)
                file.seek(-4, os.SEEK_CUR)
                file.write(data)
                file.flush()
                assert not whole.is_unchanged()
                file.seek(-4, os.SEEK_CUR)
                file.write(before)
        path.write_bytes(_random(LARGE, 1))
        assert sha256_of(path) == _sha256(path.read_bytes())


@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_a_held_file_that_changes_is_refused(replace: object, tmp_path: Path) -> None:
    assert callable(replace)
    path = tmp_path / "a.gguf"
    path.write_bytes(_random(1000))
    status = path.stat()
    with held([path]) as found:
        found.require_unchanged("it was scored")
        replace(path, _random(1000, 1))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        with pytest.raises(ChangedFileError, match=r"a.gguf changed or was touched while it was"):
            found.require_unchanged("it was scored")
        # Also if what was there comes back: it was something else meanwhile.
        replace(path, _random(1000))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert not found.is_unchanged()


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"abc")
    with held([path]) as found:
        path.unlink()
        assert not found.is_unchanged()
    with pytest.raises(EdgevalError, match=r"cannot read .*a.gguf \(No such file"):
        sha256_of(path)


def test_a_file_that_is_written_while_it_is_hashed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(_random(LARGE))
    original = contents._hashed

    def hash_and_write(*arguments: object) -> object:
        found = original(*arguments)  # type: ignore[arg-type]
        with path.open("ab") as file:
            file.write(b"more")
        return found

    with monkeypatch.context() as patch, pytest.raises(ChangedFileError, match="while it was read"):
        patch.setattr(contents, "_hashed", hash_and_write)
        sha256_of(path)
    assert sha256_of(path) == _sha256(path.read_bytes())


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"state":{},"sample":"","sha256":"x"}', b"\xff"])
def test_a_damaged_memory_is_not_believed(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(_random(LARGE))
    expected = sha256_of(path)
    (memory,) = (cache_folder() / "hashes").iterdir()
    memory.write_bytes(damage)
    assert sha256_of(path) == expected


def test_without_a_folder_to_write_to_it_is_hashed_each_time(cache: Path, tmp_path: Path) -> None:
    cache.write_text("no folder")
    path = tmp_path / "a.gguf"
    path.write_bytes(_random(LARGE))
    assert sha256_of(path) == sha256_of(path) == _sha256(path.read_bytes())


def test_a_copy_is_another_file_with_the_same_hash(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(_random(LARGE))
    copy = Path(shutil.copy2(path, tmp_path / "b.gguf"))
    assert sha256_of(path) == sha256_of(copy)
