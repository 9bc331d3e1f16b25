"""The saved record and its views."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
from report_example import (
    HOSTILE,
    JUDGED_ITEMS,
    N_SPLIT,
    PUBLISHED,
    example_claim,
    example_report,
    failed_report,
    sliced_report,
    stopped_report,
)

from edgeval import errors
from edgeval.cli.terminal import report as terminal
from edgeval.errors import EdgevalError
from edgeval.records import Evaluation, ImatrixInfo, Interval, Report, VerdictStatus
from edgeval.report import (
    conclusion,
    details,
    explanations,
    facts,
    figures,
    formatting,
    items,
    ladder,
    measurements,
    pages,
    record_files,
    verdicts,
)
from edgeval.report.derived import renewed
from edgeval.report.record_view import RecordView
from edgeval.stats.metrics import metric
from edgeval.stats.verdict import judged
from edgeval.system import escapes

VERDICT_KEYS = [
    "id",
    "kind",
    "status",
    "score",
    "confidence",
    "agent_version",
    "computed_at",
    "is_current",
    "claim_citation",
    "protocol_match",
]
CITATION_KEYS = [
    "paper_arxiv_id",
    "section",
    "row",
    "column",
    "reported_value",
    "reported_metric",
    "quoted_text",
    "pdf_page",
    "notes",
]
VERDICT_EXAMPLE = Path(__file__).parents[2] / "shared" / "verdict_example.json"
VOID_TAGS = {"meta", "br", "link", "img", "hr", "input"}


def with_imatrix(record: Report) -> Report:
    """Return a report in which Q4_K_M was evaluated with an importance matrix too."""
    (index,) = (i for i, run in enumerate(record.runs) if run.type == "Q4_K_M")
    matrix = ImatrixInfo(file="im.gguf", sha256="ab" * 32, dataset="wiki.txt", n_chunks=120)
    correct = record.runs[0].metrics["acc_norm"].correct + 7 - 9
    metrics = {**record.runs[index].metrics, "acc_norm": metric(correct, N_SPLIT, N_SPLIT)}
    update = {"imatrix": matrix, "file": "with.gguf", "metrics": metrics}
    run = record.runs[index].model_copy(update=update)
    found = record.drift[index - 1]
    flips = [*found.flips[:9], *found.flips[-7:]]
    found = found.model_copy(update={"has_imatrix": True, "flips": flips})
    return renewed(
        record.model_copy(
            update={
                "runs": [*record.runs[: index + 1], run, *record.runs[index + 1 :]],
                "drift": [*record.drift[:index], found, *record.drift[index:]],
            }
        )
    )


def in_file_order(record: Report) -> Report:
    """Return a record whose items are the first of a file."""
    data = record.data.model_copy(update={"order": "file"})
    return renewed(record.model_copy(update={"data": data}))


VARIANTS: dict[str, Report] = {
    "full": example_report(),
    "imatrix": with_imatrix(example_report()),
    "slice": example_report(n_items=60, status="partial"),
    "no claim": example_report(status=None),
    "alone": example_report(alone=True),
    "alone, no claim": example_report(alone=True, status=None, n_items=60),
    "hostile": example_report(title=HOSTILE, group=HOSTILE, n_items=1000, status="partial"),
    **{status: example_report(n_items=JUDGED_ITEMS[status], status=status) for status in PUBLISHED},
}
SPLIT_VARIANTS: dict[str, Report] = {
    "weighted": stopped_report(status="reproduced"),
    "random order": stopped_report(design="random order", status="partial"),
    "old": stopped_report(design="random order", status="partial", is_old=True),
    "sliced": sliced_report(),
    "first of a file": in_file_order(example_report(n_items=1000, status="inconclusive")),
}
FAILED_VARIANTS: dict[str, Report] = {
    "failed": failed_report("Q4_0", "Q2_K"),
    "failed reference": failed_report("F16", "Q2_K", status="partial", n_items=1000),
    "failed others": failed_report(*(run.type for run in example_report().runs[1:])),
}
PAGES = VARIANTS | SPLIT_VARIANTS | FAILED_VARIANTS
every_page = pytest.mark.parametrize("record", PAGES.values(), ids=PAGES)
every_variant = pytest.mark.parametrize("record", VARIANTS.values(), ids=VARIANTS.keys())
slices = pytest.mark.parametrize(
    "record", [record for record in VARIANTS.values() if RecordView.of(record).is_slice]
)


class Page(HTMLParser):
    """Checks that tags are balanced, and collects text, attributes and ids."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value for _, found, value in self.attributes if found == name]


def cells(line: str) -> list[str]:
    """Split a row of a Markdown table as GitHub does: an escaped bar is text."""
    parts = re.split(r"(?<!\\)\|", line.strip())
    assert parts[0] == parts[-1] == ""
    return [re.sub(r"\\(.)", r"\1", part.strip()) for part in parts[1:-1]]


def tables(markdown: str) -> list[list[dict[str, str]]]:
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", markdown, flags=re.MULTILINE):
        header, rule, *rows = block.splitlines()
        assert all(re.fullmatch(r"---:?", cell) for cell in cells(rule))
        assert len(cells(rule)) == len(cells(header))
        found.append([dict(zip(cells(header), cells(row), strict=True)) for row in rows])
    return found


def with_minus(text: str) -> str:
    """Return text with its hyphens turned into minus signs, which an editor shows alike."""
    return text.replace("-", formatting.MINUS)


def number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


def ends(text: str) -> list[float]:
    return [number(part) for part in text.strip("[]").split(", ")]


# The record


@every_page
def test_a_saved_report_loads_equal(record: Report, tmp_path: Path) -> None:
    record_files.save(record, tmp_path / "new" / "folder")
    assert record_files.load(tmp_path / "new" / "folder") == record
    text = (tmp_path / "new" / "folder" / "report.json").read_text(encoding="utf-8")
    assert text == record.model_dump_json(indent=2) + "\n"


@every_page
def test_rendering_a_loaded_report_gives_the_same_bytes(record: Report, tmp_path: Path) -> None:
    record_files.save(record, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.json", "report.md", "report.html"} | (
        {"verdict.json"} if record.verdicts else set()
    )
    first = {name: (tmp_path / name).read_bytes() for name in names}
    record_files.render(record_files.load(tmp_path), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_a_missing_report_says_which_folder(tmp_path: Path) -> None:
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(EdgevalError, match=r"holds no report\.json; name the folder") as error:
            record_files.load(folder)
        assert str(folder) in str(error.value)


def test_a_report_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(EdgevalError, match=r"cannot read .*report\.json \("):
        record_files.load(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "cut", "not UTF-8", "deep"],
)
def test_a_report_that_is_not_json_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(EdgevalError, match="is not JSON"):
        record_files.load(tmp_path)


def test_a_report_of_another_shape_names_the_first_field(tmp_path: Path) -> None:
    content = json.loads(example_report().model_dump_json())
    content["runs"][1]["metrics"]["acc_norm"]["correct"] = "many"
    (tmp_path / "report.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EdgevalError, match=r"not a report: runs\.1\.metrics\.acc_norm\.correct: "):
        record_files.load(tmp_path)
    (tmp_path / "report.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(EdgevalError, match="not a report: the whole file"):
        record_files.load(tmp_path)


def test_a_report_of_an_older_schema_says_to_evaluate_again(tmp_path: Path) -> None:
    content = json.loads(example_report().model_dump_json()) | {"schema_version": 1}
    (tmp_path / "report.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(
        EdgevalError, match=r"older edgeval \(schema 1, .* 2 to 5\); evaluate again, the"
    ):
        record_files.load(tmp_path)


def test_a_report_of_a_newer_schema_says_to_upgrade(tmp_path: Path) -> None:
    content = json.loads(example_report().model_dump_json()) | {"schema_version": 6, "new": 1}
    (tmp_path / "report.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EdgevalError, match=r"schema 6, this one reads 2 to 5\); upgrade edgeval"):
        record_files.load(tmp_path)


def test_nothing_is_written_when_composing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_files.save(example_report(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(record: Report) -> str:
        raise EdgevalError("no page")

    monkeypatch.setattr(record_files, "html_page", fail)
    with pytest.raises(EdgevalError, match="no page"):
        record_files.render(VARIANTS["slice"], tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(EdgevalError, match="no page"):
        record_files.save(VARIANTS["slice"], tmp_path / "new")
    assert record_files.load(tmp_path / "new") == VARIANTS["slice"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "report.json",
        "verdict.json",
    ]


def test_a_report_without_runs_or_without_its_metric_is_refused(tmp_path: Path) -> None:
    content = json.loads(example_report().model_dump_json())
    path = tmp_path / "report.json"
    path.write_text(json.dumps(content | {"runs": []}), encoding="utf-8")
    with pytest.raises(EdgevalError, match="not a report: runs: List should have at least 1 item"):
        record_files.load(tmp_path)
    content["protocol"]["metric"] = "acc_chars"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EdgevalError, match=r"tinyllama-3t-F16\.gguf has no acc_chars"):
        record_files.load(tmp_path)


def test_the_views_import_no_model_or_array_library() -> None:
    code = (
        "import sys, edgeval.report.ladder, edgeval.report.reasoning, edgeval.report.pages; "
        "print([n for n in ('llama_cpp', 'numpy', 'datasets', 'scipy', 'pyarrow', 'rich') "
        "if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


# The verdict


def test_verdict_json_has_exactly_the_published_fields(tmp_path: Path) -> None:
    record = VARIANTS["slice"]
    record_files.save(record, tmp_path)
    verdict = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))
    assert list(verdict) == VERDICT_KEYS
    assert list(verdict["claim_citation"]) == CITATION_KEYS
    assert verdict == json.loads(record.verdicts[0].model_dump_json())
    assert (verdict["status"], verdict["score"], verdict["protocol_match"]) == (
        "inconclusive",
        0.6,
        "proxy",
    )


@pytest.mark.skipif(not VERDICT_EXAMPLE.exists(), reason="no shared/verdict_example.json here")
def test_the_published_fields_are_those_of_the_example() -> None:
    example = json.loads(VERDICT_EXAMPLE.read_text(encoding="utf-8"))
    assert set(example) == set(VERDICT_KEYS)
    assert set(example["claim_citation"]) == set(CITATION_KEYS)


def test_a_stale_verdict_is_removed(tmp_path: Path) -> None:
    record_files.save(example_report(), tmp_path)
    assert (tmp_path / "verdict.json").exists()
    record_files.save(example_report(status=None), tmp_path)
    assert not (tmp_path / "verdict.json").exists()


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
    rows = tables(pages.markdown_page(record))[0]
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
    _, differences, drift, *flips, metrics, files = tables(pages.markdown_page(record))
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
    assert "difference" not in tables(pages.markdown_page(VARIANTS["alone"]))[0][0]


def test_no_flips_and_p_of_one() -> None:
    record = example_report(flips={"Q8_0": (0, 0)})
    row = ladder.ladder_rows(RecordView.of(record))[1]
    assert row.flips == "0 lost / 0 gained"
    assert row.agreement == "100.00"
    assert (row.difference, row.outcome) == ("0.00", "equivalent")
    differences = details.difference_table(RecordView.of(record))
    assert dict(zip(differences.header, differences.rows[0], strict=True))["McNemar p"] == "1.000"
    assert "Q8_0: 0 flipped" not in pages.markdown_page(record)


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
        (formatting.duration(46_840), "13 h 00 min"),
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


# The pages


@every_page
def test_html_is_well_formed_and_loads_nothing(record: Report) -> None:
    html = pages.html_page(record)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert not [value for name in ("src", "srcset", "poster") for value in page.values(name)]
    assert "@import" not in html
    assert "url(" not in html
    for tag, name, value in page.attributes:
        assert not name.startswith("on")
        if "//" in value and name == "href":
            assert tag == "a"
            assert value.startswith(
                ("https://arxiv.org/", "https://huggingface.co/", "https://doi")
            )
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    for reference in " ".join(page.values("aria-labelledby")).split():
        assert reference in ids


@every_page
def test_html_is_accessible(record: Report) -> None:
    html = pages.html_page(record)
    for svg in re.findall(r'<svg class="plot".*?</svg>', html, flags=re.DOTALL):
        assert 'role="img"' in svg
        assert "<title" in svg
        assert "<desc" in svg
    for table in re.findall(r"<table.*?</table>", html, flags=re.DOTALL):
        assert "<caption" in table
        assert re.findall(r"<th(?![^>]*scope=)[^e>]*>", table) == []


def test_hostile_names_are_text_in_html() -> None:
    html = pages.html_page(VARIANTS["hostile"])
    assert "<script" not in html
    assert HOSTILE in Page(html).text


def test_hostile_names_are_text_in_markdown() -> None:
    markdown = pages.markdown_page(VARIANTS["hostile"])
    title = markdown.splitlines()[0]
    assert title == (
        r"# \<script\>alert(1)\</script\> \| \`x\` [a]\(https\://example.org) \_b\_ & "
        '"c"'
    )
    outside_code = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"(?<!\\)<", outside_code)
    drift = tables(markdown)[2]
    assert f"{HOSTILE} (677 items)" in drift[0]


def test_markdown_escapes_only_what_is_syntax() -> None:
    assert escapes.markdown("Q4_K_M [-1.1, +0.3] a&b") == "Q4_K_M [-1.1, +0.3] a&b"
    assert escapes.markdown("&lt; _x_ ![i](j)\n# k") == r"\&lt; \_x\_ \![i]\(j) # k"


def test_a_command_cannot_leave_its_code_block() -> None:
    record = example_report().model_copy(update={"command": "edgeval run '```' <b>"})
    assert "\n````\nedgeval run '```' <b>\n````\n" in pages.markdown_page(record)


def test_pages_list_the_first_flips_and_say_how_many_there_are() -> None:
    page = Page(pages.html_page(example_report()))
    assert "Q2_K: 1,446 flipped items, the first 20" in page.text
    assert "### Q2_K: 1,446 flipped items, the first 5" in pages.markdown_page(example_report())


def test_a_local_model_and_a_bare_claim_leave_out_what_they_lack() -> None:
    record = example_report()
    model = record.model.model_copy(update={"repo": None, "revision": None})
    bare = {"paper_arxiv_id": None, "quoted_text": None, "pdf_page": None}
    cited = example_claim().citation.model_copy(update=bare)
    record = judged(record.model_copy(update={"model": model}), [example_claim(citation=cited)])
    html, markdown = pages.html_page(record), pages.markdown_page(record)
    assert "huggingface.co" not in html
    assert "arxiv.org" not in html
    assert "- **Model:** tinyllama-3t\n" in markdown
    assert "- **Source:** Table 2: row TinyLlama 1.1B (3T), column HellaSwag 0-shot\n" in markdown
    assert not re.search(r"\*\*(Paper|Quoted):|None|arXiv", markdown)


def test_a_run_without_a_comparison_is_shown_as_not_compared() -> None:
    record = example_report()
    record = record.model_copy(update={"drift": record.drift[:-1]})
    row = ladder.ladder_rows(RecordView.of(record))[-1]
    assert (row.type, row.difference, row.new_items) == ("Q2_K", "not compared", "\N{EN DASH}")
    assert "Q2_K" not in conclusion.conclusion(RecordView.of(record))
    drawn = figures.drift_figure(RecordView.of(record))
    assert drawn is not None
    assert "Q2_K" not in [mark.point.label for mark in drawn.marks]
    Page(pages.html_page(record))


# The figures


@pytest.mark.parametrize("record", [example_report(), VARIANTS["slice"]], ids=["whole", "slice"])
def test_the_drift_figure_is_to_scale(record: Report) -> None:
    drawn = figures.drift_figure(RecordView.of(record))
    assert drawn is not None
    points_a_pixel = 2.0 / (drawn.band_bottom - drawn.band_top)
    for mark, found in zip(drawn.marks[1:], record.drift, strict=True):
        shown = (drawn.line_y - mark.y) * points_a_pixel
        assert shown == pytest.approx(found.difference_points, rel=0.005, abs=0.01)
        # Whiskers only where the difference is not known for certain.
        assert (mark.point.ends is None) == found.split.is_exact
        said = found.split.interval_points
        width = (mark.bottom - mark.top) * points_a_pixel
        assert width == pytest.approx(said.high - said.low, rel=0.005, abs=0.01)
    assert drawn.marks[0].y == drawn.line_y
    by_bits = sorted(drawn.marks, key=lambda mark: mark.point.bits)
    assert by_bits == sorted(drawn.marks, key=lambda mark: mark.x)
    texts = dict(drawn.x_ticks[i][::-1] for i in range(len(drawn.x_ticks)))
    assert texts["8"] - texts["4"] == pytest.approx(texts["16"] - texts["8"], abs=0.11)


def test_the_claim_figure_holds_the_claim_and_needs_its_metric() -> None:
    record = example_report()
    drawn = figures.claim_figure(RecordView.of(record))
    assert drawn is not None
    assert drawn.line_labels == ["published", "59.20"]
    assert all(mark.point.ends is None for mark in drawn.marks)
    sliced = figures.claim_figure(RecordView.of(VARIANTS["slice"]))
    assert sliced is not None
    assert all(mark.point.ends is not None for mark in sliced.marks)
    assert figures.claim_figure(RecordView.of(VARIANTS["no claim"])) is None
    mismatch = record.verdicts[0].model_copy(update={"protocol_match": "mismatch"})
    assert (
        figures.claim_figure(RecordView.of(record.model_copy(update={"verdicts": [mismatch]})))
        is None
    )
    assert figures.drift_figure(RecordView.of(VARIANTS["alone"])) is None


@pytest.mark.parametrize("n_types", [2, 8, 11, 13, 20, 23, 33])
@pytest.mark.parametrize("spread", [0.0, 0.001, 1.0])
@pytest.mark.parametrize("suffix", ["", " +imatrix"])
def test_labels_never_overlap(n_types: int, spread: float, suffix: str) -> None:
    points = [
        figures.Point(
            f"IQ2_T{index}{suffix}", 4.0 + spread * index / n_types, 0.0, None, "equivalent", ""
        )
        for index in range(n_types)
    ]
    places, n_rows = figures._label_places(points)
    width = figures._label_width(points)
    for row in range(n_rows):
        centres = sorted(x for x, of in places if of == row)
        gaps = [b - a for a, b in itertools.pairwise(centres)]
        assert min(gaps, default=width) >= width - 0.2
    assert all(width / 2 - 0.1 <= x <= figures.WIDTH - width / 2 + 0.1 for x, _ in places)


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
    drawn = figures.drift_figure(RecordView.of(record))
    assert drawn is not None
    by_label = {mark.point.label: mark for mark in drawn.marks}
    assert abs(by_label["Q4_K_M"].x - by_label["Q4_K_M +imatrix"].x) >= 10


# Evaluations that stopped early, and reference files


def test_each_type_has_its_items_and_the_accuracy_of_the_split() -> None:
    record = SPLIT_VARIANTS["weighted"]
    rows = tables(pages.markdown_page(record))[0]
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
        assert "40.00" not in page


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


def test_the_terminal_shows_the_items_and_the_reference_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal.print_report(SPLIT_VARIANTS["weighted"])
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if "Q4_K_M " in line)
    assert [cell.strip() for cell in re.split("[│|]", row)[1:-1]] == [
        "Q4_K_M",
        "638 MiB",
        "4.85",
        "1,040",
        "58.52",
        with_minus("-0.65 [-0.9, +0.4]"),
        "equivalent",
        "31 / 22",
        "136",
    ]
    assert any("│ from ref.npz " in line for line in lines)
    assert max(map(len, lines[:12])) <= 120
    assert conclusion.interval_sentence(RecordView.of(SPLIT_VARIANTS["weighted"])) in lines


def test_the_terminal_shows_where_each_file_of_an_evaluation_stopped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = SPLIT_VARIANTS["old"]
    q2_k = record.runs[0].model_copy(
        update={
            "type": "Q2_K",
            "metrics": {
                name: found.model_copy(update={"total": 1408})
                for name, found in record.runs[0].metrics.items()
            },
        }
    )
    result = Evaluation(
        edgeval_version=record.edgeval_version,
        created_at=record.created_at,
        data=record.data,
        protocol=record.protocol,
        engine=record.engine,
        device=record.device,
        runs=[record.runs[0], q2_k],
    )
    terminal.print_evaluation(result)
    shown = capsys.readouterr().out
    assert "slices: 1,408 to 2,432 of 10,042 items of Rowan/hellaswag validation" in shown
    assert "acc_norm 95 %" in shown
    assert "[58.3, 60.1]" in shown
    assert (
        "Stopped as soon as decided to ±1 point, after 1,408 to 2,432 of 10,042 items a file. "
        f"{conclusion.EVERY_LOOK}\n"
    ) in shown
