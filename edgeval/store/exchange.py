"""Runs that go from the store of one machine to that of another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeval import __version__
from edgeval.errors import StoreError
from edgeval.records import Speed
from edgeval.records.plan import PLAN_INFO
from edgeval.records.runs import Imported
from edgeval.records.stored_run import RECORD_VERSION, PlanRecord, RunRecord
from edgeval.store.run_file import dump, load
from edgeval.store.runs import readable, row_of, transaction
from edgeval.store.store import Store
from edgeval.store.stored_run import SCORE_FIELDS, StoredRun
from edgeval.system.files import refuse_existing, write_text
from edgeval.system.progress import Progress
from edgeval.tasks.requests import Work


def export_run(path: Path, number: int, target: Path) -> None:
    """Write a run as a record that other stores can import.

    Its sketches and divergences stay: they are of few items, and made again from them.

    Raises:
        EdgevalError: If there is no such run, or the target exists or cannot be written.
    """
    refuse_existing(target)
    with readable(path) as connection, transaction(connection, "BEGIN"):
        row, stored_run = row_of(connection, path, number)
        scores, plans = stored_run.packed_scores(), stored_run.plans()
        stints = stored_run.stints.of_plans()
    order = {each.id: position for position, each in enumerate(plans)}
    write_text(
        target,
        dump(
            {
                "schema_version": RECORD_VERSION,
                "edgeval_version": __version__,
                **{name: row[name] for name in ("file", "data", "created_at")},
                "setting": json.loads(row["setting"]),
                "plans": [
                    {
                        "items": list(each.items),
                        "facts": PLAN_INFO.dump_python(each.info, mode="json"),
                        "device": each.machine.model_dump(mode="json"),
                        **vars(each.work),
                        "stints": [
                            stint.model_dump(mode="json") for stint in stints.get(each.id, ())
                        ],
                    }
                    for each in plans
                ],
                "items": [
                    {"place": index, "plan": order[scores[index][0]], **_fields(scores[index][1])}
                    for index in sorted(scores)
                ],
            }
        ),
    )


def import_run(path: Path, source: Path, *, progress: Progress | None = None) -> Imported:
    """Add a record of another store, all of it or nothing.

    Args:
        path: The store; made if it is not there.
        source: A file of ``export_run``.
        progress: Where it is said that another process is waited for.

    Raises:
        StoreError: If the record is damaged, or the store has other scores of the same items.
    """
    record = load(source)
    with (
        Store(path) as store,
        store.run(
            record.setting, file=record.file, data=record.data, progress=progress
        ) as stored_run,
        store.connection() as connection,
        transaction(connection, "BEGIN IMMEDIATE"),
    ):
        return _add(stored_run, record, source)


def _add(stored_run: StoredRun, record: RunRecord, source: Path) -> Imported:
    present = stored_run.packed_scores()
    added: list[dict[int, str]] = [{} for _ in record.plans]
    for item in record.items:
        text = json.dumps([getattr(item, name) for name in SCORE_FIELDS])
        if item.index not in present:
            added[item.plan][item.index] = text
        elif present[item.index][1] != text:
            raise StoreError(
                f"{source} has another score of item {item.index} than run {stored_run.number} of "
                f"the store; nothing was added, so edgeval runs delete {stored_run.number} first "
                "if the record is the right one"
            )
    for plan, texts in zip(record.plans, added, strict=True):
        if texts:
            stored_run.add_scores(_plan_of(stored_run, plan), texts)
    n_added = sum(map(len, added))
    return Imported(run=stored_run.number, n_added=n_added, n_present=len(record.items) - n_added)


def _plan_of(stored_run: StoredRun, plan: PlanRecord) -> int:
    """Return the number of a record's plan in the store, where it is made or grown."""
    work = Work(plan.tokens_decoded, plan.logit_rows, plan.elapsed_s)
    known = next(
        (
            row
            for row in stored_run.plans()
            if (list(row.items), row.info, row.machine) == (plan.items, plan.facts, plan.device)
        ),
        None,
    )
    if known is None:
        number = stored_run.add_plan(plan.items, plan.facts, plan.device, work).id
    else:
        number = known.id
        stints = stored_run.stints.of_plans().get(number, [])
        stored_run.add_work(number, _beyond(work, plan.stints, known.work, stints))
    for stint in plan.stints:
        stored_run.stints.put(number, stint)
    return number


def _beyond(
    work: Work, stints: Sequence[Speed], known: Work, known_stints: Sequence[Speed]
) -> Work:
    """Return what was done in a plan since it was known, by whichever command.

    Args:
        work: What it has taken.
        stints: What is known of that, one a command.
        known: What it had taken.
        known_stints: The same of that. Other commands may have gone on with it here.
    """
    new = Work()
    for stint in stints:
        before = next((each for each in known_stints if each.is_of_same_command(stint)), None)
        new.add(_less(_work(stint), _work(before)))
    new.add(_less(_less(work, *map(_work, stints)), _less(known, *map(_work, known_stints))))
    return new


def _work(stint: Speed | None) -> Work:
    if stint is None:
        return Work()
    return Work(stint.tokens_decoded, stint.logit_rows, stint.elapsed_s)


def _less(work: Work, *others: Work) -> Work:
    """Return work without others', nowhere below nothing."""
    return Work(
        max(0, work.tokens_decoded - sum(each.tokens_decoded for each in others)),
        max(0, work.logit_rows - sum(each.logit_rows for each in others)),
        max(0.0, work.elapsed_s - sum(each.elapsed_s for each in others)),
    )


def _fields(packed: str) -> dict[str, Any]:
    return dict(zip(SCORE_FIELDS, json.loads(packed), strict=True))
