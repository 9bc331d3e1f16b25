"""Stored run: the scores of one key, and the plans in which they were computed."""

from __future__ import annotations

import json
import math
import operator
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from typing import Any

from edgeval.errors import StoreError
from edgeval.records import Machine, Speed, by_command
from edgeval.records.plan import PLAN_INFO, PlanInfo
from edgeval.stats.top_logprobs import ItemDivergence, TopLogprobs
from edgeval.store.distributions import Distributions
from edgeval.store.plans import StoredPlan
from edgeval.store.schema import as_written, checksum
from edgeval.store.stints import Stints, rest
from edgeval.tasks.item import Item, ItemScore
from edgeval.tasks.requests import Work

SCORE_FIELDS = ("logprobs", "n_tokens", "token_means", "is_greedy")
"""What a row keeps of a score, in this order."""

_PLAN_COLUMNS = (
    "id, facts, device, tokens_decoded, logit_rows, elapsed_s, checksum, items_checksum, items"
)


_END_OF_PLACES = 2**31
"""Places in a data set and numbers of tokens are 32-bit integers wherever they are packed."""


class StoredRun:
    """What the store holds of one setting; made by ``Store.measurement``.

    Each method raises ``sqlite3.DatabaseError`` where the file is damaged; the store makes a
    sentence of it.

    Attributes:
        number: Its number in the store: that of a run, for the user.
        key: Hash of the setting.
        distributions: What it holds of sketches and divergences.
        stints: What each command took for its plans.
    """

    def __init__(self, connection: sqlite3.Connection, number: int, key: str) -> None:
        self.number = number
        self._connection = connection
        self.key = key
        self.distributions = Distributions(connection, number, key)
        self.stints = Stints(connection, number, key)

    def scores(self, items: Mapping[int, Item]) -> dict[int, ItemScore]:
        """Return the scores that are there of some items, by their indices.

        Raises:
            StoreError: If one is of another number of choices; then it was not computed here.
        """
        packed = self.packed_scores()
        found = {}
        for index in packed.keys() & items.keys():
            item, (_, text) = items[index], packed[index]
            values = _values(text)
            if any(len(value) != item.n_choices for value in values):
                raise StoreError(
                    f"run {self.number} of the store has {len(values[0])} choices for item "
                    f"{item.id}, which has {item.n_choices}; edgeval runs delete {self.number} "
                    "removes it"
                )
            found[index] = ItemScore(item, *values)
        return found

    def packed_scores(self) -> dict[int, tuple[int, str]]:
        """Return by index the plan and the text of each score."""
        return {item: (plan, text) for item, plan, text, _ in self._rows()}

    def values(self) -> dict[int, list[Any]]:
        """Return by index what is kept of each score, in the order of ``SCORE_FIELDS``."""
        return {item: values for item, _, _, values in self._rows()}

    def _rows(self) -> Iterator[tuple[int, int, str, list[Any]]]:
        """Yield of each score its item, its plan, its text and what that holds."""
        rows = self._connection.execute(
            "SELECT item, plan, score, checksum FROM score WHERE measurement = ?", (self.number,)
        )
        for item, plan, text, expected in rows:
            _require(checksum(self.key, item, plan, text) == expected, "a score")
            _require(type(item) is int and 0 <= item < _END_OF_PLACES, "a score")
            yield item, plan, text, _values(text)

    def n_scores(self) -> int:
        """Return how many items have a score."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM score WHERE measurement = ?", (self.number,)
        ).fetchone()
        return int(count)

    def scored(self) -> set[int]:
        """Return the indices of all items that have a score."""
        rows = self._connection.execute(
            "SELECT item FROM score WHERE measurement = ?", (self.number,)
        )
        return {item for (item,) in rows}

    def plans(self) -> list[StoredPlan]:
        """Return all plans, the oldest first."""
        rows = self._connection.execute(
            f"SELECT {_PLAN_COLUMNS} FROM plan WHERE measurement = ? ORDER BY id", (self.number,)
        )
        return [self._plan(*row) for row in rows]

    def _plan(self, number: int, *columns: Any) -> StoredPlan:
        *head, expected, items_expected, items = columns
        _require(checksum(self.key, *head) == expected, "a plan")
        _require(checksum(self.key, items) == items_expected, "the items of a plan")
        facts, device, tokens_decoded, logit_rows, elapsed_s = head
        with as_written("a plan"):
            return StoredPlan(
                number,
                tuple(map(operator.index, json.loads(items))),
                PLAN_INFO.validate_json(facts),
                Machine.model_validate_json(device),
                Work(operator.index(tokens_decoded), operator.index(logit_rows), float(elapsed_s)),
            )

    def open_plans(self, again: Set[int] = frozenset()) -> list[StoredPlan]:
        """Return the plans of which an item has no score, the oldest first.

        Args:
            again: Items that count as having none.
        """
        scored = self.scored() - again
        return [each for each in self.plans() if not scored.issuperset(each.items)]

    def add_plan(
        self, items: Sequence[int], facts: PlanInfo, device: Machine, work: Work | None = None
    ) -> StoredPlan:
        """Return a new plan of items.

        Args:
            items: Places of its items in the data set.
            facts: What is known of it.
            device: The machine that begins it.
            work: What it has taken already, if it was carried out elsewhere.
        """
        packed, taken = json.dumps(list(items)), work or Work()
        head = (
            *(PLAN_INFO.dump_json(facts).decode(), device.model_dump_json()),
            *(taken.tokens_decoded, taken.logit_rows, float(taken.elapsed_s)),
        )
        cursor = self._connection.execute(
            "INSERT INTO plan (measurement, facts, device, tokens_decoded, logit_rows, elapsed_s, "
            "checksum, items_checksum, items) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(self.number, *head),
                *(checksum(self.key, *head), checksum(self.key, packed), packed),
            ),
        )
        return StoredPlan(int(cursor.lastrowid or 0), tuple(items), facts, device)

    def save(
        self,
        plan: StoredPlan,
        scores: Mapping[int, ItemScore],
        work: Work,
        *,
        stint: Speed | None = None,
        sketches: Mapping[int, TopLogprobs] | None = None,
        reference: str = "",
        divergences: Mapping[int, ItemDivergence] | None = None,
    ) -> None:
        """Add scores, and what they took, in one transaction.

        Args:
            plan: The plan that they are of.
            scores: By index; those that are there already stay as they are.
            work: What was done since the last call.
            stint: What this command took for the plan so far, that included.
            sketches: Those of some of the items.
            reference: What the divergences are from; see ``Distributions``.
            divergences: Those of some of the items.
        """
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self.add_scores(plan.id, {item: pack(score) for item, score in scores.items()})
            self.add_work(plan.id, work)
            if stint is not None and stint.tokens_decoded:
                self.stints.put(plan.id, stint)
            self.distributions.add_sketches(sketches or {})
            self.distributions.add_divergences(reference, divergences or {})

    def add_work(self, plan: int, work: Work) -> None:
        """Add what was done to what a plan has taken."""
        row = self._connection.execute(
            "SELECT facts, device, tokens_decoded, logit_rows, elapsed_s, checksum FROM plan "
            "WHERE id = ?",
            (plan,),
        ).fetchone()
        _require(row is not None and checksum(self.key, *row[:-1]) == row[-1], "a plan")
        facts, device, tokens_decoded, logit_rows, elapsed_s, _ = row
        total = (
            tokens_decoded + work.tokens_decoded,
            logit_rows + work.logit_rows,
            elapsed_s + work.elapsed_s,
        )
        self._connection.execute(
            "UPDATE plan SET tokens_decoded = ?, logit_rows = ?, elapsed_s = ?, checksum = ? "
            "WHERE id = ?",
            (*total, checksum(self.key, facts, device, *total), plan),
        )

    def add_scores(self, plan: int, packed: Mapping[int, str]) -> None:
        """Add texts of scores by index; those that are there stay as they are."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO score VALUES (?, ?, ?, ?, ?)",
            [
                (self.number, item, plan, text, checksum(self.key, item, plan, text))
                for item, text in packed.items()
            ],
        )

    def totals(self, items: Collection[int]) -> tuple[Work, PlanInfo]:
        """Return what the plans took that have any of these items, and what is known of them.

        The bound is the sum of theirs, the sizes are those of the largest.
        """
        wanted, total, facts = set(items), Work(), []
        for plan in self.plans():
            if not wanted.isdisjoint(plan.items):
                facts.append(plan.info)
                total.tokens_decoded += plan.work.tokens_decoded
                total.logit_rows += plan.work.logit_rows
                total.elapsed_s += plan.work.elapsed_s
        _require(bool(facts), "the list of plans")
        return total, PlanInfo(
            file_type=facts[-1].file_type,
            n_params=facts[-1].n_params,
            tensor_bytes=facts[-1].tensor_bytes,
            lower_bound=sum(each.lower_bound for each in facts),
            n_batch=max(each.n_batch for each in facts),
            n_ubatch=max(each.n_ubatch for each in facts),
            n_total=facts[-1].n_total,
            model=facts[-1].model,
        )

    def speeds(self, items: Collection[int]) -> list[Speed]:
        """Return who computed the plans that have any of these items: one speed a command.

        What nobody knows the threads of comes first, with the machine that began it.
        """
        wanted, stints = set(items), self.stints.of_plans()
        n_scored = Counter(plan for plan, _ in self.packed_scores().values())
        unknown, known = [], []
        for plan in self.plans():
            if wanted.isdisjoint(plan.items):
                continue
            done = stints.get(plan.id, [])
            known += done
            left = rest(plan.machine, plan.work, n_scored[plan.id], done)
            unknown += [] if left is None else [left]
        return by_command([*unknown, *known])


def pack(score: ItemScore) -> str:
    """Return the text that a row keeps of a score."""
    # Python writes a float in as many digits as tell it from all others.
    return json.dumps([getattr(score, name) for name in SCORE_FIELDS])


def _values(text: str) -> list[Any]:
    """Return the fields of a score from the text of its row."""
    with as_written("a score"):
        logprobs, n_tokens, token_means, is_greedy = json.loads(text)
        values: list[Any] = [
            tuple(map(float, logprobs)),
            tuple(map(operator.index, n_tokens)),
            tuple(map(float, token_means)),
            tuple(map(bool, is_greedy)),
        ]
        is_finite = all(map(math.isfinite, (*values[0], *values[2])))
        if len({len(each) for each in values}) > 1 or not is_finite or not values[0]:
            raise ValueError("a score has as many numbers as choices, all of them finite")
        if not all(0 <= each < _END_OF_PLACES for each in values[1]):
            raise ValueError("a choice has some tokens")
    return values


def _require(whole: bool, what: str) -> None:
    if not whole:
        raise sqlite3.DatabaseError(f"{what} has changed on the disk")
