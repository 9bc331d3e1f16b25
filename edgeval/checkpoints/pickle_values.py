"""Values of a pickled checkpoint: storages, and tensors as views of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Storage:
    """The numbers that views look into.

    Attributes:
        key: Its name in the archive.
        dtype: A name of ``DTYPES``.
    """

    key: str
    dtype: str


@dataclass(frozen=True)
class View:
    """A tensor as part of a storage; all in elements.

    Attributes:
        storage: The storage.
        offset: Where it starts there.
        shape: Its shape, outermost dimension first.
        stride: From one element to the next of each dimension.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def end(self) -> int:
        """The first element after its last one."""
        if 0 in self.shape:
            return self.offset
        steps = zip(self.shape, self.stride, strict=True)
        return self.offset + 1 + sum((size - 1) * stride for size, stride in steps)
