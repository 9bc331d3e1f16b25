"""Sentences of a comparison: what differs, what was not compared, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from edgeval.errors import listed, plural
from edgeval.gguf.remarks import remarks_on
from edgeval.records import ModelRun
from edgeval.records.comparison import Beside, ComparedMachine, ComparedRun, Comparison, CountPair
from edgeval.report import formatting as fmt
from edgeval.report.compare.agreement import FALSE_ALARM, FROM_BEST
from edgeval.report.compare.speeds import is_of_part
from edgeval.report.failures import failure_sentence
from edgeval.report.machines import failed_self_check
from edgeval.report.speeds import MARK

_Runs = list[tuple[str, ComparedRun]]


def alarms(comparison: Comparison) -> Iterator[str]:
    """Yield what must not be overlooked, in sentences.

    That is what a record says otherwise than its numbers, each failed self-check, each remark on a
    file, each run too far apart in right items, and each outcome that contradicts another.
    """
    for machine in comparison.machines:
        yield from (f"{machine.label}: {sentence}" for sentence in machine.corrections)
    for index, machine in enumerate(comparison.machines):
        if failed := failed_self_check(machine.engine.backend, comparison.runs_of(index)):
            yield f"{machine.label}: {failed}"
        for remark in remarks_on(comparison.runs_of(index)):
            yield f"{machine.label}: {remark}"
    for machine, runs in _others(comparison):
        for name, run in runs:
            apart = {
                metric: pair for metric, pair in run.metrics.items() if pair.agreement == "differs"
            }
            if not apart:
                continue
            yield f"{machine.label}: {name} DIFFERS in its right items: {_apart(apart)}."
    yield from _contradictions(comparison)


def _contradictions(comparison: Comparison) -> Iterator[str]:
    """Yield which outcomes cannot both be true of one difference."""
    label, margin = comparison.machines[0].label, fmt.points(comparison.margin_points)
    firsts = {row.name: row.runs[0] for row in comparison.types}
    for machine, runs in _others(comparison):
        for name, run in runs:
            first = firsts[name]
            if run.is_contradicted and run.beside and first and first.beside:
                yield (
                    f"{machine.label}: {name} is {_outcome(run.beside)}, and {label} says "
                    f"{_outcome(first.beside)}: at a margin of {margin} the two contradict each "
                    "other."
                )


def _outcome(said: Beside) -> str:
    difference = fmt.signed(said.difference_points, 2)
    return f"{said.split.outcome} ({difference} points to its {said.reference})"


def _apart(pairs: Mapping[str, CountPair]) -> str:
    """Return counts that differ, and how far rounding would move them."""
    counts = (
        f"{metric} {pair.correct:,}, not {pair.reference_correct:,}"
        for metric, pair in pairs.items()
    )
    first = next(iter(pairs.values()))
    return (
        f"{'; '.join(counts)}, of {first.total:,}; rounding that turns {100 * first.share:g} % of "
        f"the items moves a number by more than {first.tolerance:,} in fewer than "
        f"{100 * first.false_alarm:.2g} % of cases"
    )


def sentences(comparison: Comparison) -> Iterator[str]:
    """Yield what failed on each machine, then what agrees, what was not compared, what differs."""
    for index, machine in enumerate(comparison.machines):
        for row in comparison.types:
            if failure := row.failures[index]:
                yield f"{machine.label}: {row.name} {failure_sentence(failure)}"
    if any(run.beside for row in comparison.types for run in row.runs if run):
        yield (
            "Differences are those of each machine's types to its own reference on the whole "
            f"split, in points, held to a margin of {fmt.points(comparison.margin_points)}."
        )
    for machine, runs in _others(comparison):
        compared = [(name, run) for name, run in runs if run.metrics]
        texts = [
            _tally(compared),
            _tolerance(compared),
            _other_files(compared),
            *_refusals(runs),
            _differences(machine, compared),
            *_no_ratios(compared),
        ]
        yield from (f"{machine.label}: {text}." for text in texts if text)
    for index, machine in enumerate(comparison.machines):
        named = [(row.name, run.run) for row in comparison.types if (run := row.runs[index])]
        yield from (f"{machine.label}: {text}." for text in _timeless(named))


def _others(comparison: Comparison) -> Iterator[tuple[ComparedMachine, _Runs]]:
    """Yield each machine but the first with its runs, and what they are called."""
    for index, machine in enumerate(comparison.machines[1:], start=1):
        yield machine, [(row.name, run) for row in comparison.types if (run := row.runs[index])]


def _tally(runs: _Runs) -> str:
    counts = Counter(run.standing for _, run in runs)
    parts = [f"{counts[agreement]} {agreement}" for agreement in FROM_BEST if counts[agreement]]
    return f"right items by every metric: {', '.join(parts)}" if parts else ""


def _tolerance(runs: _Runs) -> str:
    """Return what the tolerance is, where numbers of right items are apart."""
    pairs = [pair for _, run in runs for pair in run.metrics.values() if pair.agreement != "equal"]
    if not pairs:
        return ""
    shares = listed([f"{100 * share:g} %" for share in sorted({pair.share for pair in pairs})])
    return (
        f"the tolerance is what rounding exceeds that turns {shares} of the items, in at most "
        f"{100 * FALSE_ALARM:g} % of comparisons"
    )


def _other_files(runs: _Runs) -> str:
    names = [name for name, run in runs if run.matched_by == "model and type"]
    files = plural(len(names), "is another file", "are other files")
    return f"{listed(names)} {files} of the same model and type" if names else ""


def _refusals(runs: _Runs) -> Iterator[str]:
    refused = ((name, ", ".join(run.reasons)) for name, run in runs if run.reasons)
    for reasons, names in _by_text(refused).items():
        yield (
            f"{listed(names)} not compared: {reasons}"
            if len(names) < len(runs)
            else (f"nothing compared: {reasons}")
        )


def _differences(machine: ComparedMachine, runs: _Runs) -> str:
    if not runs:
        return ""
    by_text = _by_text((name, text) for name, run in runs for text in run.differences)
    of_runs = [
        text if len(names) == len(runs) else f"{text} ({listed(names)})"
        for text, names in by_text.items()
    ]
    return "; ".join([*machine.differences, *of_runs])


def _no_ratios(runs: _Runs) -> Iterator[str]:
    """Yield why speeds stand side by side without one over the other."""
    refused = ((name, run.no_speed_ratio) for name, run in runs if run.no_speed_ratio)
    for reason, names in _by_text(refused).items():
        which = "" if len(names) == len(runs) else f" of {listed(names)}"
        yield f"no ratio of speeds{which}: {reason}"


def _timeless(runs: list[tuple[str, ModelRun]]) -> Iterator[str]:
    """Yield which speeds and times of a record say less than they seem to."""
    stored = [name for name, run in runs if run.n_from_store]
    if stored:
        yield (
            f"scores of {listed(stored)} were in the store, so that neither elapsed time nor peak "
            "memory is of scoring them"
        )
    part = [
        f"{name} ({run.speed.n_items:,})" for name, run in runs if is_of_part(run) and run.speed
    ]
    if part:
        yield f"{MARK} measured on a part of the items: {listed(part)}"
    loaded = [name for name, run in runs if run.speed is not None and run.speed.is_loaded]
    if loaded:
        yield f"{MARK} measured while other processes computed too: {listed(loaded)}"


def _by_text(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return for each text the names that it is said of."""
    names: dict[str, list[str]] = {}
    for name, text in pairs:
        names.setdefault(text, []).append(name)
    return names
