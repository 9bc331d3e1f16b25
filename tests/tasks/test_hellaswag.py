"""Formats and fingerprints of data files, and the errors that name file, line and field."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from edgeval.errors import DataError
from edgeval.hub import fetch
from edgeval.tasks.hellaswag import HELLASWAG, TextRow
from edgeval.tasks.task import DataSet
from tests.helpers.hellaswag import ROW, WIKIHOW, record
from tests.helpers.paths import ROOT

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a data file and returns its path."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def jsonl(*rows: Any) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in ROW.items() if name != key}


# Formats


def test_the_same_items_in_every_format_are_the_same_data(write: Write, tmp_path: Path) -> None:
    table = pyarrow.Table.from_pylist([ROW, WIKIHOW])
    pyarrow.parquet.write_table(table, tmp_path / "items.parquet")
    found = [
        HELLASWAG.load(write("items.jsonl", jsonl(ROW, WIKIHOW))),
        HELLASWAG.load(write("items.json", json.dumps([ROW, WIKIHOW]))),
        HELLASWAG.load(tmp_path / "items.parquet"),
        HELLASWAG.load(write("windows.JSONL", jsonl(ROW, "", WIKIHOW).replace("\n", "\r\n"))),
    ]
    for data_set in found:
        assert list(data_set.rows) == [record(), record(WIKIHOW)]
        assert data_set.fingerprint == found[0].fingerprint
    assert found[0].name == "items.jsonl"
    assert [item.id for item in found[0].items("lm-eval")] == ["24", "7"]
    assert [item.group for item in found[0].items("lm-eval")] == ["activitynet", "wikihow"]


@pytest.mark.parametrize("label", [3, "3", " 3 "])
def test_a_label_may_be_a_number_or_its_digit(label: object) -> None:
    assert record(label=label).label == 3


def test_an_item_without_source_is_in_the_group_of_all() -> None:
    assert record(without("source_id")).group == "all"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_text_file_by_hand(write: Write, line_end: str) -> None:
    lines = ["Roof: He sits. he", "2", "a", "b", "c", " d", "X: y", "0", "e", "f", "g", "h", ""]
    data_set = HELLASWAG.load(write("items.txt", line_end.join(lines)))
    assert list(data_set.rows) == [
        TextRow("0", "Roof: He sits. he", ("a", "b", "c", " d"), 2),
        TextRow("1", "X: y", ("e", "f", "g", "h"), 0),
    ]
    assert [(i.contexts[0], i.gold, i.group) for i in data_set.items("text")] == [
        ("Roof: He sits. he", 2, "all"),
        ("X: y", 0, "all"),
    ]


def test_the_text_format_refuses_the_lm_eval_rendering(write: Write) -> None:
    data_set = HELLASWAG.load(write("items.txt", "X: y\n0\ne\nf\ng\nh\n"))
    with pytest.raises(DataError, match="where ctx_b begins") as caught:
        data_set.items("lm-eval")
    assert "--protocol llama.cpp" in str(caught.value)


# Fingerprints


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "2"},
        {"endings": ["wraps skis.", "rips tiles off.", "holds a cube.", "pulls up roofing"]},
        {"endings": ["rips tiles off.", "wraps skis.", "holds a cube.", "pulls up roofing."]},
        {"ctx": "A man is sitting on a roof. He"},
        {"ctx_a": "A man sits on a roof."},
        {"ctx_b": "she"},
        {"activity_label": "Roof shingles"},
        {"ind": 25},
        {"source_id": "wikihow~1"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_counts_changes_the_fingerprint(changes: dict[str, Any]) -> None:
    one = DataSet("items", [record(), record(WIKIHOW)])
    other = DataSet("items", [record(**changes), record(WIKIHOW)])
    assert one.fingerprint != other.fingerprint


def test_the_order_of_the_items_changes_the_fingerprint() -> None:
    one = DataSet("items", [record(), record(WIKIHOW)])
    other = DataSet("items", [record(WIKIHOW), record()])
    assert one.fingerprint != other.fingerprint


def test_what_does_not_count_keeps_the_fingerprint() -> None:
    one, other = DataSet("one", [record()]), DataSet("other", [record(split_type="zeroshot")])
    assert one.fingerprint == other.fingerprint
    assert len(one.fingerprint) == 64


# Errors name the file, the line and the field

BROKEN = [
    pytest.param('{"ind": 1', "not valid JSON", id="wrong JSON"),
    pytest.param(ROW | {"label": "4"}, r"label is '?4'?.*less than 4", id="label 4"),
    pytest.param(ROW | {"label": "-1"}, "label is '-1'", id="label -1"),
    pytest.param(ROW | {"label": ""}, "label is ''", id="no label, as in the test split"),
    pytest.param(ROW | {"label": "two"}, "label is 'two'", id="label in words"),
    pytest.param(without("ctx_b"), "ctx_b is .*required", id="missing field"),
    pytest.param(ROW | {"ctx": None}, "ctx is None", id="null"),
    pytest.param(ROW | {"endings": ["a", "", "c", "d"]}, "endings.1 is ''", id="empty ending"),
    pytest.param(ROW | {"endings": ["a", "b", " ", "d"]}, "endings.2 is ' '", id="blank ending"),
    pytest.param(ROW | {"endings": ["a", "b", "c"]}, "endings.3.*required", id="three endings"),
    pytest.param(ROW | {"endings": list("abcde")}, "endings is .*at most 4", id="five endings"),
    pytest.param([1, 2], r"the item is \[1, 2\]", id="no object"),
]


@pytest.mark.parametrize(("row", "words"), BROKEN)
def test_an_error_in_a_jsonl_file_names_its_line(write: Write, row: Any, words: str) -> None:
    # Blank lines count, as they do in an editor.
    path = write("items.jsonl", jsonl(ROW, "", row, ROW))
    with pytest.raises(DataError, match=rf"items\.jsonl line 3\b.*{words}") as caught:
        HELLASWAG.load(path)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith((", or correct it", "; correct it"))


@pytest.mark.parametrize(("row", "words"), BROKEN[1:])
def test_an_error_in_a_json_file_names_its_item(write: Write, row: Any, words: str) -> None:
    path = write("items.json", json.dumps([ROW, row]))
    with pytest.raises(DataError, match=rf"items\.json item 2: {words}"):
        HELLASWAG.load(path)


def test_an_error_in_a_parquet_file_names_its_item(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    rows = [ROW, ROW | {"label": ""}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    with pytest.raises(DataError, match=r"items\.parquet item 2: label is ''"):
        HELLASWAG.load(path)


TEXT_ITEM = "X: y\n0\ne\nf\ng\nh\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("items.json", json.dumps(ROW), "not a JSON list of items"),
        ("items.json", "[", r"items\.json is not valid JSON"),
        ("items.json", "[]", "holds no items"),
        ("items.jsonl", "", "holds no items"),
        ("items.jsonl", "\n\n", "holds no items"),
        ("items.txt", "", "holds no items"),
        ("items.txt", TEXT_ITEM + "X: y\n", "has 7 lines, not a multiple of 6"),
        ("items.txt", TEXT_ITEM * 2 + "X: y\n1\na\nb\nc", "has 17 lines, not a multiple of 6"),
        ("items.txt", TEXT_ITEM + TEXT_ITEM.replace("0", "4"), "line 8: the label is '4', not 0"),
        ("items.txt", TEXT_ITEM.replace("0", ""), "line 2: the label is ''"),
        ("items.txt", TEXT_ITEM + TEXT_ITEM.replace("g", " "), "line 11: .*empty ending"),
        ("items.csv", "a,b", r"items\.csv is none of \.jsonl, \.json, \.parquet, \.txt"),
        ("items", "a,b", r"items is none of \.jsonl"),
        ("items.jsonl", '{"ind": "é"}\n'.encode("latin-1"), "not UTF-8"),
        ("items.json", '["é"]'.encode("latin-1"), "not UTF-8"),
        ("items.txt", TEXT_ITEM.replace("e", "é").encode("latin-1"), "not UTF-8"),
        ("items.parquet", b"", "not a Parquet file"),
        ("items.parquet", jsonl(ROW), "not a Parquet file"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    write: Write, name: str, content: str | bytes, words: str
) -> None:
    path = write(name, content)
    with pytest.raises(DataError, match=words) as caught:
        HELLASWAG.load(path)
    assert path.name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.jsonl", "no data file at"),
        ("missing", "no data file at"),
        (".", "is a folder, not a data file; name a file in it"),
    ],
)
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        HELLASWAG.load(tmp_path / name)
    assert str(tmp_path) in str(caught.value)


# The hub

OFFLINE = """
import sys
from edgeval.errors import DataError
from edgeval.tasks.hellaswag import HELLASWAG
try:
    getattr(HELLASWAG, sys.argv[1])(offline=True)
except DataError as error:
    print(error)
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("loader", "option"), [("load", " --data FILE"), ("load_shots", " --shots-data FILE")]
)
def test_without_network_and_cache_the_message_names_both_ways(
    loader: str, option: str, tmp_path: Path
) -> None:
    # A process of its own, because datasets reads the environment when it is imported.
    environment = os.environ | {"HF_HOME": str(tmp_path)}
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_DATASETS_CACHE", "HF_HUB_CACHE"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, loader],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Rowan/hellaswag is neither cached here nor to be had from the hub" in done.stdout
    assert "go online once" in done.stdout
    assert option in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_rows_of_the_hub_become_the_records_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    from tests.helpers.tiny import make_items, write_items

    rows = make_items(12)
    asked: list[tuple[str, str]] = []

    def load_dataset(name: str, split: str) -> datasets.Dataset:
        asked.append((name, split))
        return datasets.Dataset.from_list(rows)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(fetch, "why_unreachable", lambda: "")
    found = HELLASWAG.load()
    assert asked == [("Rowan/hellaswag", "validation")]
    assert found.name == "Rowan/hellaswag validation"
    assert HELLASWAG.load_shots().name == "Rowan/hellaswag train"
    assert asked[1:] == [("Rowan/hellaswag", "train")]
    assert found.fingerprint == HELLASWAG.load(write_items(tmp_path / "a.jsonl", rows)).fingerprint
