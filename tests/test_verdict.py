from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from report_example import example_claim, example_report

from edgeval import __version__
from edgeval.metrics import metric
from edgeval.records import (
    Citation,
    Claim,
    DataSource,
    Interval,
    Metric,
    ModelRun,
    ProtocolInfo,
    Report,
    Stopping,
    VerdictStatus,
)
from edgeval.verdict import confidence, judge, judged, match, status, verdict, verdicts

SPLIT = "Rowan/hellaswag validation"
N_SPLIT = 10042
EXAMPLE = Path(__file__).parents[2] / "shared" / "verdict_example.json"
KEYS = ["id", "kind", "status", "score", "confidence", "agent_version", "computed_at"]
KEYS += ["is_current", "claim_citation", "protocol_match"]
CITATION_KEYS = ["paper_arxiv_id", "section", "row", "column", "reported_value"]
CITATION_KEYS += ["reported_metric", "quoted_text", "pdf_page", "notes"]
WHEN = datetime(2026, 5, 14, 12, 0, tzinfo=timezone.utc)

CLAIM = Claim(
    task="hellaswag",
    value=59.20,
    metric="acc_norm",
    protocol="lm-eval",
    data=SPLIT,
    n_items=N_SPLIT,
    notes="also in EVAL.md",
    citation=Citation(
        paper_arxiv_id="2401.02385",
        section="Table 2",
        row="TinyLlama 1.1B (3T)",
        column="HellaSwag 0-shot",
        quoted_text="TinyLlama 59.20",
        pdf_page=4,
    ),
)


def make_run(
    correct: int = 5945,
    total: int = N_SPLIT,
    population: int = N_SPLIT,
    *,
    type_: str = "F16",
    sha256: str = "f" * 64,
    metric_name: str = "acc_norm",
) -> ModelRun:
    return ModelRun(
        type=type_,
        file=f"model-{type_}.gguf",
        sha256=sha256,
        file_bytes=1,
        bits_per_weight=16.0,
        n_params=1,
        metrics={metric_name: metric(correct, total, population)},
        tokens_decoded=1,
        tokens_lower_bound=1,
        logit_rows=1,
        batch_tokens=256,
        n_batch=512,
        n_ubatch=512,
        cache_type="f16",
        flash_attention=True,
    )


def make_data(n_items: int = N_SPLIT, n_total: int = N_SPLIT, **changes: Any) -> DataSource:
    fields: dict[str, Any] = {
        "name": SPLIT,
        "fingerprint": "a" * 64,
        "n_total": n_total,
        "n_items": n_items,
        "order": "random",
        "seed": 0,
        "groups": {"activitynet": n_items},
    }
    return DataSource(**(fields | changes))


def make_protocol(name: str = "lm-eval", version: int = 1, shots: int = 0) -> ProtocolInfo:
    return ProtocolInfo(name=name, version=version, metric="acc_norm", shots=shots)


def judgement(
    run: ModelRun | None = None,
    data: DataSource | None = None,
    protocol: ProtocolInfo | None = None,
    claim: Claim = CLAIM,
) -> Any:
    measured = (run or make_run(), data or make_data(), protocol or make_protocol())
    return verdict(claim, *measured, WHEN, __version__)


def claiming(value: float) -> Claim:
    return CLAIM.model_copy(update={"value": value})


# Statuses, each from a measurement


@pytest.mark.parametrize(
    ("correct", "expected"),
    [
        (5945, "reproduced"),  # 59.20
        (5845, "reproduced"),  # 58.206
        (6045, "reproduced"),  # 60.197
        (5844, "not_reproduced"),  # 58.196
        (6046, "not_reproduced"),  # 60.207
    ],
)
def test_the_whole_split_in_full_precision_decides(correct: int, expected: VerdictStatus) -> None:
    found = judgement(make_run(correct))
    assert (found.status, found.protocol_match) == (expected, "exact")
    assert found.score == correct / N_SPLIT
    assert found.confidence == (expected == "reproduced")


@pytest.mark.parametrize(
    ("correct", "total", "expected"),
    [
        # About +- 9.5 points: 50.1 to 68.2 holds 59.2.
        (60, 100, "partial"),
        # 30.9 to 50.
        (40, 100, "not_reproduced"),
        # 59.5 to 77.3: the claim is out, its tolerance is not.
        (69, 100, "inconclusive"),
        # +- 0.4 points: within the tolerance, though 59.2 itself is out.
        (5369, 9000, "partial"),
    ],
)
def test_a_slice_agrees_so_far_or_not(correct: int, total: int, expected: VerdictStatus) -> None:
    found = judgement(make_run(correct, total), make_data(total))
    assert (found.status, found.protocol_match) == (expected, "proxy")
    assert found.score == correct / total


def test_quantized_weights_agree_at_most_partially() -> None:
    assert judgement(make_run(5945, type_="Q8_0")).status == "partial"
    assert judgement(make_run(5000, type_="Q2_K")).status == "not_reproduced"


def test_another_metric_is_inconclusive_whatever_was_measured() -> None:
    run = make_run(5945, metric_name="acc_token")
    protocol = ProtocolInfo(name="llama.cpp", version=1, metric="acc_token")
    found = judgement(run, protocol=protocol)
    assert (found.status, found.protocol_match) == ("inconclusive", "mismatch")
    assert found.score == 5945 / N_SPLIT


def test_a_small_file_measured_whole_is_still_a_slice_of_the_claims_items() -> None:
    # 280 of 500 is 56 +- 4 points about the 10,042 items: no contradiction of 59.2.
    found = judgement(
        make_run(280, 500, 500), make_data(500, 500, name="items.jsonl", fingerprint="b" * 64)
    )
    assert found.protocol_match == "proxy"
    assert found.status == "partial"


# Evaluations that stopped early


def stopped_early(ends: tuple[float, float], *, population: int = N_SPLIT) -> ModelRun:
    """Return a run of 300 items, 59 % of them right, with an interval that is not Wilson's."""
    run = make_run(177, 300, population)
    interval = Interval(low=ends[0], high=ends[1], level=0.95)
    found = run.metrics["acc_norm"].model_copy(
        update={"interval": None, "split_interval": interval}
    )
    stopping = Stopping(points=1.0, is_decided=True, design="random order", n_items=300)
    return run.model_copy(update={"metrics": {"acc_norm": found}, "stopping": stopping})


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((0.585, 0.600), "partial"),
        ((0.592, 0.640), "partial"),
        ((0.595, 0.640), "inconclusive"),
        ((0.603, 0.640), "not_reproduced"),
    ],
)
def test_what_stopped_early_is_judged_by_its_own_interval(
    ends: tuple[float, float], expected: VerdictStatus
) -> None:
    run, data = stopped_early(ends), make_data(300, order="simple")
    found = judge(CLAIM, run, data, make_protocol())
    assert found.status == expected
    assert found.measured == run.metrics["acc_norm"]
    assert found.match.differences == ("a slice: 300 of 10,042 items",)


def test_what_stopped_early_on_a_part_of_the_claims_items_decides_nothing() -> None:
    run = stopped_early((0.603, 0.640), population=500)
    found = judge(CLAIM, run, make_data(300, 500, order="simple"), make_protocol())
    assert (found.match.kind, found.status) == ("mismatch", "inconclusive")
    assert found.match.differences == (
        f"the evaluation stopped early on {SPLIT}, which holds 500 of the claim's 10,042 items, "
        "and its interval is for these alone",
    )


# The tolerance


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("claim_hundredths", range(207, 9800, 301))
def test_exactly_one_point_away_is_within_the_tolerance(
    claim_hundredths: int, direction: int
) -> None:
    measured = metric(claim_hundredths + 100 * direction, 10_000, 10_000)
    assert status(claiming(claim_hundredths / 100), measured, "exact") == "reproduced"
    assert confidence(claiming(claim_hundredths / 100), measured, 10_000) == 1


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("claim_hundredths", range(207, 9800, 301))
def test_a_hundredth_more_than_one_point_away_is_not(claim_hundredths: int, direction: int) -> None:
    measured = metric(claim_hundredths + 101 * direction, 10_000, 10_000)
    assert status(claiming(claim_hundredths / 100), measured, "exact") == "not_reproduced"
    assert confidence(claiming(claim_hundredths / 100), measured, 10_000) == 0


@pytest.mark.parametrize(
    ("low", "high", "exact", "proxy"),
    [
        (58.5, 59.9, "reproduced", "partial"),
        (58.0, 59.5, "inconclusive", "partial"),  # holds the claim, leaves the tolerance
        (59.5, 60.1, "reproduced", "partial"),  # within the tolerance, without the claim
        (59.5, 60.5, "inconclusive", "inconclusive"),
        (60.3, 61.0, "not_reproduced", "not_reproduced"),
        (57.0, 58.1, "not_reproduced", "not_reproduced"),
    ],
)
def test_status_by_interval(
    low: float, high: float, exact: VerdictStatus, proxy: VerdictStatus
) -> None:
    measured = metric(1, 2, 3)
    interval = measured.interval.model_copy(update={"low": low / 100, "high": high / 100})
    measured = measured.model_copy(update={"split_interval": interval})
    assert status(CLAIM, measured, "exact") == exact
    assert status(CLAIM, measured, "proxy") == proxy
    assert status(CLAIM, measured, "mismatch") == "inconclusive"


@pytest.mark.parametrize(
    ("tolerance", "expected"),
    [(0.5, "not_reproduced"), (0.79, "not_reproduced"), (0.8, "reproduced"), (2.0, "reproduced")],
)
def test_a_claim_has_its_own_tolerance(tolerance: float, expected: VerdictStatus) -> None:
    claim = Claim(**(CLAIM.model_dump() | {"tolerance_points": tolerance}))
    measured = metric(600, 1000, 1000)
    assert status(claim, measured, "exact") == expected
    assert confidence(claim, measured, 1000) == (expected == "reproduced")


# Confidence


def test_confidence_by_hand() -> None:
    # 595 of 1,000 drawn from 10,042. Size: 1000 * 10041 / 9042 = 1110.484.
    # Centre: (0.595 + 3.841459 / 2220.968) / (1 + 3.841459 / 1110.484) = 0.5946725.
    # Deviation: sqrt(0.5946725 * 0.4053275 / 1110.484) = 0.01473279.
    # z of 0.582 and 0.602: -0.8601578, 0.4973604; their probabilities: 0.1948505, 0.6905326.
    assert confidence(CLAIM, metric(595, 1000, N_SPLIT), N_SPLIT) == pytest.approx(
        0.6905326 - 0.1948505, abs=2e-6
    )


def test_confidence_of_a_fair_coin_by_the_error_function() -> None:
    # One half is its own Wilson centre; 100 with all the rest unseen: z = 0.01 / 0.05 * correction.
    size = 100 * 999 / 900
    z = 0.01 / math.sqrt(0.25 / size)
    assert confidence(claiming(50.0), metric(50, 100, 1000), 1000) == pytest.approx(
        math.erf(z / math.sqrt(2))
    )


def test_confidence_grows_with_the_slice() -> None:
    sizes = (100, 1000, 5000, 10000)
    found = [confidence(CLAIM, metric(n * 592 // 1000, n, N_SPLIT), N_SPLIT) for n in sizes]
    assert found == sorted(found)
    assert found[0] < 0.2
    assert found[-1] > 0.999


@pytest.mark.parametrize("correct", [0, 10])
def test_confidence_of_extreme_proportions_is_a_probability(correct: int) -> None:
    assert 0 <= confidence(CLAIM, metric(correct, 10, N_SPLIT), N_SPLIT) < 0.01


# The match and its differences


def differences(
    run: ModelRun | None = None,
    data: DataSource | None = None,
    protocol: ProtocolInfo | None = None,
    claim: Claim = CLAIM,
) -> tuple[str, tuple[str, ...]]:
    found = match(claim, run or make_run(), data or make_data(), protocol or make_protocol())
    return found.kind, found.differences


@pytest.mark.parametrize("type_", ["F32", "F16", "BF16"])
def test_the_same_protocol_on_the_whole_split_is_exact(type_: str) -> None:
    assert differences(make_run(type_=type_)) == ("exact", ())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"run": make_run(type_="Q4_K_M")}, "weights quantized to Q4_K_M"),
        (
            {"protocol": make_protocol("lm-eval-bos")},
            "protocol lm-eval-bos (BOS policy) where the claim is lm-eval",
        ),
        ({"data": make_data(1000)}, "a slice: 1,000 of 10,042 items"),
        (
            {"data": make_data(name="mine.jsonl")},
            "items of mine.jsonl, not known to be the claim's Rowan/hellaswag validation",
        ),
    ],
)
def test_each_difference_makes_a_proxy_and_is_named(changed: dict[str, Any], words: str) -> None:
    assert differences(**changed) == ("proxy", (words,))
    assert words in judgement(**changed).claim_citation.notes


def test_all_differences_are_named() -> None:
    kind, words = differences(
        make_run(60, 100, type_="Q4_0"),
        make_data(100, 2009, name="fifth.jsonl"),
        make_protocol("lm-eval-bos"),
    )
    assert kind == "proxy"
    assert [word.split()[0] for word in words] == ["protocol", "weights", "items", "a"]
    assert words[-1] == "a slice: 100 of 10,042 items"


def test_known_data_are_told_by_their_fingerprint_not_their_name() -> None:
    claim = CLAIM.model_copy(update={"data_fingerprint": "c" * 64})
    renamed = make_data(name="copy.jsonl", fingerprint="c" * 64)
    assert differences(data=renamed, claim=claim) == ("exact", ())


def test_other_data_than_the_known_ones_are_a_mismatch_that_decides_nothing() -> None:
    claim = CLAIM.model_copy(update={"data_fingerprint": "c" * 64})
    found = judgement(make_run(2400), make_data(name="other.jsonl"), claim=claim)
    assert (found.protocol_match, found.status) == ("mismatch", "inconclusive")
    assert "other.jsonl holds other items" in found.claim_citation.notes


@pytest.mark.parametrize(
    ("run", "protocol"),
    [
        (make_run(), make_protocol("llama.cpp")),
        (make_run(metric_name="acc"), make_protocol("lm-eval")),
    ],
)
def test_another_rendering_or_metric_is_a_mismatch(run: ModelRun, protocol: ProtocolInfo) -> None:
    kind, words = differences(run, protocol=protocol)
    assert kind == "mismatch"
    assert words == (f"protocol {protocol.name} where the claim is acc_norm of lm-eval",)


def test_shots_are_a_mismatch_with_a_claim_of_none() -> None:
    found = judgement(protocol=make_protocol(shots=5))
    assert (found.protocol_match, found.status) == ("mismatch", "inconclusive")
    assert found.claim_citation.notes.endswith("protocol lm-eval, 5-shot where the claim is 0-shot")


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
