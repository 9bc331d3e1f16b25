"""GPUs, and the part of a model that is computed on them; nothing here loads llama.cpp."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """One GPU.

    Attributes:
        name: llama.cpp's name of it, for example ``CUDA0``; what it is known by.
        description: What its driver calls it, for example ``NVIDIA H200``.
        backend: What computes on it: ``cuda``, ``metal``, or another of ggml's registries in small
            letters, for example ``vulkan``.
        is_integrated: Whether its memory is the machine's.
    """

    name: str
    description: str
    backend: str
    is_integrated: bool = False

    @property
    def handle(self) -> int:
        """llama.cpp's pointer to it in this process; 0 where it has no such device."""
        from edgeval.llama.registry import handles

        return handles().get(self.name, 0)

    def memory(self) -> tuple[int, int]:
        """Return its memory that is free now and all of it, in bytes."""
        from edgeval.llama.registry import device_memory

        return device_memory(self.handle)


@dataclass(frozen=True)
class Offload:
    """The part of a model that is computed on GPUs.

    Attributes:
        devices: The GPUs, all of one backend; none for the CPU alone.
        layers: How many layers are there, the last ones first; the output counts as one. None for
            all.
    """

    devices: tuple[Device, ...] = ()
    layers: int | None = None

    @property
    def backend(self) -> str:
        """``cpu``, or that of the devices."""
        return self.devices[0].backend if self.devices else "cpu"


CPU = Offload()
"""Nothing is offloaded."""
