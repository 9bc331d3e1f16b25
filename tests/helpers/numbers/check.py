"""Check of a page: all of its numbers beside those of a record."""

from __future__ import annotations

from collections.abc import Iterator, Set

from tests.helpers.numbers.answers import wrong_answers
from tests.helpers.numbers.charts import wrong_charts
from tests.helpers.numbers.markdown import wrong_ladder
from tests.helpers.numbers.measured import wrong_facts, wrong_tables
from tests.helpers.numbers.page import Parts
from tests.helpers.numbers.raw import Json, Raw
from tests.helpers.numbers.sentences import wrong_sentences


def wrong_numbers(page: Parts, content: Json, of_method: Set[str] = frozenset()) -> Iterator[str]:
    """Yield where a page says otherwise than a record, in sentences.

    Args:
        page: The page.
        content: The record, as JSON has it.
        of_method: Numbers of "How to read this" that are of the method, not of the record.
    """
    raw = Raw(content)
    yield from wrong_tables(raw, page.grids)
    yield from wrong_facts(raw, page.facts)
    yield from wrong_charts(raw, page.islands)
    yield from wrong_answers(raw, page.texts)
    yield from wrong_sentences(raw, page.texts, of_method)
    if page.command != content["command"]:
        yield f"the command is {page.command!r}"
    yield from wrong_ladder(raw, page.markdown)
