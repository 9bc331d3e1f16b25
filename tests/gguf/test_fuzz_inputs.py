"""Damaged importance matrices and data files: each is read or refused with a sentence."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edgeval.errors import DataError, EdgevalError
from edgeval.gguf import imatrix_file
from edgeval.tasks.hellaswag import HELLASWAG
from tests.helpers.fuzz import inputs as input_fuzz

N_MUTATIONS = 700
EACH_MEASURED = 7


@pytest.mark.usefixtures("without_waits")
def test_what_is_damaged_is_read_or_refused(tmp_path: Path) -> None:
    outcomes = input_fuzz.run(tmp_path, 0, N_MUTATIONS, EACH_MEASURED)
    assert outcomes.total() == N_MUTATIONS
    for name in ("a.jsonl", "a.json", "lines.json", "a.txt", "a.dat", "a.gguf"):
        assert outcomes[f"{name} read"] > 0, name
        assert outcomes[f"{name} refused"] > 0, name


def test_sound_files_are_read(tmp_path: Path) -> None:
    for path, use in input_fuzz.sound_files(tmp_path).items():
        assert input_fuzz.outcome(path, use, 0) == "read"


@pytest.mark.parametrize("odd", input_fuzz.ODD_TEXTS, ids=lambda odd: repr(odd[:12]))
def test_an_odd_value_takes_little(odd: bytes, tmp_path: Path) -> None:
    for path, use in input_fuzz.sound_files(tmp_path).items():
        content = path.read_bytes()
        at = random.Random(0).randrange(len(content))
        path.write_bytes(content[:at] + odd + content[at:])
        input_fuzz.outcome(path, use, 0)


def test_a_row_of_megabytes_is_refused(tmp_path: Path) -> None:
    for name, content in (
        ("a.jsonl", b'{"ind": [' + b"[]," * 1_000_000 + b"1]}\n"),
        ("a.json", b'[{"ind": [' + b"[]," * 1_000_000 + b"1]}]"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError, match="more than 1,000,000 characters"):
            HELLASWAG.load(path)


@pytest.mark.parametrize("n_entries", [2**31 - 1, 2**20])
def test_a_matrix_of_more_entries_than_tensors_is_refused(n_entries: int, tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(n_entries.to_bytes(4, "little") + bytes(1_000))
    with pytest.raises(EdgevalError, match=rf"says that it has {n_entries:,} entries"):
        imatrix_file.read(path)
