"""JSON Schemas of the records that leave the process."""

from __future__ import annotations

import json
from importlib import import_module

from edgeval.records.base import Record

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

HOMES = {
    "report": "edgeval.records.report:Report",
    "suite": "edgeval.records.suite:Suite",
    "eval": "edgeval.records.report:Evaluation",
    "pick": "edgeval.records.pick:Pick",
    "inspect": "edgeval.records.inspection:Inspection",
    "run": "edgeval.records.stored_run:RunRecord",
    "doctor": "edgeval.records.diagnosis:Diagnosis",
    "samples": "edgeval.records.paired_samples:PairedSamples",
    "forecast": "edgeval.records.forecast:Forecast",
    "bench": "edgeval.records.bench:Bench",
    "history": "edgeval.records.history:History",
}
"""Where each record is, by its name: one is loaded when it is asked for."""


def record_of(name: str) -> type[Record]:
    """Return a record by its name in ``HOMES``."""
    module, attribute = HOMES[name].split(":")
    found: type[Record] = getattr(import_module(module), attribute)
    return found


def schema_of(name: str) -> str:
    """Return the JSON Schema of a record, by its name in ``HOMES``."""
    return json.dumps({"$schema": _DIALECT, **record_of(name).model_json_schema()}, indent=2)
