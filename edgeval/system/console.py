"""Console: results on stdout, everything else on stderr.

``rich`` is loaded only where something is drawn: a line of text or of JSON needs none of it.
"""

from __future__ import annotations

import contextlib
import sys
from typing import IO, TYPE_CHECKING

from edgeval.system.escapes import fitting, json_in_ascii, visible

if TYPE_CHECKING:
    from edgeval.system.screen import Console

_PLAIN_WIDTH = 160


def stderr_console(file: IO[str] | None = None) -> Console:
    """Return the console for progress, messages and errors."""
    from edgeval.system.screen import Console

    # While bars are shown, rich puts itself before stderr and would find only the guarded stream,
    # in which what moves the cursor is text.
    unguarded = file or getattr(sys.stderr, "rich_proxied_file", None)
    return Console(stderr=True, file=unguarded, highlight=False)


def stdout_console() -> Console:
    """Return the console for results; where stdout is no terminal, it is 160 cells wide."""
    from edgeval.system.screen import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)


def say(text: object) -> None:
    """Print a line on stdout, as long as it is: a path that was written, for example."""
    _write(fitting(visible(str(text)), sys.stdout.encoding or "utf-8"))


def warn(text: object) -> None:
    """Print a line on stderr, as long as it is; one that nobody can read stops nothing."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{visible(str(text))}\n")
        sys.stderr.flush()


def print_json(text: str) -> None:
    """Print a JSON text on stdout, in ASCII: whoever reads it takes it for UTF-8."""
    _write(json_in_ascii(text))


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
