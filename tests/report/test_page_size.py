"""Size of a report's page: it can be sent, however long its texts and however many its types."""

from __future__ import annotations

import json
import re

import pytest

from edgeval.records import Report
from edgeval.records.evidence import MOST_CHOICE_CHARS, MOST_CONTEXT_CHARS, MOST_TOLD
from edgeval.report.pages import html_page
from tests.helpers.evidence import with_evidence
from tests.helpers.reports import example_report
from tests.helpers.shown_pages import crowded_report

MOST_BYTES = 2_000_000
LONG = {"ASCII": "x", "Chinese": "\u8a9e", "markup": "<", "unseen": "\u202e", "quotes": '"'}


def wordy(record: Report, letter: str) -> Report:
    """Return a record whose flips have texts as long as a record allows."""
    record = with_evidence(record, told=MOST_TOLD // len(record.runs))
    assert record.evidence is not None
    flips = [
        flip.model_copy(
            update={
                "context": letter * MOST_CONTEXT_CHARS,
                "choices": [letter * MOST_CHOICE_CHARS for _ in flip.logprobs],
            }
        )
        for flip in record.evidence.flips
    ]
    evidence = record.evidence.model_copy(update={"flips": flips})
    return record.model_copy(update={"evidence": evidence})


def shown(page: str) -> list[dict[str, object]]:
    """Return the flips that a page shows."""
    (island,) = re.findall(r'id="flips-data">(.*?)</script>', page, re.DOTALL)
    flips: list[dict[str, object]] = json.loads(island)["flips"]
    return flips


@pytest.mark.parametrize("letter", LONG.values(), ids=LONG)
def test_a_page_of_long_texts_shows_the_first_that_have_room(letter: str) -> None:
    record = wordy(example_report(), letter)
    assert record.evidence is not None
    page = html_page(record)
    assert len(page.encode("utf-8")) <= MOST_BYTES
    flips = shown(page)
    assert 30 < len(flips) < len(record.evidence.flips)
    for flip, known in zip(flips, record.evidence.flips, strict=False):
        assert (flip["label"], flip["item"]) == (known.label, known.item)
    assert f"; the {len(flips):,} with the largest changes" in page


def test_a_page_of_forty_types_is_as_short() -> None:
    page = html_page(wordy(crowded_report(), "x"))
    assert len(page.encode("utf-8")) <= MOST_BYTES
    assert shown(page)


def test_a_short_page_shows_all_that_its_record_tells() -> None:
    record = with_evidence(example_report(), told=8)
    assert record.evidence is not None
    assert len(shown(html_page(record))) == len(record.evidence.flips)
