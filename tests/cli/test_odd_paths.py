"""Folders and files whose names are not UTF-8, and others that mean something to a terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeval.gguf.parts import read_header
from edgeval.records import Evaluation, Failure, Report
from edgeval.report.record_files import load
from tests.helpers.command import Result, edgeval, edgeval_process
from tests.helpers.hostile import UNSEEN

NAME = b"a\xff\xe8 \x1b[31m[red]\n\xe2\x80\xae"
"""Bytes that are not UTF-8, an escape, markup, a line break and an override."""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with such a name."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + NAME))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this disk takes no such name")
    return folder


def succeed(*arguments: str | Path, run: Callable[..., Result] = edgeval) -> str:
    """Return what a command prints, which ends right."""
    result = run(*arguments)
    assert result.returncode == 0, result.stderr
    assert not UNSEEN.search(result.stdout + result.stderr)
    return result.stdout


@pytest.mark.process
@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="names are Unicode there")
def test_every_command_takes_any_path(
    odd: Path, tiny_checkpoint: Path, tiny_items: Path, tiny_text: Path
) -> None:
    name = odd.name
    model, items = odd / name, odd / f"{name}.jsonl"
    shutil.copytree(tiny_checkpoint, model)
    shutil.copy(tiny_items, items)
    gguf, store = odd / f"{name}.gguf", odd / f"{name}.db"
    shared = ["--data", items, "--store", store, "--limit", "8"]
    succeed("convert", model, gguf)
    assert read_header(gguf).metadata["general.name"]
    succeed("inspect", gguf, run=edgeval_process)
    record = Evaluation.model_validate_json(
        succeed("eval", gguf, *shared, "--samples", odd / f"{name}-samples.jsonl", "--json")
    )
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    assert record.runs[0].file == f"{shown}.gguf"
    assert record.data.name == f"{shown}.jsonl"
    beside = [
        *("--fail-if", "drift>99", "--junit", odd / f"{name}.xml", "--summary", odd / f"{name}.md"),
        *("--csv", odd / f"{name}.csv", "--parquet", odd / f"{name}.parquet"),
        *("--samples", odd / f"{name}-samples.parquet", "--texts"),
    ]
    succeed("run", model, "--quant", "F16,Q8_0", *shared, "--out", odd / "out", *beside)
    assert all(path.stat().st_size for path in beside if isinstance(path, Path))
    report = load(odd / "out")
    assert isinstance(report, Report)
    assert report.model.name == shown
    for command in ("report", "verdict"):
        succeed(command, odd / "out")
    succeed("compare", odd / "out", odd / "out")
    succeed("runs", "--store", store)
    succeed("runs", "export", "1", odd / f"{name}.json", "--store", store)
    succeed("runs", "import", odd / f"{name}.json", "--store", odd / "b.db")


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="names are Unicode there")
def test_the_engine_takes_the_bytes_of_a_path(odd: Path, tiny_f16: Path, tiny_text: Path) -> None:
    gguf = odd / "m.gguf"
    shutil.copy(tiny_f16, gguf)
    from edgeval.quantization.imatrix import imatrix
    from edgeval.quantization.quantize import quantize

    matrix = imatrix(gguf, tiny_text, odd / f"{odd.name}.gguf", chunk_tokens=64, chunks=1)
    (made,) = quantize(gguf, ["Q4_K_M"], imatrix=matrix)
    said = read_header(made).metadata["quantize.imatrix.file"]
    assert said == matrix.name.encode("utf-8", "surrogateescape").decode(
        "utf-8", "backslashreplace"
    )


def test_no_record_holds_what_json_cannot() -> None:
    made = Failure(type="Q4_0", file="m\udcff.gguf", doing="scoring", reason="\ud800")
    assert made.file == r"m\xff.gguf"
    assert Failure.model_validate_json(made.model_dump_json()) == made
