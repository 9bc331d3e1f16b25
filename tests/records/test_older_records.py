"""Records that an older edgeval wrote: what they measured is shown, not what they concluded of it.

``golden/schema_3.json`` holds records that edgeval 0.1.0 wrote in schema 3, of a few types each.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError
from edgeval.records import SCHEMA_VERSION, Report
from edgeval.report import conclusion, pages, record_files
from edgeval.report.record_view import RecordView
from tests.helpers.paths import GOLDEN

RECORDS: dict[str, Any] = json.loads((GOLDEN / "schema_3.json").read_text(encoding="utf-8"))
TIMES = {"elapsed_s": 12.5, "load_s": 1.5, "tokens_per_s": 99.5}


def load(content: Any, folder: Path) -> Report:
    (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")
    return record_files.load(folder)


def edited(name: str, change: Callable[[Any], None]) -> Any:
    content = json.loads(json.dumps(RECORDS[name]))
    change(content)
    return content


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("schema", [2, 3])
def test_what_an_older_edgeval_concluded_is_no_contradiction(
    name: str, schema: int, tmp_path: Path
) -> None:
    def older(content: Any) -> None:
        content["schema_version"] = schema
        if schema == 2:
            for run in content["runs"]:
                run |= TIMES

    found = load(edited(name, older), tmp_path)
    assert (found.schema_version, found.corrections) == (SCHEMA_VERSION, ())
    # Written again, it is of this schema, and the same.
    record_files.save(found, tmp_path / "new")
    again = record_files.load(tmp_path / "new")
    assert (again, again.corrections) == (found, ())
    for page in (pages.markdown_page(found), pages.html_page(found)):
        assert "says otherwise" not in page


@pytest.mark.parametrize(
    ("name", "outcomes", "sureness"),
    [
        ("whole", ["equivalent", "equivalent"], ""),
        ("slice", ["open", "open"], "Their intervals hold together with 95%."),
        ("sliced", ["open", "open"], "Their intervals hold together with 95%."),
        # Each was followed until it was decided by itself.
        (
            "weighted",
            ["equivalent", "open"],
            "What is said of each type holds by itself with 95%, whenever it",
        ),
        (
            "random order",
            ["equivalent", "open"],
            "What is said of each type holds by itself with 95%, whenever it",
        ),
    ],
)
def test_what_is_concluded_is_of_the_numbers(
    name: str, outcomes: list[str], sureness: str, tmp_path: Path
) -> None:
    found = load(RECORDS[name], tmp_path)
    assert [each.split.outcome for each in found.drift] == outcomes
    assert sureness in conclusion.conclusion(RecordView.of(found))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (
            lambda content: content["runs"][1]["metrics"]["acc"].update(value=0.99),
            "runs.1.metrics.acc.value is 0.99",
        ),
        (
            lambda content: content["drift"][0].update(difference_points=5.0),
            "drift.0.difference_points is 5",
        ),
        (lambda content: content["drift"][0].update(right_to_wrong=77), "drift.0.right_to_wrong"),
        (lambda content: content["drift"][0].update(reference="Q9_9"), "drift.0.reference is Q9_9"),
    ],
)
def test_what_it_counted_otherwise_than_its_numbers_is_told(
    change: Callable[[Any], None], place: str, tmp_path: Path
) -> None:
    (sentence,) = load(edited("slice", change), tmp_path).corrections
    assert "says otherwise than its own numbers in one place" in sentence
    assert place in sentence


def test_numbers_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    content = edited("slice", lambda content: content["drift"][0]["flips"].pop())
    with pytest.raises(EdgevalError, match=r"contradicts itself: Q8_0 has .* its flips give"):
        load(content, tmp_path)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("runs", None),
        ("runs", 7),
        ("runs", [7]),
        ("drift", {}),
        ("drift", [None]),
        ("drift", [{"split": 7, "new_items": [1], "stopping": "soon"}]),
        ("runs", [{"metrics": {"acc": None}, "stopping": []}]),
    ],
)
def test_what_is_no_record_is_refused_in_a_sentence(part: str, value: Any, tmp_path: Path) -> None:
    content = edited("slice", lambda content: content.update({part: value}))
    with pytest.raises(EdgevalError, match="is not a report"):
        load(content, tmp_path)
