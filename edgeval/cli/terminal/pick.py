"""Pick as a table, what to take, and the commands that run it."""

from __future__ import annotations

import shlex
from pathlib import Path

from edgeval.records.pick import Pick, PickedFile
from edgeval.report import formatting as fmt
from edgeval.report import picks
from edgeval.report.speeds import EMPTY
from edgeval.system.console import say, stdout_console
from edgeval.system.tables import Table


def print_pick(pick: Pick, path: Path | None) -> None:
    """Print what became of each file, which one to take, and how to run it.

    Args:
        pick: The record.
        path: Where the file to take is on this machine, if it is.
    """
    console = stdout_console()
    console.print(_table(pick))
    console.print_each(picks.reasons(pick))
    console.print(picks.recommendation(pick))
    console.print_each(picks.evidence(pick))
    console.print_each(filter(None, (picks.undecided(pick), picks.downloads(pick))))
    answer = pick.answer
    if answer is None:
        return
    # Whole lines, which are to be copied.
    for command in pick.commands if answer.repo is not None or path is None else ():
        say(command)
    if path is not None:
        say(shlex.join(["llama-cli", "-m", str(path)]))


def _table(pick: Pick) -> Table:
    """Return a row for each file, the smallest first."""
    numbers = ("size", "bits/weight", "difference", "KL, nats", "tokens/s")
    table = Table.of(
        f"{pick.model.title}, protocol {pick.protocol.label}: {pick.data.n_total:,} items of "
        f"{pick.data.name}",
        ("file", "size", "bits/weight", "outcome", "difference", "KL, nats", "tokens/s"),
        numbers=numbers,
        leaving=("bits/weight", "KL, nats", "tokens/s", "size"),
    )
    for each in pick.files:
        run = each.run
        if run is None and each.outcome == "reference":
            run = pick.reference_run
        table.add_row(
            each.label,
            fmt.size(each.size_bytes),
            EMPTY if run is None else fmt.plain(run.bits_per_weight, 2),
            _outcome(each),
            picks.difference(each.drift) if each.drift else EMPTY,
            picks.kl(each),
            fmt.rate(each.speed.tokens_per_s) if each.speed else EMPTY,
        )
    return table


def _outcome(file: PickedFile) -> str:
    return f"{file.outcome}, deleted" if file.is_deleted else file.outcome
