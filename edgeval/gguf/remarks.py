"""Remarks: what a file holds that has to be known beside its numbers, as sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edgeval.errors import listed
from edgeval.records import (
    Evaluation,
    ModelRun,
    PreTokenizer,
    Report,
    SameFile,
    TensorMix,
    run_label,
)

_LEAST_SHARE = 0.005
"""A smaller one would be shown as none."""


def remarks(record: Report | Evaluation) -> list[str]:
    """Return what has to be known of the files of a record, in sentences; none as a rule."""
    same = same_files(record.same_files) if isinstance(record, Report) else ""
    return [*remarks_on(record.runs), *([same] if same else [])]


def remarks_on(runs: Sequence[ModelRun]) -> list[str]:
    """Return what has to be known of the files of runs, in sentences; none as a rule."""
    n_labels = Counter(run.label for run in runs)
    found: dict[str, list[str]] = {}
    for run in runs:
        name = run.label if n_labels[run.label] == 1 else run.file
        for text in of_file(run.type, run.mix, run.pre_tokenizer):
            found.setdefault(text, []).append(name)
    return [f"{listed(names)}: {text}" for text, names in found.items()]


def of_file(file_type: str, mix: TensorMix | None, pre: PreTokenizer | None) -> list[str]:
    """Return what has to be known of a file, in sentences that its name and a colon begin."""
    return [
        *([pre_sentence(pre)] if pre is not None else []),
        *([_mix_sentence(file_type, mix)] if mix is not None and not mix.is_as_named else []),
    ]


def pre_sentence(pre: PreTokenizer) -> str:
    """Return how text was split, where that is not by what the file says."""
    if pre.given is None:
        return (
            "the file does not say how its tokenizer splits text (tokenizer.ggml.pre), and "
            "llama.cpp took its default: texts may have other tokens than the model was trained "
            "on, and the numbers may be far off. Name what is right with --pre NAME, or convert it "
            "again."
        )
    instead = f"instead of the file's {pre.own}" if pre.own else "which the file does not say"
    return f"text was split by the pre-tokenizer {pre.given}, given with --pre, {instead}."


def mix_in_short(mix: TensorMix | None) -> str:
    """Return the type of most of the weights, where a file is not what its type says."""
    if mix is None or mix.is_as_named or mix.said is not None:
        return ""
    kind, share = next(iter(mix.shares.items()))
    return f"{_percent(share)} {kind}"


def mix_in_full(mix: TensorMix) -> str:
    """Return of what tensors the weights are, the most first: ``81 % Q4_K, 19 % Q6_K``."""
    return ", ".join(_shares(mix))


def same_files(found: Sequence[SameFile]) -> str:
    """Return which types, or files, were left out since they are others; empty if none were."""
    return " ".join(filter(None, (_same_types(found), _same_bytes(found))))


def _same_types(found: Sequence[SameFile]) -> str:
    by_other: dict[str, list[str]] = {}
    for each in found:
        if each.file is None:
            name = run_label(each.type, each.has_imatrix)
            by_other.setdefault(each.same_as, []).append(name)
    if not by_other:
        return ""
    clauses = [f"for {listed(names)} as for {other}" for other, names in by_other.items()]
    return f"Not evaluated: of this model llama.cpp makes the same tensors {listed(clauses)}."


def _same_bytes(found: Sequence[SameFile]) -> str:
    clauses = [f"{each.file} is {each.same_as}" for each in found if each.file is not None]
    return f"Not evaluated twice: byte for byte, {listed(clauses)}." if clauses else ""


def _mix_sentence(file_type: str, mix: TensorMix) -> str:
    parts = listed(_shares(mix))
    if mix.said is not None:
        return (
            f"the file says that it is {mix.said}, and its weights are {parts}: it is called "
            f"{file_type} here."
        )
    sentences = [f"its weights are {parts}."]
    if mix.own not in mix.shares:
        sentences = [f"no tensor is {mix.own}.", f"Its weights are {parts}."]
    if mix.fallen_back:
        all_of = mix.fallen_back > 1 - _LEAST_SHARE
        whose = "Their" if all_of else f"{_percent(mix.fallen_back)} are in tensors whose"
        sentences.append(
            f"{whose} rows do not fit the blocks of {mix.own}: llama.cpp falls back to other types."
        )
    return " ".join(sentences)


def _shares(mix: TensorMix) -> list[str]:
    shares = [(kind, share) for kind, share in mix.shares.items() if share >= _LEAST_SHARE]
    return [f"{_percent(share)} {kind}" for kind, share in shares]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
