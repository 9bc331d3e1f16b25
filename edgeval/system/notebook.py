"""Progress in a notebook: bars below the cell, which are gone when the work is done.

It needs IPython, which runs every notebook, and no widgets.
"""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from contextlib import contextmanager

from edgeval.system.escapes import visible
from edgeval.system.progress import Task, Unit

_SECONDS_BETWEEN = 0.2
"""Between two pictures of the bars: each is a message to the browser."""


class NotebookProgress:
    """Shows the tasks under way in one place of the output, and keeps the lines of ``log``."""

    def __init__(self) -> None:
        from IPython.display import DisplayHandle

        self._display, self._is_shown = DisplayHandle(), False
        self._bars: list[_Bar] = []
        self._drawn_at = 0.0

    @contextmanager
    def task(self, description: str, total: float | None, unit: Unit) -> Iterator[Task]:
        """Show a bar until the context ends."""
        bar = _Bar(self, description, total, unit)
        self._bars.append(bar)
        self.draw()
        try:
            yield bar
        finally:
            self._bars.remove(bar)
            self.draw()

    def log(self, message: str) -> None:
        """Show one line that stays."""
        print(visible(message))

    def draw(self, *, at_once: bool = True) -> None:
        """Show the bars as they are now; if that is not needed at once, only now and then."""
        if not at_once and time.monotonic() - self._drawn_at < _SECONDS_BETWEEN:
            return
        self._drawn_at = time.monotonic()
        picture = {
            "text/html": "<br>".join(bar.html() for bar in self._bars),
            "text/plain": "\n".join(bar.text() for bar in self._bars),
        }
        show = self._display.update if self._is_shown else self._display.display
        show(picture, raw=True)
        self._is_shown = True


class _Bar:
    def __init__(
        self, progress: NotebookProgress, description: str, total: float | None, unit: Unit
    ) -> None:
        self._progress, self._description = progress, description
        self._total, self._unit = total, unit
        self._done, self._skipped = 0.0, 0.0
        self._note, self._began_at = "", time.monotonic()

    def advance(self, amount: float, note: str = "") -> None:
        self._done += amount
        self._note = note or self._note
        self._progress.draw(at_once=False)

    def skip(self, amount: float) -> None:
        self._skipped += amount
        self.advance(amount)

    def resize(self, total: float) -> None:
        self._total = total
        self._progress.draw()

    def html(self) -> str:
        # Without a value it only moves.
        ends = "" if self._total is None else f' value="{self._done:g}" max="{self._total:g}"'
        return f"<progress{ends}></progress> <small>{html.escape(self.text())}</small>"

    def text(self) -> str:
        """Return what is done, of how much, and how fast."""
        scale, unit, decimals = (1e6, "MB", 1) if self._unit == "bytes" else (1, self._unit, 0)
        total = "?" if self._total is None else f"{self._total / scale:,.{decimals}f}"
        amount = f"{self._done / scale:,.{decimals}f}/{total} {unit}"
        elapsed_s = time.monotonic() - self._began_at
        new = (self._done - self._skipped) / scale
        rate = f"{new / elapsed_s:,.1f} {unit}/s" if elapsed_s >= 1 else ""
        return visible(" ".join(filter(None, (self._description, amount, rate, self._note))))
