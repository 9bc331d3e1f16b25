"""Checks of a reference file: refused with the reason where it is of something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edgeval import llama
from edgeval.errors import EdgevalError
from edgeval.evaluation.kl_sample import having_sketches, to_sketch
from edgeval.evaluation.reference import Reference
from edgeval.evaluation.setup import EvalSetup
from edgeval.gguf.identity import model_facts
from edgeval.llama.defaults import SCORING_VERSION
from edgeval.records import ModelSource
from edgeval.stats.top_logprobs import is_current
from edgeval.system.sharing import shareable_text
from edgeval.system.untrusted import printable
from edgeval.tasks import registry

_DIGITS = 12
"""Of a hash, in messages."""


def of_task(references: Sequence[Reference], task: str) -> Reference | None:
    """Return the reference of a task, if there are any.

    Raises:
        EdgevalError: If there are, and none is of it.
    """
    if not references:
        return None
    if len(references) == 1:
        # Of what it is else is said with all that is not the same.
        return references[0]
    found = next((each for each in references if each.task == task), None)
    if found is None:
        folder = references[0].path.parent
        raise EdgevalError(
            f"{folder} has no reference of {task}, only of "
            f"{', '.join(each.task for each in references)}; export one of {task} there, or leave "
            "it out of --task"
        )
    return found


def require_items(reference: Reference, setup: EvalSetup) -> None:
    """Refuse a reference of other data or another protocol, or one that lacks items.

    Raises:
        EdgevalError: If it is.
    """
    setting, data, protocol = reference.header.setting, setup.data, setup.protocol
    pool = data.shot_pool.fingerprint if data.shot_pool else None
    _require_same(
        reference,
        ("task", registry.of_key(setting.task), data.task, "evaluate that one"),
        ("task version", setting.task_version, data.task_version, _AGAIN),
        ("data set", setting.data_fingerprint, data.fingerprint, "name it with --data"),
        ("number of items", reference.header.n_total, data.n_total, _AGAIN),
        ("protocol", setting.protocol, protocol.name, "name it with --protocol"),
        ("protocol version", setting.protocol_version, protocol.version, _AGAIN),
        ("shots", setting.shots, setup.options.shots, "set it with --shots"),
        ("shot pool", setting.shot_pool_fingerprint, pool, "name them with --shots-data"),
        ("scoring version", setting.scoring_version, SCORING_VERSION, _AGAIN),
    )
    there = set(reference.indices)
    missing = [index for index in setup.indices if index not in there]
    if not missing:
        return
    n_wanted, n_leading = len(setup.indices), setup.indices.index(missing[0])
    if setup.options.until is not None:
        remedy = "--until needs a reference of the whole data set"
    elif n_leading:
        remedy = f"use --limit {n_leading}, or a reference of more items"
    else:
        remedy = "use the --order and --seed that it was made with, or a reference of more items"
    how_many = "none" if len(missing) == n_wanted else f"{n_wanted - len(missing):,}"
    raise EdgevalError(
        f"{reference.path} has {how_many} of the {n_wanted:,} items that are wanted, "
        f"{len(missing):,} are missing; {remedy}"
    )


def require_checkpoint(reference: Reference, checkpoint: ModelSource | None) -> None:
    """Refuse a reference of another checkpoint, where both are known.

    Raises:
        EdgevalError: If it is.
    """
    theirs = reference.header.model.checkpoint
    if theirs is not None and checkpoint is not None:
        ours = checkpoint.fingerprint
        _require_same(reference, ("checkpoint", theirs.fingerprint, ours, _OTHER_MODEL))


def require_model(reference: Reference, gguf: Path, pre: str | None = None) -> None:
    """Refuse a reference of a model with another tokenizer or shape, or of other weights.

    Args:
        reference: The reference.
        gguf: The model.
        pre: The pre-tokenizer that is used instead of its own.

    Raises:
        EdgevalError: If it is, or the GGUF cannot be read.
    """
    theirs, ours = reference.header.model, model_facts(gguf, pre=pre)
    tokenizers = (theirs.tokenizer_fingerprint, ours.tokenizer_fingerprint)
    _require_same(reference, ("tokenizer", *tokenizers, _OTHER_MODEL))
    for (name, value), (_, other) in zip(theirs.shape, ours.shape, strict=True):
        _require_same(reference, (name.replace("_", " "), value, other, _OTHER_MODEL))
    norms = (theirs.norms_fingerprint, ours.norms_fingerprint)
    if None not in norms:
        _require_same(reference, ("norms", *norms, _OTHER_MODEL))


def unlike(reference: Reference, gguf: Path, pre: str | None, is_forced: bool) -> list[str]:
    """Return in what a reference is of another model than a GGUF, where that is forced.

    Args:
        reference: The reference.
        gguf: The model.
        pre: The pre-tokenizer that is used instead of its own.
        is_forced: Whether they are compared all the same.

    Raises:
        EdgevalError: If it is, and it is not forced, or the GGUF cannot be read.
    """
    try:
        require_model(reference, gguf, pre)
    except EdgevalError as error:
        if not is_forced:
            raise
        return [shareable_text(f"{gguf.name}: {error}")]
    return []


def notes(reference: Reference, setup: EvalSetup) -> Iterator[str]:
    """Yield what differs and does not matter much, in sentences."""
    theirs, ours = reference.header.setting.engine, llama.engine_version()
    if theirs != ours:
        yield (
            f"{reference.path.name} was computed by {theirs}, and this is {ours}; "
            "their kernels may round differently"
        )
    if reference.sketches and not any(map(is_current, reference.sketches.values())):
        yield (
            f"{reference.path.name} has distributions of an older edgeval, which give a lower "
            "bound of KL divergences and no estimate; evaluate the reference once more where it "
            "was made, and export it again"
        )
    n_wanted, found = len(to_sketch(setup).indices), having_sketches(setup, reference.sketches)
    is_early = setup.options.until is not None
    if is_early and found.indices and found.indices[0] != setup.indices[0]:
        yield (
            f"{reference.path.name} has distributions of other items than those in random order "
            "with which --until begins, so that no KL divergences are told; use the --seed of the "
            "run that made them"
        )
    elif found.drawn == "unknown" and found.indices:
        yield (
            f"{reference.path.name} has distributions of {len(found.indices):,} of these items "
            "that are the beginning of no random order known here; KL divergences are of those, "
            "and may be of no sample"
        )
    elif len(found.indices) < n_wanted:
        yield (
            f"{reference.path.name} has distributions of {len(found.indices):,} of the "
            f"{n_wanted:,} items on which they are compared; KL divergences are of those alone"
        )


_AGAIN = "make the reference again with this edgeval"
_OTHER_MODEL = "name the file that was made of this model with --reference"


def _require_same(reference: Reference, *rows: tuple[str, Any, Any, str]) -> None:
    """Refuse the first row whose two values differ.

    Args:
        reference: The reference.
        rows: What they are, the reference's value, the value here, what to do.
    """
    for what, theirs, ours, remedy in rows:
        if theirs != ours:
            raise EdgevalError(
                f"{reference.path} was made with {what} {_short(theirs)}, and this run has "
                f"{_short(ours)}; {remedy}"
            )


def _short(value: Any) -> str:
    is_hash = isinstance(value, str) and len(value) == 64
    return f"{value[:_DIGITS]}\N{HORIZONTAL ELLIPSIS}" if is_hash else printable(str(value), 60)
