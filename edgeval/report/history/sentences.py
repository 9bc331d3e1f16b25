"""Sentences of a history: what changed since the last engine version, and since the last run."""

from __future__ import annotations

from collections.abc import Iterator

from edgeval.errors import counted, listed, plural
from edgeval.records import protocol_label
from edgeval.records.history import History, Measurement, PastRun, RunChange
from edgeval.report import formatting as fmt

_TIMES = "\N{MULTIPLICATION SIGN}"


def name(of: Measurement, history: History) -> str:
    """Return what a measurement is called: its file, and what tells it from others of that file."""
    same = [each for each in history.measurements if each.file == of.file]
    if len(same) == 1:
        return of.file
    asked = f"{of.task}, {protocol_label(of.protocol, of.shots)}"
    told = f"{of.file}, {asked}"
    alike = [
        each
        for each in same
        if (each.task, each.protocol, each.shots) == (of.task, of.protocol, of.shots)
    ]
    if len(alike) == 1:
        return told
    # Files of one name, data of one task: the hashes are what is left.
    return f"{told}, {of.data} ({of.sha256[:8]} on {of.data_fingerprint[:8]})"


def answer(history: History) -> str:
    """Return what changed since the last engine version, in a sentence for all measurements."""
    if not history.measurements:
        return "The store has no run with scores."
    changes = [each.since_engine for each in history.measurements if each.since_engine]
    if changes:
        return f"Since the engine version before, {_in_all(changes)}."
    last = [each.runs[-1].change for each in history.measurements]
    known = [each for each in last if each]
    if not known:
        return "Nothing was measured twice, so there is nothing to compare."
    return f"All runs are of one engine version; since the runs before, {_in_all(known)}."


def _in_all(changes: list[RunChange]) -> str:
    """Return in how many measurements picks changed, and in how many too far."""
    of = f"{len(changes):,} {plural(len(changes), 'measurement')}"
    picks = sum(change.scores.n_new_picks > 0 for change in changes)
    apart = sum(
        change.right is not None and change.right.agreement == "differs" for change in changes
    )
    if not picks:
        return f"no pick changed in {of}"
    too_far = f", and right items by more than rounding explains in {apart:,}" if apart else ""
    return f"picks changed in {picks:,} of {of}{too_far}"


def alarms(history: History) -> Iterator[str]:
    """Yield each latest run whose right items changed by more than rounding explains."""
    for of in history.measurements:
        for change in _judged(of):
            right = change.right
            if right is not None and right.agreement == "differs":
                yield (
                    f"{name(of, history)}: run {of.runs[-1].number} has {right.correct:,} of "
                    f"{right.total:,} items right, and run {change.since} "
                    f"{right.reference_correct:,}: more than rounding explains."
                )


def _judged(of: Measurement) -> list[RunChange]:
    """Return what the latest run is held to: another engine version, or the run before."""
    change = of.since_engine or of.runs[-1].change
    return [] if change is None else [change]


def sentence(of: Measurement, history: History) -> str:
    """Return what changed since the last engine version; without one, since the run before."""
    latest = of.runs[-1]
    told = name(of, history)
    if of.since_engine is not None:
        before = _run(of, of.since_engine.since)
        return (
            f"{told}: since {before.setting.engine} (run {before.number}, "
            f"{fmt.moment(before.created_at)}), {_told(of.since_engine)}."
        )
    if latest.change is None:
        return f"{told}: one run, so there is nothing to compare."
    return (
        f"{told}: all runs are of {latest.setting.engine}; since run {latest.change.since}, "
        f"{_told(latest.change)}."
    )


def settings(change: RunChange | None) -> str:
    """Return what else differs from the run before, as a phrase."""
    if change is None:
        return ""
    return "; ".join(change.settings) or "nothing: scored again"


def _told(change: RunChange) -> str:
    """Return what changed, as a clause."""
    scores = change.scores
    if not scores.n_items or scores.mean_nats is None or scores.largest_nats is None:
        return "there is no item that both have"
    items = counted(scores.n_items, "item")
    if not scores.largest_nats:
        told = f"all scores of {items} are the same to the last bit"
    else:
        verb = plural(scores.n_new_picks, "has", "have")
        picks = (
            f"{scores.n_new_picks:,} of {items} {verb} another pick{_flips(change)}"
            if scores.n_new_picks
            else f"no pick of {items} changed"
        )
        told = (
            f"{picks}; log-probabilities moved by {fmt.nats(scores.mean_nats)} nats on average, "
            f"at most by {fmt.nats(scores.largest_nats)}"
        )
    return f"{told}{_speed(change)}"


def _flips(change: RunChange) -> str:
    scores, right = change.scores, change.right
    if scores.lost is None or scores.gained is None or right is None:
        return " (which are right is not known)"
    counts = f"{scores.lost:,} lost, {scores.gained:,} gained"
    standing = {
        "equal": "as many are right",
        "within tolerance": "within what rounding explains",
        "differs": "MORE than rounding explains",
    }[right.agreement]
    return f" ({listed([counts, standing])})"


def _speed(change: RunChange) -> str:
    if change.speed_ratio is not None:
        return f"; it ran at {_TIMES}{fmt.plain(change.speed_ratio, 2)} the speed"
    return f"; no ratio of speeds: {change.no_speed_ratio}" if change.no_speed_ratio else ""


def notes(history: History) -> Iterator[str]:
    """Yield what the numbers are, and what is left out."""
    if any(len(each.runs) > 1 for each in history.measurements):
        yield (
            "Changes are beside the run before, on the items that both have. The size of a change "
            "is that of a choice's log-probability, in nats."
        )
    unknown = [name(each, history) for each in history.measurements if not each.has_items]
    if unknown:
        shown = unknown if len(unknown) <= 3 else [*unknown[:3], f"{len(unknown) - 3:,} more"]
        yield (
            f"The items of {listed(shown)} are not at hand: picks are of the most likely choice, "
            "and no accuracy is known. Name their file with --data."
        )
    if history.n_left_out:
        yield (
            f"{counted(history.n_left_out, 'older run is', 'older runs are')} left out; --last "
            "reads more, --file and --task choose."
        )


def _run(of: Measurement, number: int) -> PastRun:
    return next(each for each in of.runs if each.number == number)
