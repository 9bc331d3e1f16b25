"""Parts of a split GGUF, ``NAME-00001-of-00003.gguf`` and so on: a model is all of them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edgeval.errors import ChangedFileError, GgufError, listed
from edgeval.gguf.header import N_PARTS, Header
from edgeval.gguf.header_reader import read_file
from edgeval.gguf.part_names import numbered, part_name
from edgeval.gguf.values import ValueType
from edgeval.system.files import FileState, file_state

_PART, _N_TENSORS = "split.no", "split.tensors.count"
_MOST_NAMED = 3


def read_header(path: Path) -> Header:
    """Read the header of a GGUF, and those of its other files if it is split.

    The weights are not touched. Memory and time are bounded by the size of the files, whatever
    their headers say.

    Args:
        path: The file; of a split model any of them.

    Raises:
        GgufError: If a file is missing, not a GGUF of version 2 or 3, big-endian, cut off, or
            says anything that the format does not allow, or if the files are not of one model.
    """
    header = read_file(path)
    if header.n_parts == 1:
        return header
    files = _parts(header)
    missing = [each.name for each in files if not each.is_file()]
    if missing:
        more = f" and {len(missing) - _MOST_NAMED:,} more" if len(missing) > _MOST_NAMED else ""
        raise GgufError(
            f"{path} is one of the {len(files):,} files of a split model, and "
            f"{listed(missing[:_MOST_NAMED])}{more} {'is' if len(missing) == 1 else 'are'} not "
            "beside it; put all of them into one folder"
        )
    return _joined([header if each == path else read_file(each) for each in files])


def model_files(path: Path) -> tuple[Path, ...]:
    """Return the files of a GGUF, those of a split model in their order, whichever is named.

    Nothing is said of files that are missing or damaged: ``read_header`` does.
    """
    return (path,) if part_name(path) is None else _files_of(path, file_state(path))


def model_state(path: Path) -> tuple[FileState | None, ...]:
    """Return the states of the files of a GGUF; None for one that is not there."""
    return tuple(map(file_state, model_files(path)))


@contextlib.contextmanager
def unchanged(path: Path, doing: str) -> Iterator[None]:
    """Refuse what was done with a GGUF if one of its files changed meanwhile.

    Args:
        path: The file; of a split model any of them.
        doing: What is done with it, for use behind ``while``.

    Raises:
        ChangedFileError: If one did.
    """
    state = model_state(path)
    yield
    if model_state(path) != state:
        raise ChangedFileError(
            f"{path} changed while {doing}, so nothing is kept; run again when no other program "
            "writes it"
        )


@functools.lru_cache(maxsize=64)
def _files_of(path: Path, _: FileState | None) -> tuple[Path, ...]:
    try:
        header = read_file(path)
        return _parts(header) if header.n_parts > 1 else (path,)
    except GgufError:
        return (path,)


def _parts(header: Header) -> tuple[Path, ...]:
    """Return the paths of a split model's files, which llama.cpp finds by their names.

    Raises:
        GgufError: If this one has another name than it says.
    """
    number, name = _part_number(header), part_name(header.path)
    if name is None or (name.number, name.count) != (number + 1, header.n_parts):
        stem = "NAME" if name is None else name.stem
        raise GgufError(
            f"{header.path} says that it is file {number + 1:,} of the {header.n_parts:,} of a "
            "split model, and llama.cpp finds them by their names; call it "
            f"{numbered(stem, number + 1, header.n_parts)}, as the others are called"
        )
    return name.all()


def _part_number(header: Header) -> int:
    """Return which of a split model's files one says that it is, from 0.

    Raises:
        GgufError: If it says so in a type that llama.cpp ends the process for.
    """
    for key in (_PART, N_PARTS):
        if header.types.get(key, ValueType.UINT16) != ValueType.UINT16:
            raise GgufError(
                f"{header.path} cannot be run: its {key} is no uint16; download it again"
            )
    number: int = header.metadata.get(_PART, 0)
    return number


def _joined(parts: Sequence[Header]) -> Header:
    """Return the header of a model that is split.

    Raises:
        GgufError: If the files are not of one model.
    """
    first = parts[0]
    for number, part in enumerate(parts):
        if (_part_number(part), part.n_parts) != (number, len(parts)):
            raise GgufError(
                f"{part.path} does not say that it is file {number + 1:,} of {len(parts):,} of a "
                "split model, as its name does; download it again"
            )
    tensors = tuple(tensor for part in parts for tensor in part.tensors)
    told = first.metadata.get(_N_TENSORS, len(tensors))
    if told != len(tensors) or len({each.name for each in tensors}) < len(tensors):
        raise GgufError(
            f"{first.path} and the {len(parts) - 1:,} files after it are not of one model: they "
            f"hold {len(tensors):,} tensors where it says {told}; download all of them again"
        )
    return replace(
        first,
        files=tuple(part.path for part in parts),
        file_bytes=sum(part.file_bytes for part in parts),
        tensors=tensors,
    )
