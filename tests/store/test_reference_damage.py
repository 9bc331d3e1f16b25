"""Reference files that are damaged, changed, or were never one: each is refused in a sentence."""

from __future__ import annotations

import os
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval.errors import EdgevalError
from edgeval.evaluation.reference import load_reference
from edgeval.stats.top_logprobs import unpack
from edgeval.store import reference_file
from edgeval.store.reference_packing import DTYPES
from tests.helpers.fakes import make_item
from tests.helpers.references import (
    PACKED_SKETCHES,
    export_example,
    items_of,
    peak_of_refusal,
    rewrite,
)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return export_example(tmp_path)


# Files that are damaged, changed, or were never a reference.


def test_damaged_files_are_a_sentence_or_the_same_scores(exported: Path) -> None:
    data, expected = exported.read_bytes(), load_reference(exported)
    items = items_of()
    scores, rng, n_refused = expected.scores(items), random.Random(0), 0
    for round_ in range(400):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 4))):
            at = rng.randrange(len(changed))
            kind = round_ % 5
            if kind == 0:
                changed[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                changed[at] = rng.randrange(256)
            elif kind == 2:
                changed = changed[: max(at, 1)]
            elif kind == 3:
                del changed[at : at + rng.randrange(1, 40)]
            else:
                changed[at:at] = rng.randbytes(rng.randrange(1, 40))
            if not changed:
                break
        exported.write_bytes(changed)
        try:
            found = load_reference(exported)
        except EdgevalError as error:
            assert str(error).count("\n") == 0
            assert "damaged" in str(error) or "newer" in str(error)
            n_refused += 1
        else:
            # What changed is none of it: a time or a comment of the archive.
            assert found.header == expected.header
            assert (found.scores(items), found.sketches) == (scores, PACKED_SKETCHES)
    assert n_refused > 250


@pytest.mark.parametrize("data", [b"", b"PK", b"GGUF" * 99, b"\x93NUMPY\x01\x00v\x00"])
def test_other_files_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    with pytest.raises(EdgevalError, match="is no reference file"):
        load_reference(path)


def test_other_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, header=np.frombuffer(b"[]", np.uint8))
    with pytest.raises(EdgevalError, match="is no reference file"):
        load_reference(path)
    np.savez_compressed(path, places=np.arange(3))
    with pytest.raises(EdgevalError, match=r"is no reference file.*header"):
        load_reference(path)
    np.savez(path, header=np.frombuffer(b"{}", np.uint8))
    with pytest.raises(EdgevalError, match="packed in another way"):
        load_reference(path)
    np.savez_compressed(path, header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(EdgevalError, match="is no reference file"):
        load_reference(path)
    with pytest.raises(EdgevalError, match=r"cannot read .*absent"):
        load_reference(tmp_path / "absent.npz")
    with pytest.raises(EdgevalError, match="cannot read"):
        load_reference(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda header, arrays: header.update(schema_version=3), r"newer edgeval \(schema 3"),
        (lambda header, arrays: header.update(n_total=60), "SHA-256"),
        (lambda header, arrays: header["setting"].update(protocol="llama.cpp"), "SHA-256"),
        (lambda header, arrays: header["setting"].pop("backend"), "setting.backend"),
        (lambda header, arrays: header.update(mood="good"), "mood"),
        (lambda header, arrays: header.update(n_params="100"), "n_params"),
        (lambda header, arrays: arrays["logprobs"].__setitem__(0, -1.0), "SHA-256"),
        (lambda header, arrays: arrays["sketches"].__setitem__(0, 0), "SHA-256"),
        (lambda header, arrays: arrays.pop("n_tokens"), "other arrays"),
        (lambda header, arrays: arrays.update(more=np.arange(2)), "other arrays"),
        (
            lambda header, arrays: arrays.update(logprobs=arrays["logprobs"].astype("f4")),
            "logprobs is of another type",
        ),
        (
            lambda header, arrays: arrays.update(places=arrays["places"].reshape(2, 2)),
            "places is of another type or shape",
        ),
    ],
)
def test_changed_files_are_noticed(
    change: Callable[[dict[str, Any], dict[str, Any]], None], reason: str, exported: Path
) -> None:
    rewrite(exported, change)
    with pytest.raises(EdgevalError, match=reason):
        load_reference(exported)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda header: header.update(n_total=2**31), "n_total: Input should be less than"),
        (lambda header: header.update(n_total=2**63), "9223372036854775808, which is too large"),
        (lambda header: header.update(n_items=-1), "n_items: Input should be greater than"),
        (lambda header: header.update(n_items=4.0), "n_items: Input should be a valid integer"),
        (lambda header: header.update(n_params=0), "n_params: Input should be greater than"),
        (lambda header: header.update(tokens_decoded=int("9" * 99)), "which is too large"),
        (lambda header: header.update(speeds=[0] * 100_000), r"speeds.*(object|10000 items)"),
        (lambda header: header.update(created_at="0001-01-01T00:00:00+14:00"), "created_at"),
        (lambda header: header.update(measured_at="2026-01-01T00:00:00"), "measured_at"),
        (lambda header: header.update({"\x1b[2J": 1}), r"\\x1b\[2J: Extra inputs"),
        (lambda header: header.update(file="\ud800"), "half of a surrogate pair"),
        (lambda header: header.update(file=float("nan")), "the number NaN"),
    ],
)
def test_odd_headers_are_refused(
    change: Callable[[dict[str, Any]], None], reason: str, exported: Path
) -> None:
    rewrite(exported, lambda header, arrays: change(header))
    peak_of_refusal(exported, reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[" * 100_000, "nested more than 64 deep"),
        (b'{"n_total": ' + b"9" * 5000 + b"}", "an integer of 5,000 digits"),
        (b'{"schema_version": 2, "schema_version": 3}', "'schema_version' twice"),
        ('{"file": "é"}'.encode("latin-1"), "no UTF-8 text"),
        (b"\0" * 100, "NUL bytes"),
        (b"", "it is empty"),
        (b"7", "the whole header: Input should be an object"),
    ],
)
def test_headers_that_are_no_json_are_refused(text: bytes, reason: str, exported: Path) -> None:
    with np.load(exported, allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    arrays["header"] = np.frombuffer(text, np.uint8)
    np.savez_compressed(exported, **arrays)
    peak_of_refusal(exported, reason)


@pytest.mark.skipif(os.name == "nt", reason="no pipes there")
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    peak_of_refusal(tmp_path / "pipe.npz", "it is a pipe, not a regular file")
    peak_of_refusal(Path("/dev/zero"), "it is a device, not a regular file")


def _sketch(n_positions: int, n_tokens: int, content: bytes) -> bytes:
    return b"\1" + zlib.compress(struct.pack("<II", n_positions, n_tokens) + content)


@pytest.mark.parametrize(
    "packed",
    [
        _sketch(1, 1, b"\0" * 100_000_000),
        _sketch(12_500, 1000, b"\0" * 100_000_000),
        _sketch(2**32 - 1, 2**32 - 1, b""),
        _sketch(0, 4, b""),
        _sketch(3, 0, b""),
        _sketch(3, 4, b"\0" * 95),
        _sketch(1, 1, b"\0" * 4 + np.float32("nan").tobytes()),
        _sketch(1, 1, b"\0" * 4 + np.float32(1.0).tobytes()),
        _sketch(1, 1, b"\0" * 8)[:-4],
        b"\1",
        b"\1xyz",
    ],
)
def test_odd_sketches_are_refused(packed: bytes) -> None:
    tracemalloc.start()
    with pytest.raises((ValueError, struct.error, zlib.error)):
        unpack(packed)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"places": [2, 7, 30, 50]}, "not indices"),
        ({"places": [2, 7, 7, 49]}, "not indices"),
        ({"places": [-1, 7, 30, 49]}, "not indices"),
        ({"sketch_places": [2, 7, 99]}, "not indices"),
        ({"places": [2, 7, 30]}, "differ in number"),
        ({"places": [], "n_choices": []}, "other numbers of choices"),
        ({"n_choices": [4, 4, 4, 5]}, "other numbers of choices"),
        ({"n_choices": [0, 8, 4, 4]}, "other numbers of choices"),
        ({"n_tokens": [1] * 15}, "other numbers of choices"),
        ({"logprobs": [float("nan")] * 16}, "not finite"),
        ({"token_means": [float("-inf")] * 16}, "not finite"),
        ({"sketch_sizes": [0, 3]}, "sizes differ in number"),
        ({"sketch_sizes": [-3, 6, 256]}, "sizes differ in number"),
        ({"sketch_sizes": [0, 3, 255]}, "another size"),
    ],
)
def test_scores_that_cannot_be_true_are_refused(
    changes: dict[str, Any], reason: str, exported: Path, tmp_path: Path
) -> None:
    found, path = load_reference(exported), tmp_path / "x.npz"
    arrays = {name: np.array(value, DTYPES[name]) for name, value in changes.items()}
    # The hash is right: what is wrong was wrong before it was made.
    reference_file.write(path, found.header, replace(found.packed, **arrays))
    with pytest.raises(EdgevalError, match=f"x.npz is no reference file.*{reason}"):
        load_reference(path)


def test_a_number_of_items_that_is_not_there_is_refused(exported: Path, tmp_path: Path) -> None:
    found, path = load_reference(exported), tmp_path / "x.npz"
    reference_file.write(path, found.header.model_copy(update={"n_items": 5}), found.packed)
    with pytest.raises(EdgevalError, match="another number of items"):
        load_reference(path)


def test_items_of_other_choices_are_refused(exported: Path) -> None:
    with pytest.raises(EdgevalError, match="4 choices for item 7, which has 3"):
        load_reference(exported).scores({7: make_item(choices="abc")})
