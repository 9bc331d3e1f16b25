"""One fetch from a hub and what came of it, on a machine with faults.

``python -m tests.helpers.hub_fetch ASK`` does it in a process of its own and prints it as JSON.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from edgeval.errors import HubError
from edgeval.hub.fetch import fetch_checkpoint


class Watcher:
    """A watcher of progress, who remembers what was shown."""

    def __init__(self) -> None:
        self.tasks: list[list[Any]] = []
        self.logs: list[str] = []
        self.amounts: list[float] = []

    @contextmanager
    def task(self, description: str, total: float, unit: str) -> Iterator[Watcher]:
        self.tasks.append([description, total, unit])
        yield self

    def advance(self, amount: float, note: str = "") -> None:
        self.amounts.append(amount)

    def log(self, message: str) -> None:
        self.logs.append(message)


def with_room(patch: pytest.MonkeyPatch, free_bytes: int) -> None:
    """Give the disk so many free bytes."""
    usage = shutil.disk_usage(".")._replace(free=free_bytes)
    patch.setattr(shutil, "disk_usage", lambda _: usage)


def fetch(ask: dict[str, Any], patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Fetch a checkpoint.

    Args:
        ask: ``args`` and ``kwargs`` of the call, and the machine's faults: how many ``free_bytes``
            its disk has, whether it is a ``disk_full``, and whether there are ``no_names``.
        patch: What the faults are made with.
    """
    if ask["free_bytes"] is not None:
        with_room(patch, ask["free_bytes"])
    if ask["disk_full"]:

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(os, "fsync", full)
    if ask["no_names"]:
        patch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(60))
    progress: Any = Watcher()
    try:
        found = fetch_checkpoint(*ask["args"], progress=progress, **ask["kwargs"])
        names = ("repo", "revision", "commit")
        outcome = {"path": str(found.path), **{name: getattr(found, name) for name in names}}
    except HubError as error:
        outcome = {"error": str(error)}
    return {
        **outcome,
        "tasks": progress.tasks,
        "logs": progress.logs,
        "advanced": sum(progress.amounts),
        "steps": len(progress.amounts),
    }


if __name__ == "__main__":
    assert "huggingface_hub" not in sys.modules, "importing edgeval.hub must stay cheap"
    with pytest.MonkeyPatch.context() as faults:
        print(json.dumps(fetch(json.loads(sys.argv[1]), faults)))
