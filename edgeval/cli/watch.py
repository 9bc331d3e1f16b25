"""Watching a run in a browser of this machine, while it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeval.cli.app import command_line
from edgeval.system.progress import Progress

if TYPE_CHECKING:
    from edgeval.records import Report, Suite
    from edgeval.report.live.server import LiveServer
    from edgeval.scoring.observer import Observer

WatchWanted = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="Serve a page to a browser of this machine while the run goes on, and print its "
        "address.",
    ),
]


@dataclass(frozen=True)
class Watched:
    """What a run tells, and to whom.

    Attributes:
        progress: Where its progress is shown.
        observer: Who is told of its scores; None for nobody.
        server: What serves the page; None for nothing.
    """

    progress: Progress
    observer: Observer | None = None
    server: LiveServer | None = None

    def end(self) -> None:
        """Say that the run has ended, without a report: what the page shows stays there."""
        if self.server is not None:
            self.server.end("The run has ended.")

    def end_with(self, record: Report | Suite, folder: Path) -> None:
        """Serve the report from now on.

        Args:
            record: Its record.
            folder: Where it is.
        """
        if self.server is None:
            return
        from edgeval.report.live.page import linked_pages
        from edgeval.report.record_files import HTML_NAME

        page = folder / HTML_NAME
        pages = {"": page.read_bytes(), **linked_pages(record, folder)}
        self.server.end(f"The run has ended; its report is {page}.", pages)


@contextmanager
def watching(progress: Progress, *, is_wanted: bool) -> Iterator[Watched]:
    """Serve a page of what a run tells, if that is wanted, until the context ends.

    Args:
        progress: Where its progress is shown, and the address of the page.
        is_wanted: Whether there is a page.

    Raises:
        OSError: If no port can be had.
    """
    if not is_wanted:
        yield Watched(progress)
        return
    from edgeval.report.live.board import Board, WatchedProgress
    from edgeval.report.live.server import LiveServer

    board = Board()
    with LiveServer(board, command_line(with_paths=False)) as server:
        progress.log(f"watch the run in a browser of this machine: {server.url}")
        yield Watched(WatchedProgress(progress, board), board, server)
