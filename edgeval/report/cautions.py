"""Cautions: what has to be known before the numbers of a record are believed, as sentences."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence

from edgeval.errors import listed
from edgeval.gguf.remarks import remarks
from edgeval.records import UNQUANTIZED, Evaluation, ModelRun, Report
from edgeval.report import formatting as fmt
from edgeval.report.record_view import RecordView
from edgeval.tasks.protocol import PROTOCOLS


def cautions(record: Report | Evaluation) -> list[str]:
    """Return what speaks against the numbers of a record, or has to be known of its files.

    There is nothing as a rule.
    """
    return [
        *(_unlike(record) if isinstance(record, Report) else ()),
        *_of_chance(record),
        *_of_bos(record),
        *(_of_reference(record) if isinstance(record, Report) else ()),
        *remarks(record),
    ]


def _unlike(report: Report) -> Iterator[str]:
    if report.unlike:
        yield (
            "These files are not shown to be of one model, and were compared all the same "
            f"(--force-compare): {'; '.join(report.unlike)}."
        )


def _of_chance(record: Report | Evaluation) -> Iterator[str]:
    """Yield which models do no better than who picks blindly, or whose texts are noise to them."""
    if record.data.chance is not None:
        yield from itertools.islice(_blind(record, record.data.chance), 1)
    lost = _names(record, _is_above_uniform)
    if lost:
        yield (
            f"{listed(lost)} {_verb(lost, 'gives', 'give')} the tokens of the right choices less "
            f"probability than a blind guess among all tokens: {_CAUSES}"
        )


_CAUSES = (
    "the tokenizer, its BOS token or the file may be wrong, so try another --protocol, or another "
    "file, before the numbers are believed."
)


def _blind(record: Report | Evaluation, chance: float) -> Iterator[str]:
    """Yield by which accuracies models do no better than chance: any of them may show it."""
    for metric in dict.fromkeys((record.protocol.metric, "acc")):
        names = _names(record, functools.partial(_is_blind, metric, chance))
        if names:
            yield (
                f"{listed(names)} {_verb(names, 'does', 'do')} no better than chance "
                f"({fmt.accuracy(chance)}%) by {metric}: {_CAUSES}"
            )


def _is_blind(metric: str, chance: float, run: ModelRun) -> bool:
    measured = run.metrics.get(metric)
    return measured is not None and measured.value <= chance


def _is_above_uniform(run: ModelRun) -> bool:
    """Return whether the right choices are less likely than by who guesses each of their tokens."""
    n_tokens, nats = run.vocabulary_size or 0, run.nats_per_token
    return nats is not None and n_tokens > 1 and nats > math.log(n_tokens)


def _of_bos(record: Report | Evaluation) -> Iterator[str]:
    """Yield that a tokenizer's own BOS token was left out, and what gives it."""
    protocol = PROTOCOLS.get(record.protocol.name)
    if protocol is None or protocol.adds_ends:
        return
    wanting = [run for run in record.runs if run.wants_bos]
    if wanting:
        of_claim = any(
            claim.protocol == protocol.name
            for claim in (record.claims if isinstance(record, Report) else ())
        )
        why = ", as the published number was measured" if of_claim else ""
        yield (
            "The tokenizer asks for a BOS token before each text, and the protocol "
            f"{protocol.name} gives none{why}: --protocol lm-eval-bos gives it."
        )


def _of_reference(report: Report) -> Iterator[str]:
    """Yield that what others are compared with is quantized itself."""
    reference = report.reference
    if reference is None or not report.drift or reference.type in UNQUANTIZED:
        return
    source = report.base_model or "the repository of its model"
    yield (
        f"{reference.label} is quantized itself, and what it lost is in none of these differences: "
        f"--reference names an F16 or BF16 file, or {source}."
    )


def _names(record: Report | Evaluation, is_so: Callable[[ModelRun], bool]) -> list[str]:
    names = _labels(record)
    return [name for name, run in zip(names, record.runs, strict=True) if is_so(run)]


def _labels(record: Report | Evaluation) -> Sequence[str]:
    """Return what each run is called: by its file where several have a label."""
    known = {id(run): name for name, run in RecordView.of(record).named}
    return [known.get(id(run), run.label) for run in record.runs]


def _verb(names: Sequence[str], one: str, many: str) -> str:
    return one if len(names) == 1 else many
