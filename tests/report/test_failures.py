"""A type that failed is part of the record and of every page, and nothing else is claimed of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError
from edgeval.records import Evaluation, Failure, Report
from edgeval.report import charts, facts, items, ladder, pages, record_files
from edgeval.report.compare.sentences import sentences
from edgeval.report.conclusion import conclusion
from edgeval.report.failures import failure_sentences, reference_failed
from edgeval.report.reasoning import reasoning
from edgeval.report.record_view import RecordView
from edgeval.stats.verdict import judged, verdicts
from tests.helpers.command import edgeval
from tests.helpers.failures import (
    DASH,
    NO_REFERENCE,
    NOT_JUDGED,
    SOME,
    compare,
    evaluation,
    printed,
)
from tests.helpers.pages import Page, tables, with_minus
from tests.helpers.reports import (
    REASON,
    example_claim,
    example_reference,
    example_report,
    failed_report,
    stopped_report,
    with_plain_kernels,
)


def content_of(record: Report) -> dict[str, Any]:
    content = json.loads(record.model_dump_json())
    assert isinstance(content, dict)
    return content


# The record


def test_what_others_wrote_is_cut_to_what_a_record_holds() -> None:
    found = Failure.of(
        "Q4_0", "f" * 1001, doing="quantizing\nto Q4_0", reason="why \t" * 500, has_imatrix=True
    )
    assert found.file == "f" * 999 + "\N{HORIZONTAL ELLIPSIS}"
    assert found.doing == "quantizing to Q4_0"
    assert (len(found.reason), found.reason[:8]) == (1999, "why why ")
    assert found.label == "Q4_0 +imatrix"
    assert (found.n_items, found.is_reference) == (0, False)
    assert len(Failure.of("Q" * 200, "f", doing="d" * 300, reason="r" * 3000).reason) == 2000


@pytest.mark.parametrize(
    ("field", "value"),
    [("reason", "r" * 2001), ("file", "f" * 1001), ("doing", "d" * 201), ("n_items", -1)],
)
def test_a_record_from_outside_is_held_to_the_bounds(
    field: str, value: object, tmp_path: Path
) -> None:
    content = content_of(SOME)
    content["failures"][1][field] = value
    (tmp_path / "report.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EdgevalError, match=rf"is not a report: failures\.1\.{field}: "):
        record_files.load(tmp_path)


def test_records_that_know_of_no_failures_are_read() -> None:
    record = example_report()
    content = content_of(record)
    assert content.pop("failures") == []
    assert content.pop("worker_peak_rss_bytes") is None
    assert content.pop("written_bytes") is None
    for run in content["runs"]:
        assert (run.pop("kernels"), run.pop("kernels_reason")) == ("default", None)
    assert Report.model_validate(content) == record
    assert record.reference == record.runs[0]
    shared = {name: content[name] for name in Evaluation.model_fields if name in content}
    assert Evaluation.model_validate(shared).failures == []


def test_the_first_run_is_the_reference_unless_that_failed() -> None:
    assert SOME.reference == SOME.runs[0]
    assert NO_REFERENCE.reference is None
    assert NO_REFERENCE.runs[0].type == "Q8_0"


def test_what_contradicts_a_failure_is_refused() -> None:
    drift = content_of(example_report())["drift"]
    verdict = content_of(example_report())["verdicts"]
    content = content_of(NO_REFERENCE)
    with pytest.raises(ValueError, match="Q8_0 is compared though the reference failed"):
        Report.model_validate(content | {"drift": drift[:1]})
    with pytest.raises(ValueError, match="1 claims have 1 verdicts though the reference failed"):
        Report.model_validate(content | {"verdicts": verdict})
    with pytest.raises(ValueError, match="1 claims have 0 verdicts"):
        Report.model_validate(content_of(SOME) | {"verdicts": []})
    first, second = content["failures"]
    for twin in (first, first | {"type": "Q8_0"}):
        with pytest.raises(ValueError, match=f"{twin['type']} failed, and is in the record once"):
            Report.model_validate(content | {"failures": [first, twin]})
    with pytest.raises(ValueError, match="more than one failure is that of the reference"):
        Report.model_validate(content | {"failures": [first, second | {"is_reference": True}]})


# The claim


def test_without_the_reference_claims_are_kept_and_not_judged(tmp_path: Path) -> None:
    record_files.save(example_report(), tmp_path)
    claims = [example_claim(59.2), example_claim(70.0)]
    record = judged(NO_REFERENCE, claims)
    assert (record.claims, record.verdicts, verdicts(record)) == (claims, [], [])
    assert reference_failed(record).endswith("compared and the claims are not judged.")
    record_files.save(record, tmp_path)
    assert record_files.load(tmp_path) == record
    assert not (tmp_path / "verdict.json").exists()
    with pytest.raises(ValueError, match="the reference failed"):
        reasoning(RecordView.of(record), claims[0])


def test_a_failure_of_another_type_changes_no_verdict() -> None:
    assert SOME.verdicts == example_report().verdicts
    assert reference_failed(SOME) == ""
    claim = SOME.claims[0]
    assert reasoning(RecordView.of(SOME), claim) == reasoning(
        RecordView.of(example_report()), claim
    )


def test_the_verdict_command_says_why_nothing_is_judged(tmp_path: Path) -> None:
    record_files.save(NO_REFERENCE, tmp_path)
    found = edgeval("verdict", tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.splitlines() == [
        "Not judged: acc_norm 59.20, HellaSwag 0-shot",
        NOT_JUDGED,
        f"F16 failed while scoring (tinyllama-3t-F16.gguf): {REASON} The scores of 128 of its "
        "items are kept.",
    ]
    as_json = edgeval("verdict", tmp_path, "--json")
    assert (as_json.returncode, json.loads(as_json.stdout)) == (0, [])


# Sentences


def test_the_conclusion_claims_nothing_of_what_failed() -> None:
    assert conclusion(RecordView.of(SOME)) == with_minus(
        "On all 10,042 items of Rowan/hellaswag validation, Q4_K_M (638 MiB instead of 2.05 GiB) "
        "is the smallest evaluated type that is at most 1 point worse than F16: -0.49 points. "
        "Q8_0, Q6_K, Q5_K_M and Q4_K_M are equivalent to F16 within 1 point; Q3_K_M (-1.61 points) "
        "is worse than F16 by more than 1 point. Q4_0 and Q2_K failed. New items of the same kind "
        "are another question: there Q4_K_M is at -0.49 points [-0.9, -0.05] (95%, whichever type "
        "is named)."
    )
    none = failed_report("Q8_0", n_items=60, status=None)
    assert "no evaluated type is shown to be at most 1 point worse than F16" in conclusion(
        RecordView.of(none)
    )
    assert " Q8_0 failed." in conclusion(RecordView.of(none))


def test_the_conclusion_without_a_reference_says_so_alone() -> None:
    assert conclusion(RecordView.of(NO_REFERENCE)) == f"{NOT_JUDGED} Q2_K failed too."
    lone = failed_report("F16", status=None)
    assert conclusion(RecordView.of(lone)) == "The reference, F16, failed, so nothing is compared."


def test_a_reference_whose_others_all_failed_is_not_said_to_be_alone() -> None:
    types = [run.type for run in example_report().runs[1:]]
    record = failed_report(*types)
    assert conclusion(RecordView.of(record)).endswith(
        "Q3_K_M and Q2_K failed, so there is no drift to report."
    )
    (row,) = ladder.ladder_rows(RecordView.of(record))
    assert (row.type, row.difference) == ("F16", "reference")
    assert record.verdicts == example_report().verdicts
    Page(pages.html_page(record))


def test_what_is_kept_is_said_only_where_something_is() -> None:
    failure = Failure.of(
        "Q4_0", "a.gguf", doing="quantizing to Q4_0", reason="No space is left; free some."
    )
    kept = failure.model_copy(update={"n_items": 1280})
    start = "Q4_0 failed while quantizing to Q4_0 (a.gguf): No space is left; free some."
    assert failure_sentences([failure, kept]) == [
        start,
        f"{start} The scores of 1,280 of its items are kept.",
    ]


def test_items_are_those_of_what_was_evaluated() -> None:
    assert items.items_in_short(RecordView.of(NO_REFERENCE)) == "a slice of 1,000 of 10,042 items"
    # Without the reference, none of the types is set apart from the others.
    record = stopped_report(design="random order")
    failed = Failure.of("F16", "f16.gguf", doing="scoring", reason="It ended.", is_reference=True)
    record = record.model_copy(update={"runs": record.runs[1:], "drift": [], "failures": [failed]})
    assert items.items_in_short(RecordView.of(record)) == "slices of 256 to 1,040 of 10,042 items"
    groups = next(fact.text for fact in facts.facts(RecordView.of(record)) if fact.label == "Items")
    assert "by group of Q4_K_M: " in groups
    Page(pages.html_page(record))


# The pages


@pytest.mark.parametrize("record", [SOME, NO_REFERENCE], ids=["some", "no reference"])
def test_failed_types_are_the_last_rows_of_the_ladder(record: Report) -> None:
    rows = tables(pages.markdown_page(record))[1]
    n_failed = len(record.failures)
    assert [row["type"] for row in rows[:-n_failed]] == [run.type for run in record.runs]
    for row, failure in zip(rows[-n_failed:], record.failures, strict=True):
        assert (row["type"], row["acc_norm"]) == (failure.type, "failed")
        assert {text for name, text in row.items() if name not in ("type", "acc_norm")} == {DASH}
    html = pages.html_page(record)
    n_cells = html.partition("</thead>")[0].count("<th scope")
    found = re.findall(r'<tr class="failed">\n(.*?)</tr>', html, flags=re.DOTALL)
    for row, failure in zip(found, record.failures, strict=True):
        texts = re.findall(r">([^<\n]+)</t[dh]>", row)
        assert texts[0] == failure.type
        assert sorted(texts[1:]) == sorted(["failed", *[DASH] * (n_cells - 2)])


@pytest.mark.parametrize("record", [SOME, NO_REFERENCE], ids=["some", "no reference"])
def test_both_pages_say_of_each_failure_what_happened(record: Report) -> None:
    html, markdown = pages.html_page(record), pages.markdown_page(record)
    for sentence in failure_sentences(record.failures):
        assert sentence in Page(html).text
        label, rest = sentence.split(" ", 1)
        assert f"\n**{label}** {rest}\n" in markdown


def test_the_pages_of_a_failed_reference_begin_with_that_and_show_the_claim() -> None:
    html, markdown = pages.html_page(NO_REFERENCE), pages.markdown_page(NO_REFERENCE)
    assert f"**{NOT_JUDGED} Q2_K failed too.**" in markdown
    assert f"<strong>{NOT_JUDGED} Q2_K failed too.</strong>" in html
    assert ("div", "role", "alert") in Page(html).attributes
    claim = markdown.split("\n## Claim\n")[1].split("\n## ")[0]
    assert claim.startswith(f"\n{NOT_JUDGED}\n\n- **Published:** 59.20 (acc_norm)\n")
    assert "- **Tolerance:** ±1 point\n- **Source:** Table 2, page 4: row TinyLlama" in claim
    assert f"<p>{NOT_JUDGED}</p>" in html
    for text in (markdown, Page(html).text):
        assert "59.20 (acc_norm)" in text
        for word in ("Reproduced", "Measured", "Verdict", "No published number", "reference run"):
            assert word not in text
        assert "Differences" not in text
    assert charts.drift_chart(RecordView.of(NO_REFERENCE)) is None


def test_the_chart_shows_what_was_evaluated() -> None:
    drawn = charts.drift_chart(RecordView.of(SOME))
    assert drawn is not None
    rows = drawn.choices[0].spec["data"]["values"]
    assert [row["type"] for row in rows] == [run.label for run in SOME.runs]


# Kernels and memory


def test_plain_kernels_are_named_with_why(capsys: pytest.CaptureFixture[str]) -> None:
    crash = "llama.cpp's AMX kernels end with an illegal instruction on this CPU"
    reasons = {"F16": crash, "Q8_0": crash, "Q2_K": "1.32 times as fast here", "Q6_K": None}
    record = with_plain_kernels(example_report(), reasons)
    expected = f"F16 and Q8_0 ({crash}); Q6_K; Q2_K (1.32 times as fast here)"
    found = {fact.label: fact.text for fact in facts.facts(RecordView.of(record))}
    assert found["Kernels"] == f"llama.cpp's plain ones for {expected}"
    for each in (record, evaluation(record)):
        assert f"Computed with llama.cpp's plain kernels: {expected}.\n" in printed(each, capsys)
    assert f"It was computed with llama.cpp's plain kernels ({crash})." in reasoning(
        RecordView.of(record), record.claims[0]
    )
    texts = list(sentences(compare(example_report(), record)))
    assert texts[-1].endswith("kernels plain, not default (F16, Q8_0, Q6_K and Q2_K).")


def test_the_default_kernels_are_not_talked_about(capsys: pytest.CaptureFixture[str]) -> None:
    record = example_report()
    # What a reference file holds was computed elsewhere.
    known = record.runs[0].model_copy(
        update={"from_reference": example_reference(), "kernels": "plain"}
    )
    for each in (record, record.model_copy(update={"runs": [known, *record.runs[1:]]})):
        assert not [fact for fact in facts.facts(RecordView.of(each)) if fact.label == "Kernels"]
        assert "kernels" not in printed(each, capsys) + reasoning(
            RecordView.of(each), each.claims[0]
        )


def test_the_memory_of_the_process_that_computed_is_shown_where_it_is_known() -> None:
    def peak(record: Report) -> str:
        return next(
            fact.text for fact in facts.facts(RecordView.of(record)) if fact.label == "Peak memory"
        )

    record = example_report()
    assert peak(record) == "2.67 GiB resident"
    known = record.model_copy(update={"worker_peak_rss_bytes": 2_600_000_000})
    assert peak(known) == "2.67 GiB resident, of which llama.cpp's process 2.42 GiB"
