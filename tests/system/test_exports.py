"""Exports: rows come back from each format as they were, whatever their texts hold."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from edgeval.errors import EdgevalError
from edgeval.system.exports import Columns, Format, write_rows

COLUMNS: Columns = {
    "name": "text",
    "count": "count",
    "share": "number",
    "is_right": "flag",
    "logs": ("number",),
    "texts": ("text",),
    "picks": {"acc": "count", "acc_norm": "count"},
}
ROWS: list[dict[str, Any]] = [
    {
        "name": 'a "quoted", name\nof two lines\r and more',
        "count": 2**40,
        "share": 0.1,
        "is_right": True,
        "logs": [-1.5, -1e-300, 0.1 + 0.2],
        "texts": ["a,b", 'c"d', "e\nf", ""],
        "picks": {"acc": 1, "acc_norm": 3},
    },
    dict.fromkeys(COLUMNS),
    {"name": "=1+1", "is_right": False, "logs": []},
]
FORMULA = {"=", "+", "-", "@", "\t", "\r"}
WHOLE = [{name: row.get(name) for name in COLUMNS} for row in ROWS]


def written(folder: Path, kind: Format, rows: list[dict[str, Any]] = ROWS) -> Path:
    path = folder / f"rows.{kind}"
    write_rows(path, kind, COLUMNS, iter(rows))
    return path


def test_json_lines_hold_the_values(tmp_path: Path) -> None:
    text = written(tmp_path, "jsonl").read_text(encoding="ascii")
    assert [json.loads(line) for line in text.split("\n")[:-1]] == WHOLE


def test_parquet_holds_the_values_and_their_types(tmp_path: Path) -> None:
    table = parquet.read_table(written(tmp_path, "parquet"))
    assert table.to_pylist() == WHOLE
    assert [str(kind) for kind in table.schema.types] == [
        "string",
        "int64",
        "double",
        "bool",
        "list<element: double>",
        "list<element: string>",
        "struct<acc: int64, acc_norm: int64>",
    ]


def test_csv_is_that_of_rfc_4180(tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file, strict=True)
    assert head == list(COLUMNS)
    first, nothing, last = (dict(zip(head, row, strict=True)) for row in rows)
    assert first["name"] == ROWS[0]["name"]
    assert float(first["share"]) == 0.1
    assert first["is_right"] == "true"
    for name in ("logs", "texts", "picks"):
        assert json.loads(first[name]) == ROWS[0][name]
    assert set(nothing.values()) == {""}
    assert (last["name"], last["is_right"], last["logs"]) == ("'=1+1", "false", "[]")
    # Each row ends with both characters, and quotes within quotes are doubled.
    assert path.read_bytes().startswith(
        b'name,count,share,is_right,logs,texts,picks\r\n"a ""quoted"", name\nof two lines\r and'
    )
    assert path.read_bytes().endswith(b"\r\n'=1+1,,,false,[],,\r\n")


@pytest.mark.parametrize("begin", sorted(FORMULA))
def test_a_spreadsheet_computes_nothing(tmp_path: Path, begin: str) -> None:
    formula, number = f'{begin}HYPERLINK("https://a.example")', -0.5
    row = {"name": formula, "share": number, "texts": [formula]}
    with written(tmp_path, "csv", [row]).open(encoding="utf-8", newline="") as file:
        (cells,) = csv.DictReader(file, strict=True)
    assert cells["name"] == f"'{formula}"
    assert float(cells["share"]) == number
    assert json.loads(cells["texts"]) == [formula]
    assert parquet.read_table(written(tmp_path, "parquet", [row])).to_pylist()[0]["name"] == formula


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_without_rows_there_is_a_file(tmp_path: Path, kind: Format) -> None:
    path = written(tmp_path, kind, [])
    if kind == "parquet":
        assert parquet.read_table(path).num_rows == 0
    else:
        assert len(path.read_text(encoding="utf-8").splitlines()) == (kind == "csv")


# Before Python 3.11 its csv reads no NUL.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.none() | texts,
            "count": st.none() | st.integers(-(2**63), 2**63 - 1),
            "share": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "texts": st.none() | st.lists(texts, max_size=3),
        }
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=50)
@given(rows)
def test_any_values_come_back(
    tmp_path_factory: pytest.TempPathFactory, found: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    names = ("name", "count", "share", "texts")
    read = parquet.read_table(written(folder, "parquet", found)).select(names).to_pylist()
    assert read == found
    lines = written(folder, "jsonl", found).read_text(encoding="ascii").split("\n")[:-1]
    assert [{name: json.loads(line)[name] for name in names} for line in lines] == found
    with written(folder, "csv", found).open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file, strict=True))
    for row, cell in zip(found, cells, strict=True):
        name = row["name"] or ""
        assert cell["name"] == (f"'{name}" if name[:1] in FORMULA else name)
        assert cell["share"] == "" or math.isclose(float(cell["share"]), row["share"], rel_tol=0)
        assert cell["texts"] == "" or json.loads(cell["texts"]) == row["texts"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_file_is_whole_or_as_it_was(tmp_path: Path, kind: Format) -> None:
    path = written(tmp_path, kind)
    before = path.read_bytes()

    def failing() -> Any:
        yield ROWS[0]
        raise EdgevalError("no more")

    with pytest.raises(EdgevalError, match="no more"):
        write_rows(path, kind, COLUMNS, failing())
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    for kind in ("csv", "jsonl", "parquet"):
        with pytest.raises(EdgevalError, match="cannot write /dev/full"):
            write_rows(Path("/dev/full"), kind, COLUMNS, ROWS)  # type: ignore[arg-type]
