"""Arguments of a model that another tool hands on, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

from edgeval.errors import EdgevalError, closest
from edgeval.evaluation.options import Kernels
from edgeval.system.untrusted import printable

_DEVICES = {"cpu": "cpu", "cuda": "cuda", "mps": "metal"}
"""Names of torch's devices, and edgeval's backends that compute there."""

_UNSAID = "cuda:0"
"""What lm-evaluation-harness 0.4.13 hands on where nobody names a device."""


@dataclass(frozen=True)
class ModelArguments:
    """What ``--model_args`` may say.

    Attributes:
        pretrained: A GGUF, any file of a split one, or its name on the hub.
        backend: ``auto``, ``cpu``, ``cuda``, ``metal``, or another that llama.cpp was built with.
        devices: GPUs to use, by llama.cpp's names or their indices; none for those that are needed.
        gpu_layers: Layers to compute there, 0 for the CPU alone; None for as many as fit.
        kernels: ``auto``, ``default`` or ``plain``; see ``Options``.
        threads: CPU threads; None for one a physical core.
        batch_tokens: Tokens that a batch is filled up to; None for what suits the type.
        pre: The pre-tokenizer to use instead of the file's own; None for that.
        add_bos_token: Whether texts begin with BOS; None for what the GGUF says.
        max_length: Most tokens of a text; None for the model's window.
        seed: Seed of what is drawn at random.
        force: Whether a model is loaded that does not fit the memory free now.
        offline: Never touch the network.
    """

    pretrained: str
    backend: str = "auto"
    devices: tuple[str, ...] = ()
    gpu_layers: int | None = None
    kernels: Kernels = "auto"
    threads: int | None = None
    batch_tokens: int | None = None
    pre: str | None = None
    add_bos_token: bool | None = None
    max_length: int | None = None
    seed: int = 1234
    force: bool = False
    offline: bool = False

    @classmethod
    def of(
        cls, pretrained: object, given: Mapping[str, Any], device: object = None
    ) -> ModelArguments:
        """Return arguments as another tool hands them on.

        Args:
            pretrained: The model.
            given: The others, by their names.
            device: What the other tool calls the device, as torch does; None for no wish.

        Raises:
            EdgevalError: If one is unknown, or has a value that it cannot have.
        """
        if not isinstance(pretrained, str) or not pretrained:
            raise EdgevalError("no model is named; say pretrained=MODEL.gguf in --model_args")
        known = [each.name for each in fields(cls)]
        for name in given:
            if name not in known:
                raise EdgevalError(
                    f"unknown model argument {printable(name)!r}{closest(name, known)}; edgeval "
                    f"has {', '.join(known)}"
                )
        values = {name: _VALUES[name](name, value) for name, value in given.items()}
        return cls(pretrained, **{**_of_device(device, values), **values})


def _of_device(device: object, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the backend, and the devices, that a name of torch's stands for.

    Raises:
        EdgevalError: If it is none, or not that of the backend.
    """
    if device is None or device == _UNSAID:
        return {}
    name, _, index = str(device).partition(":")
    backend = _DEVICES.get(name)
    if backend is None or (index and not index.isdecimal()):
        raise EdgevalError(
            f"device {printable(str(device))!r} is none that llama.cpp has; use cpu, cuda, cuda:1 "
            "or mps, or leave it out and say backend=NAME in --model_args"
        )
    if values.get("backend", "auto") not in ("auto", backend):
        raise EdgevalError(
            f"device {device} and backend={values['backend']} name two places; leave out one"
        )
    return {"backend": backend, "devices": (index,) if index else ()}


def _text(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _unusable(name, value, "a name")


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _unusable(name, value, "True or False")


def _flag_or_none(name: str, value: object) -> bool | None:
    return None if value is None else _flag(name, value)


def _whole(name: str, value: object, least: int) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= least):
        return value
    raise _unusable(name, value, f"a whole number from {least} on")


def _counted(name: str, value: object) -> int | None:
    return _whole(name, value, 1)


def _from_zero(name: str, value: object) -> int | None:
    return _whole(name, value, 0)


def _seed(name: str, value: object) -> int:
    return _whole(name, value, 0) or 0


def _folded(name: str, value: object) -> str:
    return (_text(name, value) or "auto").casefold()


def _kernels(name: str, value: object) -> str:
    found = _folded(name, value)
    if found not in get_args(Kernels):
        raise _unusable(name, value, "auto, default or plain")
    return found


def _names(name: str, value: object) -> tuple[str, ...]:
    """Return names of devices: one, or a list of them."""
    several = value if isinstance(value, list | tuple) else [] if value is None else [value]
    if any(isinstance(each, bool) or not isinstance(each, str | int) for each in several):
        raise _unusable(name, value, "a name, or a list such as ['CUDA0','CUDA1']")
    return tuple(str(each) for each in several)


def _unusable(name: str, value: object, wanted: str) -> EdgevalError:
    return EdgevalError(
        f"model argument {name} is {printable(repr(value), 60)}, and has to be {wanted}"
    )


_VALUES: dict[str, Any] = {
    "backend": _folded,
    "devices": _names,
    "gpu_layers": _from_zero,
    "kernels": _kernels,
    "threads": _counted,
    "batch_tokens": _counted,
    "pre": _text,
    "add_bos_token": _flag_or_none,
    "max_length": _counted,
    "seed": _seed,
    "force": _flag,
    "offline": _flag,
}
"""What reads the value of each argument."""
