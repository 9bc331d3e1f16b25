"""A realistic report whose numbers add up, for tests of the views."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from edgeval.records import (
    DataSource,
    Engine,
    Failure,
    Interval,
    Machine,
    ModelRun,
    ModelSource,
    OffloadInfo,
    ProtocolInfo,
    ReferenceInfo,
    Report,
    Speed,
    Stopping,
    VerdictStatus,
)
from edgeval.report.derived import renewed
from edgeval.stats.metrics import metric
from edgeval.stats.paired import stopped
from edgeval.stats.verdict import judged
from tests.helpers.report_parts import (
    DEVICE,
    MADE_AT,
    N_SPLIT,
    example_check,
    example_claim,
    interim_metric,
    make_divergence,
    make_drift,
    make_run,
    sha256_of,
)

ELSEWHERE = Machine(
    system="Linux 5.15.0",
    machine="x86_64",
    cpu="AMD EPYC 9654 96-Core Processor",
    physical_cores=96,
    logical_cores=192,
    memory_bytes=768 * 1024**3,
    python="3.12.4",
)
HOSTILE = '<script>alert(1)</script> | `x` [a](https://example.org) _b_ & "c"'

# A claim for each status, and of how many items: only a whole split reproduces and refutes.
PUBLISHED: dict[VerdictStatus, float] = {
    "reproduced": 59.2,
    "partial": 59.2,
    "not_reproduced": 66.1,
    "inconclusive": 62.5,
}
JUDGED_ITEMS: dict[VerdictStatus, int] = {
    "reproduced": N_SPLIT,
    "partial": 8000,
    "not_reproduced": N_SPLIT,
    "inconclusive": 1000,
}

# Type, bits per weight, items lost and gained against F16 on the whole split, tokens a second.
LADDER = (
    ("F16", 16.00, 0, 0, 82.4),
    ("Q8_0", 8.50, 18, 17, 85.1),
    ("Q6_K", 6.56, 41, 38, 101.7),
    ("Q5_K_M", 5.68, 84, 71, 112.0),
    ("Q4_K_M", 4.85, 171, 122, 136.3),
    ("Q4_0", 4.63, 244, 170, 125.2),
    ("Q3_K_M", 3.95, 402, 240, 108.9),
    ("Q2_K", 3.13, 1034, 412, 94.0),
)


# Type, items evaluated, lost, gained, difference in points and its interval, decided.
STOPPED = (
    ("Q8_0", 256, 2, 3, 0.1, (-0.6, 0.8), True),
    ("Q4_K_M", 1040, 31, 22, -0.65, (-0.94, 0.4), True),
    ("Q4_0", 700, 30, 20, -0.8, (-1.6, 0.2), False),
    ("Q2_K", 300, 90, 31, -8.3, (-14.1, -2.2), True),
)


def example_report(
    *,
    n_items: int = N_SPLIT,
    status: VerdictStatus | None = "reproduced",
    alone: bool = False,
    title: str = "TinyLlama 1.1B, 3T tokens",
    group: str = "wikihow",
    flips: dict[str, tuple[int, int]] | None = None,
) -> Report:
    """Return a report.

    Args:
        n_items: Number of items evaluated; fewer than the split make it a slice.
        status: Status whose claim it has; None leaves out the claim. It has the status itself
            only on ``JUDGED_ITEMS``.
        alone: Whether only the reference was evaluated.
        title: Title of the model.
        group: Name of the second group.
        flips: Items lost and gained of a type, instead of the example's.
    """
    share = n_items / N_SPLIT
    reference_correct = round(5942 * share)
    ladder = LADDER[:1] if alone else LADDER
    counts = {
        name: (flips or {}).get(name, (round(lost * share), round(gained * share)))
        for name, _, lost, gained, _ in ladder
    }
    groups = {"activitynet": round(3243 * share)}
    groups[group] = n_items - groups["activitynet"]
    runs = [
        make_run(name, bits, reference_correct - lost + gained, n_items, speed)
        for (name, bits, _, _, speed), (lost, gained) in zip(ladder, counts.values(), strict=True)
    ]
    report = Report(
        edgeval_version="0.1.0",
        created_at=MADE_AT,
        command=f"edgeval run tinyllama-3t --items {n_items}",
        model=ModelSource(
            name="tinyllama-3t",
            title=title,
            repo="TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T",
            revision="59f6f375b26bde864a6ca194a9a3044570490064",
            fingerprint=sha256_of("checkpoint"),
        ),
        data=DataSource(
            task="hellaswag",
            task_version=1,
            name="Rowan/hellaswag validation",
            fingerprint=sha256_of("data"),
            n_total=N_SPLIT,
            n_items=n_items,
            order="random",
            seed=0,
            groups=groups,
        ),
        protocol=ProtocolInfo(name="lm-eval", version=1, metric="acc_norm"),
        engine=Engine(
            version="llama-cpp-python 0.3.36",
            features="CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | AVX512 = 1 | OPENMP = 1",
            backend="cpu",
            threads=2,
        ),
        device=DEVICE,
        runs=runs,
        drift=[
            make_drift(name, lost, gained, n_items, list(groups))
            for name, (lost, gained) in list(counts.items())[1:]
        ],
        elapsed_s=31.4 + sum(1.42 + run.speed.elapsed_s for run in runs if run.speed),
        peak_rss_bytes=2_871_394_304,
    )
    claims = [] if status is None else [example_claim(PUBLISHED[status])]
    return renewed(judged(report, claims))


def stopped_report(
    *,
    design: Literal["random order", "weighted"] = "weighted",
    status: VerdictStatus | None = None,
    is_old: bool = False,
) -> Report:
    """Return a report of evaluations that stopped early.

    Args:
        design: Either ``weighted`` by a reference that a file holds of the whole split, or in
            ``random order`` beside a reference of 2,432 items.
        status: Status whose claim it has, on the whole split.
        is_old: Whether the reference in random order stopped early too, and each interval holds by
            itself, as in records of an older edgeval.
    """
    record = example_report(status=None)
    by_type = {run.type: run for run in record.runs}
    reference, data = by_type["F16"], record.data.model_copy(update={"order": "simple"})
    if design == "weighted":
        reference = from_file(reference)
    else:
        counted = metric(1439, 2432, N_SPLIT)
        update: dict[str, Any] = {"metrics": dict.fromkeys(reference.metrics, counted)}
        if is_old:
            looked_at = interim_metric(1439, 2432, (0.583, 0.601))
            stopping = Stopping(points=1.0, is_decided=True, design=design, n_items=2432)
            metrics = dict.fromkeys(reference.metrics, looked_at)
            update = {"metrics": metrics, "stopping": stopping}
        reference = reference.model_copy(update=update)
        groups = {"activitynet": 785, "wikihow": 1647}
        data = data.model_copy(update={"n_items": 2432, "groups": groups})
    runs, drifts = [reference], []
    for name, n_items, lost, gained, points, ends, is_decided in STOPPED:
        stopping = Stopping(
            points=1.0,
            is_decided=is_decided,
            design=design,
            n_items=n_items,
            n_compared=1 if is_old else len(STOPPED),
        )
        known = reference.metrics["acc_norm"].value
        low, high = (known + end / 100 for end in ends)
        measured = interim_metric(round(0.4 * n_items), n_items, (low, high), known + points / 100)
        if design == "random order":
            measured = interim_metric(round((known + points / 100) * n_items), n_items, (low, high))
        speed = by_type[name].speed
        assert speed is not None
        update = {
            "metrics": {"acc_norm": measured},
            "stopping": stopping,
            "speed": speed.model_copy(update={"n_items": n_items}),
        }
        runs.append(by_type[name].model_copy(update=update))
        interval = Interval(low=ends[0], high=ends[1], level=0.95)
        found = make_drift(name, lost, gained, n_items, list(data.groups))
        found = stopped(found, stopping, points, interval)
        drifts.append(found.model_copy(update={"divergence": make_divergence(n_items)}))
    record = record.model_copy(update={"runs": runs, "drift": drifts, "data": data})
    claims = [] if status is None else [example_claim(PUBLISHED[status])]
    return renewed(judged(record, claims))


def sliced_report() -> Report:
    """Return a report of 200 items beside a reference that a file holds of the whole split."""
    whole, part = example_report(), example_report(n_items=200, status=None)
    reference = from_file(whole.runs[0])
    return renewed(
        whole.model_copy(update={"runs": [reference, *part.runs[1:]], "drift": part.drift})
    )


REASON = (
    "llama.cpp's process ended with an illegal instruction (SIGILL), which this CPU does not have; "
    "install a llama-cpp-python that was built for it."
)


def failed_report(
    *types: str,
    status: VerdictStatus | None = "reproduced",
    n_items: int = N_SPLIT,
    reason: str = REASON,
    file: str | None = None,
) -> Report:
    """Return a report in which some types failed while being scored, after 128 items.

    Args:
        types: The types that failed; with F16 among them nothing is compared.
        status: Status whose claim it has; None leaves out the claim. It has the status itself
            only on ``JUDGED_ITEMS``.
        n_items: Number of items evaluated.
        reason: Why they failed.
        file: Name of their files, instead of their own.
    """
    record = example_report(n_items=n_items, status=None)
    drift = [found for found in record.drift if found.type not in types]
    failures = [
        Failure(
            type=run.type,
            file=file or run.file,
            doing="scoring",
            reason=reason,
            n_items=128,
            is_reference=run.type == "F16",
        )
        for run in record.runs
        if run.type in types
    ]
    update = {
        "runs": [run for run in record.runs if run.type not in types],
        "drift": [] if "F16" in types else drift,
        "failures": failures,
    }
    claims = [] if status is None else [example_claim(PUBLISHED[status])]
    return renewed(judged(record.model_copy(update=update), claims))


def with_plain_kernels(record: Report, reasons: dict[str, str | None]) -> Report:
    """Return a report of which these types were computed with plain kernels, for these reasons."""
    runs = [
        run.model_copy(update={"kernels": "plain", "kernels_reason": reasons[run.type]})
        if run.type in reasons
        else run
        for run in record.runs
    ]
    return record.model_copy(update={"runs": runs})


def from_file(run: ModelRun) -> ModelRun:
    """Return a run as it is read from a reference file of another machine."""
    return run.model_copy(update={"from_reference": example_reference(), "speed": None})


def example_reference() -> ReferenceInfo:
    """Return what a reference file says of what measured it: another machine."""
    return ReferenceInfo(
        file="ref.npz",
        sha256=sha256_of("ref.npz"),
        created_at=MADE_AT,
        engine="llama-cpp-python 0.3.35",
        features="CUDA : ARCHS = 900",
        backend="cuda",
        device=ELSEWHERE,
        speeds=[
            Speed(
                device=ELSEWHERE,
                threads=96,
                measured_at=MADE_AT - timedelta(days=3),
                n_items=N_SPLIT,
                tokens_decoded=1_757_350,
                logit_rows=1_285_376,
                elapsed_s=175.735,
                n_cpus=192,
                cpu_load=0.4,
            )
        ],
    )


# Type, and how close a GPU came to the CPU, in nats a token.
CHECKS = (
    ("F16", 0.0009),
    ("Q8_0", 0.0021),
    ("Q6_K", 0.0018),
    ("Q5_K_M", 0.0024),
    ("Q4_K_M", 0.0031),
    ("Q4_0", 0.0022),
    ("Q3_K_M", 0.0038),
    ("Q2_K", 0.0042),
)


def gpu_report(
    *,
    token_changes: dict[str, float | None] | None = None,
    layers: dict[str, int] | None = None,
    devices: tuple[str, ...] = ("NVIDIA H200",),
    status: VerdictStatus | None = "reproduced",
    alone: bool = False,
) -> Report:
    """Return a report that was computed with GPUs.

    Args:
        token_changes: How close the GPU came to the CPU with a type, instead of the example's, in
            nats a token; None where it was not checked.
        layers: How many of 23 layers were on it, where not all.
        devices: The GPUs.
        status: Status whose claim it has; None leaves out the claim. It has the status itself
            only on ``JUDGED_ITEMS``.
        alone: Whether only the reference was evaluated.
    """
    record = example_report(status=status, alone=alone)
    changes: dict[str, float | None] = {**dict(CHECKS), **(token_changes or {})}
    runs = [
        run.model_copy(
            update={
                "offload": OffloadInfo(
                    devices=list(devices),
                    layers=(layers or {}).get(run.type, 23),
                    n_layers=23,
                ),
                "self_check": example_check(run.type, changes[run.type]),
            }
        )
        for run in record.runs
    ]
    engine = record.engine.model_copy(update={"backend": "cuda", "threads": 16})
    runs = [
        run.model_copy(update={"speed": run.speed.model_copy(update={"threads": 16})})
        for run in runs
        if run.speed
    ]
    return record.model_copy(update={"runs": runs, "engine": engine})
