"""Libraries of llama.cpp name the compiler that made them."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.llama import builds
from edgeval.llama.builds import Compiler, libraries

# Libraries


def elf(comment: bytes, *, bits: int = 64, order: str = "<") -> bytes:
    """Return the least of an ELF file that has a section of comments."""
    names = b"\0.shstrtab\0.comment\0"
    start, size = (64, 64) if bits == 64 else (52, 40)
    layout = struct.Struct(order + ("IIQQQQIIQQ" if bits == 64 else "10I"))
    offset = start + len(names) + len(comment)
    sections = [
        layout.pack(*[0] * 10),
        layout.pack(1, 3, 0, 0, start, len(names), 0, 0, 1, 0),
        layout.pack(11, 1, 0x30, 0, start + len(names), len(comment), 0, 0, 1, 1),
    ]
    ident = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    word = "Q" if bits == 64 else "I"
    header = ident + struct.pack(
        f"{order}HHI3{word}I6H", 3, 62, 1, 0, 0, offset, 0, start, 0, 0, size, len(sections), 1
    )
    assert len(header) == start
    return header + names + comment + b"".join(sections)


def pe(major: int, minor: int, *, magic: int = 0x20B) -> bytes:
    """Return the start of a DLL."""
    dos = b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64)
    return (
        dos
        + b"PE\0\0"
        + struct.pack("<HHIIIHH", 0x8664, 0, 0, 0, 0, 240, 0x2022)
        + struct.pack("<HBB", magic, major, minor)
    )


def mach_o(tools: list[tuple[int, int]], *, is_universal: bool = False) -> bytes:
    """Return the start of a dynamic library of macOS."""
    uuid = struct.pack("<II16s", 0x1B, 24, b"")
    packed = b"".join(struct.pack("<II", *tool) for tool in tools)
    build = struct.pack("<6I", 0x32, 24 + len(packed), 1, 0, 0, len(tools)) + packed
    commands_ = uuid + build
    header = struct.pack("<8I", 0xFEEDFACF, 0x100000C, 0, 6, 2, len(commands_), 0, 0)
    if not is_universal:
        return header + commands_
    fat = struct.pack(">7I", 0xCAFEBABE, 1, 0x100000C, 0, 64, len(header + commands_), 14)
    return fat.ljust(64, b"\0") + header + commands_


SAMPLES = {
    "gcc": elf(b"GCC: (Debian 12.2.0-14+deb12u1) 12.2.0\0"),
    "clang": elf(b"Debian clang version 14.0.6\0GCC: (Debian 12.2.0-14+deb12u1) 12.2.0\0"),
    "lld": elf(b"Linker: LLD 19.1.7\0\0AMD clang version 17.0.0 (https://x 1.2)\0", bits=32),
    "several": elf(b"GCC: (GNU) 13.3.1 20240611\0GCC: (GNU) 8.5.0 20210514 (Red Hat 8.5.0-20)\0"),
    "big-endian": elf(b"\0GCC: (conda-forge gcc 14.2.0-1) 14.2.0\0", order=">"),
    "rust": elf(b"rustc version 1.79.0\0"),
    "stripped": elf(b""),
    "msvc": pe(14, 36),
    "mingw": pe(2, 42),
    "apple": mach_o([(3, 0x03FA0000)]),
    "apple-clang": mach_o([(3, 0x03FA0000), (1, 0x000F0307)]),
    "universal": mach_o([(1, 0x000F0307)], is_universal=True),
    "text": b"INPUT(libggml.so.0)",
    "empty": b"",
}

BUILT_BY = {
    "gcc": Compiler("gcc", (12, 2, 0)),
    "clang": Compiler("clang", (14, 0, 6)),
    "lld": Compiler("clang", (17, 0, 0)),
    "several": Compiler("gcc", (8, 5, 0)),
    "big-endian": Compiler("gcc", (14, 2, 0)),
    "msvc": Compiler("msvc", (14, 36)),
    "apple-clang": Compiler("clang", (15, 3, 7)),
    "universal": Compiler("clang", (15, 3, 7)),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_library_names_its_compiler(name: str, tmp_path: Path) -> None:
    path = tmp_path / "library"
    path.write_bytes(SAMPLES[name])
    assert builds.compiler_of(path) == BUILT_BY.get(name)


def test_a_library_that_cannot_be_read_names_none(tmp_path: Path) -> None:
    assert builds.compiler_of(tmp_path / "absent.so") is None
    assert builds.compiler_of(tmp_path) is None


@given(name=st.sampled_from(sorted(SAMPLES)), data=st.data())
def test_a_damaged_library_names_a_compiler_or_none(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(SAMPLES[name])
    del content[data.draw(st.integers(0, len(content))) :]
    for _ in range(data.draw(st.integers(0, 8)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    found = builds.compiler_of(path)
    assert found is None or (found.version and str(found))


@given(magic=st.sampled_from([b"\x7fELF\2\1", b"MZ", b"\xcf\xfa\xed\xfe"]), rest=st.binary())
def test_any_bytes_name_a_compiler_or_none(
    magic: bytes, rest: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "random"
    path.write_bytes(magic + rest)
    found = builds.compiler_of(path)
    assert found is None or found.version


@pytest.mark.parametrize("command", ["gcc", "clang"])
def test_a_library_that_is_built_here_names_its_compiler(command: str, tmp_path: Path) -> None:
    if sys.platform != "linux" or shutil.which(command) is None:
        pytest.skip(f"there is no {command} that makes ELF files here")
    (tmp_path / "a.c").write_text("int one(void) { return 1; }\n")
    words = [command, "-shared", "-fPIC", "-o", tmp_path / "a.so", tmp_path / "a.c"]
    subprocess.run(words, check=True, timeout=60)
    found = builds.compiler_of(tmp_path / "a.so")
    assert found is not None
    assert found.name == command
    asked = subprocess.run([command, "--version"], capture_output=True, check=True, text=True)
    assert ".".join(map(str, found.version)) in asked.stdout


@pytest.mark.process
def test_the_libraries_of_the_binding_are_found_without_loading_it() -> None:
    script = (
        "import sys; from edgeval.llama import builds; "
        "found = [builds.compiler_of(path) for path in builds.cpu_libraries()]; "
        "assert found, found; assert 'llama_cpp' not in sys.modules; print(*found)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if sys.platform == "linux":
        assert done.stdout.startswith(("GCC ", "clang "))


def test_libraries_are_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("libggml-cpu-zen4.so", "libggml-cpu-x64.so", "libggml-base.so", "ggml-cpu-x64.dll")
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    found = [path.name for path in builds.cpu_libraries()]
    assert found == ["libggml-cpu-x64.so", "libggml-cpu-zen4.so", "ggml-cpu-x64.dll"]


def test_without_the_binding_there_are_no_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)
    monkeypatch.setattr(libraries.importlib.util, "find_spec", lambda name: None)
    assert builds.cpu_libraries() == []
