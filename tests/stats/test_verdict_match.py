"""The match of a measurement with a claim: which differences there are."""

from __future__ import annotations

from typing import Any

import pytest

from edgeval.records import (
    Claim,
    DataSource,
    ModelRun,
    OffloadInfo,
    PreTokenizer,
    ProtocolInfo,
    SelfCheck,
    TensorMix,
)
from edgeval.records.claims import NOT_STATED
from edgeval.stats.claim_match import match
from edgeval.tasks.names import ANY_LM_EVAL
from tests.helpers.claims import CLAIM, judgement, make_data, make_protocol, make_run

GPU = OffloadInfo(devices=["a GPU"], layers=23, n_layers=23)
PARTLY = {"F16": 0.88, "Q4_K": 0.08, "Q6_K": 0.04}


def changed_run(**changes: Any) -> ModelRun:
    return make_run().model_copy(update=changes)


def checked(token_change: float) -> SelfCheck:
    counts = {"n_items": 8, "n_same_picks": 8, "speedup": 9.0, "bar": 0.01}
    changes = dict.fromkeys(("max_logprob_change", "mean_logprob_change"), 0.1)
    return SelfCheck(token_change=token_change, **counts, **changes)


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
    ("changes", "words"),
    [
        ({"protocol": NOT_STATED}, ("protocol lm-eval where the claim names none",)),
        (
            {"protocol": ANY_LM_EVAL},
            (
                "protocol lm-eval where the claim names lm-evaluation-harness without the version "
                "that decides on BOS",
            ),
        ),
        ({"metric": NOT_STATED}, ("metric acc_norm where the claim names none",)),
        (
            {"metric": NOT_STATED, "protocol": NOT_STATED},
            (
                "metric acc_norm where the claim names none",
                "protocol lm-eval where the claim names none",
            ),
        ),
    ],
)
def test_what_a_claim_does_not_state_makes_a_proxy(
    changes: dict[str, str], words: tuple[str, ...]
) -> None:
    claim = CLAIM.model_copy(update=changes)
    assert differences(claim=claim) == ("proxy", words)
    agrees, differs = judgement(claim=claim), judgement(make_run(4000), claim=claim)
    assert (agrees.status, differs.status) == ("partial", "inconclusive")
    assert judgement(make_run(4000)).status == "not_reproduced"


@pytest.mark.parametrize("protocol", ["lm-eval-bos", "llama.cpp"])
def test_what_is_not_stated_may_be_any_protocol(protocol: str) -> None:
    claim = CLAIM.model_copy(update={"protocol": NOT_STATED})
    kind, words = differences(protocol=make_protocol(protocol), claim=claim)
    assert (kind, words) == ("proxy", (f"protocol {protocol} where the claim names none",))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": "lighteval"}, "acc_norm of lighteval, which edgeval does not measure"),
        (
            {"protocol": "lighteval", "metric": NOT_STATED},
            "of lighteval, which edgeval does not measure",
        ),
        ({"metric": "f1", "protocol": NOT_STATED}, "f1"),
        ({"metric": "f1"}, "f1 of lm-eval"),
        ({"protocol": NOT_STATED, "shots": 10}, "10-shot"),
    ],
)
def test_what_is_stated_to_be_another_measurement_is_a_mismatch(
    changes: dict[str, Any], words: str
) -> None:
    claim = CLAIM.model_copy(update=changes)
    expected = ("mismatch", (f"protocol lm-eval where the claim is {words}",))
    assert differences(claim=claim) == expected


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
