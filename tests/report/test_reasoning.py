"""The paragraph behind a verdict holds what a reviewer needs, in the numbers of the record."""

from __future__ import annotations

from typing import Any

import pytest

from edgeval.records import Citation, Report, VerdictStatus
from edgeval.records.claims import NOT_STATED
from edgeval.report import formatting as fmt
from edgeval.report import pages
from edgeval.report.reasoning import not_measured, reasoning
from edgeval.report.record_view import RecordView
from edgeval.report.verdicts import verdict_sentences
from edgeval.stats.verdict import judge, judged
from tests.helpers.reports import (
    JUDGED_ITEMS,
    PUBLISHED,
    example_claim,
    example_report,
    stopped_report,
)


def paragraph(record: Report, **claim: Any) -> str:
    return reasoning(RecordView.of(record), example_claim(**claim))


def example(status: VerdictStatus) -> Report:
    return example_report(n_items=JUDGED_ITEMS[status], status=status)


ENDS: dict[VerdictStatus, str] = {
    "reproduced": "The score lies within the tolerance of ±1 point, 58.20 to 60.20: reproduced "
    "within tolerance.",
    "partial": "The interval for the whole split lies within the tolerance of ±1 point, 58.20 to "
    "60.20, and a proxy shows no more than that it agrees: partial.",
    "not_reproduced": "The score lies outside the tolerance of ±1 point, 65.10 to 67.10: not "
    "reproduced.",
    "inconclusive": "The interval for the whole split reaches beyond the tolerance of ±1 point, "
    "61.50 to 63.50, so that it neither confirms nor excludes the claim: inconclusive.",
}


@pytest.mark.parametrize("status", PUBLISHED)
def test_it_says_what_was_measured_with_what_and_what_was_claimed(status: VerdictStatus) -> None:
    record = example(status)
    found = reasoning(RecordView.of(record), record.claims[0])
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
        ENDS[status],
    ):
        assert words in found
    assert "None" not in found
    assert found in " ".join(pages.markdown_page(record).replace("\\", "").split("\n"))


@pytest.mark.parametrize("status", ["reproduced", "not_reproduced", "inconclusive"])
def test_where_sampling_is_not_in_doubt_no_probability_is_given(status: VerdictStatus) -> None:
    record = example(status)
    assert record.verdicts[0].confidence is None
    found = reasoning(RecordView.of(record), record.claims[0])
    assert found.endswith(ENDS[status])
    assert "probability" not in found.lower()
    assert "probability" not in verdict_sentences(RecordView.of(record))[0]


def test_a_whole_split_is_certain() -> None:
    record = example("reproduced")
    found = reasoning(RecordView.of(record), record.claims[0])
    assert "on all 10,042 items of Rowan/hellaswag validation" in found
    assert "so this number has no sampling error" in found
    assert "no weights are quantized: an exact match." in found


@pytest.mark.parametrize(
    ("correct", "words", "grade"),
    [
        (5942, "As many items are right as were published, 5,942 of 10,042", "to the item count"),
        (
            5943,
            "The score lies within the tolerance of ±1 point, 58.18 to 60.18, 1 item fewer than "
            "the published 5,943 of 10,042",
            "within tolerance",
        ),
        (
            5939,
            "The score lies within the tolerance of ±1 point, 58.14 to 60.14, 3 items more than "
            "the published 5,939 of 10,042",
            "within tolerance",
        ),
    ],
)
def test_what_is_reproduced_has_a_grade(correct: int, words: str, grade: str) -> None:
    # 5,942 items are right.
    claim = example_claim(round(100 * correct / 10042, 2), correct=correct)
    record = judged(example("reproduced"), [claim])
    assert f"{words}: reproduced {grade}." in reasoning(RecordView.of(record), claim)
    (sentence,) = verdict_sentences(RecordView.of(record))
    assert f"{words[0].lower()}{words[1:]}" in sentence
    assert ("the same to the item count" in sentence) == (grade == "to the item count")
    assert f"which is {correct:,} right items." in reasoning(RecordView.of(record), claim)


def test_items_of_a_proxy_are_not_counted_against_the_claims() -> None:
    claim = example_claim(59.17, correct=5942)
    record = example_report(status=None)
    protocol = record.protocol.model_copy(update={"name": "lm-eval-bos"})
    record = judged(record.model_copy(update={"protocol": protocol}), [claim])
    found = reasoning(RecordView.of(record), claim)
    assert "The score lies within the tolerance" in found
    assert "item count" not in found and "as were published" not in found


def test_a_slice_has_an_interval_and_a_probability() -> None:
    record = example("partial")
    claim = record.claims[0]
    found = reasoning(RecordView.of(record), claim)
    judgement = judge(claim, record.runs[0], record.data, record.protocol)
    interval = fmt.accuracy_interval(judgement.measured.split_interval)
    assert "on a slice of 8,000 of 10,042 items of" in found
    assert "drawn at random with seed 0). " in found
    assert f"The exact 95% interval for all 10,042 items of the split is {interval}." in found
    assert (
        "This measurement is a proxy of the one claimed (a slice: 8,000 of 10,042 items)." in found
    )
    assert judgement.confidence is not None
    probability = fmt.probability(judgement.confidence)
    sentence = (
        f"within the tolerance, as this says, is {probability}: the exact posterior, if every"
    )
    assert sentence in found
    assert sentence in verdict_sentences(RecordView.of(record))[0]


def test_a_proxy_outside_the_tolerance_does_not_refute() -> None:
    whole = example_report(status=None)
    quantized = whole.runs[0].model_copy(update={"type": "Q2_K"})
    record = whole.model_copy(update={"runs": [quantized], "drift": []})
    words = "lies outside the tolerance of ±1 point, 65.10 to 67.10, but a proxy does not refute a "
    for found in (record, example_report(n_items=1000, status=None)):
        text = paragraph(found, value=66.1)
        assert words in text
        assert text.endswith("since what differs may be why: inconclusive.")


def test_the_first_items_of_a_file_are_no_random_sample() -> None:
    record = example("partial")
    data = record.data.model_copy(update={"order": "file"})
    found = paragraph(record.model_copy(update={"data": data}))
    assert "the first in the file's order, which are no random sample" in found
    assert found.endswith("say nothing of the whole split, whatever they show: inconclusive.")
    assert "seed" not in found
    assert "interval" not in found


def test_a_row_that_contradicts_itself_is_named() -> None:
    other = example_claim(55.25, task="arc_easy", n_items=2376, data="ARC-Easy test")
    record = example("reproduced").model_copy(update={"other_claims": [other]})
    record = judged(record, record.claims)
    words = "The row contradicts itself: arc_easy 55.25 is no share of 2,376 items"
    assert words in reasoning(RecordView.of(record), record.claims[0])
    assert words in verdict_sentences(RecordView.of(record))[0]
    assert words in record.verdicts[0].claim_citation.notes
    assert "contradicts" not in reasoning(RecordView.of(example("reproduced")), example_claim())


def test_a_claim_that_was_typed_stands_in_no_row_and_is_named_by_its_source() -> None:
    typed = example_claim(
        58.0,
        decimals=1,
        metric=NOT_STATED,
        protocol=NOT_STATED,
        shots=10,
        citation=Citation(section="my notes", row="", column=""),
    )
    other = example_claim(55.25, task="arc_easy", n_items=2376, data="ARC-Easy test")
    record = example("reproduced").model_copy(update={"other_claims": [other]})
    record = judged(record, [typed, *record.claims])
    found = reasoning(RecordView.of(record), typed)
    assert (
        "The claim is 58.0, of a metric that is not stated, with a protocol that is not stated, "
        "10-shot on the 10,042 items of Rowan/hellaswag validation (my notes)."
    ) in found
    assert "contradicts" not in found
    first, second = verdict_sentences(RecordView.of(record))
    assert "the published number (my notes) is 58.0" in first
    assert "contradicts" not in first
    assert "the published number (Table 2, page 4: row TinyLlama 1.1B (3T)" in second
    assert "The row contradicts itself" in second
    assert "published number is" in verdict_sentences(RecordView.of(example("partial")))[0]


def test_a_file_of_another_size_says_nothing_of_the_claims_split() -> None:
    # 1,000 items that were all scored: who chose them of the claim's 10,042, nobody knows.
    record = example_report(n_items=1000, status=None)
    data = record.data.model_copy(update={"n_total": 1000, "name": "mine.jsonl"})
    found = paragraph(record.model_copy(update={"data": data}))
    assert "on all 1,000 items of mine.jsonl" in found
    assert "interval" not in found
    assert "items of mine.jsonl, not known to be the claim's" in found
    assert "A file of 1,000 items is no random sample of the claim's 10,042, and says" in found


def test_another_measurement_decides_nothing() -> None:
    record = example_report(status=None)
    protocol = record.protocol.model_copy(update={"name": "llama.cpp", "metric": "acc_token"})
    record = judged(record.model_copy(update={"protocol": protocol}), [example_claim()])
    found = reasoning(RecordView.of(record), record.claims[0])
    assert "This measurement is another than the one claimed (protocol llama.cpp where" in found
    assert found.endswith("neither confirms nor excludes the claim: inconclusive.")


def test_a_tolerance_of_its_own_is_shown_everywhere() -> None:
    claim = example_claim(tolerance_points=0.5)
    record = judged(example_report(status=None), [claim])
    assert "±0.5 points, 58.70 to 59.70: reproduced within" in reasoning(
        RecordView.of(record), claim
    )
    html = pages.html_page(record)
    assert "published 59.20 \N{PLUS-MINUS SIGN} 0.5 points" in html
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
    record = stopped_report(design="random order", status="partial", is_old=True)
    found = reasoning(RecordView.of(record), record.claims[0])
    assert "scores acc_norm 59.17 on a slice of 2,432 of 10,042 items of Rowan/hella" in found
    assert (
        "It stopped early, after 2,432 items, as soon as what was asked was decided to ±1 point. "
        "The 95% interval for all 10,042 items of Rowan/hellaswag validation, valid at every look, "
        "is [58.3, 60.1]."
    ) in found
    assert found.endswith("and a proxy shows no more than that it agrees: partial.")
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
    found = reasoning(RecordView.of(record), record.claims[0])
    assert "on all 10,042 items of Rowan/hellaswag validation" in found
    assert "It was not measured here but read from ref.npz (SHA-256 " in found
    assert "through llama-cpp-python 0.3.35, on backend cuda, on AMD EPYC 9654 96-Core" in found
    assert record.device.cpu not in found
