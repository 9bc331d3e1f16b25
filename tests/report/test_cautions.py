from __future__ import annotations

import math
from typing import Any

import pytest

from edgeval.records import Report
from edgeval.report import pages
from edgeval.report.cautions import cautions
from tests.helpers.reports import example_report


def changed(record: Report, label: str, **update: Any) -> Report:
    runs = [run.model_copy(update=update) if run.label == label else run for run in record.runs]
    return record.model_copy(update={"runs": runs})


def with_chance(record: Report, chance: float) -> Report:
    return record.model_copy(update={"data": record.data.model_copy(update={"chance": chance})})


def with_protocol(record: Report, name: str) -> Report:
    protocol = record.protocol.model_copy(update={"name": name})
    return record.model_copy(update={"protocol": protocol})


def test_a_sound_record_has_none() -> None:
    record = with_chance(example_report(), 0.25)
    assert cautions(record) == []
    for page in (pages.markdown_page(record), pages.html_page(record)):
        assert "chance 25.00" in page


def test_who_does_no_better_than_chance_is_named() -> None:
    record = example_report()
    for run in record.runs:
        only = {"acc_norm": run.metrics["acc_norm"]}
        record = changed(record, run.label, metrics=only)
    worst = min(record.runs, key=lambda run: run.metrics["acc_norm"].value)
    chance = worst.metrics["acc_norm"].value
    (sentence,) = cautions(with_chance(record, chance))
    assert sentence.startswith(
        f"{worst.label} does no better than chance ({100 * chance:.2f}%) by acc_norm"
    )
    assert cautions(with_chance(record, math.nextafter(chance, 0))) == []


def test_any_accuracy_may_show_it() -> None:
    record = with_chance(example_report(), 0.25)
    metrics = record.runs[1].metrics
    low = metrics["acc_norm"].model_copy(update={"value": 0.146})
    found = changed(record, record.runs[1].label, metrics={**metrics, "acc": low})
    (sentence,) = cautions(found)
    assert sentence.startswith(
        f"{record.runs[1].label} does no better than chance (25.00%) by acc:"
    )


@pytest.mark.parametrize(("share", "is_told"), [(1.001, True), (0.999, False)])
def test_noise_is_told_by_the_uniform_entropy(share: float, is_told: bool) -> None:
    nats = share * math.log(32000)
    record = changed(example_report(), "Q8_0", vocabulary_size=32000, nats_per_token=nats)
    told = [text for text in cautions(record) if "blind guess among all tokens" in text]
    assert bool(told) == is_told
    assert all(text.startswith("Q8_0 gives the tokens") for text in told)


def test_a_bos_token_that_was_left_out_is_told() -> None:
    record = changed(with_protocol(example_report(), "lm-eval"), "F16", wants_bos=True)
    (sentence,) = cautions(record)
    assert "asks for a BOS token" in sentence
    assert "as the published number was measured: --protocol lm-eval-bos" in sentence
    without = record.model_copy(update={"claims": [], "verdicts": []})
    assert "published" not in cautions(without)[0]
    for protocol in ("lm-eval-bos", "llama.cpp"):
        assert cautions(with_protocol(record, protocol)) == []


def test_a_reference_that_is_quantized_is_told() -> None:
    record = changed(example_report(), "F16", type="Q8_0", name="first")
    record = record.model_copy(update={"base_model": "owner/base"})
    (sentence,) = cautions(record)
    assert sentence.startswith("Q8_0 (first) is quantized itself")
    assert "or owner/base" in sentence
