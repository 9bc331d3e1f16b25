"""Pages of reports: read back into cells, and reports of every kind to make them of."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from edgeval.records import ImatrixInfo, Report
from edgeval.report import formatting
from edgeval.report.derived import renewed
from edgeval.stats.metrics import metric
from tests.helpers.reports import (
    HOSTILE,
    JUDGED_ITEMS,
    N_SPLIT,
    PUBLISHED,
    example_report,
    failed_report,
    sliced_report,
    stopped_report,
)

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


class Page(HTMLParser):
    """Checks that tags are balanced, and collects text, attributes and ids."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        """Without what scripts read or are."""
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
        if "script" not in self.open:
            self.text += data

    def values(self, name: str) -> list[str]:
        return [value for _, found, value in self.attributes if found == name]


def without_library(html: str) -> str:
    """Return a page without its own two scripts; what these read stays."""
    rest, n_scripts = re.subn(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    assert n_scripts == 2
    return rest


def cells(line: str) -> list[str]:
    """Split a row of a Markdown table as GitHub does: an escaped bar is text."""
    parts = re.split(r"(?<!\\)\|", line.strip())
    assert parts[0] == parts[-1] == ""
    return [re.sub(r"\\(.)", r"\1", part.strip()) for part in parts[1:-1]]


def tables(markdown: str) -> list[list[dict[str, str]]]:
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", markdown, flags=re.MULTILINE):
        header, rule, *rows = block.splitlines()
        assert all(re.fullmatch(r"---+:?", cell) for cell in cells(rule))
        assert len(cells(rule)) == len(cells(header))
        found.append([dict(zip(cells(header), cells(row), strict=True)) for row in rows])
    return found


def with_minus(text: str) -> str:
    """Return text with its hyphens turned into minus signs, which an editor shows alike."""
    return text.replace("-", formatting.MINUS)
