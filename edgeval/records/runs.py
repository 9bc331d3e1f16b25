"""Runs of a store as ``edgeval runs --json`` prints them."""

from __future__ import annotations

from datetime import datetime

from edgeval.records import Machine, Record, Speed
from edgeval.records.plan import PlanInfo
from edgeval.records.score_key import ScoreKey


class Run(Record):
    """One run, as ``edgeval runs`` lists it.

    Attributes:
        number: Its number in the store.
        file: Name of the model's file.
        type: llama.cpp's name for how the model is quantized; None before its first plan.
        task: Name of the task that its items are of.
        protocol: Name of the protocol.
        shots: Solved items shown before each item.
        data: Name of the data set.
        n_items: Number of items scored.
        backend: Where the layers were computed.
        devices: The GPUs that some were computed on; none on the CPU alone.
        created_at: When it was begun, in UTC.
        is_latest: Whether evaluations of its setting are answered from it; ``--fresh`` begins
            another.
    """

    number: int
    file: str
    type: str | None
    task: str
    protocol: str
    shots: int
    data: str
    n_items: int
    backend: str
    devices: tuple[str, ...] = ()
    created_at: datetime
    is_latest: bool


class RunPlan(Record):
    """Items of a run that were, or were to be, scored together.

    Attributes:
        n_items: Number of its items.
        n_scored: Number of those that were scored in it.
        facts: What is known of the plan and its model.
        device: The machine that began it.
        tokens_decoded: Tokens that were decoded for it, whoever did.
        logit_rows: Rows of logits that were computed for it.
        stints: What each command took for it; what an older edgeval did comes first, with neither
            threads nor a speed, since it did not keep them.
    """

    n_items: int
    n_scored: int
    facts: PlanInfo
    device: Machine
    tokens_decoded: int
    logit_rows: int
    stints: list[Speed]


class RunDetails(Run):
    """Everything that the store holds of a run, but the scores themselves.

    Attributes:
        setting: All that could change a score.
        items: Places in the data set of the items that are scored.
        plans: In which they were scored, the oldest first.
    """

    setting: ScoreKey
    items: list[int]
    plans: list[RunPlan]


class RepairedRun(Record):
    """What was recovered of one run.

    Attributes:
        number: Its number, in both stores.
        file: Name of the model's file.
        n_scored: Items whose scores were recovered.
        n_planned: Items of its plans; those without a score are scored when it is evaluated again.
    """

    number: int
    file: str
    n_scored: int
    n_planned: int


class Repair(Record):
    """What a repair found and did.

    Attributes:
        store: The store that was looked at; it is as it was.
        problems: What is wrong with it, as SQLite says it; empty for a store that is whole.
        out: The new store; None if none was needed.
        runs: What was recovered.
        n_lost: Rows that were found but had changed, or belong to what could not be read. How many
            rows were on pages that cannot be read, nobody knows.
    """

    store: str
    problems: list[str]
    out: str | None
    runs: list[RepairedRun]
    n_lost: int


class Imported(Record):
    """What an import did.

    Attributes:
        run: Number of the run in the store.
        n_added: Items that were added.
        n_present: Items that were there already, with the same scores.
    """

    run: int
    n_added: int
    n_present: int
