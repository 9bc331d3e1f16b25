"""Tables of how it was measured: when runs stopped, self-checks, speeds and files."""

from __future__ import annotations

from edgeval.gguf.remarks import mix_in_full
from edgeval.records import Report, SelfCheck, Speed
from edgeval.records.sensors import Heat
from edgeval.report import formatting as fmt
from edgeval.report.details import Table
from edgeval.report.heat import heat_columns
from edgeval.report.items import items_in_short
from edgeval.report.machines import FAILED, NOT_CHECKED, gpu_runs, shift_of
from edgeval.report.record_view import RecordView
from edgeval.report.speeds import EMPTY, cpu_load, in_short, machine


def stopping_table(view: RecordView[Report]) -> Table | None:
    """Return when and why each run stopped early, a row a type; None where none did."""
    if view.stopping is None:
        return None
    rows = [
        [
            run.label,
            f"{stopping.n_items:,}",
            "by what they can tell" if stopping.design == "weighted" else stopping.design,
            "yes" if stopping.is_decided else "no",
        ]
        for run in view.record.runs
        if (stopping := run.stopping) is not None
    ]
    caption = (
        "When each evaluation stopped, how its items were drawn, and whether it was decided to "
        f"±{fmt.points(view.stopping.points)} by then, on {items_in_short(view)}."
    )
    return Table(caption, ["type", "items", "drawn", "decided"], rows, words=(0, 2, 3))


def self_check_table(view: RecordView[Report]) -> Table | None:
    """Return how close each GPU run came to the CPU, a row a type; None where none was checked."""
    runs = gpu_runs(view.record.runs)
    if not any(run.self_check for _, run in runs):
        return None
    header = ["type", "self-check", "nats a token", "allowed", "by quantization", "shift, points"]
    header += ["mean |Δ logprob|", "largest |Δ|", "same picks"]
    caption = (
        f"How far the choices' log-probabilities by {view.record.engine.backend} are from the "
        "CPU's, in nats, on a few items: the mean of |Δ| a token, which is held to what is "
        "allowed, the same between the type and the reference on the CPU, the drift in accuracy "
        "that a common shift makes, the mean and the largest |Δ|, and the items of which both "
        "pick the same choice."
    )
    rows = [[name, *_self_check_cells(run.self_check)] for name, run in runs]
    return Table(caption, header, rows, words=(0, 1))


def _self_check_cells(check: SelfCheck | None) -> list[str]:
    if check is None:
        return [NOT_CHECKED, *[EMPTY] * 7]
    return [
        "passed" if check.has_passed else FAILED,
        fmt.nats(check.token_change),
        f"{check.bar:.2g}",
        EMPTY if check.own_change is None else fmt.nats(check.own_change),
        shift_of(check) or EMPTY,
        fmt.nats(check.mean_logprob_change),
        fmt.nats(check.max_logprob_change),
        f"{check.n_same_picks:,} of {check.n_items:,}",
    ]


def speeds_table(view: RecordView[Report]) -> Table | None:
    """Return who computed each run, a row a command: now, before, and on the reference's machine.

    None where all was computed in this command, so that its one sentence says everything, and no
    sensor told its heat.
    """
    rows: list[list[str]] = []
    heats: list[Heat | None] = []
    devices: list[str] = []
    for run in view.record.runs:
        speeds = [("in this run", run.speed)] if run.speed else []
        speeds += [("before, from the store", speed) for speed in run.stored]
        of_reference = run.from_reference.speeds if run.from_reference else []
        speeds += [("for the reference file", speed) for speed in of_reference]
        gpus = run.offload.devices if run.offload else []
        rows += [[run.label, when, *_speed_cells(speed)] for when, speed in speeds]
        devices += [f"{machine(speed, gpus)}, {speed.device.system}" for _, speed in speeds]
        heats += [speed.told_heat for _, speed in speeds]
    if not any(heats) and all(run.speed and not run.stored for run in view.record.runs):
        return None
    if not rows:
        return None
    # Devices have long names, and would hide what stands behind them.
    columns = heat_columns(heats) | {"device": devices}
    for column in columns.values():
        for row, cell in zip(rows, column, strict=True):
            row.append(cell)
    header = ["type", "computed", "begun", "threads", "items", "tokens", "scoring", "tokens/s"]
    header += ["CPUs busy elsewhere", *columns]
    caption = "Who computed what, and how fast; times of different commands are not added up"
    return Table(caption, header, rows, words=(0, 1, 2, len(header) - 1))


def _speed_cells(speed: Speed) -> list[str]:
    begun = speed.measured_at
    return [
        EMPTY if begun is None else fmt.moment(begun),
        EMPTY if speed.threads is None else f"{speed.threads:,}",
        f"{speed.n_items:,}",
        f"{speed.tokens_decoded:,}",
        fmt.duration(speed.elapsed_s),
        in_short(speed),
        cpu_load(speed) or EMPTY,
    ]


def contents_table(view: RecordView[Report]) -> Table | None:
    """Return of what each file is, a row a type; None where that is not known of any.

    Files of one type are often of different tensors, by whoever made them.
    """
    runs = view.record.runs
    if not any(run.mix for run in runs):
        return None
    rows = [
        [
            run.label,
            fmt.plain(run.bits_per_weight, 2),
            EMPTY if run.mix is None else mix_in_full(run.mix),
            "none" if run.imatrix is None else run.imatrix.file,
            run.quantized_by or EMPTY,
        ]
        for run in runs
    ]
    header = ["type", "bits/weight", "weights", "importance matrix", "quantized by"]
    caption = (
        "Of what each file is: shares of its weights by ggml's types, and what it says of itself"
    )
    return Table(caption, header, rows, words=(0, 2, 3, 4))


def files_table(view: RecordView[Report]) -> Table:
    """Return how each file was run, a row a type."""
    header = [
        "type",
        "file",
        "bytes",
        "tokens decoded",
        "logit rows",
        "batch / ubatch",
        "attention",
        "loading",
        "scoring",
        "SHA-256",
    ]
    rows = [
        [
            run.label,
            run.file,
            f"{run.file_bytes:,}",
            f"{run.tokens_decoded:,}",
            f"{run.logit_rows:,}",
            f"{run.batch_tokens:,} / {run.n_ubatch:,}",
            f"{'flash' if run.flash_attention else 'plain'}, {run.cache_type} cache",
            *_seconds(run.speed),
            run.sha256,
        ]
        for run in view.record.runs
    ]
    return Table("Files", header, rows, words=(0, 1, 6, 9), hashes=(9,))


def _seconds(speed: Speed | None) -> tuple[str, str]:
    """Return how long loading and scoring took in the record's command."""
    if speed is None:
        return EMPTY, EMPTY
    loading = EMPTY if speed.load_s is None else fmt.duration(speed.load_s)
    return loading, fmt.duration(speed.elapsed_s)
