"""Evidence beside the comparisons that it is of: what contradicts them is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError
from edgeval.records import Report
from edgeval.report import record_files
from tests.helpers.evidence import with_evidence
from tests.helpers.hostile import replaced
from tests.helpers.reports import example_report

RECORD: dict[str, Any] = json.loads(with_evidence(example_report()).model_dump_json())
Place = tuple[str | int, ...]


def loaded(content: dict[str, Any], folder: Path) -> Any:
    (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")
    return record_files.load(folder)


def test_evidence_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = loaded(RECORD, tmp_path)
    assert json.loads(found.model_dump_json()) == RECORD
    assert found.corrections == ()


def test_a_record_without_any_says_nothing_of_it(tmp_path: Path) -> None:
    older = {name: value for name, value in RECORD.items() if name != "evidence"}
    found = loaded(older, tmp_path)
    assert found.evidence is None
    assert json.loads(found.model_dump_json()) == older
    assert Report.model_validate(older | {"evidence": None}).model_dump().keys() == older.keys()


FLIP: Place = ("evidence", "flips", 0)
GROUP: Place = ("evidence", "groups", 0, "groups", 0)


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("evidence", "n_flips"), 1, "flips are told of, of 1"),
        (("evidence", "n_flips"), 99_999, "the evidence is of 99,999 flips, and there are"),
        ((*FLIP, "label"), "Q9_9", "the evidence tells of flips that no comparison has"),
        ((*FLIP, "item"), "another", "the evidence tells of flips that no comparison has"),
        ((*FLIP, "gold"), 9, "has no choice 9"),
        ((*FLIP, "pick"), 0, "is no flip of Q8_0"),
        ((*FLIP, "pick"), 3, "has a pick that its values do not give"),
        ((*FLIP, "values"), [-1.0], "has another number of choices in one list"),
        ((*FLIP, "context"), None, "has a context or choices, and not both"),
        ((*FLIP, "context"), "x" * 2001, "at most 2000 characters"),
        ((*FLIP, "choices", 0), "x" * 501, "at most 500 characters"),
        (("evidence", "flips"), RECORD["evidence"]["flips"] * 40, "at most 500 items"),
        (("evidence", "change_edges_nats", 0), 1.0, "do not ascend"),
        (("evidence", "changes", 0, "counts", 0), -1, "greater than or equal to 0"),
        (("evidence", "changes", 0, "counts"), [1], "has other edges"),
        (("evidence", "changes", 0, "label"), "Q2_K", "a type twice, or one that is not compared"),
        (("evidence", "groups", 0, "label"), "Q9_9", "a type twice, or one that is not compared"),
        ((*GROUP, "n_items"), 0, "greater than or equal to 1"),
        ((*GROUP, "n_items"), 9_000, "the groups of Q8_0 have other items than the comparison"),
        ((*GROUP, "group"), "another", "the groups of Q8_0 have other flips than the comparison"),
        ((*GROUP, "right"), 5, "do not give each other"),
    ],
)
def test_what_contradicts_the_comparisons_is_refused(
    place: Place, value: Any, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(EdgevalError, match=reason):
        loaded(replaced(RECORD, place, value), tmp_path)


def test_right_items_are_those_of_the_runs(tmp_path: Path) -> None:
    group = RECORD["evidence"]["groups"][0]["groups"][0]
    more = {"reference_right": group["reference_right"] - 1, "right": group["right"] - 1}
    with pytest.raises(EdgevalError, match="the groups of Q8_0 have other items"):
        loaded(replaced(RECORD, GROUP, group | more), tmp_path)
