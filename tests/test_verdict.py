from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_example import example_claim, example_report
from scipy.stats import betabinom, hypergeom

from edgeval import __version__
from edgeval.records import (
    Average,
    Citation,
    Claim,
    DataSource,
    Interval,
    Metric,
    ModelRun,
    OffloadInfo,
    PreTokenizer,
    ProtocolInfo,
    Report,
    SelfCheck,
    Stopping,
    TensorMix,
    VerdictStatus,
)
from edgeval.stats.claim_match import match
from edgeval.stats.metrics import metric
from edgeval.stats.verdict import confidence, judge, judged, status, verdict, verdicts

SPLIT = "Rowan/hellaswag validation"
N_SPLIT = 10042
EXAMPLE = Path(__file__).parents[2] / "shared" / "verdict_example.json"
KEYS = ["id", "kind", "status", "score", "confidence", "agent_version", "computed_at"]
KEYS += ["is_current", "claim_citation", "protocol_match"]
CITATION_KEYS = ["paper_arxiv_id", "section", "row", "column", "reported_value"]
CITATION_KEYS += ["reported_metric", "quoted_text", "pdf_page", "notes"]
ID_OF_OLD = "17e6a5b6-8998-5e01-84be-f6718646e290"
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
        "task": "hellaswag",
        "task_version": 1,
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


GPU = OffloadInfo(devices=["a GPU"], layers=23, n_layers=23)
PARTLY = {"F16": 0.88, "Q4_K": 0.08, "Q6_K": 0.04}


def changed_run(**changes: Any) -> ModelRun:
    return make_run().model_copy(update=changes)


def checked(token_change: float) -> SelfCheck:
    counts = {"n_items": 8, "n_same_picks": 8, "speedup": 9.0, "bar": 0.01}
    changes = dict.fromkeys(("max_logprob_change", "mean_logprob_change"), 0.1)
    return SelfCheck(token_change=token_change, **counts, **changes)


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
    assert found.confidence is None


@pytest.mark.parametrize(
    ("correct", "total", "expected"),
    [
        (60, 100, "inconclusive"),  # About +- 9.5 points: far wider than the tolerance.
        (1, 1, "inconclusive"),
        (40, 100, "inconclusive"),  # 30.9 to 50: outside, but a slice does not refute.
        (0, 100, "inconclusive"),
        (5369, 9000, "partial"),  # +- 0.4 points: within, though 59.2 itself is out.
        (5328, 9000, "partial"),
        (5000, 9000, "inconclusive"),
    ],
)
def test_a_slice_agrees_or_says_nothing(correct: int, total: int, expected: VerdictStatus) -> None:
    found = judgement(make_run(correct, total), make_data(total))
    assert (found.status, found.protocol_match) == (expected, "proxy")
    assert found.score == correct / total
    assert (found.confidence is not None) == (expected == "partial")


def test_quantized_weights_agree_at_most_partially_and_refute_nothing() -> None:
    assert judgement(make_run(5945, type_="Q8_0")).status == "partial"
    assert judgement(make_run(5000, type_="Q2_K")).status == "inconclusive"
    assert judgement(make_run(0, type_="Q2_K")).status == "inconclusive"


def test_another_metric_is_inconclusive_whatever_was_measured() -> None:
    run = make_run(5945, metric_name="acc_token")
    protocol = ProtocolInfo(name="llama.cpp", version=1, metric="acc_token")
    found = judgement(run, protocol=protocol)
    assert (found.status, found.protocol_match) == ("inconclusive", "mismatch")
    assert found.score == 5945 / N_SPLIT


@pytest.mark.parametrize("order", ["random", "simple", "file"])
@pytest.mark.parametrize("n_total", [500, 10041, 10043, 20000])
def test_a_file_of_another_size_says_nothing_of_the_claims_items(n_total: int, order: str) -> None:
    # Who chose its items, and how, nobody knows: 59.2 % of them are right here, and all scored.
    correct = n_total * 592 // 1000
    data = make_data(n_total, n_total, name="items.jsonl", fingerprint="b" * 64, order=order)
    found = judgement(make_run(correct, n_total, n_total), data)
    assert (found.protocol_match, found.status) == ("proxy", "inconclusive")
    assert found.confidence is None


@pytest.mark.parametrize(("n_items", "expected"), [(9000, "inconclusive"), (N_SPLIT, "reproduced")])
def test_the_first_items_of_a_file_are_no_sample(n_items: int, expected: VerdictStatus) -> None:
    run = make_run(n_items * 592 // 1000, n_items)
    assert judgement(run, make_data(n_items)).status == expected.replace("inconclusive", "partial")
    assert judgement(run, make_data(n_items, order="file")).status == expected


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
        ((0.592, 0.640), "inconclusive"),
        ((0.595, 0.640), "inconclusive"),
        ((0.603, 0.640), "inconclusive"),
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
    assert found.confidence is None  # How many items there would be was not fixed.


def test_what_stopped_early_on_a_part_of_the_claims_items_decides_nothing() -> None:
    run = stopped_early((0.603, 0.640), population=500)
    found = judge(CLAIM, run, make_data(300, 500, order="simple"), make_protocol())
    assert (found.match.kind, found.status) == ("proxy", "inconclusive")
    assert found.match.differences == ("a slice: 300 of 10,042 items",)
    assert not found.is_sample


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
        (58.0, 59.5, "inconclusive", "inconclusive"),  # holds the claim, leaves the tolerance
        (59.5, 60.1, "reproduced", "partial"),  # within the tolerance, without the claim
        (59.5, 60.5, "inconclusive", "inconclusive"),
        (60.3, 61.0, "not_reproduced", "inconclusive"),
        (57.0, 58.1, "not_reproduced", "inconclusive"),
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
    for kind in ("exact", "proxy", "mismatch"):
        assert status(CLAIM, measured, kind, is_sample=False) == "inconclusive"
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


@pytest.mark.parametrize(
    ("correct", "total", "population", "value", "tolerance"),
    [(3, 5, 20, 50.0, 10.0), (0, 4, 30, 3.0, 3.0), (7, 7, 25, 99.0, 5.0), (11, 40, 100, 30.0, 4.0)],
)
def test_confidence_by_whole_numbers(
    correct: int, total: int, population: int, value: float, tolerance: float
) -> None:
    # Each number of right items has the weight of the ways to draw what was drawn.
    weights = [
        math.comb(right, correct) * math.comb(population - right, total - correct)
        for right in range(population + 1)
    ]
    within = [
        abs(100 * right - value * population) <= tolerance * population
        for right in range(population + 1)
    ]
    expected = sum(w for w, is_in in zip(weights, within, strict=True) if is_in) / sum(weights)
    claim = CLAIM.model_copy(update={"value": value, "tolerance_points": tolerance})
    found = confidence(claim, metric(correct, total, population), population)
    assert found == pytest.approx(expected, rel=1e-9)


def test_confidence_is_scipys() -> None:
    least, most = math.ceil(0.582 * N_SPLIT), math.floor(0.602 * N_SPLIT)
    unseen = betabinom(N_SPLIT - 1000, 596, 406)
    expected = unseen.cdf(most - 595) - unseen.cdf(least - 1 - 595)
    found = confidence(CLAIM, metric(595, 1000, N_SPLIT), N_SPLIT)
    assert found == pytest.approx(expected, abs=1e-9)


def test_confidence_grows_with_the_slice() -> None:
    sizes = (100, 1000, 5000, 10000)
    found = [confidence(CLAIM, metric(n * 592 // 1000, n, N_SPLIT), N_SPLIT) for n in sizes]
    assert found == sorted(found)
    assert found[0] < 0.2
    assert found[-1] > 0.999


@pytest.mark.parametrize("correct", [0, 10])
def test_confidence_of_extreme_proportions_is_a_probability(correct: int) -> None:
    assert 0 <= confidence(CLAIM, metric(correct, 10, N_SPLIT), N_SPLIT) < 0.01


SLICES = [(20, 276), (100, 276), (250, 276), (400, 1000), (900, 1000)]


@pytest.mark.parametrize(("total", "population"), SLICES)
def test_confidence_is_calibrated(total: int, population: int) -> None:
    # Over all splits and all samples of them: where partial is said with so much confidence, it is
    # right so often, whatever the confidence is.
    claim = CLAIM.model_copy(update={"n_items": population, "tolerance_points": 6.0})
    data = make_data(total, population)
    right = np.arange(population + 1)
    is_right = np.abs(100 * right / population - claim.value) <= claim.tolerance_points
    n_partial = 0
    for correct in range(total + 1):
        found = judge(claim, make_run(correct, total, population), data, make_protocol())
        if found.status == "partial":
            n_partial += 1
            chance = hypergeom.pmf(correct, population, right, total)
            assert found.confidence is not None
            assert found.confidence == pytest.approx(chance[is_right].sum() / chance.sum())
            assert found.confidence > 0.9
    assert n_partial > 0 or total < 150


@pytest.mark.parametrize("tolerance", [1.0, 6.0])
@pytest.mark.parametrize(("total", "population"), [*SLICES, (1, 276), (275, 276), (6000, N_SPLIT)])
def test_a_wrong_value_is_seldom_partial(total: int, population: int, tolerance: float) -> None:
    # Whatever the truth outside the tolerance is, in at most 2.5 % of all slices.
    claim = CLAIM.model_copy(update={"n_items": population, "tolerance_points": tolerance})
    data, protocol = make_data(total, population), make_protocol()
    near = [c for c in range(total + 1) if abs(100 * c / total - claim.value) <= tolerance]
    partial = [
        correct
        for correct in near
        if judge(claim, make_run(correct, total, population), data, protocol).status == "partial"
    ]
    right = np.arange(population + 1)
    wrong = right[np.abs(100 * right / population - claim.value) > tolerance + 1e-9]
    if partial:
        chance = hypergeom.cdf(partial[-1], population, wrong, total)
        chance -= hypergeom.cdf(partial[0] - 1, population, wrong, total)
        assert chance.max() <= 0.025 + 1e-9
    assert partial or total < 900


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
            {"data": make_data(1000, order="file")},
            "a slice: 1,000 of 10,042 items from its start, no random sample",
        ),
        (
            {"run": changed_run(pre_tokenizer=PreTokenizer(own="llama-bpe", given="qwen2"))},
            "text split by qwen2, given with --pre, where the file says llama-bpe",
        ),
        (
            {"run": changed_run(pre_tokenizer=PreTokenizer(own=None))},
            "text split by llama.cpp's default where the file names nothing",
        ),
        ({"run": changed_run(cache_type="q8_0")}, "a KV cache of q8_0"),
        (
            {"run": changed_run(offload=GPU, self_check=checked(0.3))},
            "computed on a GPU that failed the self-check against the CPU",
        ),
        (
            {"run": changed_run(offload=GPU)},
            "computed on a GPU that was not checked against the CPU",
        ),
        (
            {"run": changed_run(mix=TensorMix(own="F16", shares=PARTLY, fallen_back=0.0))},
            "12 % of the weights quantized",
        ),
        (
            {"data": make_data(name="mine.jsonl")},
            "items of mine.jsonl, not known to be the claim's Rowan/hellaswag validation",
        ),
    ],
)
def test_each_difference_makes_a_proxy_and_is_named(changed: dict[str, Any], words: str) -> None:
    assert differences(**changed) == ("proxy", (words,))
    assert words in judgement(**changed).claim_citation.notes


@pytest.mark.parametrize(
    "changes",
    [
        {"kernels": "plain", "kernels_reason": "the default ones crash"},
        {"flash_attention": False, "cache_type": "f32"},
        {"offload": GPU, "self_check": checked(0.001)},
        {"n_from_store": 12, "batch_tokens": 64},
        {"mix": TensorMix(own="F16", shares={"F16": 0.998, "Q8_0": 0.002}, fallen_back=0.0)},
    ],
    ids=lambda changes: ", ".join(changes),
)
def test_what_changes_no_more_than_rounding_is_no_difference(changes: dict[str, Any]) -> None:
    assert differences(changed_run(**changes)) == ("exact", ())


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
