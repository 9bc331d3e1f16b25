"""Importance matrices: which columns of a tensor matter, in llama.cpp's two file formats.

The formats are those of llama.cpp's tools/imatrix: a GGUF, and the binary one before it, which has
no name and usually the suffix ``.dat``.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import gguf
import numpy as np
import numpy.typing as npt

from edgeval.errors import EdgevalError
from edgeval.gguf.architectures import no_model
from edgeval.gguf.contents import held
from edgeval.gguf.header import Header, TensorInfo
from edgeval.gguf.parts import read_header
from edgeval.system.file_kinds import GGUF, kind_of
from edgeval.system.files import replacing
from edgeval.system.untrusted import UnreadableError, printable, read_regular

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

SUMS, COUNTS = ".in_sum2", ".counts"
DATASETS, N_CHUNKS = "imatrix.datasets", "imatrix.chunk_count"
CHUNK_TOKENS = "imatrix.chunk_size"

_MAX_BYTES = 4_000_000_000
_MAX_ENTRIES = 1 << 17
_MAX_CHUNKS = 1 << 31
_MAX_ROWS = 1 << 53
# llama.cpp always quantizes it as if it had no entry of another size.
_ANY_SIZE = ("token_embd.weight", "per_layer_token_embd.weight")


@dataclass(frozen=True)
class Importances:
    """The activations that one tensor was multiplied with.

    Attributes:
        sums: Sum of squares of each column, shape (n_experts, n_columns), float32; one expert where
            the tensor has none.
        counts: Rows summed up for each expert, shape (n_experts,), int64.
    """

    sums: Float32
    counts: Int64

    @property
    def means(self) -> Float32:
        """Mean square of each column, shape (n_experts * n_columns,); 1 where nothing was seen."""
        counts = self.counts.astype(np.float32)[:, None]
        return np.where(counts > 0, self.sums / np.maximum(counts, 1), np.float32(1)).ravel()


@dataclass(frozen=True)
class ImportanceMatrix:
    """What a file says about the tensors of a model.

    Attributes:
        path: The file.
        sha256: Its hash.
        entries: Importances by tensor name.
        dataset: Name of the text it was computed on, if the file says so.
        n_chunks: Number of chunks of that text; 0 if the file does not say.
    """

    path: Path
    sha256: str
    entries: Mapping[str, Importances]
    dataset: str | None
    n_chunks: int

    @functools.cached_property
    def weights(self) -> dict[str, Float32]:
        """The mean squares by tensor name, as llama.cpp's quantizer takes them."""
        return {name: entry.means for name, entry in self.entries.items()}

    def require_fit(self, model: Header) -> None:
        """Refuse a matrix that is of another model.

        Raises:
            EdgevalError: If it has no tensor of the model, or a different number of columns.
        """
        shapes = {tensor.name: tensor.shape for tensor in model.tensors}
        shared = [name for name in self.entries if name in shapes]
        if not shared:
            raise EdgevalError(
                f"{self.path} fits no tensor of {model.path}: it starts with "
                f"{printable(next(iter(self.entries)), 100)}; it is of another model, so make one "
                "of this model with edgeval imatrix"
            )
        for name in shared:
            shape, found = shapes[name], self.entries[name].sums.size
            # llama.cpp numbers the columns of a tensor's experts, its third dimension from inside.
            wanted = shape[-1] * (shape[-3] if len(shape) > 2 else 1)
            if found != wanted and name not in _ANY_SIZE:
                raise EdgevalError(
                    f"{self.path} has {found:,} values for {name}, which has {wanted:,} columns in "
                    f"{model.path}; it is of another model, so make one of this model with edgeval "
                    "imatrix"
                )


def read(path: Path) -> ImportanceMatrix:
    """Read an importance matrix in either format.

    Raises:
        EdgevalError: If the file is missing, damaged or no importance matrix, or if a value is not
            a finite number of at least 0.
    """
    if not path.exists():
        raise EdgevalError(f"no importance matrix at {path}; check the path")
    try:
        kind = kind_of(path)
    except OSError as error:
        reason = error.strerror or error
        raise EdgevalError(f"cannot read {path} ({reason}); check the path") from error
    if kind not in (None, GGUF):
        raise EdgevalError(f"{path} is {kind.what}, not an importance matrix; {kind.remedy}")
    with held([path]) as contents:
        entries, dataset, n_chunks = _read_gguf(path) if kind is GGUF else _read_legacy(path)
        contents.require_unchanged("it was read")
    for name, entry in entries.items():
        if not np.isfinite(entry.sums).all() or (entry.sums < 0).any():
            _refuse(path, f"{printable(name, 100)} has values that are no sums of squares")
    return ImportanceMatrix(path, contents.sha256, entries, dataset, n_chunks)


def write(
    target: Path,
    entries: Mapping[str, Importances],
    *,
    dataset: str,
    n_chunks: int,
    chunk_tokens: int,
) -> None:
    """Write an importance matrix in llama.cpp's GGUF format, as llama-imatrix does.

    Raises:
        EdgevalError: If the file cannot be written; it is whole or absent.
    """
    with replacing(target) as temporary:
        writer = gguf.GGUFWriter(temporary, "imatrix")
        try:
            # An importance matrix has no architecture; the writer takes it for a model's file.
            writer.kv_data[0].pop(gguf.Keys.General.ARCHITECTURE)
            writer.add_type("imatrix")
            writer.add_array(DATASETS, [dataset])
            writer.add_uint32(N_CHUNKS, n_chunks)
            writer.add_uint32(CHUNK_TOKENS, chunk_tokens)
            for name, entry in sorted(entries.items()):
                # As in every GGUF, outer dimensions of 1 are left out.
                n_experts = len(entry.counts)
                counts = entry.counts.astype(np.float32)
                writer.add_tensor(name + SUMS, entry.sums if n_experts > 1 else entry.sums[0])
                writer.add_tensor(name + COUNTS, counts[:, None] if n_experts > 1 else counts)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()


_Content = tuple[dict[str, Importances], str | None, int]


def _read_gguf(path: Path) -> _Content:
    header = read_header(path)
    found = header.metadata
    missing = [key for key in (DATASETS, N_CHUNKS, CHUNK_TOKENS) if key not in found]
    if missing:
        _refuse(path, f"it is a GGUF without {missing[0]}{_kind(header)}")
    datasets, n_chunks = header.texts(DATASETS), found[N_CHUNKS]
    if datasets is None or not isinstance(n_chunks, int) or not 0 <= n_chunks < _MAX_CHUNKS:
        _refuse(path, f"its {DATASETS} and {N_CHUNKS} are no texts and no number of chunks")
    tensors = {tensor.name: tensor for tensor in header.tensors}
    names = {name.removesuffix(SUMS) for name in tensors if name.endswith(SUMS)}
    names |= {name.removesuffix(COUNTS) for name in tensors if name.endswith(COUNTS)}
    if not names:
        _refuse(path, "it holds no tensor")
    entries = {
        name: _entry(header, name, tensors.get(name + SUMS), tensors.get(name + COUNTS))
        for name in sorted(names)
    }
    return entries, _readable(datasets[0]) if datasets else None, n_chunks


def _kind(header: Header) -> str:
    """Return what a GGUF is that is no importance matrix, for the end of a clause."""
    if header.text("general.type") == "imatrix":
        return ""
    return f": {no_model(header) or ('a model' if header.tensors else 'a vocabulary')}"


def _readable(text: str) -> str:
    """Return a string of a GGUF, whose bytes may be no UTF-8, as text that can be written."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _entry(
    header: Header, name: str, sums: TensorInfo | None, counts: TensorInfo | None
) -> Importances:
    if sums is None or counts is None:
        _refuse(header.path, f"{name} lacks its {SUMS if sums is None else COUNTS}")
    if any(each.type != gguf.GGMLQuantizationType.F32 for each in (sums, counts)):
        _refuse(header.path, f"{name} is not F32")
    if sums.size % counts.size:
        _refuse(header.path, f"{name} has {sums.size:,} sums and {counts.size:,} counts")
    numbers = header.raw(counts).view(np.float32)
    if not np.isfinite(numbers).all() or (numbers < 0).any() or (numbers > _MAX_ROWS).any():
        _refuse(header.path, f"{name} has counts that are no numbers of rows")
    values = np.array(header.raw(sums).view(np.float32)).reshape(counts.size, -1)
    return Importances(values, np.rint(numbers).astype(np.int64))


def _read_legacy(path: Path) -> _Content:
    """Read the binary format: entries, and in later files the chunks and the data set.

    Its values are mean squares times a number of chunks, which takes the place of the counts.
    """
    try:
        data = read_regular(path, _MAX_BYTES)
    except (OSError, UnreadableError) as error:
        raise EdgevalError(f"cannot read {path} ({error}); check the path") from error
    place = 0

    def take(n_bytes: int) -> bytes:
        nonlocal place
        if not 0 <= n_bytes <= len(data) - place:
            _refuse(path, f"it ends after {len(data):,} bytes, within a value")
        place += n_bytes
        return data[place - n_bytes : place]

    def integer() -> int:
        return int(struct.unpack("<i", take(4))[0])

    n_entries = integer()
    if not 1 <= n_entries <= _MAX_ENTRIES:
        _refuse(path, f"it says that it has {n_entries:,} entries")
    entries: dict[str, Importances] = {}
    for _ in range(n_entries):
        name = _text(path, take(integer()))
        counts = np.array([max(integer(), 1)], np.int64)
        n_values = integer()
        if n_values < 1:
            _refuse(path, f"{printable(name, 100)} has {n_values:,} values")
        values = np.frombuffer(take(4 * n_values), "<f4").astype(np.float32, copy=False)
        entries[name] = Importances(values[None, :], counts)
    if place == len(data):
        return entries, None, 0
    n_chunks = integer()
    dataset = _text(path, take(integer())) if place < len(data) else None
    return entries, dataset or None, max(n_chunks, 0)


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        _refuse(path, "a name in it is not UTF-8")


def _refuse(path: Path, reason: str) -> NoReturn:
    raise EdgevalError(
        f"{path} is no importance matrix that llama.cpp could use: {reason}; "
        "make one with edgeval imatrix"
    )
