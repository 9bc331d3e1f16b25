"""Downloads of a pick: one file at a time, and what has lost is deleted again."""

from __future__ import annotations

from pathlib import Path

from edgeval.engine import running
from edgeval.evaluation.pick.choices import Choice
from edgeval.evaluation.pick.journal import Journal
from edgeval.hub.cache import Cache, RemoteFile
from edgeval.hub.ggufs import fetch_ggufs
from edgeval.report import formatting as fmt
from edgeval.system.progress import Progress


class Downloads:
    """Files of a pick on this machine.

    Only what this pick began to download is ever deleted: neither local files, nor what the hub's
    cache had before, be it in part.
    """

    def __init__(
        self, journal: Journal, *, offline: bool, deletes: bool, progress: Progress
    ) -> None:
        """Download nothing yet.

        Args:
            journal: Where it is kept what was begun.
            offline: Take what the cache has.
            deletes: Whether what has lost is deleted.
            progress: Where to show progress.
        """
        self._journal = journal
        self._offline = offline
        self._deletes = deletes
        self._progress = progress

    def fetch(self, choice: Choice) -> Path:
        """Return the first file of a GGUF, downloaded if need be.

        Raises:
            HubError: If it is neither cached nor to be had; what has arrived is kept.
        """
        if choice.path is not None:
            return choice.path
        assert choice.repo is not None
        assert choice.gguf is not None

        def begin(file: RemoteFile) -> None:
            """Keep that it is begun here before it is there: whoever goes on has to know it."""
            begun = self._journal.record.file(choice.label).begun
            if file.hash not in begun:
                self._journal.settle(choice.label, begun=[*begun, file.hash], is_deleted=False)

        (paths,) = fetch_ggufs(
            choice.repo,
            [choice.gguf],
            offline=self._offline,
            progress=self._progress,
            beginning=begin,
        )
        known = self._journal.record.file(choice.label)
        arrived = sum(file.size_bytes for file in choice.gguf.files if file.hash in known.begun)
        if arrived != known.n_downloaded_bytes:
            self._journal.settle(choice.label, n_downloaded_bytes=arrived)
        return paths[0]

    def discard(self, choice: Choice) -> None:
        """Delete what was downloaded of a GGUF that is of no more use, if that was agreed to."""
        known = self._journal.record.file(choice.label)
        if not self._deletes or known.is_deleted or not known.begun:
            return
        assert choice.repo is not None
        assert choice.gguf is not None
        with running() as engine:
            engine.release()  # Windows removes no file that is open.
        cache = Cache(choice.repo.repo)
        try:
            for file in choice.gguf.files:
                if file.hash in known.begun:
                    cache.remove(file, choice.repo.commit)
        except OSError as error:
            self._progress.log(
                f"{choice.label} could not be deleted ({error.strerror or error}); remove it from "
                f"{cache.root} yourself"
            )
            return
        self._journal.settle(choice.label, is_deleted=True)
        self._progress.log(f"deleted {choice.label} ({fmt.size(known.n_downloaded_bytes)})")
