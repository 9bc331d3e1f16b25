"""Stints: who did the work of a key's plans, command by command."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from edgeval.records import Machine, Speed
from edgeval.store.schema import as_written, checksum
from edgeval.tasks.requests import Work


class Stints:
    """The stints of one setting's plans; part of a ``StoredRun``.

    A stint is what one command took for one plan. What a plan took before stints were kept is in
    none, and nobody knows with how many threads.
    """

    def __init__(self, connection: sqlite3.Connection, number: int, key: str) -> None:
        self._connection = connection
        self._number = number
        self._key = key

    def of_plans(self) -> dict[int, list[Speed]]:
        """Return the stints by the numbers of their plans, the oldest first.

        Raises:
            sqlite3.DatabaseError: If one has changed on the disk.
        """
        found: dict[int, list[Speed]] = {}
        for plan, text, expected in self._connection.execute(
            "SELECT plan, speed, stint.checksum FROM stint JOIN plan ON plan.id = plan "
            "WHERE measurement = ? ORDER BY stint.id",
            (self._number,),
        ):
            if checksum(self._key, plan, text) != expected:
                raise sqlite3.DatabaseError("a stint has changed on the disk")
            with as_written("a stint"):
                found.setdefault(plan, []).append(Speed.model_validate_json(text))
        return found

    def put(self, plan: int, speed: Speed) -> None:
        """Keep what a command took so far, in place of what it had taken before.

        Raises:
            sqlite3.DatabaseError: If a stint of the plan has changed on the disk.
        """
        index = None
        for number, text, expected in self._connection.execute(
            "SELECT id, speed, checksum FROM stint WHERE plan = ?", (plan,)
        ):
            if checksum(self._key, plan, text) != expected:
                raise sqlite3.DatabaseError("a stint has changed on the disk")
            with as_written("a stint"):
                is_same = Speed.model_validate_json(text).is_of_same_command(speed)
            index = number if is_same else index
        text = speed.model_dump_json()
        self._connection.execute(
            "INSERT OR REPLACE INTO stint VALUES (?, ?, ?, ?)",
            (index, plan, text, checksum(self._key, plan, text)),
        )


def rest(device: Machine, work: Work, n_items: int, stints: Sequence[Speed]) -> Speed | None:
    """Return what of a plan's work is in no stint, as of unknown threads; None if all is in one.

    Args:
        device: The machine that began the plan.
        work: All that the plan took.
        n_items: Number of items that were scored in it.
        stints: Those of the plan.
    """
    tokens = work.tokens_decoded - sum(each.tokens_decoded for each in stints)
    items = n_items - sum(each.n_items for each in stints)
    if tokens <= 0 and items <= 0:
        return None
    return Speed(
        device=device,
        n_items=max(0, items),
        tokens_decoded=max(0, tokens),
        logit_rows=max(0, work.logit_rows - sum(each.logit_rows for each in stints)),
        elapsed_s=max(0.0, work.elapsed_s - sum(each.elapsed_s for each in stints)),
    )
