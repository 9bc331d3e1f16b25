"""Who computed what, and how fast, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval.records import Report, Speed
from edgeval.report import formatting as fmt
from edgeval.report.details import Table
from edgeval.report.speeds import EMPTY, cpu_load, machine


def speeds_table(report: Report) -> Table | None:
    """Return who computed each run, a row a command: now, before, and on the reference's machine.

    None where all was computed in this command, so that its one sentence says everything.
    """
    rows = []
    for run in report.runs:
        known = run.from_reference.speeds if run.from_reference else []
        found = [("in this run", run.speed)] if run.speed else []
        found += [("before, from the store", each) for each in run.stored]
        found += [("for the reference file", each) for each in known]
        gpus = run.offload.devices if run.offload else []
        rows += [[run.label, when, *_speed_cells(each, gpus)] for when, each in found]
    is_plain = all(run.speed and not run.stored for run in report.runs)
    header = ["type", "computed", "begun", "device", "threads", "items", "tokens", "scoring"]
    header += ["tokens/s", "CPUs busy elsewhere"]
    return None if is_plain or not rows else Table(header, rows, words=(0, 1, 2, 3))


def _speed_cells(speed: Speed, gpus: Sequence[str]) -> list[str]:
    rate, begun = speed.tokens_per_s, speed.measured_at
    return [
        EMPTY if begun is None else fmt.moment(begun),
        f"{machine(speed, gpus)}, {speed.device.system}",
        EMPTY if speed.threads is None else f"{speed.threads:,}",
        f"{speed.n_items:,}",
        f"{speed.tokens_decoded:,}",
        fmt.duration(speed.elapsed_s),
        EMPTY if rate is None else fmt.rate(rate),
        cpu_load(speed) or EMPTY,
    ]
