"""Matching runs of two records: which are the same measurement, and how they may differ."""

from __future__ import annotations

import re

from edgeval.records import DataSource, Evaluation, ModelRun, OffloadInfo, ProtocolInfo, Report
from edgeval.records.comparison import MatchedBy
from edgeval.report.machines import device_names, devices_of

_FEATURE = re.compile(r"(\w+) = (\S+)")


def partners(
    first: Report | Evaluation, other: Report | Evaluation
) -> tuple[list[ModelRun | None], list[ModelRun]]:
    """Find each run of a record in another one.

    Runs of the same file belong together; of what is left, those of the same type and importance
    matrix, and last those that are called the same, though these may not be compared.

    Returns:
        For each run of the first record the other's, if there is one, and the other's that are
        left over.
    """
    left = list(other.runs)
    matched: list[ModelRun | None] = [None] * len(first.runs)
    for is_same in (_same_file, _same_type, _same_label):
        for index, run in enumerate(first.runs):
            partner = next((other_run for other_run in left if is_same(other_run, run)), None)
            if matched[index] is None and partner is not None:
                matched[index] = partner
                left.remove(partner)
    return matched, left


def matched_by(run: ModelRun, reference: ModelRun) -> MatchedBy:
    """Return what makes two comparable runs the same measurement."""
    return "file" if _same_file(run, reference) else "model and type"


def setting_reasons(other: Report | Evaluation, first: Report | Evaluation) -> list[str]:
    """Return what keeps all runs of a record from being compared with another's."""
    return _data_reasons(other.data, first.data) + _protocol_reasons(
        other.protocol, first.protocol, other.data, first.data
    )


def file_reasons(
    run: ModelRun,
    reference: ModelRun,
    other: Report | Evaluation,
    first: Report | Evaluation,
) -> list[str]:
    """Return what keeps a run's file from being the same model as another's."""
    if _same_file(run, reference):
        pres = (run.pre_tokenizer, reference.pre_tokenizer)
        given, other_given = ((pre.given if pre else None) or "the file's own" for pre in pres)
        apart = changed("pre-tokenizer ", given, other_given)
        return [f"other {apart}"] if apart else []
    theirs, ours = _fingerprint(other), _fingerprint(first)
    if theirs is None or ours is None:
        return ["other file, and a record of edgeval eval does not say of which model"]
    if theirs != ours:
        return ["other model"]
    return [] if _same_type(run, reference) else ["other importance matrix"]


def metric_reasons(
    run: ModelRun, reference: ModelRun, theirs: DataSource, ours: DataSource
) -> list[str]:
    """Return what keeps the numbers of right items of a run and another from being compared.

    Args:
        run: The run.
        reference: The other.
        theirs: The items that the run's record names.
        ours: Those that the other's does.
    """
    if is_weighted(run) or is_weighted(reference):
        return ["items drawn for what they can tell, whose number of right ones says nothing"]
    shared = run.metrics.keys() & reference.metrics.keys()
    if not shared:
        return ["no metric that both records have"]
    if any(run.metrics[name].total != reference.metrics[name].total for name in shared):
        return ["other number of scored items"]
    # The record's items are the reference's: of a type that has fewer, the order says which.
    most = max(run.metrics[name].total for name in shared)
    if most < ours.n_total and _order(theirs) != _order(ours):
        return [f"other items ({_order(theirs)}, not {_order(ours)})"]
    return []


def is_weighted(run: ModelRun) -> bool:
    """Return whether a run's items were drawn for what they can tell, and are no sample."""
    return run.stopping is not None and run.stopping.design == "weighted"


def setting_differences(other: Report | Evaluation, first: Report | Evaluation) -> list[str]:
    """Return what differs between two records for all runs, and may."""
    theirs, ours = other.engine, first.engine
    differences = [
        changed("edgeval ", other.edgeval_version, first.edgeval_version),
        changed("", theirs.version, ours.version),
        changed("backend ", _backend(other), _backend(first)),
        changed("threads ", str(theirs.threads), str(ours.threads)),
        changed_features(theirs.features, ours.features),
        "items in another order" if _order(other.data) != _order(first.data) else "",
    ]
    return [difference for difference in differences if difference]


def run_differences(run: ModelRun, reference: ModelRun) -> list[str]:
    """Return what differs between two comparable runs, and may."""
    differences = [
        changed("batch size ", f"{run.batch_tokens:,}", f"{reference.batch_tokens:,}"),
        changed("cache ", run.cache_type, reference.cache_type),
        changed("attention ", _attention(run), _attention(reference)),
        changed("kernels ", run.kernels, reference.kernels),
        _layers(run.offload, reference.offload),
    ]
    return [difference for difference in differences if difference]


def _data_reasons(theirs: DataSource, ours: DataSource) -> list[str]:
    if theirs.fingerprint != ours.fingerprint:
        names = changed("", theirs.name, ours.name) or f"both called {ours.name}"
        return [f"other data ({names})"]
    if theirs.n_items != ours.n_items:
        return [f"other items ({theirs.n_items:,}, not {ours.n_items:,})"]
    # The whole data set is the same items in any order.
    if ours.n_items < ours.n_total and _order(theirs) != _order(ours):
        return [f"other items ({_order(theirs)}, not {_order(ours)})"]
    return []


def _protocol_reasons(
    theirs: ProtocolInfo, ours: ProtocolInfo, their_data: DataSource, our_data: DataSource
) -> list[str]:
    if theirs.name != ours.name:
        return [f"other protocol ({theirs.name}, not {ours.name})"]
    reasons = []
    if theirs.version != ours.version:
        reasons.append(f"other version of the protocol ({theirs.version}, not {ours.version})")
    if theirs.shots != ours.shots:
        reasons.append(f"other number of shots ({theirs.shots}, not {ours.shots})")
    pools = [data.shot_pool and data.shot_pool.fingerprint for data in (their_data, our_data)]
    if theirs.shots == ours.shots and pools[0] != pools[1]:
        reasons.append("shots of other data")
    return reasons


def _same_file(run: ModelRun, reference: ModelRun) -> bool:
    return run.sha256 == reference.sha256


def _same_type(run: ModelRun, reference: ModelRun) -> bool:
    if not _same_label(run, reference):
        return False
    if run.imatrix is None or reference.imatrix is None:
        return True
    return run.imatrix.sha256 is not None and run.imatrix.sha256 == reference.imatrix.sha256


def _same_label(run: ModelRun, reference: ModelRun) -> bool:
    return run.label == reference.label


def _fingerprint(record: Report | Evaluation) -> str | None:
    return record.model.fingerprint if isinstance(record, Report) else None


def _order(data: DataSource) -> str:
    if data.order == "file":
        return "in the file's order"
    return f"seed {data.seed}" + (" without groups" if data.order == "simple" else "")


def _attention(run: ModelRun) -> str:
    return "flash" if run.flash_attention else "plain"


def _backend(record: Report | Evaluation) -> str:
    """Return a record's backend with its GPUs: they decide the speed, and how sums are rounded."""
    devices = devices_of(record.runs)
    return record.engine.backend + (f" on {device_names(devices)}" if devices else "")


def _layers(theirs: OffloadInfo | None, ours: OffloadInfo | None) -> str:
    """Return how many layers were on GPUs, if that differs and some were on the CPU of one."""
    if not any(each and each.layers < each.n_layers for each in (theirs, ours)):
        return ""
    return changed("layers on GPUs ", *(str(each.layers if each else 0) for each in (theirs, ours)))


def changed(name: str, theirs: str, ours: str) -> str:
    """Return what differs, as a clause; empty if both are the same."""
    return "" if theirs == ours else f"{name}{theirs}, not {ours}"


def changed_features(theirs: str, ours: str) -> str:
    """Return which of llama.cpp's features were gained and lost, by its own names."""
    mine, yours = dict(_FEATURE.findall(theirs)), dict(_FEATURE.findall(ours))
    more = [name for name in mine if mine[name] != yours.get(name)]
    fewer = [name for name in yours if name not in mine]
    parts = [*(f"+{name}" for name in more), *(f"\N{MINUS SIGN}{name}" for name in fewer)]
    return f"features {' '.join(parts)}" if parts else ""
