"""JSON Schemas of the records that leave the process."""

from __future__ import annotations

import json

from edgeval.records import Diagnosis, Evaluation, Record, Report, Suite
from edgeval.records.bench import Bench
from edgeval.records.inspection import Inspection
from edgeval.records.paired_samples import PairedSamples
from edgeval.records.pick import Pick
from edgeval.records.stored_run import RunRecord

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

RECORDS: dict[str, type[Record]] = {
    "report": Report,
    "suite": Suite,
    "eval": Evaluation,
    "pick": Pick,
    "inspect": Inspection,
    "run": RunRecord,
    "doctor": Diagnosis,
    "bench": Bench,
    "samples": PairedSamples,
}


def schema_of(name: str) -> str:
    """Return the JSON Schema of a record, by its name in ``RECORDS``."""
    return json.dumps({"$schema": _DIALECT, **RECORDS[name].model_json_schema()}, indent=2)
