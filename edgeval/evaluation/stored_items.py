"""Stored items: the data set that runs of a store are of, where it is to be had on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.checkpoints import cards
from edgeval.errors import DataError
from edgeval.records.score_key import ScoreKey
from edgeval.tasks import registry
from edgeval.tasks.item import Item
from edgeval.tasks.protocol import Protocol, of_task


@dataclass(frozen=True)
class StoredItems:
    """What was asked in a stored run.

    Attributes:
        protocol: How items were scored.
        items: All items of the split.
    """

    protocol: Protocol
    items: Sequence[Item]


def stored_items(setting: ScoreKey, name: str, data: Path | None) -> StoredItems | None:
    """Return the items of a stored run; None if they are of another edgeval, or not to be had here.

    Nothing is downloaded.

    Args:
        setting: The run's.
        name: What the store calls the data set.
        data: Where it is, if it is a file; None to look among what is cached and what ships with
            edgeval.
    """
    task = registry.TASKS.get(registry.of_key(setting.task))
    if task is None:
        return None
    protocol = of_task(task, setting.protocol)
    if (setting.task_version, setting.protocol_version) != (task.version, protocol.version):
        return None
    for path in _places(name, task.split_name, data):
        with contextlib.suppress(DataError):
            data_set = task.load(path, offline=True)
            if data_set.fingerprint == setting.data_fingerprint:
                return StoredItems(protocol, data_set.items(protocol.rendering))
    return None


def _places(name: str, on_hub: str, data: Path | None) -> Iterator[Path | None]:
    """Yield where a data set may be, None for the hub's cache."""
    if data is not None:
        yield data
    for card in cards.cards().values():
        if card.data is not None and Path(card.data).name == name:
            yield cards.cards_folder() / card.data
    if name == on_hub:
        yield None
