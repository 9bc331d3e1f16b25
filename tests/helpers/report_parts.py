"""Parts of a report whose numbers add up: runs, drifts, divergences and claims."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from typing import Any

from edgeval.records import (
    Citation,
    Claim,
    Divergence,
    Drift,
    Flip,
    Interval,
    Machine,
    Metric,
    ModelRun,
    PositionDivergence,
    SelfCheck,
    Speed,
)
from edgeval.stats.mcnemar import mcnemar
from edgeval.stats.metrics import metric
from edgeval.stats.paired import unknown

N_SPLIT = 10_042
N_PARAMS = 1_100_048_384
MADE_AT = datetime(2026, 5, 14, 23, 56, 41, 156000, tzinfo=timezone.utc)
DEVICE = Machine(
    system="Linux 6.8.0",
    machine="x86_64",
    cpu="Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz",
    physical_cores=1,
    logical_cores=2,
    memory_bytes=8 * 1024**3,
    python="3.11.9",
)


def example_check(file_type: str, token_change: float | None) -> SelfCheck | None:
    """Return a self-check with so many nats a token; None for none."""
    if token_change is None:
        return None
    return SelfCheck(
        n_items=24,
        n_same_picks=23,
        max_logprob_change=90 * token_change,
        mean_logprob_change=20 * token_change,
        token_change=token_change,
        bar=0.02 if file_type == "F16" else 0.1,
        speedup=41.5,
    )


def example_claim(value: float = 59.2, **changes: Any) -> Claim:
    """Return the claim of the example: the same table of the paper with another number in it."""
    fields: dict[str, Any] = {
        "task": "hellaswag",
        "value": value,
        "metric": "acc_norm",
        "protocol": "lm-eval",
        "data": "Rowan/hellaswag validation",
        "n_items": N_SPLIT,
        "notes": "The 3T-token checkpoint",
        "citation": Citation(
            paper_arxiv_id="2401.02385",
            section="Table 2",
            row="TinyLlama 1.1B (3T)",
            column="HellaSwag 0-shot",
            quoted_text=f"TinyLlama {value:.2f}",
            pdf_page=4,
        ),
    }
    return Claim(**(fields | changes))


def make_run(name: str, bits: float, correct: int, n_items: int, tokens_per_s: float) -> ModelRun:
    tokens_decoded = 175 * n_items
    elapsed_s = tokens_decoded / tokens_per_s
    return ModelRun(
        type=name,
        file=f"tinyllama-3t-{name}.gguf",
        sha256=sha256_of(name),
        file_bytes=round(N_PARAMS * bits / 8) + 1_840_000,
        bits_per_weight=bits,
        n_params=N_PARAMS,
        metrics={
            "acc": make_metric(correct - n_items * 13 // 100, n_items),
            "acc_norm": make_metric(correct, n_items),
            "acc_bytes": make_metric(correct - n_items // 500, n_items),
            "acc_token": make_metric(correct - n_items // 90, n_items),
        },
        tokens_decoded=tokens_decoded,
        tokens_lower_bound=1,
        logit_rows=128 * n_items,
        batch_tokens=256,
        n_batch=2048,
        n_ubatch=512,
        cache_type="f16",
        flash_attention=True,
        speed=Speed(
            device=DEVICE,
            threads=2,
            measured_at=MADE_AT,
            n_items=n_items,
            tokens_decoded=tokens_decoded,
            logit_rows=128 * n_items,
            elapsed_s=elapsed_s,
            load_s=1.42,
            n_cpus=2,
            cpu_load=0.04,
        ),
    )


def make_drift(name: str, lost: int, gained: int, n_items: int, groups: list[str]) -> Drift:
    n_flips = lost + gained
    flips = [
        Flip(
            item=f"val-{index * n_items // n_flips:05d}",
            group=groups[index % 3 != 0],
            gold=index % 4,
            reference_pick=index % 4 if index < lost else (index + 1) % 4,
            pick=(index + 2) % 4 if index < lost else index % 4,
        )
        for index in range(n_flips)
    ]
    return Drift(
        type=name,
        reference="F16",
        n_items=n_items,
        difference_points=100 * (gained - lost) / n_items,
        split=unknown(1.0),
        new_items=None,
        mcnemar_p=mcnemar(gained, lost),
        mcnemar_p_holm=mcnemar(gained, lost),
        right_to_wrong=lost,
        wrong_to_right=gained,
        pick_agreement=(n_items - round(1.5 * n_flips)) / n_items,
        mean_logprob_change=-0.01 - n_flips / n_items,
        mean_abs_logprob_change=0.02 + 3 * n_flips / n_items,
        rms_logprob_change=0.03 + 5 * n_flips / n_items,
        p99_abs_logprob_change=0.1 + 14 * n_flips / n_items,
        mean_margin_shift=-0.0002 - 0.1 * n_flips / n_items,
        flips=flips,
    )


def interim_metric(
    correct: int, total: int, ends: tuple[float, float], value: float | None = None
) -> Metric:
    """Return a metric with an interval that is valid at every look."""
    return Metric(
        correct=correct,
        total=total,
        value=correct / total if value is None else value,
        interval=None,
        split_interval=Interval(low=ends[0], high=ends[1], level=0.95),
    )


POSITIONS = {(1, 1): (400, 2.0), (2, 2): (400, 1.5), (3, 3): (400, 1.0), (4, 4): (400, 0.9)}
"""Ranges of positions: how many there are, and how far apart both are there, relatively."""


def make_divergence(n_items: int) -> Divergence:
    n_last = 4205 - sum(count for count, _ in POSITIONS.values())
    shares = POSITIONS | {(5, 6): (n_last, 1 - (400 * 1.4) / n_last)}
    return Divergence(
        n_items=100,
        n_positions=4205,
        kl_nats=1 / n_items,
        kl_error_nats=0.1 / n_items,
        top1_agreement=0.9515,
        remainder_mass=0.1403,
        kl_full_nats=1.25 / n_items,
        kl_full_error_nats=0.12 / n_items,
        kl_upper_nats=1.27 / n_items,
        drawn="random",
        by_position=[
            PositionDivergence(
                first=first,
                last=last,
                n_items=100,
                n_positions=count,
                kl_nats=share / n_items,
                kl_error_nats=0.2 * share / n_items,
                kl_full_nats=1.25 * share / n_items,
                kl_full_error_nats=0.24 * share / n_items,
            )
            for (first, last), (count, share) in shares.items()
        ],
    )


def make_metric(correct: int, n_items: int) -> Metric:
    return metric(correct, n_items, N_SPLIT)


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
