"""What a device does while something else runs: values read from it, again and again."""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from edgeval import llama
from scripts.lib.peers.process import PeerError

_Value = TypeVar("_Value")


class Sampler(Generic[_Value]):
    """Reads a value in a thread of its own while its context lasts.

    Attributes:
        values: What was read; the first one before anything was done in the context.
    """

    def __init__(self, read: Callable[[], _Value], interval_s: float) -> None:
        self._read = read
        self._interval_s = interval_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.values: list[_Value] = []

    def __enter__(self) -> Sampler[_Value]:
        self.values.append(self._read())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(self._interval_s):
            self.values.append(self._read())


@dataclass(frozen=True)
class Usage:
    """How busy a device is.

    Attributes:
        percent: Share of the driver's last sampling period in which a kernel ran.
        used_bytes: Memory that is taken, by all processes.
    """

    percent: float
    used_bytes: int


def usage_reader(device: llama.Device) -> Callable[[], Usage]:
    """Return what reads a device's usage, whichever process uses it.

    Raises:
        PeerError: If nothing here can.
    """
    if device.backend == "cuda":
        if importlib.util.find_spec("pynvml"):
            return _from_library(_driver_index(device))
        if shutil.which("nvidia-smi"):
            return lambda: _from_program(_driver_index(device))
    raise PeerError(
        f"nothing here tells how busy {device.name} is; for NVIDIA's GPUs nvidia-smi or pynvml does"
    )


def idle_percent(values: Sequence[Usage], model_bytes: int) -> float:
    """Return 100 less the mean usage, over the readings in which the model was on the device.

    Args:
        values: Readings of one run, the first one before the model was loaded.
        model_bytes: Size of the model's file.

    Raises:
        PeerError: If the model was never seen there.
    """
    before = values[0].used_bytes
    # Nine tenths: the embedding stays with the CPU.
    loaded = [each.percent for each in values if each.used_bytes - before >= 0.9 * model_bytes]
    if not loaded:
        raise PeerError("the model was never seen in the device's memory; it ran too shortly")
    return 100 - statistics.fmean(loaded)


def _driver_index(device: llama.Device) -> int:
    """Return the driver's number of a device: CUDA's own numbers are of those that are visible."""
    place = int("".join(filter(str.isdigit, device.name)) or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if len(visible) > place and visible[place].strip().isdigit():
        return int(visible[place])
    return place


def _from_library(index: int) -> Callable[[], Usage]:
    import pynvml

    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    except pynvml.NVMLError as error:
        raise PeerError(f"NVIDIA's management library does not answer ({error})") from error

    def read() -> Usage:
        percent = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu
        return Usage(percent, pynvml.nvmlDeviceGetMemoryInfo(handle).used)

    return read


def _from_program(index: int) -> Usage:
    query = "--query-gpu=utilization.gpu,memory.used"
    command = ["nvidia-smi", "-i", str(index), query, "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f"nvidia-smi does not answer: {done.stdout.strip()}")
    percent, mebibytes = done.stdout.split(",")
    return Usage(float(percent), int(mebibytes) * 1024 * 1024)
