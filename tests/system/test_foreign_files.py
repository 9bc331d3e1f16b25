"""What others wrote is read within bounds: every kind of file, encoding and JSON."""

from __future__ import annotations

import codecs
import json
import os
import socket
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from edgeval.system.untrusted import (
    MAX_DEPTH,
    UnreadableError,
    open_regular,
    parse_json,
    printable,
    problem,
    read_json,
    read_regular,
)

LIMIT = 1_000_000


@pytest.mark.skipif(os.name == "nt", reason="no such files there")
@pytest.mark.parametrize("kind", ["a directory", "a pipe", "a device", "a socket"])
def test_only_regular_files_are_read_and_nothing_is_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.json"
    with socket.socket(socket.AF_UNIX) as listening:
        if kind == "a directory":
            path.mkdir()
        elif kind == "a pipe":
            os.mkfifo(path)
        elif kind == "a device":
            path.symlink_to("/dev/zero")
        else:
            listening.bind(str(path))
        with pytest.raises(OSError) as found:
            read_json(path, LIMIT)
    assert found.value.strerror == f"it is {kind}, not a regular file"


def test_missing_files_and_impossible_names_are_oserrors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")
    with pytest.raises(OSError, match="no file can have this name"):
        open_regular(tmp_path / "a\0b")


def test_a_link_to_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("[1]")
    (tmp_path / "link").symlink_to("real")
    assert read_json(tmp_path / "link", LIMIT) == [1]


def test_a_sparse_terabyte_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(UnreadableError, match=r"it has 1,000,000\.0 MB, and at most 1\.0 MB"):
        read_regular(path, LIMIT)
    path.write_bytes(b"[1]")
    assert read_regular(path, 3) == b"[1]"
    with pytest.raises(UnreadableError):
        read_regular(path, 2)


@pytest.mark.parametrize(
    ("content", "clause"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (codecs.BOM_UTF8, "it is empty"),
        (b"\0" * 4096, "it has NUL bytes, so it is no text"),
        (b'{"a": "\0"}', "it has NUL bytes, so it is no text"),
        ('{"a": "é"}'.encode("latin-1"), "it is no UTF-8 text: byte 7"),
        (b'"\xed\xa0\x80"', "it is no UTF-8 text: byte 1"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8", "it is no UTF-16 text: byte 2"),
        (b"\x1f\x8b\x08", "it is no UTF-8 text: byte 1"),
        (b"<html>", "it is no JSON: Expecting value: line 1 column 1 (char 0)"),
        (b'{"a": 1} {"b": 2}', "it is no JSON: Extra data: line 1 column 10 (char 9)"),
        (b"[" * 100_000, "it is nested more than 64 deep"),
        (b"[" * 100_000 + b"]" * 100_000, "it is nested more than 64 deep"),
        (b'{"a":' * 100_000, "it is nested more than 64 deep"),
        (b"[" * 65 + b"]" * 65, "it is nested more than 64 deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "it is nested more than 64 deep"),
        (b"9" * 5000, "it has an integer of 5,000 digits"),
        (b"[-" + b"9" * 101 + b"]", "it has an integer of 101 digits"),
        (b"NaN", "it has the number NaN, which JSON does not know"),
        (b"[-Infinity]", "it has the number -Infinity, which JSON does not know"),
        (b"1e999", "it has the number 1e999, which is too large"),
        (b'"\\ud800"', "it has half of a surrogate pair, which is no character"),
        (b'{"\\uDC00": 1}', "it has half of a surrogate pair, which is no character"),
        (b'"a\nb"', "it is no JSON: Invalid control character at: line 1 column 3 (char 2)"),
    ],
)
def test_what_is_no_json_is_said_in_a_clause(content: bytes, clause: str) -> None:
    with pytest.raises(UnreadableError) as found:
        parse_json(content)
    assert str(found.value) == clause


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_mark_are_read(encoding: str) -> None:
    value = {"a": ["é", "\N{GRINNING FACE}", 1, 2.5, None]}
    for ascii_only in (True, False):
        assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode(encoding)) == value


def test_the_limits_themselves_are_allowed() -> None:
    assert parse_json("9" * 100) == int("9" * 100)
    deepest: Any = parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH - 1):
        (deepest,) = deepest
    assert deepest == []
    assert parse_json("[" * 3 + '"[[["' + "]" * 3) == [[["[[["]]]


def test_what_the_caller_decides() -> None:
    assert str(parse_json("[NaN, Infinity, 1e999]", finite=False)) == "[nan, inf, inf]"
    assert parse_json('{"a": 1, "a": 2}') == {"a": 2}
    with pytest.raises(UnreadableError, match=r"it has 'a\\\\x1b' twice in one object"):
        parse_json('{"b": [{"a\\u001b": 1, "c": 3, "a\\u001b": 2}]}', unique=True)
    assert parse_json("[9223372036854775807, -9007199254740992]") == [2**63 - 1, -(2**53)]
    assert parse_json("[9223372036854775807, -1]", bits=63) == [2**63 - 1, -1]
    for wide in ("9223372036854775808", "-9223372036854775808"):
        with pytest.raises(UnreadableError, match=f"it has the number {wide}, which is too large"):
            parse_json(f"[{wide}]", bits=63)
    with pytest.raises(UnreadableError, match="digits"):
        parse_json("9" * 101, finite=False)


def test_memory_is_proportional_to_the_file() -> None:
    worst = b"[" + b"{},[]," * 200_000 + b"1]"
    tracemalloc.start()
    parse_json(worst, unique=True)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 40 * len(worst)


def test_foreign_text_is_one_bounded_line_without_control_characters() -> None:
    assert printable("a\x1b[2J\n\u202eb\ud800é") == "a\\x1b[2J\\n\\u202eb\\ud800é"
    assert printable("x" * 500) == "x" * 200 + "…"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int = 0

    @field_validator("a")
    @classmethod
    def _positive(cls, value: int) -> int:
        if value < 0:
            raise ValueError("several\nlines")
        return value


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"a": "x"}, "a: Input should be a valid integer, unable to parse string as an integer"),
        ({"a": -1}, "a: several lines"),
        ({"\x1b[2J": 1}, "\\x1b[2J: Extra inputs are not permitted"),
        ({"k" * 5000: 1}, "k" * 100 + "…: Extra inputs are not permitted"),
        ([], "the whole file: Input should be a valid dictionary or instance of _Strict"),
    ],
)
def test_a_refused_record_is_one_line(content: Any, expected: str) -> None:
    with pytest.raises(ValidationError) as found:
        _Strict.model_validate(content)
    assert problem(found.value) == expected
