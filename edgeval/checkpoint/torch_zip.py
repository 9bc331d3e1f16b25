"""The tensors of a ``torch.save`` file, found without running its pickle.

Since PyTorch 1.6 such a file is a ZIP archive: ``data.pkl`` says which tensors there are, and
``data/KEY`` holds the bytes of one storage. A pickle is a program that may call anything. Here only
the instructions are followed that build plain values, and the few calls that describe tensors are
understood, never made. All else is refused by its name.
"""

from __future__ import annotations

import pickletools
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeval.checkpoint.tensor import DTYPES, MAX_DIMENSIONS, Tensor, damaged
from edgeval.errors import CheckpointError

_STORAGES = {
    "torch.DoubleStorage": "F64",
    "torch.FloatStorage": "F32",
    "torch.HalfStorage": "F16",
    "torch.BFloat16Storage": "BF16",
    "torch.LongStorage": "I64",
    "torch.IntStorage": "I32",
    "torch.ShortStorage": "I16",
    "torch.CharStorage": "I8",
    "torch.ByteStorage": "U8",
    "torch.BoolStorage": "BOOL",
}
_ORDERED_DICT = "collections.OrderedDict"
_TENSOR = "torch._utils._rebuild_tensor_v2"
_PARAMETER = "torch._utils._rebuild_parameter"
_KNOWN = frozenset({*_STORAGES, _ORDERED_DICT, _TENSOR, _PARAMETER})

_LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_MAX_PICKLE_BYTES = 4_000_000  # Some 10,000 tensors.
_LOCAL_HEADER_BYTES = 30
_MARK = object()

# What zipfile raises for archives that are none, or are damaged.
_DAMAGED_ARCHIVE = (
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    OSError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True)
class _Global:
    """The name of something that a pickle would import."""

    name: str


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str


@dataclass(frozen=True)
class _View:
    """A tensor as part of a storage; all in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def read_torch_zip(path: Path) -> Iterator[Tensor]:
    """Yield the tensors of one file after checking that the file holds all their bytes.

    Raises:
        CheckpointError: If the file is damaged, its pickle wants more than tensors, or it was saved
            by a PyTorch before 1.6.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            root = _root(path, entries)
            for entry in entries.values():
                if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                    raise damaged(path, f"{entry.filename} is compressed")
            order = entries.get(f"{root}byteorder")
            if order is not None and archive.open(order).read(6) != b"little":
                raise CheckpointError(
                    f"{path} was saved on a big-endian machine; save it again on another"
                )
            if entries[f"{root}data.pkl"].file_size > _MAX_PICKLE_BYTES:
                raise damaged(path, "its data.pkl is too large to be a list of tensors")
            state = _Interpreter(path).run(archive.read(f"{root}data.pkl"))
    except _DAMAGED_ARCHIVE as error:
        raise _no_archive(path, error) from error
    if not isinstance(state, dict):
        raise damaged(path, "it holds no dictionary of tensors")
    with path.open("rb") as file:
        for name, value in state.items():
            if not isinstance(value, _View):
                raise CheckpointError(
                    f"{path}: {name!r} is no tensor, so this is no checkpoint of weights alone; "
                    "save the model's state_dict() by itself"
                )
            storage = entries.get(f"{root}data/{value.storage.key}")
            if storage is None:
                raise damaged(path, f"the values of tensor {name} are missing")
            yield _tensor(path, name, value, storage.file_size, _data_start(path, file, storage))


def _root(path: Path, entries: dict[str, zipfile.ZipInfo]) -> str:
    """Return the folder in the archive that holds everything, with its slash."""
    roots = [name.removesuffix("data.pkl") for name in entries if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise damaged(path, "it has no data.pkl")
    return roots[0]


def _no_archive(path: Path, error: Exception) -> CheckpointError:
    with path.open("rb") as file:
        is_legacy = file.read(len(_LEGACY_START)) == _LEGACY_START
    if is_legacy:
        return CheckpointError(
            f"{path} was saved by a PyTorch before 1.6; load it and save it again with a newer "
            "one, or use the safetensors weights"
        )
    return damaged(path, f"it is no archive of PyTorch ({error})")


def _data_start(path: Path, file: Any, entry: zipfile.ZipInfo) -> int:
    """Return where the bytes of an entry start; only its local header knows."""
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER_BYTES)
    if len(header) < _LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
        raise damaged(path, f"{entry.filename} is not where the archive says")
    name_bytes = int.from_bytes(header[26:28], "little")
    extra_bytes = int.from_bytes(header[28:30], "little")
    return entry.header_offset + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes


def _tensor(path: Path, name: str, view: _View, stored_bytes: int, start: int) -> Tensor:
    itemsize = DTYPES[view.storage.dtype].itemsize
    tensor = Tensor(name, view.shape, view.storage.dtype, path, start + view.offset * itemsize)
    if not view.shape or min(view.shape) < 1 or view.offset < 0:
        raise damaged(path, f"tensor {name} has shape {view.shape}")
    if view.offset * itemsize + tensor.nbytes > stored_bytes:
        raise damaged(path, f"tensor {name} reaches beyond its values")
    if tensor.offset + tensor.nbytes > path.stat().st_size:
        raise damaged(path, f"tensor {name} ends past the end of the file")
    if not _is_contiguous(view):
        raise CheckpointError(
            f"{path}: tensor {name} is not contiguous (stride {view.stride}); save it again after "
            "tensor.contiguous(), or use the safetensors weights"
        )
    return tensor


def _is_contiguous(view: _View) -> bool:
    expected = 1
    for n, stride in zip(reversed(view.shape), reversed(view.stride), strict=True):
        if n > 1 and stride != expected:
            return False
        expected *= n
    return True


class _Interpreter:
    """Follows the instructions of a pickle that build values; calls nothing.

    Opcodes: the documentation of the standard library's ``pickletools``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, program: bytes) -> Any:
        """Return the value that the program leaves.

        Raises:
            CheckpointError: If it wants anything else, or is damaged.
        """
        try:
            for opcode, argument, _ in pickletools.genops(program):
                if opcode.name == "STOP":
                    return self._stack.pop()
                self._step(opcode.name, argument)
        except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
            raise damaged(self._path, "its data.pkl cannot be read") from error
        raise damaged(self._path, "its data.pkl does not end")

    def _step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            self._stack.append(argument)
        elif name in _BUILDERS:
            _BUILDERS[name](self, argument)
        elif name not in _IGNORED:
            raise self._refused(f"the instruction {name}")

    def _refused(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"{self._path} wants {what} when it is loaded, which no list of tensors needs; it is "
            "not run, so use the safetensors weights, or a source that you trust"
        )

    def _pop_to_mark(self) -> list[Any]:
        values: list[Any] = []
        while (value := self._stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def _tuple(self, argument: Any) -> None:
        self._stack.append(tuple(self._pop_to_mark()))

    def _short_tuple(self, n: int) -> None:
        values = [self._stack.pop() for _ in range(n)]
        self._stack.append(tuple(values[::-1]))

    def _append(self, values: list[Any]) -> None:
        if not isinstance(self._stack[-1], list):
            raise TypeError
        self._stack[-1].extend(values)

    def _set(self, values: list[Any]) -> None:
        target, names = self._stack[-1], values[::2]
        # Names only: the hash of a deeply nested tuple would overflow the C stack.
        if not isinstance(target, dict) or not all(isinstance(name, str) for name in names):
            raise TypeError
        target.update(zip(names, values[1::2], strict=True))

    def _put(self, index: int | None) -> None:
        self._memo[len(self._memo) if index is None else index] = self._stack[-1]

    def _get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def _global(self, argument: str | None) -> None:
        if argument is None:
            name, module = self._stack.pop(), self._stack.pop()
        else:
            module, name = argument.split(" ", 1)
        qualified = f"{module}.{name}"
        if qualified not in _KNOWN:
            raise self._refused(qualified)
        self._stack.append(_Global(qualified))

    def _persistent_id(self, argument: Any) -> None:
        kind, storage, key, _device, _size = self._stack.pop()
        if kind != "storage" or not isinstance(storage, _Global) or not isinstance(key, str):
            raise TypeError
        self._stack.append(_Storage(key, _STORAGES[storage.name]))

    def _reduce(self, argument: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise TypeError
        if function.name == _ORDERED_DICT and not arguments:
            self._stack.append({})
        elif function.name == _TENSOR:
            storage, offset, shape, stride = arguments[:4]
            if not isinstance(storage, _Storage) or len(shape) != len(stride):
                raise TypeError
            self._stack.append(_View(storage, _number(offset), _sizes(shape), _sizes(stride)))
        elif function.name == _PARAMETER and isinstance(arguments[0], _View):
            self._stack.append(arguments[0])
        else:
            raise self._refused(f"to call {function.name} with {len(arguments)} arguments")

    def _build(self, argument: Any) -> None:
        # A state_dict keeps the versions of its modules as an attribute; they are not needed.
        self._stack.pop()
        if not isinstance(self._stack[-1], dict):
            raise self._refused("to change an object")


def _number(value: Any) -> int:
    if type(value) is not int or abs(value) > sys.maxsize:
        raise TypeError
    return value


def _sizes(values: Any) -> tuple[int, ...]:
    # The product of more would take long to compute.
    if len(values) > MAX_DIMENSIONS:
        raise TypeError
    return tuple(map(_number, values))


_IGNORED = frozenset({"PROTO", "FRAME"})
_LITERALS = frozenset(
    {
        "BININT",
        "BININT1",
        "BININT2",
        "LONG1",
        "BINFLOAT",
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
    }
)
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}
_BUILDERS: dict[str, Callable[[_Interpreter, Any], None]] = {
    "TUPLE": _Interpreter._tuple,
    "TUPLE1": lambda self, _: self._short_tuple(1),
    "TUPLE2": lambda self, _: self._short_tuple(2),
    "TUPLE3": lambda self, _: self._short_tuple(3),
    "APPEND": lambda self, _: self._append([self._stack.pop()]),
    "APPENDS": lambda self, _: self._append(self._pop_to_mark()),
    "SETITEM": lambda self, _: self._set([self._stack.pop(-2), self._stack.pop()]),
    "SETITEMS": lambda self, _: self._set(self._pop_to_mark()),
    "BINPUT": _Interpreter._put,
    "LONG_BINPUT": _Interpreter._put,
    "MEMOIZE": _Interpreter._put,
    "BINGET": _Interpreter._get,
    "LONG_BINGET": _Interpreter._get,
    "GLOBAL": _Interpreter._global,
    "STACK_GLOBAL": _Interpreter._global,
    "BINPERSID": _Interpreter._persistent_id,
    "REDUCE": _Interpreter._reduce,
    "BUILD": _Interpreter._build,
}
