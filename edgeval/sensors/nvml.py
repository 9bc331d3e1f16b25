"""NVIDIA's GPUs through NVML: their heat, clocks, fans and power, and what holds clocks back.

Source: NVIDIA's NVML API reference; ``nvidia-ml-py`` is its binding, an optional package.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from edgeval.sensors.reading import Reading

NVML: Final = "NVML, GPUs"
_SM_CLOCK: Final = 1
_ON_THE_CHIP: Final = 0
_ASK_REASONS: Final = (
    "nvmlDeviceGetCurrentClocksEventReasons",
    "nvmlDeviceGetCurrentClocksThrottleReasons",
)
"""What NVML calls it since driver 535, and before."""
_REASONS: Final = {
    0x04: "GPU power cap",
    0x08: "GPU hardware slowdown",
    0x20: "GPU thermal slowdown",
    0x40: "GPU hardware thermal slowdown",
    0x80: "GPU power brake",
}


@dataclass
class Nvml:
    """All GPUs together; there is nothing to read without the binding, a driver or a GPU.

    Attributes:
        library: The binding; None where it is not installed.
    """

    library: Any = None
    _handles: list[Any] = field(default_factory=list, repr=False)

    @classmethod
    def here(cls) -> Nvml:
        """Return the GPUs of this machine."""
        try:
            library = importlib.import_module("pynvml")
        except ImportError:
            return cls()
        return cls(library).opened()

    def opened(self) -> Nvml:
        """Return itself, with the GPUs that the driver has."""
        try:
            self.library.nvmlInit()
            count = self.library.nvmlDeviceGetCount()
            self._handles = [self.library.nvmlDeviceGetHandleByIndex(at) for at in range(count)]
        except self.library.NVMLError:
            self._handles = []
        return self

    @property
    def name(self) -> str:
        """What reports call it."""
        return NVML

    def read(self) -> Reading:
        """Return what the GPUs say now; their power is known only if each of them tells its own."""
        if not self._handles:
            return Reading()
        library = self.library
        watts = self._each(library.nvmlDeviceGetPowerUsage)
        clocks = [mhz for mhz in self._each(library.nvmlDeviceGetClockInfo, _SM_CLOCK) if mhz]
        fans = self._each(library.nvmlDeviceGetFanSpeed)
        reasons = self._reasons()
        return Reading(
            gpu_temperature_c=max(
                self._each(library.nvmlDeviceGetTemperature, _ON_THE_CHIP), default=None
            ),
            gpu_clock_mhz=sum(clocks) / len(clocks) if clocks else None,
            gpu_fan_share=max(fans) / 100 if fans else None,
            throttled=_named(reasons),
            tells_throttling=len(reasons) == len(self._handles),
            watts={NVML: sum(watts) / 1000} if len(watts) == len(self._handles) else {},
        )

    def _reasons(self) -> list[float]:
        """Return the bits of what holds back the clocks of each GPU."""
        found: list[float] = []
        for name in _ASK_REASONS:
            ask = getattr(self.library, name, None)
            found = found or (self._each(ask) if ask else [])
        return found

    def _each(self, ask: Callable[..., float], *what: int) -> list[float]:
        """Return what each GPU answers, of those that do."""
        found = []
        for handle in self._handles:
            try:
                found.append(ask(handle, *what))
            except self.library.NVMLError:
                continue
        return found


def _named(reasons: Sequence[float]) -> tuple[str, ...]:
    """Return the names of what holds back the clocks of any GPU."""
    return tuple(name for bit, name in _REASONS.items() if any(int(each) & bit for each in reasons))
