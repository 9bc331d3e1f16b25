"""The scores of one setting, and the plans in which they were computed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeval.plan import Work
from edgeval.records import Device
from edgeval.tasks import Item, ItemScore

_FIELDS = ("logprobs", "n_tokens", "token_means", "is_greedy")


@dataclass(frozen=True)
class PlanFacts:
    """What is known of a plan and its model once it begins.

    Attributes:
        file_type: llama.cpp's name for how the model is quantized.
        n_params: Number of the model's parameters.
        tensor_bytes: Bytes of its tensors.
        lower_bound: Tokens that one unlimited batch would decode.
        n_batch: Most tokens in one batch.
        n_ubatch: Most tokens computed at once.
    """

    file_type: str
    n_params: int
    tensor_bytes: int
    lower_bound: int
    n_batch: int
    n_ubatch: int


@dataclass(frozen=True)
class SavedPlan:
    """Items that are, or were to be, scored together.

    The same items in the same order make the same batches: a plan that was interrupted is gone on
    with, so that its scores are those of one that was not.

    Attributes:
        id: Its number in the store.
        items: Places of the items in the data set, in the order of the plan.
    """

    id: int
    items: tuple[int, ...]


class Measurement:
    """What the store holds of one setting; made by ``Store.measurement``."""

    def __init__(self, connection: sqlite3.Connection, number: int) -> None:
        self._connection = connection
        self._id = number

    def scores(self, items: Mapping[int, Item]) -> dict[int, ItemScore]:
        """Return the scores that are there of some items, by their places in the data set."""
        rows = self._connection.execute(
            "SELECT item, score FROM score WHERE measurement = ?", (self._id,)
        )
        return {item: _unpacked(items[item], text) for item, text in rows if item in items}

    def scored(self) -> set[int]:
        """Return the places of all items that have a score."""
        rows = self._connection.execute("SELECT item FROM score WHERE measurement = ?", (self._id,))
        return {item for (item,) in rows}

    def open_plans(self) -> list[SavedPlan]:
        """Return the plans of which an item has no score, the oldest first."""
        rows = self._connection.execute(
            "SELECT id, items FROM plan WHERE measurement = ? ORDER BY id", (self._id,)
        )
        scored = self.scored()
        plans = [SavedPlan(number, tuple(json.loads(items))) for number, items in rows]
        return [each for each in plans if not scored.issuperset(each.items)]

    def add_plan(self, items: Sequence[int], facts: PlanFacts, device: Device) -> SavedPlan:
        """Return a new plan of items that no other plan has."""
        cursor = self._connection.execute(
            "INSERT INTO plan (measurement, items, facts, device) VALUES (?, ?, ?, ?)",
            (self._id, json.dumps(list(items)), json.dumps(vars(facts)), device.model_dump_json()),
        )
        return SavedPlan(int(cursor.lastrowid or 0), tuple(items))

    def save(self, plan: SavedPlan, scores: Mapping[int, ItemScore], work: Work) -> None:
        """Add scores, and what they took, in one transaction.

        Args:
            plan: The plan that they are of.
            scores: By places in the data set; those that are there already stay as they are.
            work: What was done since the last call.
        """
        rows = [(self._id, item, plan.id, _packed(score)) for item, score in scores.items()]
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR IGNORE INTO score VALUES (?, ?, ?, ?)", rows)
            self._connection.execute(
                "UPDATE plan SET tokens_decoded = tokens_decoded + ?, "
                "logit_rows = logit_rows + ?, elapsed_s = elapsed_s + ? WHERE id = ?",
                (work.tokens_decoded, work.logit_rows, work.elapsed_s, plan.id),
            )

    def totals(self, items: Collection[int]) -> tuple[Work, PlanFacts]:
        """Return what the plans took that have any of these items, and what is known of them.

        The bound is the sum of theirs, the sizes are those of the largest.
        """
        rows = self._connection.execute(
            "SELECT items, facts, tokens_decoded, logit_rows, elapsed_s FROM plan "
            "WHERE measurement = ? ORDER BY id",
            (self._id,),
        )
        wanted, total, facts = set(items), Work(), []
        for planned, known, tokens_decoded, logit_rows, elapsed_s in rows:
            if not wanted.isdisjoint(json.loads(planned)):
                facts.append(PlanFacts(**json.loads(known)))
                total.tokens_decoded += tokens_decoded
                total.logit_rows += logit_rows
                total.elapsed_s += elapsed_s
        return total, PlanFacts(
            file_type=facts[-1].file_type,
            n_params=facts[-1].n_params,
            tensor_bytes=facts[-1].tensor_bytes,
            lower_bound=sum(each.lower_bound for each in facts),
            n_batch=max(each.n_batch for each in facts),
            n_ubatch=max(each.n_ubatch for each in facts),
        )


def _packed(score: ItemScore) -> str:
    # Python writes a float in as many digits as tell it from all others.
    return json.dumps([getattr(score, field) for field in _FIELDS])


def _unpacked(item: Item, text: str) -> ItemScore:
    values: list[Any] = [tuple(value) for value in json.loads(text)]
    return ItemScore(item, *values)
