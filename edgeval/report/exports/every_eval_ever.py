"""Every Eval Ever: a record in that project's schema, a log for each type of the ladder.

Source: ``eval.schema.json``, version 0.3.0, of https://github.com/evaleval/every_eval_ever, and the
rules for its fields there. What edgeval does not know (who measured) is called unknown.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from pathlib import PurePosixPath
from typing import Any, Final

from edgeval.records import Interval, Report, Suite
from edgeval.report.exports.measured import Measured, measured
from edgeval.report.exports.model_card import base_model
from edgeval.system.escapes import visible_in

SCHEMA: Final = "0.3.0"
_COLLECTION: Final = "edgeval"
_UNKNOWN: Final = "unknown"
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")


def logs(record: Report | Suite) -> dict[PurePosixPath, dict[str, Any]]:
    """Return a log a type by its path as the project's data store wants it.

    The same record gives the same logs and paths: ``data/edgeval/DEVELOPER/MODEL/UUID.json``.
    """
    by_label: dict[str, list[Measured]] = {}
    for each in measured(record):
        by_label.setdefault(each.row.run.label, []).append(each)
    made = [visible_in(_log(record, found)) for found in by_label.values()]
    return {_path(log): log for log in made}


def _path(log: dict[str, Any]) -> PurePosixPath:
    model = log["model_info"]
    identity = f"{log['evaluation_id']}/{model['additional_details']['file_sha256']}"
    digest = hashlib.sha256(identity.encode()).digest()
    developer, name = (_file_name(part) for part in (model["developer"], model["name"]))
    return PurePosixPath("data", _COLLECTION, developer, name) / (
        f"{uuid.UUID(bytes=digest[:16], version=4)}.json"
    )


def _file_name(text: str) -> str:
    return _NO_NAME.sub("-", text)[:100].strip("-.") or _UNKNOWN


def _log(record: Report | Suite, found: list[Measured]) -> dict[str, Any]:
    first = found[0].report
    run = found[0].row.run
    made = str(int(record.created_at.timestamp()))
    known = base_model(first) or first.model.repo
    developer, _, name = (known or f"{_UNKNOWN}/{first.model.name}").partition("/")
    details = {
        "deployment_type": "self_deployed",
        "model_availability": _UNKNOWN if known is None else "open_weights",
        "format": "gguf",
        "quantization": run.type,
        "bits_per_weight": str(run.bits_per_weight),
        "file": run.file,
        "file_bytes": str(run.file_bytes),
        "file_sha256": run.sha256,
        "num_parameters": str(run.n_params),
    }
    if first.model.revision is not None and first.model.repo == known:
        details["revision"] = first.model.revision
    if run.imatrix is not None:
        details["importance_matrix"] = run.imatrix.file
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"edgeval/{developer}/{name}/{run.label}/{made}",
        "evaluation_timestamp": made,
        "retrieved_timestamp": made,
        "source_metadata": {
            "source_name": "edgeval",
            "source_type": "evaluation_run",
            "source_organization_name": _UNKNOWN,
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "edgeval", "version": record.edgeval_version},
        "model_info": {
            "name": name,
            "id": f"{developer}/{name}",
            "developer": developer,
            "inference_engine": {"name": "llama.cpp", "version": first.engine.version},
            "additional_details": details,
        },
        "evaluation_results": [_result(each, made) for each in found],
    }


def _result(each: Measured, made: str) -> dict[str, Any]:
    report, row = each.report, each.row
    protocol, metric, command = report.protocol, report.protocol.metric, report.command
    scored = "" if each.is_whole else f" ({each.items})"
    return {
        "evaluation_result_id": f"{report.data.task}/{protocol.name}/{metric}",
        "evaluation_name": f"{report.data.task}{scored}",
        "source_data": _source(each),
        "evaluation_timestamp": made,
        "metric_config": {
            "evaluation_description": f"{metric} on {each.items}; {each.setting}",
            "metric_id": metric,
            "metric_name": metric,
            "metric_kind": "accuracy",
            "metric_unit": "proportion",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {
            "score": row.estimate.value,
            "details": _details(each),
            "uncertainty": _uncertainty(each),
        },
        "generation_config": {
            "generation_args": {"execution_command": command} if command else {},
            "additional_details": {
                "protocol": protocol.name,
                "protocol_version": str(protocol.version),
                "num_fewshot": str(protocol.shots),
                "scoring": "log-probabilities of the given choices; nothing is generated",
            },
        },
    }


def _source(each: Measured) -> dict[str, Any]:
    data, task = each.report.data, each.hub_task
    details = {"sha256": data.fingerprint, "task_version": str(data.task_version)}
    if task is None:
        return {
            "dataset_name": data.name,
            "source_type": "other",
            "additional_details": details | {"n_items": str(data.n_total)},
        }
    if task.data_config is not None:
        details["config"] = task.data_config
    return {
        "dataset_name": task.name,
        "source_type": "hf_dataset",
        "hf_repo": task.data_name,
        "hf_split": task.split,
        "samples_number": data.n_total,
        "additional_details": details,
    }


def _details(each: Measured) -> dict[str, str]:
    """Return what is known of an accuracy besides: the schema has no place for a comparison."""
    drift, data = each.row.drift, each.report.data
    known = {"n_items": str(each.row.n_items), "n_items_of_split": str(data.n_total)}
    known |= {"items": each.drawn, "outcome": each.row.outcome}
    if drift is not None:
        points = drift.split.interval_points
        known |= {
            "reference": drift.reference,
            "difference_points": str(drift.difference_points),
            "difference_low_points": str(points.low),
            "difference_high_points": str(points.high),
            "lost": str(drift.right_to_wrong),
            "gained": str(drift.wrong_to_right),
        }
        if drift.divergence is not None:
            known["kl_nats"] = str(drift.divergence.kl_nats)
    return known


def _uncertainty(each: Measured) -> dict[str, Any]:
    """Return the interval of the split or, where all of that was counted, that for new items."""
    found: dict[str, Any] = {"num_samples": each.row.n_items}
    split, new_items = each.row.estimate.interval, each.row.accuracy.interval
    if split.low < split.high:
        how = {
            "random": "exact, for the whole split, of a random slice",
            "file": "certain, for the whole split, whatever its other items are",
            "stopped": "for the whole split, valid at every look",
            "weighted": "for the whole split, valid at every look, of the reference's accuracy "
            "and a weighted difference",
            "all": "for the whole split",
        }
        found["confidence_interval"] = _interval(split, how[each.drawn])
    elif new_items is not None:
        found["confidence_interval"] = _interval(
            new_items, "Wilson, for new items of the same kind; of the split it is exact"
        )
    return found


def _interval(interval: Interval, method: str) -> dict[str, Any]:
    return {
        "lower": interval.low,
        "upper": interval.high,
        "confidence_level": interval.level,
        "method": method,
    }
