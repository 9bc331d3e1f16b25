"""Export of a run of the store as a reference file."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

from edgeval import __version__
from edgeval.errors import StoreError
from edgeval.records import Machine, Speed
from edgeval.records.reference import ReferenceHeader
from edgeval.records.score_key import ScoreKey
from edgeval.stats.top_logprobs import pack as pack_sketch
from edgeval.store.plans import StoredPlan
from edgeval.store.reference_file import write
from edgeval.store.reference_packing import pack
from edgeval.store.runs import readable, row_of, transaction
from edgeval.system.files import refuse_existing


def export_reference(path: str | Path, number: int, target: str | Path) -> ReferenceHeader:
    """Write what a run says of every item it has scored as a reference file.

    Sketches of its next-token distributions go with it, as far as it has them.

    Args:
        path: The store.
        number: Number of the run.
        target: The file to write.

    Returns:
        What the file says before its scores.

    Raises:
        EdgevalError: If there is no such run, it has no scores, it was measured by an edgeval that
            did not keep what a reference needs, or the target exists or cannot be written.
    """
    path, target = Path(path), Path(target)
    refuse_existing(target)
    with readable(path) as connection, transaction(connection, "BEGIN"):
        row, stored_run = row_of(connection, path, number)
        scores, plans = stored_run.packed_scores(), stored_run.plans()
        if not scores:
            raise StoreError(
                f"run {number} of {path} has no item scored; run the evaluation that began it again"
            )
        work, facts = stored_run.totals(scores)
        speeds = stored_run.speeds(scores)
        sketches = stored_run.distributions.sketches(scores.keys())
    known = _best_known(plans)
    if known is None or known.info.model is None or known.info.n_total is None:
        raise StoreError(
            f"run {number} of {path} does not say what tokenizer and shape its model has, for an "
            "older edgeval measured it; score it again with --fresh and export that run"
        )
    header = ReferenceHeader(
        edgeval_version=__version__,
        created_at=datetime.now(timezone.utc),
        measured_at=row["created_at"],
        setting=ScoreKey.model_validate_json(row["setting"]),
        data=row["data"],
        n_total=known.info.n_total,
        n_items=len(scores),
        kl_items=len(sketches),
        file=row["file"],
        type=facts.file_type,
        n_params=facts.n_params,
        tensor_bytes=facts.tensor_bytes,
        model=known.info.model,
        tokens_lower_bound=facts.lower_bound,
        n_batch=facts.n_batch,
        n_ubatch=facts.n_ubatch,
        tokens_decoded=work.tokens_decoded,
        logit_rows=work.logit_rows,
        speeds=speeds,
        device=_device_of_most(speeds),
    )
    texts = {index: text for index, (_, text) in scores.items()}
    packed = pack(texts, {index: pack_sketch(each) for index, each in sketches.items()})
    return write(target, header, packed)


def _best_known(plans: list[StoredPlan]) -> StoredPlan | None:
    """Return a plan that says most of the model, which is the same in all of them."""
    known = [each for each in plans if each.info.model is not None]
    with_checkpoint = [each for each in known if each.info.model and each.info.model.checkpoint]
    return next(iter([*reversed(with_checkpoint), *reversed(known)]), None)


def _device_of_most(speeds: list[Speed]) -> Machine:
    n_items = Counter[str]()
    for each in speeds:
        n_items[each.device.model_dump_json()] += each.n_items
    (most, _), *_ = n_items.most_common(1)
    return Machine.model_validate_json(most)
