"""Overview of a comparison: what it comes to, in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edgeval.errors import counted, plural
from edgeval.records.comparison import Comparison


def answer(comparisons: Sequence[Comparison]) -> str:
    """Return whether what may be compared agrees."""
    counts = _counts(comparisons)
    apart = counts["differs"]
    compared = apart + counts["equal"] + counts["within tolerance"]
    if apart:
        return (
            f"{counted(apart, 'run')} of {compared:,} {plural(apart, 'differs', 'differ')} by more "
            "than rounding explains."
        )
    if compared:
        runs = "The run that is" if compared == 1 else f"All {compared:,} runs that are"
        return f"{runs} compared {plural(compared, 'agrees', 'agree')} within rounding."
    return "No run is the same measurement as one of the first record."


def held(comparisons: Sequence[Comparison]) -> str:
    """Return how much the comparison holds: records, models, machines and runs."""
    machines = [machine for each in comparisons for machine in each.machines]
    models = {each.model.fingerprint for each in machines if each.model is not None}
    parts = [
        counted(len({each.label for each in machines}), "record"),
        *([counted(len(models), "model")] if models else []),
        counted(len({each.device.cpu for each in machines}), "kind of CPU", "kinds of CPU"),
        counted(sum(_counts(comparisons).values()), "run"),
    ]
    refused = _counts(comparisons)["not comparable"]
    told = f"; {counted(refused, 'run')} not compared" if refused else ""
    return f"{', '.join(parts)}{told}"


def _counts(comparisons: Sequence[Comparison]) -> Counter[str]:
    """Return how many runs have each standing."""
    return Counter(
        run.standing for each in comparisons for row in each.types for run in row.runs if run
    )
