"""File kinds: what a file is that was taken for another, by its first bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeval.system.untrusted import open_regular

_FIRST_BYTES: Final = 512
_TAR_MAGIC: Final = (257, b"ustar")
_LONGEST_HEADER: Final = 100_000_000
"""Bytes; that of the safetensors library."""


@dataclass(frozen=True)
class Kind:
    """What a file is.

    Attributes:
        what: It, for use behind ``is``: ``a web page``.
        remedy: What to do who wanted another file, for use at the end of a sentence.
        suffixes: The endings of names that say so.
    """

    what: str
    remedy: str
    suffixes: tuple[str, ...] = ()


_UNPACK: Final = "unpack it, and name the file in it"
_PAGE: Final = (
    "look at its address in a browser (a model may want a login or an agreement), and download it "
    "again"
)
_OTHER: Final = "check the path"
_CHECKPOINT: Final = "name the folder that it is in, with config.json and the tokenizer"
_OLD: Final = "download the model as a GGUF, or convert its checkpoint"

GGUF: Final = Kind("a GGUF", "name it where a GGUF is asked for", (".gguf",))
SAFETENSORS: Final = Kind(
    "a file of weights of a checkpoint (safetensors)", _CHECKPOINT, (".safetensors",)
)
TORCH: Final = Kind("a file of PyTorch", _CHECKPOINT, (".bin", ".pt", ".pth"))
POINTER: Final = Kind(
    "a pointer of Git LFS, not the file itself", "fetch the file with git lfs pull"
)

_MAGICS: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"GGUF", GGUF),
    (b"version https://git-lfs.github.com/spec/", POINTER),
    (
        b"# xet version",
        Kind("a pointer of Git Xet, not the file itself", "download the file from the hub"),
    ),
    (b"FUGG", Kind("a GGUF whose bytes are swapped", "download it for little-endian machines")),
    (b"lmgg", Kind("a GGML file, as whisper.cpp and llama.cpp before GGUF have it", _OLD)),
    (b"fmgg", Kind("a GGMF file, as llama.cpp before GGUF has it", _OLD)),
    (b"tjgg", Kind("a GGJT file, as llama.cpp before GGUF has it", _OLD)),
    (b"algg", Kind("a LoRA adapter, as llama.cpp before GGUF has it", _OLD)),
    (b"\x1f\x8b", Kind("compressed with gzip", _UNPACK)),
    (b"BZh", Kind("compressed with bzip2", _UNPACK)),
    (b"\xfd7zXZ\0", Kind("compressed with xz", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Kind("compressed with Zstandard", _UNPACK)),
    (b"\x04\x22\x4d\x18", Kind("compressed with LZ4", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7-Zip archive", _UNPACK)),
    (b"Rar!\x1a\x07", Kind("a RAR archive", _UNPACK)),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19", TORCH),
    (b"\x89HDF\r\n\x1a\n", Kind("an HDF5 file, as TensorFlow saves weights", _CHECKPOINT)),
    (b"\x93NUMPY", Kind("an array of NumPy", _OTHER)),
    (b"PAR1", Kind("a Parquet file", _OTHER, (".parquet",))),
    (b"ARROW1", Kind("an Arrow file", _OTHER)),
    (b"SQLite format 3\0", Kind("an SQLite database", _OTHER)),
    (b"%PDF-", Kind("a PDF", _OTHER)),
    (b"\x7fELF", Kind("a program", _OTHER)),
    (b"MZ", Kind("a program", _OTHER)),
    (b"\x89PNG", Kind("a picture", _OTHER)),
    (b"\xff\xd8\xff", Kind("a picture", _OTHER)),
    (b"\xff\xfe", Kind("a text in UTF-16", _OTHER)),
    (b"\xfe\xff", Kind("a text in UTF-16", _OTHER)),
)
_ZIP: Final = Kind("a ZIP archive", _UNPACK, (".bin", ".pt", ".pth", ".npz", ".zip"))
_TAR: Final = Kind("a tar archive", _UNPACK)
_HTML: Final = Kind("a web page", _PAGE)
_XML: Final = Kind("an XML document, as a server answers in place of a file", _PAGE)
_JSON: Final = Kind("JSON", _OTHER, (".json", ".jsonl"))
_PICKLE: Final = Kind("a pickle of Python", _OTHER, (".bin", ".pt", ".pth", ".pkl"))


def kind_of(path: Path) -> Kind | None:
    """Return what a file is; None if its first bytes are of nothing known.

    Raises:
        OSError: If it cannot be read, or is no regular file.
    """
    with open_regular(path) as file:
        return kind_of_bytes(file.read(_FIRST_BYTES))


def kind_of_bytes(first: bytes) -> Kind | None:
    """Return what a file that begins so is; see ``kind_of``."""
    for magic, kind in _MAGICS:
        if first.startswith(magic):
            return kind
    return next((kind for is_it, kind in _LOOKS if is_it(first)), None)


def _starts(*names: bytes) -> Callable[[bytes], bool]:
    return lambda first: first.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(names)


def _is_tar(first: bytes) -> bool:
    at, magic = _TAR_MAGIC
    return first[at : at + len(magic)] == magic


def _is_safetensors(first: bytes) -> bool:
    n_bytes = int.from_bytes(first[:8], "little")
    return 2 <= n_bytes <= _LONGEST_HEADER and first[8:10] in (b'{"', b"{}", b"{ ")


def _is_pickle(first: bytes) -> bool:
    return len(first) > 2 and first[0] == 0x80 and 2 <= first[1] <= 5


_LOOKS: Final[tuple[tuple[Callable[[bytes], bool], Kind], ...]] = (
    (lambda first: first.startswith(b"PK\x03\x04") and b"/data.pkl" in first, TORCH),
    (lambda first: first.startswith((b"PK\x03\x04", b"PK\x05\x06")), _ZIP),
    (_is_safetensors, SAFETENSORS),
    (_is_pickle, _PICKLE),
    (_is_tar, _TAR),
    (_starts(b"<!doctype html", b"<html", b"<head", b"<body"), _HTML),
    (_starts(b"<?xml", b"<error>"), _XML),
    (_starts(b"{", b"["), _JSON),
)
