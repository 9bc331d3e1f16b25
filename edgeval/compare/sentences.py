"""What the tables of a comparison leave out: what differs, what was not compared, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from edgeval.compare.agreement import FROM_BEST
from edgeval.compare.records import ComparedRun, Comparison, Machine
from edgeval.remarks import remarks_on
from edgeval.report.failures import failure_sentence
from edgeval.report.formatting import listed
from edgeval.report.selfchecks import failure

_Runs = list[tuple[str, ComparedRun]]


def alarms(found: Comparison) -> Iterator[str]:
    """Yield a sentence for each failed self-check, each remark, each run too far apart in items."""
    for index, machine in enumerate(found.machines):
        if failed := failure(machine.engine.backend, found.runs_of(index)):
            yield f"{machine.label}: {failed}"
        for remark in remarks_on(found.runs_of(index)):
            yield f"{machine.label}: {remark}"
    for machine, runs in _others(found):
        for name, run in runs:
            apart = {
                metric: pair for metric, pair in run.metrics.items() if pair.agreement == "differs"
            }
            if not apart:
                continue
            counts = (
                f"{metric} {pair.correct:,}, not {pair.reference_correct:,}"
                for metric, pair in apart.items()
            )
            pair = next(iter(apart.values()))
            yield (
                f"{machine.label}: {name} DIFFERS in its right items: {'; '.join(counts)}, of "
                f"{pair.total:,}; near ties explain {pair.tolerance:,} at most."
            )


def sentences(found: Comparison) -> Iterator[str]:
    """Yield what failed on each machine, then what agrees, what was not compared, what differs."""
    for index, machine in enumerate(found.machines):
        for row in found.rows:
            if failure := row.failures[index]:
                yield f"{machine.label}: {row.name} {failure_sentence(failure)}"
    for machine, runs in _others(found):
        compared = [(name, run) for name, run in runs if run.metrics]
        texts = [
            _tally(compared),
            _other_files(compared),
            *_refusals(runs),
            _differences(machine, compared),
        ]
        yield from (f"{machine.label}: {text}." for text in texts if text)


def _others(found: Comparison) -> Iterator[tuple[Machine, _Runs]]:
    """Yield each machine but the first with its runs, and what they are called."""
    for index, machine in enumerate(found.machines[1:], start=1):
        yield machine, [(row.name, run) for row in found.rows if (run := row.runs[index])]


def _tally(runs: _Runs) -> str:
    counts = Counter(run.standing for _, run in runs)
    parts = [f"{counts[each]} {each}" for each in FROM_BEST if counts[each]]
    return f"right items by every metric: {', '.join(parts)}" if parts else ""


def _other_files(runs: _Runs) -> str:
    names = [name for name, run in runs if run.matched_by == "model and type"]
    what = "is another file" if len(names) == 1 else "are other files"
    return f"{listed(names)} {what} of the same model and type" if names else ""


def _refusals(runs: _Runs) -> Iterator[str]:
    refused = ((name, ", ".join(run.reasons)) for name, run in runs if run.reasons)
    for reasons, names in _by_text(refused).items():
        yield (
            f"{listed(names)} not compared: {reasons}"
            if len(names) < len(runs)
            else (f"nothing compared: {reasons}")
        )


def _differences(machine: Machine, runs: _Runs) -> str:
    if not runs:
        return ""
    found = _by_text((name, text) for name, run in runs for text in run.differences)
    of_runs = [
        text if len(names) == len(runs) else f"{text} ({listed(names)})"
        for text, names in found.items()
    ]
    return "; ".join([*machine.differences, *of_runs])


def _by_text(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return for each text the names that it is said of."""
    found: dict[str, list[str]] = {}
    for name, text in pairs:
        found.setdefault(text, []).append(name)
    return found
