"""Reference file as text for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgeval.gguf.remarks import of_file
from edgeval.records import Metric, protocol_label
from edgeval.report import formatting as fmt
from edgeval.report.machines import where
from edgeval.report.speeds import in_full
from edgeval.system.listings import Listing

if TYPE_CHECKING:
    from edgeval.evaluation.reference import Reference


def reference_table(reference: Reference, metrics: Mapping[str, Metric] | None = None) -> Listing:
    """Return what a reference file says before its scores, in short.

    Args:
        reference: The file.
        metrics: The accuracies over all its items, if they are known.
    """
    header = reference.header
    setting, checkpoint = header.setting, header.model.checkpoint
    rows = {
        "file": f"{reference.path.name}, {fmt.size(reference.file_bytes)}",
        "SHA-256": reference.sha256,
        "made": f"{header.created_at:%Y-%m-%d %H:%M} UTC by edgeval {header.edgeval_version}",
        "model": f"{header.file}, {header.type}, {header.n_params:,} parameters",
        "model's SHA-256": setting.gguf_sha256,
        "checkpoint": checkpoint.title if checkpoint else "not known",
        "data": f"{header.data}, {setting.data_fingerprint}",
        "protocol": f"{protocol_label(setting.protocol, setting.shots)}, version "
        f"{setting.protocol_version}",
        "items": f"{header.n_items:,} of {header.n_total:,}",
        "KL items": f"{header.kl_items:,}",
        "engine": f"{setting.engine}, {where(setting.backend, header.offload)}",
        "device": f"{header.device.cpu}, {header.device.system}",
        "tokens decoded": f"{header.tokens_decoded:,}",
    }
    for number, speed in enumerate(header.speeds, start=1):
        rows["speed" if len(header.speeds) == 1 else f"speed {number}"] = in_full(
            speed, setting.devices
        )
    if not header.speeds:
        rows["speed"] = "not known, an older edgeval wrote the file without threads and times"
    for remark in of_file(header.type, header.model.mix, header.model.pre_tokenizer):
        rows["note"] = f"{rows['note']} {remark}" if "note" in rows else remark
    for name, metric in (metrics or {}).items():
        interval = metric.split_interval
        known = "on all of them"
        if interval.low < interval.high:
            known = f"95 % interval for the split {fmt.accuracy_interval(interval)}"
        rows[name] = f"{fmt.accuracy(metric.value)}, {known}"
    return Listing(rows)
