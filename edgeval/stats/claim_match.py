"""Claim match: every difference between what was measured and what was published, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeval.records import UNQUANTIZED, Claim, DataSource, ModelRun, ProtocolInfo, ProtocolMatch
from edgeval.records.claims import NOT_STATED
from edgeval.tasks.names import ANY_LM_EVAL, FAMILIES, family_of

_LEAST_SHARE = 0.005
"""A smaller share of a file's weights would be shown as none."""


@dataclass(frozen=True)
class Match:
    """How a measurement's protocol relates to a claim's, and every difference in words."""

    kind: ProtocolMatch
    differences: tuple[str, ...]


def match(
    claim: Claim,
    run: ModelRun,
    data: DataSource,
    protocol: ProtocolInfo,
    base_model: str | None = None,
) -> Match:
    """Compare what was measured with what the claim was measured with.

    Args:
        claim: The published number.
        run: The measured model.
        data: The items it was measured on.
        protocol: How they were scored.
        base_model: What ready files are said to be of; None of what was made of the checkpoint.
    """
    if found := _mismatch(claim, run, data, protocol):
        return Match("mismatch", (found,))
    differences = (
        *_of_protocol(claim, protocol),
        *_of_source(base_model),
        *_of_weights(run),
        *_of_engine(run),
        *_of_items(claim, data),
    )
    return Match("proxy" if differences else "exact", differences)


def _mismatch(claim: Claim, run: ModelRun, data: DataSource, protocol: ProtocolInfo) -> str:
    """Return why a measurement is of something else than the claim is; empty if it is not."""
    if claim.task != data.task:
        return f"task {data.task} where the claim is of {claim.task}"
    families = (family_of(protocol.name), NOT_STATED)
    is_of_metric = claim.metric in (*run.metrics, NOT_STATED)
    if not is_of_metric or family_of(claim.protocol) not in families:
        return f"protocol {protocol.name} where the claim is {_measured_as(claim)}"
    if protocol.shots != claim.shots:
        return f"protocol {protocol.label} where the claim is {claim.shots}-shot"
    if claim.data_fingerprint not in (None, data.fingerprint):
        return f"{data.name} holds other items than the claim's {claim.data}"
    return ""


def _measured_as(claim: Claim) -> str:
    """Return of what metric and protocol a claim is, as far as that is stated."""
    stated = [] if claim.metric == NOT_STATED else [claim.metric]
    if claim.protocol != NOT_STATED:
        foreign = "" if claim.protocol in FAMILIES else ", which edgeval does not measure"
        stated.append(f"of {claim.protocol}{foreign}")
    return " ".join(stated)


def _of_protocol(claim: Claim, protocol: ProtocolInfo) -> Iterator[str]:
    if claim.metric == NOT_STATED:
        yield f"metric {protocol.metric} where the claim names none"
    if claim.protocol == NOT_STATED:
        yield f"protocol {protocol.name} where the claim names none"
    elif claim.protocol == ANY_LM_EVAL:
        yield (
            f"protocol {protocol.name} where the claim names lm-evaluation-harness without the "
            "version that decides on BOS"
        )
    elif protocol.name != claim.protocol:
        yield f"protocol {protocol.name} (BOS policy) where the claim is {claim.protocol}"


def _of_source(base_model: str | None) -> Iterator[str]:
    if base_model is not None:
        yield f"a ready file, which was not made of {base_model} here"


def _of_weights(run: ModelRun) -> Iterator[str]:
    shares = run.mix.shares if run.mix is not None else {}
    quantized = sum(share for kind, share in shares.items() if kind not in UNQUANTIZED)
    if run.type not in UNQUANTIZED:
        yield f"weights quantized to {run.label}"
    elif quantized >= _LEAST_SHARE:
        yield f"{100 * quantized:.0f} % of the weights quantized"


def _of_engine(run: ModelRun) -> Iterator[str]:
    """Yield what of the engine's settings may change numbers by more than rounding does.

    Which kernels and how many threads computed them, and flash attention, change no more.
    """
    pre = run.pre_tokenizer
    if pre is not None:
        how = f"by {pre.given}, given with --pre," if pre.given else "by llama.cpp's default"
        yield f"text split {how} where the file {'says ' + pre.own if pre.own else 'names nothing'}"
    if run.cache_type not in ("f16", "bf16", "f32"):
        yield f"a KV cache of {run.cache_type}"
    if run.self_check is not None and not run.self_check.has_passed:
        yield "computed on a GPU that failed the self-check against the CPU"
    elif run.offload is not None and run.self_check is None and run.from_reference is None:
        yield "computed on a GPU that was not checked against the CPU"


def _of_items(claim: Claim, data: DataSource) -> Iterator[str]:
    if not claim.is_of(data):
        yield f"items of {data.name}, not known to be the claim's {claim.data}"
    if data.n_total > claim.n_items:
        yield f"data of {data.n_total:,} items where the claim's have {claim.n_items:,}"
    if data.n_items < max(data.n_total, claim.n_items):
        how = " from its start, no random sample" if data.order == "file" else ""
        yield f"a slice: {data.n_items:,} of {max(data.n_total, claim.n_items):,} items{how}"
