"""Polled sources: programs that may take longer than there is between two samples."""

from __future__ import annotations

import threading
import time
from typing import Final

from edgeval.sensors.reading import Reading, Source, reading_of

_PATIENCE_S: Final = 0.1
_MAX_AGE_S: Final = 5.0
"""What is older is no figure of now."""


class Polled:
    """A source that is read aside, so that it holds up no other.

    A quick one is told at once. Of a slow one the last reading is told until the next is there, or
    it is older than 5 seconds.
    """

    def __init__(self, source: Source) -> None:
        """Take the source; it is read for the first time when it is asked for."""
        self._source = source
        self._last: tuple[float, Reading] | None = None
        self._worker: threading.Thread | None = None

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._source.name

    def read(self) -> Reading:
        """Return the last reading; only the first one is waited for."""
        if self._worker is None or not self._worker.is_alive():
            self._worker = threading.Thread(target=self._ask, name=self.name, daemon=True)
            self._worker.start()
        self._worker.join(None if self._last is None else _PATIENCE_S)
        at_s, reading = self._last or (0.0, Reading())
        return reading if time.monotonic() - at_s <= _MAX_AGE_S else Reading()

    def _ask(self) -> None:
        reading = reading_of(self._source)
        self._last = time.monotonic(), reading
