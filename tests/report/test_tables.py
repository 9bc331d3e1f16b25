"""Tables of a report: every number is the record's."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from edgeval import errors
from edgeval.records import Interval, Report, VerdictStatus
from edgeval.report import details, formatting, items, ladder, pages, verdicts
from edgeval.report.record_view import RecordView
from tests.helpers.pages import VARIANTS, Page, every_page, tables, with_minus
from tests.helpers.reports import (
    PUBLISHED,
    example_report,
)

every_variant = pytest.mark.parametrize("record", VARIANTS.values(), ids=VARIANTS.keys())


def number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


def ends(text: str) -> list[float]:
    return [number(part) for part in text.strip("[]").split(", ")]


@pytest.mark.parametrize("status", get_args(VerdictStatus))
def test_each_status_is_said_first(status: VerdictStatus) -> None:
    record = VARIANTS[status]
    assert record.verdicts[0].status == status
    (sentence,) = verdicts.verdict_sentences(RecordView.of(record))
    assert sentence.startswith(
        f"{verdicts.STATUS_LABELS[status]}. On {items.items_in_short(RecordView.of(record))}, F16"
    )
    assert f", and the published number is {PUBLISHED[status]:.2f}" in sentence
    page = Page(pages.html_page(record))
    assert f"verdict {status}" in page.values("class")
    assert f"**{verdicts.STATUS_LABELS[status]}.** On " in pages.markdown_page(record)


def test_the_difference_to_the_claim_is_signed() -> None:
    assert (
        "59.20 (\N{MINUS SIGN}0.03 points)"
        in verdicts.verdict_sentences(RecordView.of(example_report()))[0]
    )
    assert "59.20 (+0.80 points)" in verdicts.verdict_sentences(RecordView.of(VARIANTS["slice"]))[0]


# The ladder


@every_variant
def test_every_number_of_the_markdown_table_is_the_records(record: Report) -> None:
    rows = tables(pages.markdown_page(record))[1]
    metric = record.protocol.metric
    assert [row["type"] for row in rows] == [run.label for run in record.runs]
    for row, run in zip(rows, record.runs, strict=True):
        measured = run.metrics[metric]
        value, unit = row["size"].split()
        scale = {"GiB": 1024**3, "MiB": 1024**2}[unit]
        assert number(value) * scale == pytest.approx(run.file_bytes, abs=0.5 * scale)
        assert number(row["bits/weight"]) == pytest.approx(run.bits_per_weight, abs=0.00501)
        assert number(row[metric]) == pytest.approx(100 * measured.value, abs=0.00501)
        if RecordView.of(record).is_slice:
            limits = [100 * measured.split_interval.low, 100 * measured.split_interval.high]
            assert ends(row["95%"]) == pytest.approx(limits, abs=0.0501)
        else:
            assert "95%" not in row
        assert number(row["tokens/s"]) == pytest.approx(run.speed.tokens_per_s, abs=0.501)
    for row, found in zip(rows[1:], record.drift, strict=True):
        points, *interval = row["difference"].split(maxsplit=1)
        assert number(points) == pytest.approx(found.difference_points, abs=0.00501)
        said = found.split.interval_points
        if RecordView.of(record).is_slice:
            assert ends(interval[0]) == pytest.approx([said.low, said.high], abs=0.0501)
        else:
            assert (interval, said.low) == ([], said.high)
        new = found.new_items
        assert ends(row["new items"]) == pytest.approx([new.low, new.high], abs=0.0501)
        assert row["flips"] == f"{found.right_to_wrong:,} lost / {found.wrong_to_right:,} gained"
        assert number(row["agreement %"]) == pytest.approx(100 * found.pick_agreement, abs=0.00501)
        assert row["outcome"] == found.split.outcome


def test_the_other_tables_hold_the_records_numbers() -> None:
    record = VARIANTS["slice"]
    _, _, differences, drift, *flips, metrics, files = tables(pages.markdown_page(record))
    for row, found in zip(differences, record.drift, strict=True):
        assert number(row["difference"]) == pytest.approx(found.difference_points, abs=0.00501)
        split, new = found.split, found.new_items
        for column, said in (("95% split", split.interval_points), ("95% new items", new)):
            assert ends(row[column]) == pytest.approx([said.low, said.high], abs=0.0501)
        assert row["outcome"] == split.outcome
        assert row["at most the margin worse"] == ("yes" if split.non_inferior else "not shown")
        assert row["items for 90% power"] == formatting.about(split.items_for_power)
        assert row["McNemar p"] == formatting.p_value(found.mcnemar_p)
        assert row["Holm p"] == formatting.p_value(found.mcnemar_p_holm)
    for row, found in zip(drift, record.drift, strict=True):
        for column, value, digits in (
            ("mean Δ logprob", found.mean_logprob_change, 4),
            ("mean |Δ|", found.mean_abs_logprob_change, 3),
            ("RMS Δ", found.rms_logprob_change, 3),
            ("p99 |Δ|", found.p99_abs_logprob_change, 3),
            ("mean Δ lead", found.mean_margin_shift, 4),
        ):
            assert number(row[column]) == pytest.approx(value, abs=0.51 * 10**-digits)
        sums = re.findall(r"(\d+) lost / (\d+) gained", " ".join(row.values()))
        assert sum(int(lost) for lost, _ in sums) == found.right_to_wrong
        assert sum(int(gained) for _, gained in sums) == found.wrong_to_right
    flipped = [found for found in record.drift if found.flips]
    for table, found in zip(flips, flipped, strict=True):
        assert [row["item"] for row in table] == [flip.item for flip in found.flips[:5]]
        for row, flip in zip(table, found.flips, strict=False):
            picks = [row["gold"], row["F16 picks"], row[f"{found.type} picks"]]
            assert picks == [str(flip.gold), str(flip.reference_pick), str(flip.pick)]
            assert row["change"] == ("lost" if flip.reference_pick == flip.gold else "gained")
    for row, run in zip(metrics, record.runs, strict=True):
        assert row == {"type": run.type} | {
            name: f"{100 * found.value:.2f}" for name, found in run.metrics.items()
        }
    for row, run in zip(files, record.runs, strict=True):
        assert (row["file"], row["SHA-256"]) == (run.file, run.sha256)
        assert number(row["bytes"]) == run.file_bytes
        assert number(row["tokens decoded"]) == run.tokens_decoded


@every_page
def test_both_pages_show_the_same_rows(record: Report) -> None:
    page = Page(pages.html_page(record))
    for row in ladder.ladder_rows(RecordView.of(record)):
        shown = {row.type, row.size, row.accuracy, row.interval, row.tokens_per_s}
        shown |= {row.difference_points, row.difference_interval} if record.drift else set()
        for text in shown:
            assert text in page.text


def test_the_reference_is_named_and_a_lone_run_is_not_compared() -> None:
    first, second, *_ = ladder.ladder_rows(RecordView.of(example_report()))
    assert (first.difference, first.outcome, first.flips) == (
        "reference",
        "reference",
        "\N{EN DASH}",
    )
    assert second.difference == with_minus("-0.01")
    assert second.difference_interval == ""
    assert second.new_items == with_minus("[-0.2, +0.2]")
    (lone,) = ladder.ladder_rows(RecordView.of(VARIANTS["alone"]))
    assert (lone.difference, lone.outcome) == ("not compared", "not compared")
    assert "difference" not in tables(pages.markdown_page(VARIANTS["alone"]))[1][0]


def test_no_flips_and_p_of_one() -> None:
    record = example_report(flips={"Q8_0": (0, 0)})
    row = ladder.ladder_rows(RecordView.of(record))[1]
    assert row.flips == "0 lost / 0 gained"
    assert row.agreement == "100.00"
    assert (row.difference, row.outcome) == ("0.00", "equivalent")
    differences = details.difference_table(RecordView.of(record))
    assert dict(zip(differences.header, differences.rows[0], strict=True))["McNemar p"] == "1.000"
    assert "Q8_0: 0 flipped" not in pages.markdown_page(record)


# Numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formatting.signed(-0.001, 2), "0.00"),
        (formatting.signed(-0.0, 2), "0.00"),
        (formatting.signed(0.004, 2), "0.00"),
        (formatting.signed(-0.4, 2), "-0.40"),
        (formatting.signed(12.345, 1), "+12.3"),
        (formatting.plain(-0.04, 1), "0.0"),
        (formatting.plain(1234.5, 1), "1,234.5"),
        (formatting.accuracy_interval(Interval(low=-1e-18, high=1, level=0.95)), "[0.0, 100.0]"),
        (formatting.bound(-1.0, 1.0), "-1.0"),
        (formatting.bound(-1.04, 1.0), "-1.04"),
        (formatting.bound(-0.96, 1.0), "-0.96"),
        (formatting.bound(0.04, 1.0), "+0.04"),
        (formatting.bound(-0.0004, 1.0), "-0.0004"),
        (formatting.bound(0.0, 1.0), "0.0"),
        (formatting.bound(-1e-17, 1.0), "0.0000"),
        (formatting.bound(2.04, 1.0), "+2.0"),
        (formatting.bound(2.04, 2.0), "+2.04"),
        (formatting.bound(-1.04, 2.0), "-1.0"),
        (formatting.points(1), "1 point"),
        (formatting.points(0.5), "0.5 points"),
        (formatting.p_value(1.0), "1.000"),
        (formatting.p_value(0.0009), "<0.001"),
        (formatting.p_value(0.001), "0.001"),
        (formatting.probability(0.0), "0%"),
        (formatting.probability(1.0), "100%"),
        (formatting.probability(0.999), "above 99%"),
        (formatting.probability(0.001), "below 1%"),
        (formatting.probability(0.213), "21%"),
        (formatting.size(2_201_936_768), "2.05 GiB"),
        (formatting.size(1024**3), "1.00 GiB"),
        (formatting.size(1024**3 - 1), "1.00 GiB"),
        (formatting.size(16_043_213), "15.3 MiB"),
        (formatting.size(666_900_000), "636 MiB"),
        (formatting.size(2048), "2.0 KiB"),
        (formatting.rate(82.44), "82.4"),
        (formatting.rate(60_000.2), "60,000"),
        (formatting.duration(0.84), "0.8 s"),
        (formatting.duration(59.96), "1 min 00 s"),
        (formatting.duration(3599.6), "1 h 00 min"),
        (formatting.duration(46_840), "13 h 01 min"),
        (formatting.duration(46_800), "13 h 00 min"),
        (formatting.about(7), "7"),
        (formatting.about(2_339), "2,300"),
        (errors.listed(["A"]), "A"),
        (errors.listed(["A", "B", "C"]), "A, B and C"),
    ],
)
def test_numbers_as_text(text: str, expected: str) -> None:
    assert text == with_minus(expected)


@every_page
def test_a_negative_zero_is_never_shown(record: Report) -> None:
    text = Page(pages.html_page(record)).text
    for verdict in record.verdicts:
        text = text.replace(verdict.id, "")
    assert not re.search(r"[-+\N{MINUS SIGN}]0(\.0+)?(?![.\d])", text)


def test_runs_of_one_type_are_told_apart_by_their_matrix() -> None:
    record = VARIANTS["imatrix"]
    pairs = {run.run.label: run.drift for run in RecordView.of(record).runs}
    assert list(pairs)[4:6] == ["Q4_K_M", "Q4_K_M +imatrix"]
    plain, weighed = pairs["Q4_K_M"], pairs["Q4_K_M +imatrix"]
    assert plain is not None
    assert weighed is not None
    assert (plain.right_to_wrong, weighed.right_to_wrong) == (171, 9)
    rows = {row.type: row for row in ladder.ladder_rows(RecordView.of(record))}
    assert rows["Q4_K_M"].flips == "171 lost / 122 gained"
    assert rows["Q4_K_M +imatrix"].flips == "9 lost / 7 gained"
    for page in (pages.markdown_page(record), pages.html_page(record)):
        assert page.count("Q4_K_M +imatrix") >= 4
        assert "im.gguf, from 120 chunks of wiki.txt" in page
        assert "ab" * 32 in page
