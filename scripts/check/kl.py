"""Hold the KL divergence of sketches against that of full logits: the bounds and the estimate.

Example::

    edgeval convert models/demo demo-F16.gguf
    edgeval quantize demo-F16.gguf Q8_0 Q4_K_M Q2_K
    python -m scripts.check.kl --data models/demo/items.jsonl demo-F16.gguf demo-Q*.gguf

Each item is decoded by itself: by the reference and by the other model, once as edgeval scores it
and once more for the logits of all tokens. A real vocabulary has SmolLM2-135M, whose checkpoint is
made of its GGUF in MODELS/smollm2::

    python -m scripts.fetch.real_models MODELS
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.llama import Model, Offload, Session, Tokenizer
from edgeval.llama.defaults import batch_tokens_for
from edgeval.scoring.distributions import RequestDivergence, of_item, of_requests
from edgeval.scoring.plan import Plan, plan
from edgeval.scoring.score import score_items, score_requests, settings_for
from edgeval.stats.kl import divergence
from edgeval.stats.top_logprobs import ItemDivergence, TopLogprobs, pack
from edgeval.tasks.requests import Request

Float64 = npt.NDArray[np.float64]

TOLERANCE_NATS = 1e-6
"""What float32 log-probabilities may be above the bound by."""

COLUMNS = ("exact", "bound", "estimate", "upper", "± error", "remainder", "top 1")


@dataclass(frozen=True)
class Compared:
    """One item's divergence: of the sketch and of full logits, at each position, in nats."""

    of_item: ItemDivergence
    sketched: Float64
    exact: Float64


def main(
    reference: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Its GGUF.")],
    others: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="GGUFs compared with it.")
    ],
    data: Annotated[Path, typer.Option(help="Items, as for edgeval eval --data.")],
    limit: Annotated[int, typer.Option(min=1, help="Number of items.")] = 200,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads.", show_default="physical cores")
    ] = None,
) -> None:
    """Print one line a type; exit with 1 if a position of any has less than its lower bound.

    The bound, the estimate and the upper limit are shares of the exact value.

    Raises:
        EdgevalError: If a model or the items cannot be used.
    """
    setup = prepare(Options(data=data, limit=limit, threads=threads))
    with Tokenizer(reference) as vocabulary:
        choices = [setup.protocol.requests(item, vocabulary) for item in setup.items]
    is_above = False
    header = f"{'type':<10}{''.join(f'{name:>11}' for name in COLUMNS)}"
    with Model(reference, Offload(setup.devices), kernels="plain") as first:
        sketches = [_sketch(first, setup, i, choices[i]) for i in range(len(choices))]
        n_bytes = sum(len(pack(each)) for each in sketches)
        n_positions = sum(map(len, sketches))
        typer.echo(
            f"{len(sketches):,} items, {n_positions:,} positions; sketches of {n_bytes:,} bytes, "
            f"{n_bytes / n_positions:.0f} a position; divergences in nats"
        )
        typer.echo(f"{header}{'above':>10}")
        for path in others:
            with Model(path, Offload(setup.devices), kernels="plain") as second:
                name = second.file_type
                found = list(_compare(first, second, setup, choices, sketches))
            total = divergence([each.of_item for each in found])
            sketched = np.concatenate([each.sketched for each in found])
            exact = np.concatenate([each.exact for each in found])
            above = float((sketched > exact + TOLERANCE_NATS).mean())
            values = (total.kl_nats, total.kl_full_nats, total.kl_upper_nats)
            shares = "".join(f"{(each or nan) / exact.mean():>11.4f}" for each in values)
            error = nan if total.kl_full_error_nats is None else total.kl_full_error_nats
            typer.echo(
                f"{name:<10}{exact.mean():>11.3e}{shares}{error:>11.1e}"
                f"{total.remainder_mass:>11.4f}{total.top1_agreement:>11.4f}{above:>10.4%}"
            )
            is_above = is_above or above > 0
    if is_above:
        raise typer.Exit(1)


def _plan(setup: EvalSetup, model: Model, requests: Sequence[Request]) -> Plan:
    return plan(requests, setup.options.batch_tokens or batch_tokens_for(model.file_type))


def _sketch(model: Model, setup: EvalSetup, index: int, requests: Sequence[Request]) -> TopLogprobs:
    planned = _plan(setup, model, requests)
    settings = settings_for(planned, model.file_type, setup.threads)
    items = setup.items[index : index + 1]
    results = list(score_items(model, items, [requests], planned, settings, wanted={0: None}))
    (found,) = (result.seen for batch in results for result in batch.values())
    assert isinstance(found, TopLogprobs)
    return found


def _compare(
    first: Model,
    second: Model,
    setup: EvalSetup,
    choices: Sequence[Sequence[Request]],
    sketches: Sequence[TopLogprobs],
) -> Iterator[Compared]:
    for item, requests, sketch in zip(setup.items, choices, sketches, strict=True):
        planned = _plan(setup, second, requests)
        settings = settings_for(planned, second.file_type, setup.threads)
        wanted = of_requests({0: sketch}, [item], [requests], second.n_vocab)
        parts: dict[int, RequestDivergence] = {}
        for batch in score_requests(second, planned, settings, wanted=wanted):
            for request, score in batch.items():
                assert isinstance(score.seen, RequestDivergence)
                parts[request] = score.seen
        ordered = [parts[request] for request in sorted(parts)]
        p, q = (_log_softmax(model, setup, requests) for model in (first, second))
        sketched = np.concatenate([part.kl for part in ordered])
        whole = of_item(item, ordered)
        assert isinstance(whole, ItemDivergence)
        yield Compared(whole, sketched, (np.exp(p) * (p - q)).sum(axis=1))


def _log_softmax(model: Model, setup: EvalSetup, requests: Sequence[Request]) -> Float64:
    """Return all log-probabilities at the scored positions, choice after choice."""
    planned = _plan(setup, model, requests)
    settings = settings_for(planned, model.file_type, setup.threads)
    parts: dict[int, Float64] = {}
    with Session(model, settings) as session:
        for batch in planned:
            logits = session.decode(batch)[batch.rows].astype(np.float64)
            logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
            ends = np.cumsum(batch.counts)
            split = np.split(logits, ends[:-1])
            parts |= zip(batch.requests.tolist(), split, strict=True)
    return np.concatenate([parts[request] for request in sorted(parts)])


if __name__ == "__main__":
    typer.run(main)
