"""Verdicts as records: their fields, their ids, and what they are judged by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgeval import __version__
from edgeval.records import Average, Metric, Report
from edgeval.stats.metrics import metric
from edgeval.stats.verdict import judge, judged, verdicts
from tests.helpers.claims import CLAIM, N_SPLIT, judgement, make_data, make_protocol, make_run
from tests.helpers.paths import SHARED
from tests.helpers.reports import example_claim, example_report

EXAMPLE = SHARED / "verdict_example.json"
KEYS = [
    *("id", "kind", "status", "score", "confidence", "agent_version", "computed_at"),
    *("is_current", "claim_citation", "protocol_match"),
]
CITATION_KEYS = [
    *("paper_arxiv_id", "section", "row", "column", "reported_value"),
    *("reported_metric", "quoted_text", "pdf_page", "notes"),
]
ID_OF_OLD = "17e6a5b6-8998-5e01-84be-f6718646e290"


# The record


def test_the_json_has_the_fields_of_published_verdicts() -> None:
    found = json.loads(judgement().model_dump_json())
    assert list(found) == KEYS
    assert list(found["claim_citation"]) == CITATION_KEYS
    assert found["kind"] == "POST"
    assert found["is_current"] is True
    assert found["agent_version"] == f"edgeval-{__version__}"
    assert found["computed_at"] == "2026-05-14T12:00:00Z"
    assert found["claim_citation"] == {
        "paper_arxiv_id": "2401.02385",
        "section": "Table 2",
        "row": "TinyLlama 1.1B (3T)",
        "column": "HellaSwag 0-shot",
        "reported_value": 59.2,
        "reported_metric": "acc_norm",
        "quoted_text": "TinyLlama 59.20",
        "pdf_page": 4,
        "notes": "also in EVAL.md; protocol_match is exact",
    }


@pytest.mark.skipif(not EXAMPLE.is_file(), reason=f"no {EXAMPLE}")
def test_the_published_verdict_has_the_same_fields() -> None:
    example = json.loads(EXAMPLE.read_text())
    assert list(example) == KEYS
    assert list(example["claim_citation"]) == CITATION_KEYS


def test_notes_of_a_claim_without_notes_begin_with_the_match() -> None:
    claim = CLAIM.model_copy(update={"notes": ""})
    assert judgement(claim=claim).claim_citation.notes == "protocol_match is exact"


def test_the_score_is_of_the_claims_metric() -> None:
    metrics: dict[str, Metric] = {
        "acc": metric(4500, N_SPLIT, N_SPLIT),
        "acc_norm": metric(5945, N_SPLIT, N_SPLIT),
    }
    run = make_run().model_copy(update={"metrics": metrics})
    claim = CLAIM.model_copy(update={"metric": "acc", "value": 44.8})
    assert judgement(run, claim=claim).score == 4500 / N_SPLIT


def test_the_same_inputs_give_the_same_id() -> None:
    assert judgement().id == judgement().id


def test_a_verdict_has_the_id_that_it_had_before_claims_were_counted() -> None:
    counted = CLAIM.model_copy(
        update={"correct": 5945, "row_average": Average(value=52.99), "decimals": 2}
    )
    assert judgement(claim=counted).id == judgement().id == ID_OF_OLD


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"run": make_run(sha256="e" * 64)}, id="model"),
        pytest.param({"data": make_data(999, fingerprint="b" * 64)}, id="data"),
        pytest.param({"data": make_data(998)}, id="number of items"),
        pytest.param({"data": make_data(999, seed=1)}, id="seed"),
        pytest.param({"data": make_data(999, order="file")}, id="order"),
        pytest.param({"protocol": make_protocol("lm-eval-bos")}, id="protocol"),
        pytest.param({"protocol": make_protocol(version=2)}, id="version of the protocol"),
        pytest.param({"protocol": make_protocol(shots=1)}, id="shots"),
        pytest.param({"claim": CLAIM.model_copy(update={"value": 59.3})}, id="claim"),
    ],
)
def test_any_other_input_gives_another_id(changed: dict[str, Any]) -> None:
    slice_: dict[str, Any] = {"data": make_data(999)}
    assert judgement(**slice_).id != judgement(**(slice_ | changed)).id


# A record


@pytest.mark.parametrize("n_items", [60, 1000, N_SPLIT])
def test_the_same_record_gives_the_same_verdicts_to_everyone(n_items: int) -> None:
    record = example_report(n_items=n_items, status="partial")
    saved = record.model_dump_json()
    loaded = Report.model_validate_json(saved)
    (found,) = verdicts(loaded)
    assert found.model_dump_json() == record.verdicts[0].model_dump_json()
    assert judged(loaded, loaded.claims).model_dump_json() == saved
    assert found.computed_at == record.created_at
    assert found.agent_version == f"edgeval-{record.edgeval_version}"
    # Neither what is stored nor who reads it counts.
    assert verdicts(loaded.model_copy(update={"verdicts": []})) == [found]


def test_a_record_judges_each_claim_by_the_reference() -> None:
    claims = [example_claim(59.2), example_claim(70.0), example_claim(45.0, metric="acc")]
    record = judged(example_report(status=None), claims)
    assert [found.status for found in record.verdicts] == [
        *("reproduced", "not_reproduced", "not_reproduced"),
    ]
    acc, acc_norm = (record.runs[0].metrics[name].value for name in ("acc", "acc_norm"))
    assert [found.score for found in record.verdicts] == [acc_norm, acc_norm, acc]
    assert judged(record, []).verdicts == []


def test_a_judgement_names_what_it_judged() -> None:
    data, protocol = make_data(500, 500, name="items.jsonl"), make_protocol("llama.cpp")
    found = judge(CLAIM, make_run(280, 500, 500), data, protocol)
    assert (found.metric, found.population, found.match.kind) == ("acc_norm", N_SPLIT, "mismatch")
    assert found.measured == metric(280, 500, N_SPLIT)


def test_a_record_with_another_number_of_verdicts_than_claims_is_refused() -> None:
    content = json.loads(example_report().model_dump_json())
    content["verdicts"] *= 2
    with pytest.raises(ValueError, match="1 claims have 2 verdicts"):
        Report.model_validate(content)
