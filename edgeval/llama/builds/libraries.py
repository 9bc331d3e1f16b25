"""Libraries, shared ones: what their files say about the compiler that built them."""

from __future__ import annotations

import importlib.util
import os
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from edgeval.llama.builds.compilers import Compiler

_MOST_COMMENT_BYTES = 1 << 16
_MOST_NAMES_BYTES = 1 << 20
_MOST_COMMANDS_BYTES = 1 << 20

_CLANG = re.compile(rb"\bclang version (\d{1,9}(?:\.\d{1,9})*)")
# What comes after the package's own name and version: "GCC: (Debian 12.2.0-14+deb12u1) 12.2.0".
_GCC = re.compile(rb"^GCC: \(.*?\) (\d{1,9}(?:\.\d{1,9})+)")

# mach-o/loader.h
_LC_BUILD_VERSION = 0x32
_TOOL_CLANG = 1

_OLDEST_MSVC_LINKER = 7
"""GNU ld writes its own version there, which is 2."""


def cpu_libraries() -> list[Path]:
    """Return llama.cpp's libraries for the CPU, from where the binding was installed to.

    One as a rule, and one for each kind of CPU of a portable build. Nothing is loaded.
    """
    return [
        path
        for folder in library_folders()
        for pattern in ("libggml-cpu*.so", "libggml-cpu*.dylib", "ggml-cpu*.dll")
        for path in sorted(folder.glob(pattern))
    ]


def library_folders() -> list[Path]:
    """Return where CMake installs the backends of a portable build, and the binding the rest.

    In this order, since the first has all of those backends and the second may have copies of some.
    """
    named = os.environ.get("LLAMA_CPP_LIB_PATH")
    if named:
        return [Path(named)]
    try:
        spec = importlib.util.find_spec("llama_cpp")
    except (ImportError, ValueError):
        return []
    if spec is None or not spec.origin:
        return []
    package = Path(spec.origin).parent
    return [package.parent / "bin", package / "lib"]


def compiler_of(library: Path) -> Compiler | None:
    """Return the compiler that built a shared library.

    Args:
        library: An ELF file, a DLL or a Mach-O file.

    Returns:
        None if the file is damaged or does not tell: as a rule one for macOS does not, nor one that
        llvm-strip went over, which CMake takes with clang.
    """
    try:
        with library.open("rb") as file:
            magic = file.read(4)
            if magic == b"\x7fELF":
                return _of_comments(_elf_comments(file))
            if magic[:2] == b"MZ":
                return _of_pe(file)
            return _of_mach_o(file, magic)
    except (OSError, struct.error, ValueError, OverflowError):
        return None


def _of_comments(comments: Iterable[bytes]) -> Compiler | None:
    """Return what compiled the code, among all that left their names in a library."""
    comments = list(comments)
    # The start files are GCC's own wherever its runtime is used, so a clang beside it did the rest.
    for name, pattern in (("clang", _CLANG), ("gcc", _GCC)):
        found = [_version(match[1]) for text in comments if (match := pattern.search(text))]
        if found:
            # With several, one part is only as good as the oldest.
            return Compiler("clang" if name == "clang" else "gcc", min(found))
    return None


def _elf_comments(file: BinaryIO) -> list[bytes]:
    """Return the strings of an ELF file's section ``.comment``."""
    is_64, order = (flag == 2 for flag in _at(file, 4, 2))
    end = ">" if order else "<"
    at = 0x28 if is_64 else 0x20
    (table,) = struct.unpack(end + ("Q" if is_64 else "I"), _at(file, at, 8 if is_64 else 4))
    size, count, names_index = struct.unpack(f"{end}3H", _at(file, 0x3A if is_64 else 0x2E, 6))
    layout = struct.Struct(end + ("IIQQQQ" if is_64 else "6I"))
    if size < layout.size or names_index >= count:
        return []
    sections = []
    for index in range(count):
        name, _, _, _, offset, length = layout.unpack(_at(file, table + index * size, layout.size))
        sections.append((name, offset, length))
    _, offset, length = sections[names_index]
    names = _at(file, offset, min(length, _MOST_NAMES_BYTES))
    for name, offset, length in sections:
        if names[name : name + 9] == b".comment\0":
            return _at(file, offset, min(length, _MOST_COMMENT_BYTES)).split(b"\0")
    return []


def _of_pe(file: BinaryIO) -> Compiler | None:
    """Return the linker of a DLL, from the optional header."""
    (header,) = struct.unpack("<I", _at(file, 0x3C, 4))
    signature, size, magic, major, minor = struct.unpack("<4s16xHxxHBB", _at(file, header, 28))
    if signature != b"PE\0\0" or size < 4 or magic not in (0x10B, 0x20B):
        return None
    return Compiler("msvc", (major, minor)) if major >= _OLDEST_MSVC_LINKER else None


def _of_mach_o(file: BinaryIO, magic: bytes) -> Compiler | None:
    """Return the clang that a Mach-O file names among its tools; the linker names itself only."""
    start = 0
    if magic == b"\xca\xfe\xba\xbe":
        # Of a universal file the first part stands for the others.
        (start,) = struct.unpack(">I", _at(file, 16, 4))
        magic = _at(file, start, 4)
    sizes = {b"\xcf\xfa\xed\xfe": 32, b"\xce\xfa\xed\xfe": 28}
    if magic not in sizes:
        return None
    (length,) = struct.unpack("<I", _at(file, start + 20, 4))
    commands = _at(file, start + sizes[magic], min(length, _MOST_COMMANDS_BYTES))
    for tool, version in _tools(commands):
        if tool == _TOOL_CLANG:
            return Compiler("clang", (version >> 16, version >> 8 & 0xFF, version & 0xFF))
    return None


def _tools(commands: bytes) -> Iterator[tuple[int, int]]:
    """Yield the tools of Mach-O's load commands and their packed versions."""
    at = 0
    while at + 8 <= len(commands):
        command, size = struct.unpack_from("<II", commands, at)
        if size < 8:
            return
        if command == _LC_BUILD_VERSION:
            (count,) = struct.unpack_from("<I", commands, at + 20)
            for index in range(min(count, size // 8)):
                yield struct.unpack_from("<II", commands, at + 24 + 8 * index)
        at += size


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _version(text: bytes) -> tuple[int, ...]:
    return tuple(map(int, text.split(b".")))
