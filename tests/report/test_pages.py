"""Pages of a report: well-formed, accessible, and safe from what others wrote."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys

import pytest

from edgeval.records import Report
from edgeval.report import charts, conclusion, ladder, pages
from edgeval.report.record_view import RecordView
from edgeval.stats.verdict import judged
from edgeval.system import escapes
from tests.helpers.pages import VARIANTS, Page, every_page, tables, without_library
from tests.helpers.reports import (
    HOSTILE,
    example_claim,
    example_report,
)


@pytest.mark.process
def test_the_views_import_no_model_or_array_library() -> None:
    code = (
        "import sys, edgeval.report.ladder, edgeval.report.reasoning, edgeval.report.pages; "
        "print([n for n in ('llama_cpp', 'numpy', 'datasets', 'scipy', 'pyarrow', 'rich') "
        "if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


# The pages


@every_page
def test_html_is_well_formed_and_loads_nothing(record: Report) -> None:
    html = pages.html_page(record)
    page = Page(html)
    assert not {"link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert not [value for name in ("src", "srcset", "poster") for value in page.values(name)]
    own = without_library(html)
    assert "@import" not in own
    assert "url(" not in own
    (policy,) = re.findall(r"script-src ([^;]*);", html)
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    digests = [hashlib.sha256(each.encode()).digest() for each in scripts]
    assert policy == " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in digests)
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
    for chart in re.findall(r'<div class="chart"[^>]*>', html):
        assert 'role="img"' in chart
        assert re.search(r'aria-label="[^"]{20,}"', chart)
    for table in re.findall(r"<table.*?</table>", without_library(html), flags=re.DOTALL):
        assert "<caption" in table
        assert re.findall(r"<th(?![^>]*scope=)[^e>]*>", table) == []


def test_hostile_names_are_text_in_html() -> None:
    html = pages.html_page(VARIANTS["hostile"])
    assert "<script>alert" not in html
    assert HOSTILE in Page(html).text


def test_hostile_names_are_text_in_markdown() -> None:
    markdown = pages.markdown_page(VARIANTS["hostile"])
    title = markdown.splitlines()[0]
    assert title == (
        r"# \<script\>alert(1)\</script\> \| \`x\` [a]\(https\://example.org) \_b\_ & "
        '"c"'
    )
    outside_code = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"(?<!\\)<(?!/?(details|summary)>)", outside_code)
    drift = tables(markdown)[3]
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
    drawn = charts.drift_chart(RecordView.of(record))
    assert drawn is not None
    assert "Q2_K" not in drawn.description
    Page(pages.html_page(record))
