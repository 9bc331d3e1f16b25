"""Sentences of a report: what is said of slices, of whole splits, and of what stopped early."""

from __future__ import annotations

import re

import pytest

from edgeval.records import Interval, Report
from edgeval.report import (
    conclusion,
    explanations,
    facts,
    formatting,
    items,
    ladder,
    measurements,
    pages,
    verdicts,
)
from edgeval.report.record_view import RecordView
from tests.helpers.pages import SPLIT_VARIANTS, VARIANTS, Page, tables, with_minus
from tests.helpers.reports import (
    N_SPLIT,
    example_report,
)

slices = pytest.mark.parametrize(
    "record", [record for record in VARIANTS.values() if RecordView.of(record).is_slice]
)


# Sentences


@slices
def test_a_slice_is_labelled_wherever_its_numbers_stand(record: Report) -> None:
    label = f"slice of {record.data.n_items:,} of 10,042 items"
    assert items.slice_sentence(RecordView.of(record)).startswith(
        f"a slice: {record.data.n_items:,} of 10,042"
    )
    assert label in conclusion.conclusion(RecordView.of(record))
    assert all(label in sentence for sentence in verdicts.verdict_sentences(RecordView.of(record)))
    html = pages.html_page(record)
    for caption in re.findall(r"<(caption|figcaption)[ >](.*?)</\1>", html, flags=re.DOTALL):
        assert label in caption[1] or re.search(r">Files<|flipped item", caption[1])
    assert f"Evaluated on a slice: {record.data.n_items:,} of 10,042" in Page(html).text
    for section in pages.markdown_page(record).split("\n## ")[1:3]:
        if "No published number" not in section:
            assert label in section


def test_the_whole_split_is_labelled_too() -> None:
    record = example_report()
    assert (
        items.slice_sentence(RecordView.of(record))
        == "all 10,042 items of Rowan/hellaswag validation"
    )
    assert "slice" not in pages.markdown_page(record)


def test_a_slice_in_file_order_is_not_called_random() -> None:
    record = VARIANTS["slice"]
    data = record.data.model_copy(update={"order": "file"})
    sentence = items.slice_sentence(RecordView.of(record.model_copy(update={"data": data})))
    assert "the first in the file's order" in sentence
    assert "not a random sample, so only what is certain is said" in sentence
    assert "seed" not in sentence


def test_the_conclusion_names_the_smallest_type_and_what_is_known_of_each() -> None:
    assert conclusion.conclusion(RecordView.of(example_report())) == with_minus(
        "On all 10,042 items of Rowan/hellaswag validation, Q4_0 (609 MiB instead of 2.05 GiB) is "
        "the smallest type that is at most 1 point worse than F16: -0.74 points. Q8_0, Q6_K, "
        "Q5_K_M, Q4_K_M and Q4_0 are equivalent to F16 within 1 point; Q3_K_M (-1.61 points) and "
        "Q2_K (-6.19 points) are worse than F16 by more than 1 point. New items of the same kind "
        "are another question: there Q4_0 is at -0.74 points [-1.3, -0.2] (95%, whichever type is "
        "named)."
    )


def test_the_conclusion_of_a_slice_says_what_is_open() -> None:
    sentence = conclusion.conclusion(RecordView.of(VARIANTS["inconclusive"]))
    assert sentence.startswith(
        "On all 10,042 items of Rowan/hellaswag validation, as far as a slice of 1,000 of 10,042 "
        "items tells, "
    )
    assert with_minus("Q2_K (-6.20 points) is worse than F16 by more than 1 point") in sentence
    assert (
        "What is said of the types is right together with 95%, and so are their intervals."
        in sentence
    )
    none = conclusion.conclusion(RecordView.of(VARIANTS["slice"]))
    assert "no type is shown to be at most 1 point worse than F16." in none


def test_a_type_may_need_all_items_of_the_split() -> None:
    record = example_report(n_items=8000, flips={"Q2_K": (1480, 1445)})
    assert record.drift[-1].split.outcome == "open"
    assert record.drift[-1].split.items_for_power is not None
    assert (
        "About 8,800 of the 10,042 items show with a probability of 90% that a type which flips "
        "as often as Q2_K is equivalent, if its accuracy on the split is F16's; --until 1 stops as "
        "soon as each is decided."
    ) in conclusion.conclusion(RecordView.of(record))


def test_a_lone_run_concludes_with_its_accuracy() -> None:
    assert conclusion.conclusion(RecordView.of(VARIANTS["alone"])) == (
        "On all 10,042 items of Rowan/hellaswag validation, F16 answers 59.17% correctly (for new "
        "items 95% [58.2, 60.1]). No other type was evaluated, so there is no drift to report."
    )
    assert conclusion.conclusion(RecordView.of(VARIANTS["alone, no claim"])).startswith(
        "On all 10,042 items of Rowan/hellaswag validation, as far as a slice of 60 of 10,042 "
        "items tells, F16 answers 60.00% correctly (95% ["
    )


# Evaluations that stopped early, and reference files


def test_each_type_has_its_items_and_the_accuracy_of_the_split() -> None:
    record = SPLIT_VARIANTS["weighted"]
    rows = tables(pages.markdown_page(record))[1]
    assert [(row["type"], row["items"], row["acc_norm"], row["95%"]) for row in rows] == [
        ("F16, from ref.npz", "10,042", "59.17", "exact"),
        ("Q8_0", "256", "59.27", "[58.6, 60.0]"),
        ("Q4_K_M", "1,040", "58.52", "[58.2, 59.6]"),
        ("Q4_0", "700", "58.37", "[57.6, 59.4]"),
        ("Q2_K", "300", "50.87", "[45.1, 57.0]"),
    ]
    assert [(row["difference"], row["outcome"]) for row in rows] == [
        ("reference", "reference"),
        (with_minus("+0.10 [-0.6, +0.8]"), "equivalent"),
        (with_minus("-0.65 [-0.9, +0.4]"), "equivalent"),
        (with_minus("-0.80 [-1.6, +0.2]"), "open"),
        (with_minus("-8.30 [-14.1, -2.2]"), "worse"),
    ]
    assert rows[0]["tokens/s"] == "\N{EN DASH}"
    assert not {"agreement %", "new items"} & set(rows[0])
    # 40 % of the items drawn are right, which says nothing about the split.
    for page in (pages.markdown_page(record), Page(pages.html_page(record)).text):
        assert re.search(r"40\.00(?!\d)", page) is None


def test_the_conclusion_says_when_each_type_stopped() -> None:
    assert conclusion.conclusion(RecordView.of(SPLIT_VARIANTS["weighted"])) == with_minus(
        "Stopped as soon as decided to ±1 point or out of items, after 256 to 1,040 of 10,042 "
        "items a type (F16 on all). On all 10,042 items of Rowan/hellaswag validation, Q4_K_M (638 "
        "MiB instead of 2.05 GiB) is the smallest type that is shown to be at most 1 point worse "
        "than F16: -0.65 points [-0.9, +0.4]. Q8_0 and Q4_K_M are equivalent to F16 within 1 "
        "point; Q2_K (-8.30 points) is worse than F16 by more than 1 point; Q4_0 is open. What is "
        "said of the types is right together with 95%, and so are their intervals, whenever each "
        "of them stopped."
    )
    own = conclusion.conclusion(RecordView.of(SPLIT_VARIANTS["random order"]))
    assert "after 256 to 1,040 of 10,042 items a type (F16 on 2,432). On all 10,042" in own
    old = conclusion.conclusion(RecordView.of(SPLIT_VARIANTS["old"]))
    assert "What is said of each type holds by itself with 95%, whenever it stopped." in old


def test_a_lone_run_that_stopped_early_says_so_unless_it_had_every_item() -> None:
    record = SPLIT_VARIANTS["old"].model_copy(update={"drift": [], "claims": []})
    run = record.runs[0]
    alone = record.model_copy(update={"runs": [run], "verdicts": []})
    assert conclusion.conclusion(RecordView.of(alone)).startswith(
        "Stopped as soon as decided to ±1 point, after 2,432 of 10,042 items. On all 10,042 items "
        "of Rowan/hellaswag validation, F16 answers 59.17% correctly (95% [58.3, 60.1]). No other"
    )
    exact = Interval(low=0.6, high=0.6, level=0.95)
    found = run.metrics["acc_norm"].model_copy(
        update={"total": N_SPLIT, "value": 0.6, "split_interval": exact}
    )
    whole = run.model_copy(update={"metrics": {"acc_norm": found}})
    assert conclusion.conclusion(
        RecordView.of(alone.model_copy(update={"runs": [whole]}))
    ).startswith(
        "On all 10,042 items of Rowan/hellaswag validation, F16 answers 60.00% correctly. No other"
    )


def test_what_is_said_of_an_evaluation_that_ended_undecided_is_not_said_of_others() -> None:
    record = SPLIT_VARIANTS["weighted"]
    decided = record.model_copy(
        update={
            "runs": [run for run in record.runs if run.type != "Q4_0"],
            "drift": [found for found in record.drift if found.type != "Q4_0"],
        }
    )
    found = conclusion.conclusion(RecordView.of(decided))
    assert found.startswith("Stopped as soon as decided to ±1 point, after 256")
    assert "open" not in found


def test_the_intervals_of_the_ladder_are_said_to_be_of_the_split() -> None:
    of_split = "Accuracies and their intervals are for the whole split"
    plus = (
        "Accuracies are for the whole split: that of F16 plus the difference, and so are their "
        "intervals."
    )
    expected = {
        "weighted": f"{plus} {conclusion.EVERY_LOOK}",
        "random order": f"{of_split}. {conclusion.EVERY_LOOK}",
        "sliced": plus,
    }
    for name, sentence in expected.items():
        record = SPLIT_VARIANTS[name]
        assert conclusion.interval_sentence(RecordView.of(record)) == sentence
        assert sentence in pages.markdown_page(record)
        assert sentence in Page(pages.html_page(record)).text
    assert conclusion.interval_sentence(RecordView.of(VARIANTS["slice"])) == f"{of_split}."
    assert conclusion.interval_sentence(RecordView.of(VARIANTS["full"])) == ""


def test_a_slice_beside_a_whole_reference_shows_the_accuracy_of_the_split() -> None:
    record = SPLIT_VARIANTS["sliced"]
    rows = {row.type: row for row in ladder.ladder_rows(RecordView.of(record))}
    found = record.drift[-1]
    run = record.runs[-1]
    assert found.split_accuracy is not None
    assert (rows["Q2_K"].items, rows["F16"].items) == ("200", "10,042")
    # 59.17 less 6.50 points; of the 200 items themselves 52.50 % are right.
    assert rows["Q2_K"].difference.startswith(with_minus("-6.50 "))
    assert rows["Q2_K"].accuracy == "52.67"
    assert rows["Q2_K"].interval == formatting.accuracy_interval(found.split_accuracy.interval)
    assert f"{100 * run.metrics['acc_norm'].value:.2f}" == "52.50"
    words = "as far as a slice of 200 of 10,042 items (F16 on all) tells, "
    assert words in conclusion.conclusion(RecordView.of(record))
    (sentence,) = verdicts.verdict_sentences(RecordView.of(record))
    assert sentence.startswith("Reproduced. On all 10,042 items, F16 scores 59.17")
    assert "as counted on a slice of 200 of 10,042 items" in pages.markdown_page(record)


def test_how_each_evaluation_stopped_is_a_table() -> None:
    found = measurements.stopping_table(RecordView.of(SPLIT_VARIANTS["weighted"]))
    assert found is not None
    assert found.header == ["type", "items", "drawn", "decided"]
    assert found.rows == [
        ["Q8_0", "256", "by what they can tell", "yes"],
        ["Q4_K_M", "1,040", "by what they can tell", "yes"],
        ["Q4_0", "700", "by what they can tell", "no"],
        ["Q2_K", "300", "by what they can tell", "yes"],
    ]
    own = measurements.stopping_table(RecordView.of(SPLIT_VARIANTS["random order"]))
    assert own is not None
    assert own.rows[0] == ["Q8_0", "256", "random order", "yes"]
    old = measurements.stopping_table(RecordView.of(SPLIT_VARIANTS["old"]))
    assert old is not None
    assert old.rows[0] == ["F16", "2,432", "random order", "yes"]
    assert measurements.stopping_table(RecordView.of(VARIANTS["slice"])) is None


def test_the_reference_file_is_named_with_what_measured_it() -> None:
    found = {
        fact.label: fact.text for fact in facts.facts(RecordView.of(SPLIT_VARIANTS["weighted"]))
    }
    reference = SPLIT_VARIANTS["weighted"].runs[0].from_reference
    assert reference is not None
    assert found["Reference"] == (
        "F16, from ref.npz of 2026-05-14 23:56 UTC; it was not evaluated here"
    )
    assert found["Reference SHA-256"] == reference.sha256
    assert found["Reference engine"] == (
        "llama.cpp through llama-cpp-python 0.3.35, on backend cuda"
    )
    assert found["Reference device"].startswith(
        "AMD EPYC 9654 96-Core Processor; 96 cores (192 logical), 768.00 GiB of memory; Linux 5"
    )
    assert found["Reference speed"] == (
        "AMD EPYC 9654 96-Core Processor with 96 threads, 2026-05-11 23:56 UTC; 10,000 tokens/s on "
        "10,042 items; other processes kept 0.4 of 192 CPUs busy"
    )
    assert found["Device"].startswith("Intel(R) Xeon(R)")
    assert not [
        fact for fact in facts.facts(RecordView.of(VARIANTS["full"])) if "Reference" in fact.label
    ]


@pytest.mark.parametrize(
    ("name", "subjects"),
    [
        (
            "weighted",
            [
                "Split and new items",
                "Interval that is valid at every look",
                "Difference to F16",
                "Items drawn by what they can tell",
                "Accuracy by difference",
                "Flips",
                "Changes of the log-probabilities",
                "Accuracy on new items",
                "KL divergence",
                "KL divergence and quality",
            ],
        ),
        (
            "random order",
            [
                "Split and new items",
                "Interval that is valid at every look",
                "Difference to F16",
                "Flips and agreement",
                "Changes of the log-probabilities",
                "Accuracy on new items",
                "KL divergence",
                "KL divergence and quality",
            ],
        ),
        (
            "sliced",
            [
                "Split and new items",
                "Accuracy on the split",
                "Difference to F16",
                "From a slice to the split",
                "All types together",
                "Accuracy by difference",
                "Flips and agreement",
                "Changes of the log-probabilities",
                "Accuracy on new items",
                "Difference on new items",
                "McNemar p",
                "Holm p",
            ],
        ),
        (
            "first of a file",
            [
                "Split and new items",
                "The first items of a file",
                "Difference to F16",
                "Flips and agreement",
                "Changes of the log-probabilities",
            ],
        ),
    ],
)
def test_only_what_a_report_shows_is_explained(name: str, subjects: list[str]) -> None:
    found = explanations.explanations(RecordView.of(SPLIT_VARIANTS[name]))
    assert [each.subject for each in found] == subjects
