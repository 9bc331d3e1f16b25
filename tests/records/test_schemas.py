"""The JSON Schemas say what the records are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from edgeval.evaluation.history import history
from edgeval.gguf.inspect import inspect
from edgeval.records.schemas import HOMES, record_of, schema_of
from edgeval.report.record_files import save
from edgeval.report.samples.compare import compare_samples
from edgeval.store.exchange import export_run
from tests.helpers.benches import example_bench
from tests.helpers.command import edgeval
from tests.helpers.diagnoses import example_diagnosis
from tests.helpers.energies import hot, told, with_energy, with_heat
from tests.helpers.evidence import with_evidence
from tests.helpers.forecasts import example_forecast
from tests.helpers.histories import make_twice
from tests.helpers.logged import unpacked
from tests.helpers.pick_records import example_pick
from tests.helpers.reports import failed_report, with_plain_kernels
from tests.helpers.stores import make_store
from tests.helpers.suites import example_suite

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
ANNOTATIONS = {"title", "description", "default", "format", "$defs", "$schema"}
RULES = {"$ref", "anyOf", "type", "const", "enum", "minimum", "minItems", "items", "maximum"} | {
    *("exclusiveMinimum", "exclusiveMaximum"),
    *("maxItems", "maxLength", "pattern"),
    *("properties", "required", "additionalProperties"),
}


def misfit(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "") -> str | None:
    """Return where a value does not fit a schema, as far as our records' schemas go."""
    assert schema.keys() <= ANNOTATIONS | RULES, where
    if "$ref" in schema:
        return misfit(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, where)
    if "anyOf" in schema:
        found = [misfit(value, each, root, where) for each in schema["anyOf"]]
        return None if None in found else found[0]
    kind = schema["type"]
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return where
    if value != schema.get("const", value) or value not in schema.get("enum", [value]):
        return where
    if "minimum" in schema and value < schema["minimum"]:
        return where
    if "maximum" in schema and value > schema["maximum"]:
        return where
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        return where
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        return where
    if kind == "string" and len(value) > schema.get("maxLength", len(value)):
        return where
    if kind == "string" and not re.search(schema.get("pattern", ""), value):
        return where
    parts: dict[str, tuple[Any, dict[str, Any]]] = {}
    if kind == "array":
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            return where
        parts = {f"{where}.{index}": (part, schema["items"]) for index, part in enumerate(value)}
    if kind == "object":
        if not value.keys() >= set(schema.get("required", ())):
            return where
        for name, part in value.items():
            rule = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if not rule:
                return f"{where}.{name}"
            parts[f"{where}.{name}"] = (part, rule)
    found = [misfit(part, rule, root, place) for place, (part, rule) in parts.items()]
    return next((each for each in found if each is not None), None)


@pytest.fixture
def records(tiny_f16: Path, tmp_path: Path) -> dict[str, Any]:
    """One record of each kind, as it is written."""
    record = failed_report("Q4_0", "Q2_K", n_items=300, status="partial")
    record = record.model_copy(update={"base_model": "owner/name"})
    record = with_evidence(with_plain_kernels(record, {"Q8_0": "1.32 times as fast here"}))
    record = with_energy(record, F16=[told("INA219", 7200.0, 3600.0)])
    record = with_heat(record, F16=hot(71.4, 60.0, thermal=20.0))
    save(record, tmp_path)
    export_run(make_store(tmp_path / "a.db", runs=1, items=4), 1, tmp_path / "run.json")
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    shared = record_of("eval").model_fields.keys()
    return {
        "report": report,
        "suite": json.loads(example_suite().model_dump_json()),
        "eval": {name: value for name, value in report.items() if name in shared},
        "pick": example_pick().model_dump(mode="json"),
        "inspect": inspect(tiny_f16).model_dump(mode="json"),
        "run": json.loads((tmp_path / "run.json").read_text("utf-8")),
        "forecast": example_forecast().model_dump(mode="json"),
        "bench": example_bench(gpus=("Some GPU",)).model_dump(mode="json"),
        "doctor": example_diagnosis().model_dump(mode="json"),
        "history": json.loads(history(make_twice(tmp_path / "b.db")).model_dump_json()),
        "samples": compare_samples(unpacked(tmp_path / "logged")).model_dump(mode="json"),
    }


@pytest.mark.parametrize("name", HOMES)
def test_records_fit_their_schemas_and_changed_ones_do_not(
    name: str, records: dict[str, Any]
) -> None:
    schema, record = json.loads(schema_of(name)), records[name]
    record_of(name).model_validate_json(json.dumps(record))
    assert misfit(record, schema, schema) is None
    assert misfit(record | {"mood": "good"}, schema, schema) == ".mood"
    for field in record:
        # Neither is what any field of a record is.
        wrong = 1.5 if isinstance(record[field], str | int) else "text"
        assert misfit(record | {field: wrong}, schema, schema) is not None, field
    for field in schema["required"]:
        rest = {key: value for key, value in record.items() if key != field}
        assert misfit(rest, schema, schema) == "", field


def test_a_deep_misfit_is_found(records: dict[str, Any]) -> None:
    schema = json.loads(schema_of("report"))
    records["report"]["runs"][1]["metrics"]["acc"]["interval"]["low"] = None
    assert misfit(records["report"], schema, schema) == ".runs.1.metrics.acc.interval.low"


def test_a_reason_that_is_too_long_is_found(records: dict[str, Any]) -> None:
    for name in ("report", "eval"):
        schema = json.loads(schema_of(name))
        records["report"]["failures"][1]["reason"] = "r" * 2001
        assert misfit(records[name], schema, schema) == ".failures.1.reason"


def test_the_schema_is_printed() -> None:
    assert edgeval("schema").stdout.strip() == schema_of("report")
    printed = json.loads(edgeval("schema", "run").stdout)
    assert printed["title"] == "RunRecord"
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert edgeval("schema", "nonsense").returncode == 2


def test_each_record_has_a_schema_that_the_command_prints() -> None:
    for name in HOMES:
        done = edgeval("schema", name)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["title"] == record_of(name).__name__
