"""Archives of reference files that are made to take more memory than they have, or lie."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval.store.reference_packing import DTYPES
from tests.helpers.references import export_example, peak_of_refusal, rewrite


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return export_example(tmp_path)


# Files that are made to take more memory than they have.


def zeros(n: int) -> dict[str, Any]:
    """Arrays of items with no information: a thousandth of them is in the file."""
    rest = ("logprobs", "n_tokens", "token_means", "is_greedy")
    return {
        "places": np.arange(n, dtype="<i4"),
        "n_choices": np.full(n, 4, "<i4"),
        **{name: np.ones(4 * n, DTYPES[name]) for name in rest},
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (zeros(2_000_000), {"n_items": 2_000_000, "n_total": 2_000_000}),
        ({"sketches": np.zeros(100_000_000, "u1")}, {}),
        ({"logprobs": np.zeros(20_000_000)}, {}),
    ],
)
def test_what_is_packed_a_hundredfold_is_not_unpacked(
    changes: dict[str, Any], said: dict[str, int], exported: Path
) -> None:
    rewrite(exported, lambda header, arrays: (header.update(said), arrays.update(changes)))
    n_bytes = exported.stat().st_size
    assert n_bytes < 10_000_000
    reason = "is no reference file, or a damaged one"
    assert peak_of_refusal(exported, reason) < 3 * n_bytes + 10_000_000


def test_a_header_of_a_hundred_megabytes_is_not_unpacked(exported: Path) -> None:
    with np.load(exported, allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    np.savez_compressed(exported, **(arrays | {"header": np.full(10**8, ord("["), "u1")}))
    reason = "its header has 100,000,000 bytes, and at most 4,000,000"
    assert peak_of_refusal(exported, reason) < 10_000_000


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {each.filename: archive.read(each) for each in archive.infolist()}


def _archive(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(name, content)


def _npy(header: bytes, version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + b"\0" * 64


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (_npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (4,), }\n"), "another type"),
        (_npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }\n"), "another type"),
        (_npy(b"{'descr': '<i4', 'fortran_order': False, 'shape': (), }\n"), "another type"),
        (_npy(b"{'descr': '<i4', 'fortran_order': True, 'shape': (2, 2), }\n"), "another type"),
        (_npy(b"{'descr': '<i4', 'fortran_order': False, 'shape': (-1,), }\n"), "another type"),
        (_npy(b"{'descr': '<i4', 'fortran_order': False, 'shape': (True,), }\n"), "another type"),
        (
            _npy(b"{'descr': '<i4', 'fortran_order': False, 'shape': (999999999999999,), }\n"),
            "are said to have",
        ),
        (
            _npy(b"{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999,), }\n"),
            "another type",
        ),
        (_npy(b"{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (4,), }"), "another t"),
        (_npy(b"(" * 9000), "another type"),
        (_npy(b"9" * 60_000), "another type"),
        (_npy(b"{'descr': '<i4'}", b"\2\0"), "another version"),
        (b"\x93NUMPY\1\0", "another type"),
        (b"\x80\x04cos\nsystem\n", "another version"),
        (b"", "another version"),
    ],
)
def test_odd_headers_of_arrays_are_refused(member: bytes, reason: str, exported: Path) -> None:
    _archive(exported, (_members(exported) | {"places.npy": member}).items())
    assert peak_of_refusal(exported, reason) < 10_000_000


@pytest.mark.parametrize("change", [b"", b"\0" * 8], ids=["shorter", "longer"])
def test_an_array_has_the_bytes_that_it_says(change: bytes, exported: Path) -> None:
    members = _members(exported)
    content = members["places.npy"]
    members["places.npy"] = content + change if change else content[:-1]
    _archive(exported, members.items())
    peak_of_refusal(exported, "its array places is (shorter|longer) than it says")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["header.npy"], "another version"),
        (["places.npy"], "other arrays"),
        (["../../etc/passwd"], "other arrays"),
        (["\x1b[2J.npy"], "other arrays"),
        ([f"{n}.npy" for n in range(30_000)], "more members"),
    ],
)
def test_other_members_are_refused(names: list[str], reason: str, exported: Path) -> None:
    members = [*_members(exported).items(), *((name, b"") for name in names)]
    _archive(exported, members)
    peak_bytes = peak_of_refusal(exported, reason)
    assert peak_bytes < 2 * exported.stat().st_size + 10_000_000


def test_a_lying_directory_is_no_way_around(exported: Path) -> None:
    rewrite(exported, lambda header, arrays: arrays.update(sketches=np.zeros(10**8, "u1")))
    data = bytearray(exported.read_bytes())
    size = (10**8 + 128).to_bytes(4, "little")
    assert data.count(size) >= 1
    exported.write_bytes(data.replace(size, (256).to_bytes(4, "little")))
    peak_bytes = peak_of_refusal(exported, "is no reference file")
    assert peak_bytes < 10_000_000
