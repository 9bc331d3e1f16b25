"""Records of several tasks whose numbers add up, for tests of the views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgeval.records import Claim, DataSource, ModelRun, Report, Suite
from edgeval.records.claims import Average
from edgeval.records.suite import N_POOLED
from edgeval.report.derived import renewed_suite
from edgeval.stats.metrics import metric
from edgeval.stats.verdict import judged
from tests.helpers.report_parts import MADE_AT, example_claim, make_drift, make_run
from tests.helpers.reports import example_report

# Task, items of the split, right ones of the reference.
TASKS = {"hellaswag": (10_042, 5945), "winogrande": (1267, 749), "openbookqa": (500, 180)}
BITS = {"F16": 16.0, "Q8_0": 8.5, "Q2_K": 3.1}
FLIPS = {"Q8_0": (10, 9), "Q2_K": (120, 40)}
"""Items lost and gained by each type, on each task."""


def task_report(
    task: str,
    n_split: int,
    correct: int,
    *,
    n_items: int | None = None,
    flips: Mapping[str, tuple[int, int]] = FLIPS,
    n_together: int = len(TASKS) + N_POOLED,
    claims: Sequence[Claim] = (),
) -> Report:
    """Return what there is to report of one task of several."""
    n_items = n_items or n_split
    runs = [_run("F16", correct, n_items, n_split)]
    runs += [
        _run(name, correct - lost + gained, n_items, n_split)
        for name, (lost, gained) in flips.items()
    ]
    drifts = [
        make_drift(name, lost, gained, n_items, ["all", "all"])
        for name, (lost, gained) in flips.items()
    ]
    data = DataSource(
        task=task,
        task_version=1,
        name=f"somebody/{task} validation",
        fingerprint=f"{len(task):064x}",
        n_total=n_split,
        n_items=n_items,
        order="random",
        seed=0,
        groups={"all": n_items},
        chance=0.25,
    )
    update = {"data": data, "runs": runs, "drift": drifts, "n_together": n_together}
    update |= {"claims": [], "verdicts": [], "other_claims": [], "failures": []}
    report = example_report().model_copy(update=update)
    own = [claim for claim in claims if claim.task == task]
    others = [claim for claim in claims if claim.task != task]
    return judged(report.model_copy(update={"other_claims": others}), own)


def row_claims(average: float = 51.44) -> list[Claim]:
    """Return a published row of these tasks, with its average."""
    return [
        example_claim().model_copy(
            update={
                "task": task,
                "value": round(100 * correct / n_items, 2),
                "correct": None,
                "n_items": n_items,
                "data": f"somebody/{task} validation",
                "data_fingerprint": None,
                "row_average": Average(value=average),
            }
        )
        for task, (n_items, correct) in TASKS.items()
    ]


def example_suite(
    n_items: int | None = None, claims: Sequence[Claim] | None = None, **more: object
) -> Suite:
    """Return a record of three tasks.

    Args:
        n_items: Items of each task that were evaluated; None for all.
        claims: The published numbers; by default a row with its average.
        more: Fields of the record.
    """
    published = row_claims() if claims is None else claims
    share = {task: (n if n_items is None else n_items) / n for task, (n, _) in TASKS.items()}
    flips = FLIPS if n_items is None else {"Q8_0": (1, 1), "Q2_K": (12, 4)}
    reports = [
        task_report(
            task,
            n_split,
            round(correct * share[task]),
            n_items=round(n_split * share[task]),
            flips=flips,
            claims=published,
        )
        for task, (n_split, correct) in TASKS.items()
    ]
    return renewed_suite(
        Suite(
            edgeval_version=reports[0].edgeval_version,
            created_at=MADE_AT,
            command="edgeval run tinyllama-3t --task hellaswag,winogrande,openbookqa",
            reports=reports,
            elapsed_s=10.0,
            peak_rss_bytes=1 << 30,
        ).model_copy(update=more)
    )


def _run(name: str, correct: int, n_items: int, n_split: int) -> ModelRun:
    run = make_run(name, BITS[name], correct, n_items, 80.0)
    counted = metric(correct, n_items, n_split)
    return run.model_copy(update={"metrics": {"acc_norm": counted}})
