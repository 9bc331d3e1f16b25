"""Log of a training."""

from __future__ import annotations

import time
from pathlib import Path

import typer


class Log:
    """A log whose lines go to a file and to stderr."""

    def __init__(self, path: Path) -> None:
        """Start an empty log at ``path``."""
        self._file = path.open("w", encoding="utf-8")
        self.started = time.monotonic()

    def __call__(self, line: str) -> None:
        """Add one line."""
        self._file.write(line + "\n")
        self._file.flush()
        typer.echo(line, err=True)

    def elapsed_s(self) -> float:
        """Seconds since the log began."""
        return time.monotonic() - self.started
