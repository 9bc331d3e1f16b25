"""Pickles of ``torch.save`` files, followed without running them.

A pickle is a program that may call anything. Here only the instructions are followed that build
plain values, and the few calls that describe tensors are understood, never made. All else is
refused by its name.
"""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeval.checkpoints.pickle_names import (
    DTYPES,
    FROM_TYPE,
    KNOWN,
    NO_WEIGHTS,
    ORDERED_DICT,
    PARAMETERS,
    PLAIN_TYPES,
    SIZE,
    STORAGES,
    TENSOR,
    TENSOR_2,
    TENSOR_3,
    TENSORS,
)
from edgeval.checkpoints.pickle_values import Storage, View
from edgeval.checkpoints.tensor import MAX_DIMENSIONS, damaged
from edgeval.errors import CheckpointError
from edgeval.system.untrusted import printable

_MARK = object()
_KEYS = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class _Global:
    """The name of something that a pickle would import."""

    name: str


def followed(path: Path, program: bytes) -> Any:
    """Return the value that a pickle leaves: of dictionaries, lists, tuples, scalars and views.

    Args:
        path: The file that it is in.
        program: The pickle.

    Raises:
        CheckpointError: If it wants anything else, or is damaged.
    """
    return _Interpreter(path).run(program)


class _Interpreter:
    """Follows the instructions of a pickle that build values; calls nothing.

    Opcodes: the documentation of the standard library's ``pickletools``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, program: bytes) -> Any:
        try:
            for opcode, argument, _ in pickletools.genops(program):
                if opcode.name == "STOP":
                    return self._stack.pop()
                self._step(opcode.name, argument)
        except _MALFORMED as error:
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
        # The hash of a deeply nested tuple would overflow the C stack.
        if not isinstance(target, dict) or not all(type(name) in _KEYS for name in names):
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
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError
        qualified = f"{module}.{name}"
        if qualified in NO_WEIGHTS:
            raise CheckpointError(
                f"{self._path} has {NO_WEIGHTS[qualified]}, and a GGUF is made of dense weights; "
                "save the model with dense ones, or use the safetensors weights"
            )
        if qualified not in KNOWN:
            raise self._refused(printable(qualified))
        self._stack.append(_Global(qualified))

    def _persistent_id(self, argument: Any) -> None:
        kind, storage, key, _device, _size = self._stack.pop()
        if kind != "storage" or not isinstance(storage, _Global) or not isinstance(key, str):
            raise TypeError
        self._stack.append(Storage(key, STORAGES[storage.name]))

    def _reduce(self, argument: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise TypeError
        self._stack.append(self._made(function.name, arguments))

    def _made(self, function: str, arguments: Sequence[Any]) -> Any:
        """Return what a call would give that describes a value."""
        if function == ORDERED_DICT and not arguments:
            return {}
        if function == SIZE and len(arguments) == 1:
            return _sizes(arguments[0])
        if function in TENSORS:
            return self._view(function, arguments)
        if function in PARAMETERS and isinstance(arguments[0], View):
            # What it carries besides, as an attribute, is no weight.
            return arguments[0]
        if function == FROM_TYPE:
            return self._of_type(*arguments[:3])
        raise self._refused(f"to call {function} with {len(arguments)} arguments")

    def _of_type(self, function: Any, kind: Any, arguments: Any) -> Any:
        """Return a tensor that has attributes, without them."""
        is_plain = isinstance(kind, _Global) and kind.name in PLAIN_TYPES
        if not is_plain or not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise TypeError
        # A call within a call would be as deep as the file wants.
        if function.name not in (*TENSORS, *PARAMETERS):
            raise self._refused(f"{FROM_TYPE} with {function.name}")
        return self._made(function.name, arguments)

    def _view(self, function: str, arguments: Sequence[Any]) -> View:
        storage, offset, shape, stride = arguments[:4]
        if not isinstance(storage, Storage) or len(shape) != len(stride):
            raise TypeError
        if function == TENSOR_3:
            storage = replace(storage, dtype=self._dtype(arguments[6]))
        flags = arguments[len(arguments) - 1] if len(arguments) > _N_OF_A_VIEW[function] else None
        if isinstance(flags, Mapping) and any(flags.values()):
            raise CheckpointError(
                f"{self._path} has a tensor whose values PyTorch changes when it reads them "
                f"({printable(', '.join(map(str, flags)))}); save it again after "
                "tensor.resolve_neg() and tensor.resolve_conj()"
            )
        return View(storage, _number(offset), _sizes(shape), _sizes(stride))

    def _dtype(self, value: Any) -> str:
        if not isinstance(value, _Global) or value.name not in DTYPES:
            raise TypeError
        return DTYPES[value.name]

    def _build(self, argument: Any) -> None:
        # A state_dict keeps the versions of its modules as an attribute; they are not needed.
        self._stack.pop()
        if not isinstance(self._stack[-1], dict):
            raise self._refused("to change an object")


_N_OF_A_VIEW = {TENSOR: 4, TENSOR_2: 6, TENSOR_3: 7}
"""Arguments before the metadata that a tensor may have."""

_MALFORMED = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


def _number(value: Any) -> int:
    if type(value) is not int or abs(value) > sys.maxsize:
        raise TypeError
    return value


def _sizes(values: Any) -> tuple[int, ...]:
    # The product of more would take long to compute.
    if not isinstance(values, tuple | list) or len(values) > MAX_DIMENSIONS:
        raise TypeError
    return tuple(map(_number, values))


_IGNORED = frozenset({"PROTO", "FRAME"})
_LITERALS = frozenset(
    (
        "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE",
        "BINUNICODE8", "SHORT_BINSTRING", "SHORT_BINBYTES", "BINBYTES",
    )
)  # fmt: skip
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
