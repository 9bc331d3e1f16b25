"""Picks in words: what to take, what shows it, and what became of the other files."""

from __future__ import annotations

from collections.abc import Iterator

from edgeval.errors import counted, listed
from edgeval.records import Drift, GenerationSpeed
from edgeval.records.pick import Pick, PickedFile
from edgeval.report import formatting as fmt
from edgeval.report.speeds import EMPTY


def recommendation(pick: Pick) -> str:
    """Return which file to take, and what shows it; or that none may be taken, and why."""
    answer, within = pick.answer, fmt.points(pick.margin_points)
    asked = "".join(f" and {each}" for each in _asked_besides(pick))
    if answer is None:
        return f"None of {counted(_n_offered(pick), 'file')} may be taken: {_why_none(pick)}."
    if answer.drift is None:
        smaller = f"no smaller file is shown to be at most {within} worse{asked}"
        return f"Take {answer.label} ({fmt.size(answer.size_bytes)}), the reference: {smaller}."
    said = ", as far as the others could be tried" if not pick.is_complete else ""
    return (
        f"Take {answer.label} ({fmt.size(answer.size_bytes)}), the smallest of "
        f"{counted(_n_offered(pick), 'file')} that is shown to be at most {within} worse than "
        f"{pick.reference}{asked}{said}: {difference(answer.drift)} points."
    )


def evidence(pick: Pick) -> Iterator[str]:
    """Yield what is known of the file to take, and how sure that is."""
    answer = pick.answer
    if answer is None:
        return
    run = answer.run or pick.reference_run
    known = []
    if run is not None:
        known.append(f"{fmt.plain(run.bits_per_weight, 2)} bits a weight")
    if answer.drift is not None and (divergence := answer.drift.divergence) is not None:
        nats = divergence.best_nats
        least = "at least " if divergence.kl_full_nats is None else ""
        known.append(
            f"a KL divergence of {least}{fmt.nats(nats)} nats a position from {pick.reference}"
        )
    if answer.speed is not None:
        known.append(speed_in_full(answer.speed))
    if known:
        yield f"{answer.label} has {listed(known)}."
    if answer.drift is not None and not answer.drift.split.is_exact:
        of_all = f" those of all {pick.n_compared:,} files together," if pick.n_compared > 1 else ""
        level = fmt.level(answer.drift.split.interval_points)
        yield (
            f"The interval holds with {level},{of_all} at every look, on {answer.drift.n_items:,} "
            f"of {pick.data.n_total:,} items."
        )


def undecided(pick: Pick) -> str:
    """Return of which files too few items were scored; empty if of none."""
    labels = [each.label for each in pick.files if each.outcome == "not shown"]
    if not labels:
        return ""
    n_items, n_total = pick.data.n_items, pick.data.n_total
    return (
        f"{n_items:,} of {n_total:,} items decide nothing of {listed(labels)}: a larger --limit, "
        "or none, does."
    )


def downloads(pick: Pick) -> str:
    """Return what was downloaded, and what of it was deleted again; empty if nothing was."""
    loaded = [each for each in pick.files if each.n_downloaded_bytes]
    if not loaded:
        return ""
    n_bytes = sum(each.n_downloaded_bytes for each in loaded)
    deleted = [each.label for each in loaded if each.is_deleted]
    kept = [each.label for each in loaded if not each.is_deleted]
    parts = [f"Downloaded {fmt.size(n_bytes)} in {counted(len(loaded), 'file')}"]
    parts += [f"deleted again: {listed(deleted)}"] if deleted else []
    parts += [f"kept: {listed(kept)}"] if kept else []
    return f"{'; '.join(parts)}."


def difference(drift: Drift) -> str:
    """Return a difference in points, with its interval where it is not known for certain."""
    points = fmt.signed(drift.difference_points, 2)
    if drift.split.is_exact:
        return points
    split = drift.split
    return f"{points} {fmt.difference_interval(split.interval_points, split.margin_points)}"


def kl(file: PickedFile) -> str:
    """Return the KL divergence from the reference, in nats a position."""
    divergence = file.drift.divergence if file.drift else None
    if divergence is None:
        return EMPTY
    return fmt.nats(divergence.best_nats)


def speed_in_full(speed: GenerationSpeed) -> str:
    """Return a speed of generation with what it depends on."""
    where = listed(speed.gpus) if speed.gpus else speed.device.cpu
    busy = (
        f", while other programs kept {fmt.plain(speed.cpu_load or 0, 1)} CPUs busy"
        if speed.is_loaded
        else ""
    )
    return (
        f"a speed of {fmt.rate(speed.tokens_per_s)} generated tokens a second with "
        f"{counted(speed.threads, 'thread')} on {where}{busy}"
    )


def reasons(pick: Pick) -> Iterator[str]:
    """Yield why files ended that the numbers of a table do not explain."""
    for each in pick.files:
        if each.reason is not None:
            yield f"{each.label}: {each.outcome}. {each.reason}"


def _asked_besides(pick: Pick) -> Iterator[str]:
    """Yield what was asked of a file besides its drift."""
    if pick.most_bytes is not None:
        yield f"has at most {fmt.size(pick.most_bytes)}"
    if pick.least_tokens_per_s is not None:
        yield f"generates {pick.least_tokens_per_s:g} tokens a second"


def _n_offered(pick: Pick) -> int:
    return sum(each.is_offered for each in pick.files)


def _why_none(pick: Pick) -> str:
    within = fmt.points(pick.margin_points)
    asked = "".join(f" and {each}" for each in _asked_besides(pick))
    name = f" than {pick.reference}" if pick.reference else " than the reference"
    clause = f"none is shown to be at most {within} worse{name}{asked}"
    reference = next((each for each in pick.files if each.outcome == "reference"), None)
    if reference is None or not reference.is_offered:
        return clause
    if pick.most_bytes is not None and reference.size_bytes > pick.most_bytes:
        return f"{clause}, and {reference.label} itself has {fmt.size(reference.size_bytes)}"
    if reference.speed is not None:
        rate = fmt.rate(reference.speed.tokens_per_s)
        return f"{clause}, and {reference.label} itself generates {rate} tokens a second"
    return clause
