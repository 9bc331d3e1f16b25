"""Pages that were written, named in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeval.system.console import stderr_console, stdout_console


def print_pages(folder: Path, names: Sequence[str], *, beside_json: bool) -> None:
    """Print where pages were written; beside JSON on stderr."""
    console = stderr_console() if beside_json else stdout_console()
    console.print(f"{folder}: {', '.join(names)}")
