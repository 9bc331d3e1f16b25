"""Picks among files of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeval.evaluation.options import Options
from edgeval.evaluation.pick.pick import PickResult, pick
from edgeval.records import Report
from edgeval.records.pick import Pick
from edgeval.report.derived import at_margin
from tests.helpers.hub_user import User

REPO = "tiny/demo-GGUF"
TYPES = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")
N_ITEMS = 150


def options(items: Path, store: Path | None, **more: Any) -> Options:
    """Return options with kernels that every CPU has, and without distributions."""
    given = {"kernels": "plain", "check": False, "kl_items": 0, **more}
    return Options(data=items, store=store, **given)


def picked(model: Any, items: Path, store: Path | None, out: Path, **more: Any) -> PickResult:
    """Pick; what is no argument of ``pick`` is an option."""
    names = ("max_drift", "max_size", "min_speed", "reference", "force_compare", "deletes")
    given = {name: more.pop(name) for name in (*names, "overwrite", "progress") if name in more}
    return pick(model, options(items, store, **more), out=out, **given)


def outcomes(found: Pick) -> dict[str, str]:
    """Return what became of each file, by its label, the smallest first."""
    return {each.label: each.outcome for each in found.files}


def smallest(whole: Report, margin_points: float) -> str | None:
    """Return the smallest file that a run of all on all items calls at most a margin worse."""
    good = {each.label for each in at_margin(whole, margin_points) if each.split.non_inferior}
    sizes = {run.label: run.file_bytes for run in whole.runs if run.label in good}
    return min(sizes, key=sizes.__getitem__, default=None)


def blobs(user: User) -> list[int]:
    """Return the sizes of what lies in the user's cache, whole or in part."""
    return sorted(path.stat().st_size for path in user.blobs("*"))


def names(user: User) -> set[str]:
    """Return the names of GGUFs in the user's cache."""
    return {path.name for path in user.home.rglob("*.gguf")}
