"""The JSON Schemas say what the records are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from report_example import example_report
from stores import make_store
from test_cli import edgeval

from edgeval.inspection import inspect
from edgeval.report import save
from edgeval.schemas import RECORDS, schema_of
from edgeval.store.exchange import export_run

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


def misfit(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "") -> str | None:
    """Return where a value does not fit a schema; refuses keywords that it does not know."""
    rules = {key: rule for key, rule in schema.items() if key not in ANNOTATIONS}
    if "$ref" in rules:
        name = rules.pop("$ref").removeprefix("#/$defs/")
        return misfit(value, root["$defs"][name], root, where)
    if "anyOf" in rules:
        found = [misfit(value, each, root, where) for each in rules.pop("anyOf")]
        return None if None in found else found[0]
    if "const" in rules and value != rules.pop("const"):
        return where
    if "enum" in rules and value not in rules.pop("enum"):
        return where
    kind = rules.pop("type")
    is_number_of_truth = isinstance(value, bool) and kind != "boolean"
    if not isinstance(value, TYPES[kind]) or is_number_of_truth:
        return where
    if value is not None and value < rules.pop("minimum", value):
        return where
    if kind == "array" and len(value) < rules.pop("minItems", 0):
        return where
    parts: list[tuple[Any, dict[str, Any], str]] = []
    properties = rules.pop("properties", {})
    others = rules.pop("additionalProperties", False)
    if kind == "object":
        if not set(rules.pop("required", ())) <= value.keys():
            return where
        for name, part in value.items():
            if name not in properties and others is False:
                return f"{where}.{name}"
            parts.append((part, properties.get(name, others), f"{where}.{name}"))
    each = rules.pop("items", {})
    if kind == "array":
        parts = [(part, each, f"{where}.{index}") for index, part in enumerate(value)]
    rules = {key: rule for key, rule in rules.items() if key not in ("const", "enum", "minimum")}
    assert rules == {}, f"{where}: {rules}"
    found = [misfit(part, rule, root, name) for part, rule, name in parts if rule is not True]
    return next((each for each in found if each is not None), None)


@pytest.fixture
def records(tiny_f16: Path, tmp_path: Path) -> dict[str, Any]:
    """One record of each kind, as it is written."""
    save(example_report(n_items=300), tmp_path)
    export_run(make_store(tmp_path / "a.db", runs=1, items=4), 1, tmp_path / "run.json")
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    shared = RECORDS["eval"].model_fields.keys()
    return {
        "report": report,
        "eval": {name: value for name, value in report.items() if name in shared},
        "inspect": inspect(tiny_f16).model_dump(mode="json"),
        "run": json.loads((tmp_path / "run.json").read_text("utf-8")),
    }


@pytest.mark.parametrize("name", RECORDS)
def test_records_fit_their_schemas_and_changed_ones_do_not(
    name: str, records: dict[str, Any]
) -> None:
    schema, record = json.loads(schema_of(name)), records[name]
    RECORDS[name].model_validate_json(json.dumps(record))
    assert misfit(record, schema, schema) is None
    assert misfit(record | {"mood": "good"}, schema, schema) == ".mood"
    for field in record:
        # Neither is what any field of a record is.
        wrong = 1.5 if isinstance(record[field], str | int) else "text"
        assert misfit(record | {field: wrong}, schema, schema) is not None, field
        rest = {key: value for key, value in record.items() if key != field}
        assert misfit(rest, schema, schema) == "", field


def test_a_deep_misfit_is_found(records: dict[str, Any]) -> None:
    schema = json.loads(schema_of("report"))
    records["report"]["runs"][1]["metrics"]["acc"]["interval"]["low"] = None
    assert misfit(records["report"], schema, schema) == ".runs.1.metrics.acc.interval.low"


def test_the_schema_is_printed() -> None:
    assert edgeval("schema").stdout.strip() == schema_of("report")
    printed = json.loads(edgeval("schema", "run").stdout)
    assert printed["title"] == "RunRecord"
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert edgeval("schema", "nonsense").returncode == 2
