"""The paragraph behind a verdict holds what a reviewer needs, in the numbers of the record."""

from __future__ import annotations

from typing import Any

import pytest
from report_example import N_SPLIT, PUBLISHED, example_claim, example_report, stopped_report

from edgeval.records import Report, VerdictStatus
from edgeval.report import formatting as fmt
from edgeval.report import pages
from edgeval.report.reasoning import not_measured, reasoning
from edgeval.verdict import judge, judged


def paragraph(record: Report, **claim: Any) -> str:
    return reasoning(record, example_claim(**claim))


def example(status: VerdictStatus) -> Report:
    return example_report(n_items=N_SPLIT if status == "reproduced" else 1000, status=status)


@pytest.mark.parametrize("status", PUBLISHED)
def test_it_says_what_was_measured_with_what_and_what_was_claimed(status: VerdictStatus) -> None:
    record = example(status)
    found = reasoning(record, record.claims[0])
    run, data = record.runs[0], record.data
    for words in (
        record.model.title,
        f"as F16 ({run.file}, SHA-256 {run.sha256[:12]}\N{HORIZONTAL ELLIPSIS})",
        f"scores acc_norm {100 * record.verdicts[0].score:.2f} on ",
        f"items of {data.name} (SHA-256 {data.fingerprint[:12]}\N{HORIZONTAL ELLIPSIS}",
        "protocol lm-eval (version 1) by llama.cpp through llama-cpp-python 0.3.36, on backend cpu",
        record.device.cpu,
        f"The claim is acc_norm {PUBLISHED[status]:.2f} with protocol lm-eval on the 10,042 items",
        "(arXiv:2401.02385, Table 2, page 4: row TinyLlama 1.1B (3T), column HellaSwag 0-shot",
        f"“TinyLlama {PUBLISHED[status]:.2f}”",
        f": {status.replace('_', ' ')}. ",
    ):
        assert words in found
    assert "None" not in found
    assert found in " ".join(pages.markdown_page(record).replace("\\", "").split("\n"))


def test_a_whole_split_is_certain() -> None:
    record = example("reproduced")
    found = reasoning(record, record.claims[0])
    assert "on all 10,042 items of Rowan/hellaswag validation" in found
    assert "so this number has no sampling error" in found
    assert "no weights are quantized: an exact match." in found
    assert "The score lies within the tolerance of ±1 point, 58.20 to 60.20: reproduced." in found
    assert found.endswith("the split's value is within the tolerance for certain.")
    other = paragraph(record, value=66.1)
    assert "The score lies outside the tolerance of ±1 point, 65.10 to 67.10: not" in other
    assert other.endswith("the split's value is outside the tolerance for certain.")


def test_a_slice_has_an_interval_and_a_probability() -> None:
    record = example("partial")
    claim = record.claims[0]
    found = reasoning(record, claim)
    judgement = judge(claim, record.runs[0], record.data, record.protocol)
    interval = fmt.accuracy_interval(judgement.measured.split_interval)
    assert "on a slice of 1,000 of 10,042 items of" in found
    assert "drawn at random with seed 0). " in found
    assert f"The 95% interval for all 10,042 items of the split is {interval}." in found
    assert (
        "This measurement is a proxy of the one claimed (a slice: 1,000 of 10,042 items)." in found
    )
    assert "The interval holds the published number, and a proxy can show no more" in found
    probability = fmt.probability(judgement.confidence)
    assert f"within the tolerance is {probability}, by the normal distribution" in found


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("not_reproduced", "The interval lies outside the tolerance of ±1 point, 65.10 to 67.10"),
        (
            "inconclusive",
            "The interval reaches into the tolerance of ±1 point, 61.50 to 63.50, and",
        ),
    ],
)
def test_the_rule_is_said_in_words(status: VerdictStatus, words: str) -> None:
    record = example(status)
    assert words in reasoning(record, record.claims[0])


def test_the_first_items_of_a_file_are_no_random_sample() -> None:
    record = example("partial")
    data = record.data.model_copy(update={"order": "file"})
    found = paragraph(record.model_copy(update={"data": data}))
    assert "the first in the file's order, which are no random sample" in found
    assert found.endswith("if these items were a random sample, which they are not.")
    assert "seed" not in found


def test_the_interval_is_that_of_the_claims_split() -> None:
    # 500 items that were all scored are still a sample of the claim's 10,042.
    record = example_report(n_items=1000, status=None)
    data = record.data.model_copy(update={"n_total": 1000, "name": "mine.jsonl"})
    found = paragraph(record.model_copy(update={"data": data}))
    assert "on all 1,000 items of mine.jsonl" in found
    assert "for all 10,042 items of the split is [" in found
    assert "items of mine.jsonl, not known to be the claim's" in found


def test_another_measurement_decides_nothing() -> None:
    record = example_report(status=None)
    protocol = record.protocol.model_copy(update={"name": "llama.cpp", "metric": "acc_token"})
    record = judged(record.model_copy(update={"protocol": protocol}), [example_claim()])
    found = reasoning(record, record.claims[0])
    assert "This measurement is another than the one claimed (protocol llama.cpp where" in found
    assert "that neither confirms nor excludes the claim: inconclusive." in found
    assert "for certain" not in found


def test_a_tolerance_of_its_own_is_shown_everywhere() -> None:
    claim = example_claim(tolerance_points=0.5)
    record = judged(example_report(status=None), [claim])
    assert "±0.5 points, 58.70 to 59.70: reproduced." in reasoning(record, claim)
    html = pages.html_page(record)
    assert "surrounds by its tolerance of ±0.5 points" in html
    assert "- **Tolerance:** ±0.5 points\n" in pages.markdown_page(record)


def test_claims_on_other_tasks_are_named_and_not_judged() -> None:
    others = [
        example_claim(59.12, task="winogrande", data="WinoGrande XL validation"),
        example_claim(73.29, task="piqa", data="PIQA validation"),
    ]
    record = example_report().model_copy(update={"other_claims": others})
    line = "Not measured here: WinoGrande XL validation 59.12, PIQA validation 73.29."
    assert not_measured(record) == line
    assert line in pages.html_page(record)
    assert line in pages.markdown_page(record)
    assert not_measured(example_report()) == ""
    assert "Not measured" not in pages.html_page(example_report())


def test_an_evaluation_that_stopped_early_says_when_and_that_its_interval_allows_it() -> None:
    record = stopped_report(design="random order", status="partial")
    found = reasoning(record, record.claims[0])
    assert "scores acc_norm 59.17 on a slice of 2,432 of 10,042 items of Rowan/hella" in found
    assert (
        "It stopped early, after 2,432 items, as soon as what was asked was decided to ±1 point. "
        "The 95% interval for all 10,042 items of Rowan/hellaswag validation, valid at every look, "
        "is [58.3, 60.1]."
    ) in found
    assert found.endswith("as if the number of items had been fixed.")
    run = record.runs[0]
    assert run.stopping is not None
    stopping = run.stopping.model_copy(update={"is_decided": False})
    ended = record.model_copy(update={"runs": [run.model_copy(update={"stopping": stopping})]})
    assert (
        "after 2,432 items, the most that it might use, before what was asked was decided to ±1 "
        "point."
    ) in paragraph(ended)


def test_a_reference_file_is_named_with_the_machine_that_measured_it() -> None:
    record = stopped_report(status="reproduced")
    found = reasoning(record, record.claims[0])
    assert "on all 10,042 items of Rowan/hellaswag validation" in found
    assert "It was not measured here but read from ref.npz (SHA-256 " in found
    assert "through llama-cpp-python 0.3.35, on backend cuda, on AMD EPYC 9654 96-Core" in found
    assert record.device.cpu not in found
