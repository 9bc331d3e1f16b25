"""Backends of the installed llama.cpp: which of them computes, and on which devices."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from edgeval.errors import EngineError, closest
from edgeval.llama.builds import BACKEND_OPTIONS, rebuild_command
from edgeval.llama.hardware import Device
from edgeval.llama.library import engine
from edgeval.llama.registry import built_backends, devices

VERIFIED_BACKENDS = ("cuda", "metal")
"""GPU backends that edgeval is written for, the faster first; others work the same way, untested.
"""

GPU_BACKENDS = tuple(BACKEND_OPTIONS)
"""Those of ggml's registries that need a GPU; others, like ``blas``, do not."""


def available_backends() -> tuple[str, ...]:
    """Return the backends that can compute here, the fastest first; the last one is ``cpu``.

    Raises:
        EngineError: If llama.cpp's registry cannot be read.
    """
    found = dict.fromkeys(device.backend for device in devices())
    known = [name for name in VERIFIED_BACKENDS if name in found]
    return (*known, *(name for name in found if name not in known), "cpu")


def choose_devices(backend: str = "auto", names: Sequence[str] = ()) -> tuple[Device, ...]:
    """Return the GPUs to compute on; none for the CPU.

    Args:
        backend: ``auto`` for the fastest that is here, ``cpu``, ``cuda``, ``metal``, or another
            that llama.cpp was built with.
        names: Devices by llama.cpp's names (``CUDA0``) or by their places in the list of the
            backend's; none for all of the backend that have memory of their own, or else for all.
            With ``auto``, a name may be that of another backend's device.

    Raises:
        EngineError: If there is no such backend or device, or the devices are of several backends.
    """
    wanted = backend.lower()
    if wanted == "cpu":
        if names:
            raise EngineError(
                "--devices names GPUs, and --backend cpu uses none; leave one of the two out"
            )
        return ()
    is_auto = wanted == "auto"
    if is_auto:
        wanted = available_backends()[0]
    else:
        _require(wanted)
    found = tuple(device for device in devices() if device.backend == wanted)
    if names:
        others = [device for device in devices() if device.backend != wanted]
        return _named([*found, *others] if is_auto else found, names)
    return tuple(device for device in found if not device.is_integrated) or found


def _require(backend: str) -> None:
    """Refuse a backend that cannot compute here.

    Raises:
        EngineError: With what is missing, and what to do.
    """
    if backend in available_backends():
        return
    if backend in built_backends():
        reason = engine().reason()
        raise EngineError(
            f"llama-cpp-python was built with {backend} but finds no device for it ({reason}); "
            "install or update its driver, or use --backend cpu; edgeval doctor tells more"
        )
    if backend not in GPU_BACKENDS:
        known = ("auto", "cpu", *VERIFIED_BACKENDS)
        raise EngineError(
            f"unknown backend {backend!r}{closest(backend, (*known, *GPU_BACKENDS))}; "
            f"use {', '.join(known[:-1])} or {known[-1]}"
        )
    if (backend == "metal") != (sys.platform == "darwin") and backend in VERIFIED_BACKENDS:
        instead = "metal" if sys.platform == "darwin" else "cuda"
        raise EngineError(
            f"there is no {backend} on this system; use --backend cpu, or {instead} if it has "
            "such a GPU"
        )
    raise EngineError(
        f"the installed llama-cpp-python was built without {backend}; use --backend cpu, or build "
        f"it again: {rebuild_command(backend)}"
    )


def _named(candidates: Sequence[Device], names: Sequence[str]) -> tuple[Device, ...]:
    """Return the devices that are meant, in the order of the names.

    Raises:
        EngineError: If there is no such device, or they are of several backends.
    """
    if not candidates:
        raise EngineError(
            "--devices names GPUs, and llama-cpp-python finds none here; leave it out, or see what "
            "edgeval doctor tells"
        )
    by_name = {device.name.casefold(): device for device in candidates}
    by_name |= {str(place): device for place, device in enumerate(candidates)}
    here = ", ".join(f"{each.name} ({each.description})" for each in candidates)
    found: dict[str, Device] = {}
    for name in names:
        device = by_name.get(name.strip().casefold())
        if device is None:
            raise EngineError(f"there is no device {name!r} here; use {here}")
        found[device.name] = device
    if len({device.backend for device in found.values()}) > 1:
        raise EngineError(
            f"{' and '.join(found)} are of several backends; name devices of one with --devices"
        )
    return tuple(found.values())
