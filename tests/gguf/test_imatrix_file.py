from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.errors import EdgevalError
from edgeval.gguf import imatrix_file
from edgeval.gguf.imatrix_file import ImportanceMatrix, Importances
from edgeval.gguf.parts import read_header

UP = "blk.0.ffn_up.weight"
EXPERTS = "blk.0.ffn_up_exps.weight"


def _entries() -> dict[str, Importances]:
    return {
        EXPERTS: Importances(np.float32([[2, 4, 6], [0, 0, 0]]), np.array([2, 0])),
        UP: Importances(np.float32([[3, 0, 9, 12]]), np.array([3])),
    }


def _write(path: Path, entries: dict[str, Importances] | None = None) -> Path:
    imatrix_file.write(path, entries or _entries(), dataset="a.txt", n_chunks=7, chunk_tokens=512)
    return path


def _legacy(
    entries: list[tuple[bytes, int, list[float]]], tail: bytes = b"", count: int | None = None
) -> bytes:
    data = struct.pack("<i", len(entries) if count is None else count)
    for name, n_calls, values in entries:
        data += struct.pack("<i", len(name)) + name
        data += struct.pack(f"<ii{len(values)}f", n_calls, len(values), *values)
    return data + tail


def test_means_are_sums_over_counts_and_1_where_nothing_was_seen() -> None:
    entries = _entries()
    assert entries[UP].means.tolist() == [1, 0, 3, 4]
    assert entries[EXPERTS].means.tolist() == [1, 2, 3, 1, 1, 1]
    assert entries[UP].means.dtype == np.float32


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = _write(tmp_path / "imatrix.gguf")
    found = imatrix_file.read(path)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.dataset, found.n_chunks) == ("a.txt", 7)
    assert list(found.entries) == [UP, EXPERTS] or list(found.entries) == [EXPERTS, UP]
    for name, entry in _entries().items():
        assert np.array_equal(found.entries[name].sums, entry.sums)
        assert np.array_equal(found.entries[name].counts, entry.counts)


def test_the_file_is_laid_out_as_llama_imatrix_does(tmp_path: Path) -> None:
    header = read_header(_write(tmp_path / "imatrix.gguf"))
    assert header.metadata == {
        "general.type": "imatrix",
        "imatrix.datasets": ["a.txt"],
        "imatrix.chunk_count": 7,
        "imatrix.chunk_size": 512,
    }
    assert [(tensor.name, tensor.shape) for tensor in header.tensors] == [
        (f"{UP}.in_sum2", (4,)),
        (f"{UP}.counts", (1,)),
        (f"{EXPERTS}.in_sum2", (2, 3)),
        (f"{EXPERTS}.counts", (2, 1)),
    ]


def test_the_legacy_format(tmp_path: Path) -> None:
    path = tmp_path / "imatrix.dat"
    values = [(UP.encode(), 4, [4.0, 8.0]), (b"blk.1.ffn_up.weight", 0, [5.0])]
    path.write_bytes(_legacy(values))
    found = imatrix_file.read(path)
    assert (found.dataset, found.n_chunks) == (None, 0)
    assert found.weights[UP].tolist() == [1, 2]
    assert found.weights["blk.1.ffn_up.weight"].tolist() == [5]
    path.write_bytes(_legacy(values, struct.pack("<ii", 9, 5) + b"b.txt"))
    found = imatrix_file.read(path)
    assert (found.dataset, found.n_chunks) == ("b.txt", 9)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it ends after 0 bytes"),
        (_legacy([], count=0), "it says that it has 0 entries"),
        (_legacy([], count=-5), "it says that it has -5 entries"),
        (_legacy([(b"a", 1, [1.0])], count=2), "it ends after 21 bytes"),
        (_legacy([(b"a", 1, [1.0])])[:-1], "it ends after 20 bytes"),
        (_legacy([(b"a", 1, [])]), "a has 0 values"),
        (_legacy([(b"\xff", 1, [1.0])]), "a name in it is not UTF-8"),
        (_legacy([(b"a", 1, [float("nan")])]), "a has values that are no sums of squares"),
        (_legacy([(b"a", 1, [float("inf")])]), "a has values that are no sums of squares"),
        (_legacy([(b"a", 1, [-1.0])]), "a has values that are no sums of squares"),
        (struct.pack("<ii", 1, -3), "it ends after 8 bytes"),
        (b"some text that is no matrix", "it says that it has 1,701,670,771 entries"),
    ],
)
def test_damaged_legacy_files_are_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "imatrix.dat"
    path.write_bytes(content)
    with pytest.raises(EdgevalError, match=rf"imatrix.dat is no importance matrix.*: {reason}"):
        imatrix_file.read(path)


@given(content=st.binary(max_size=200), n_entries=st.integers(1, 3))
def test_any_bytes_are_read_or_refused(
    content: bytes, n_entries: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.dat"
    path.write_bytes(struct.pack("<i", n_entries) + content)
    try:
        found = imatrix_file.read(path)
    except EdgevalError:
        return
    assert all(np.isfinite(values).all() for values in found.weights.values())


def _gguf(path: Path, tensors: dict[str, np.ndarray], **metadata: object) -> Path:
    writer = gguf.GGUFWriter(path, "imatrix")
    if "datasets" in metadata:
        writer.add_array("imatrix.datasets", metadata["datasets"])
    for key in ("chunk_count", "chunk_size"):
        if key in metadata:
            writer.add_uint32(f"imatrix.{key}", metadata[key])
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


SUMS, ONE = np.ones(4, np.float32), np.ones(1, np.float32)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"token_embd.weight": SUMS}, "it holds no tensor"),
        ({"a.in_sum2": SUMS}, "a lacks its .counts"),
        ({"a.counts": ONE}, "a lacks its .in_sum2"),
        ({"a.in_sum2": SUMS.astype(np.float16), "a.counts": ONE}, "a is not F32"),
        ({"a.in_sum2": SUMS, "a.counts": np.ones(3, np.float32)}, "a has 4 sums and 3 counts"),
        ({"a.in_sum2": SUMS, "a.counts": -ONE}, "a has counts that are no numbers of rows"),
        ({"a.in_sum2": SUMS, "a.counts": ONE * np.nan}, "a has counts that are no"),
        ({"a.in_sum2": SUMS * np.inf, "a.counts": ONE}, "a has values that are no sums"),
    ],
)
def test_damaged_ggufs_are_refused(
    tensors: dict[str, np.ndarray], reason: str, tmp_path: Path
) -> None:
    known = {"datasets": ["a.txt"], "chunk_count": 1, "chunk_size": 512}
    path = _gguf(tmp_path / "imatrix.gguf", tensors, **known)
    with pytest.raises(EdgevalError, match=rf"is no importance matrix.*: {reason}"):
        imatrix_file.read(path)


@pytest.mark.parametrize("missing", ["datasets", "chunk_count", "chunk_size"])
def test_a_gguf_of_something_else_is_refused(missing: str, tmp_path: Path) -> None:
    known = {"datasets": ["a.txt"], "chunk_count": 1, "chunk_size": 512}
    del known[missing]
    path = _gguf(tmp_path / "m.gguf", {"a.in_sum2": SUMS, "a.counts": ONE}, **known)
    with pytest.raises(EdgevalError, match=rf"it is a GGUF without imatrix.{missing}"):
        imatrix_file.read(path)


def test_a_gguf_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "imatrix.gguf")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(EdgevalError, match="past its end"):
        imatrix_file.read(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(EdgevalError, match=r"no importance matrix at .*absent.gguf"):
        imatrix_file.read(tmp_path / "absent.gguf")


def test_columns_of_experts_are_counted(tmp_path: Path) -> None:
    model = read_header(_gguf(tmp_path / "model.gguf", {EXPERTS: np.ones((2, 5, 3), np.float32)}))
    fitting = ImportanceMatrix(tmp_path / "m", "", {EXPERTS: _entries()[EXPERTS]}, None, 0)
    fitting.require_fit(model)
    shared = Importances(np.ones((1, 3), np.float32), np.array([1]))
    wrong = ImportanceMatrix(tmp_path / "m", "", {EXPERTS: shared}, None, 0)
    with pytest.raises(EdgevalError, match=rf"has 3 values for {EXPERTS}, which has 6 columns"):
        wrong.require_fit(model)


def test_an_embedding_of_another_size_is_not_looked_at(tmp_path: Path) -> None:
    tensors = {"token_embd.weight": np.ones((5, 4), np.float32), UP: np.ones((2, 4), np.float32)}
    model = read_header(_gguf(tmp_path / "model.gguf", tensors))
    embedding = Importances(np.ones((1, 9), np.float32), np.array([1]))
    entries = {"token_embd.weight": embedding, UP: _entries()[UP]}
    ImportanceMatrix(tmp_path / "m", "", entries, None, 0).require_fit(model)
    # Of another tensor, the size is looked at.
    other = {"token_embd.weight": embedding, UP: embedding}
    with pytest.raises(EdgevalError, match="of another model"):
        ImportanceMatrix(tmp_path / "m", "", other, None, 0).require_fit(model)
