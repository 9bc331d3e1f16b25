"""Records of strangers: each field, in each view; and files that are none."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeval.cli.terminal import report as terminal
from edgeval.cli.terminal.comparison import print_comparison
from edgeval.cli.terminal.verdict import print_verdicts
from edgeval.errors import EdgevalError
from edgeval.records import (
    Evaluation,
    ImatrixInfo,
    PreTokenizer,
    Record,
    Report,
    SameFile,
    ShotPool,
    TensorMix,
    bounds,
)
from edgeval.records.hardware import Conditions
from edgeval.report import pages, record_files
from edgeval.report.compare.compare import compare
from edgeval.report.exports.every_eval_ever import logs
from edgeval.report.exports.export import exported
from edgeval.report.exports.model_card import eval_results
from edgeval.stats.verdict import verdicts
from tests.helpers.energies import told, with_energy
from tests.helpers.evidence import with_evidence
from tests.helpers.hostile import TEXTS, UNSEEN, replaced, strings
from tests.helpers.pages import without_library
from tests.helpers.reports import (
    example_reference,
    example_report,
    failed_report,
    gpu_report,
    sliced_report,
)
from tests.helpers.reports import stopped_report as stopped

Place = tuple[str | int, ...]


def full() -> Report:
    """Return a record in which each part of the schema is there that can stand beside others."""
    record = failed_report("Q4_0", status="partial", n_items=1000)
    first, second, *rest = record.runs
    second = second.model_copy(
        update={
            "mix": TensorMix(own="Q8_0", shares={"Q4_0": 0.9}, fallen_back=0.9, said="Q8_1"),
            "pre_tokenizer": PreTokenizer(own="own", given="given"),
            "kernels": "plain",
            "kernels_reason": "they are slower",
        }
    )
    matrix = ImatrixInfo(file="im.gguf", sha256="a" * 64, dataset="wiki", n_chunks=3)
    named = {"imatrix": matrix, "name": "theirs", "quantized_by": "them"}
    rest[-1] = rest[-1].model_copy(update=named)
    *drift, last = record.drift
    data = record.data.model_copy(
        update={"shot_pool": ShotPool(name="pool", fingerprint="f", n_items=9)}
    )
    words = ("board", "soc", "os", "memory_type")
    board = record.device.model_copy(update=dict(zip(words, words, strict=True)))
    return record.model_copy(
        update={
            "runs": [first, second, *rest],
            "drift": [*drift, last.model_copy(update={"has_imatrix": True, "name": "theirs"})],
            "data": data,
            "device": board,
            "conditions": Conditions(
                governors=["powersave"],
                clock_driver="intel_pstate",
                energy_preference="balance",
                storage="SD card",
                cooling="a fan",
            ),
            "protocol": record.protocol.model_copy(update={"shots": 5}),
            "base_model": "owner/base",
            "same_files": [SameFile(type="Q5_0", file="same.gguf", same_as="Q8_0")],
            "unlike": ["tokenizers differ"],
            "claims": [each.model_copy(update={"data_fingerprint": "f"}) for each in record.claims],
            "other_claims": record.claims,
        }
    )


def as_evaluation(record: Report) -> dict[str, Any]:
    content = json.loads(record.model_dump_json())
    return {name: content[name] for name in Evaluation.model_fields}


RECORDS: dict[str, dict[str, Any]] = {
    "full": json.loads(
        with_energy(full(), F16=[told("RAPL", 20.0)], Q8_0=[told("RAPL", 9.0)]).model_dump_json()
    ),
    "evidence": json.loads(with_evidence(example_report()).model_dump_json()),
    "sliced": json.loads(sliced_report().model_dump_json()),
    "stopped": json.loads(stopped(status="partial").model_dump_json()),
    "gpu": json.loads(gpu_report(token_changes={"Q2_K": 0.3}).model_dump_json()),
    "reference failed": json.loads(failed_report("F16", "Q2_K").model_dump_json()),
    "evaluation": as_evaluation(full()),
}


def general(place: Place) -> Place:
    """Return a place with one index for all members of a list."""
    return tuple(0 if isinstance(each, int) else each for each in place)


def _text_places() -> dict[tuple[str, Place], Place]:
    """Return each field that holds text once, and once more in what ``edgeval eval`` prints."""
    found: dict[tuple[str, Place], Place] = {}
    for name, record in RECORDS.items():
        known = {place for _, place in found} if name != "evaluation" else set()
        for place in strings(record):
            if general(place) not in known:
                found[name, general(place)] = place
    return found


PLACES = _text_places()


def views(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return what is shown of a file, by way."""
    record = record_files.load_record(path)
    shown = {}
    if isinstance(record, Report):
        terminal.print_report(record)
        print_verdicts(record, verdicts(record))
        html = without_library(pages.html_page(record))
        shown = {"html": html, "markdown": pages.markdown_page(record)}
        shown |= exports(record)
    else:
        terminal.print_evaluation(record)
    other = path.with_name("other.json")
    if not other.exists():
        other.write_text(json.dumps(RECORDS["full"]), encoding="utf-8")
    print_comparison(compare([other, path]))
    captured = capsys.readouterr()
    return shown | {"terminal": captured.out + captured.err}


def exports(record: Report) -> dict[str, str]:
    """Return what is exported of a record: of a model card, front matter and body by themselves."""
    _, front, body = exported(record, "model-card").split("---\n", 2)
    results = yaml.safe_dump(eval_results(record), allow_unicode=True)
    logged = json.dumps(list(logs(record).values()), ensure_ascii=False)
    return {"front matter": front, "card": body, "results": results, "log": logged} | {
        "latex": exported(record, "latex")
    }


def assert_harmless(shown: dict[str, str], text: str) -> None:
    for way, content in shown.items():
        found = UNSEEN.search(content)
        assert found is None, f"{way}: {content[found.start() - 40 : found.end() + 40]!r}"
    page = shown.get("html", "").replace('<script type="application/json"', "")
    assert not re.search(r"<script|<img|onerror=(?!&)'a'", page)
    for way in ("markdown", "card"):
        assert_harmless_markdown(shown.get(way, ""), text)


def assert_harmless_markdown(markdown: str, text: str) -> None:
    prose = re.sub(r"^(`{3,}).*?^\1", "", markdown, flags=re.DOTALL | re.MULTILINE)
    folds = r"(?<!\\)<(?!details>|summary>)\w"
    assert not re.search(rf"{folds}|(?<!\\)!\[|\]\(javascript", prose)
    if text == TEXTS["cell"]:
        widths = [len(re.findall(r"(?<!\\)\|", line)) for line in prose.splitlines()]
        assert all(a == b or not (a and b) for a, b in itertools.pairwise(widths))


@pytest.mark.parametrize(
    ("name", "place"),
    PLACES,
    ids=[f"{name} {'.'.join(map(str, place))}" for name, place in PLACES],
)
def test_text_in_any_field_stays_text(
    name: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(f"{name} {place}")
    for text in (" ".join(rng.sample(list(TEXTS.values()), 8)), rng.choice(list(TEXTS.values()))):
        path = tmp_path / "report.json"
        content = replaced(RECORDS[name], PLACES[name, place], text)
        path.write_text(json.dumps(content), encoding="utf-8")
        try:
            shown = views(path, capsys)
        except EdgevalError as error:
            assert len(str(error)) < 2000
            continue
        assert_harmless(shown, text)


def test_the_walk_reaches_every_text_of_the_schema() -> None:
    reached = {place[-1] for _, place in PLACES}
    unreached = {
        name
        for kind in _records_of(Report) | _records_of(Evaluation)
        for name, field in kind.model_fields.items()
        if field.annotation in (str, str | None) and name not in reached
    }
    assert unreached == set()


def _below(kind: type[Record]) -> set[type[Record]]:
    """Return all records that a record is the base of."""
    return {each for below in kind.__subclasses__() for each in ({below} | _below(below))}


def _records_of(kind: type[Record]) -> set[type[Record]]:
    found = {kind}
    text = json.dumps([str(field.annotation) for field in kind.model_fields.values()])
    for other in _below(Record):
        if re.search(rf"\b{other.__name__}\b", text) and other.__module__.startswith("edgeval.rec"):
            found |= _records_of(other)
    return found


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_title_is_shown_as_it_is(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = replaced(RECORDS["full"], ("model", "title"), text)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    shown = views(path, capsys)
    assert_harmless(shown, text)
    if text.isprintable():
        assert text in shown["terminal"].replace("\n", " ")


@pytest.mark.parametrize("place", [("data", "groups"), ("runs", 1, "metrics"), ("runs", 1)])
def test_names_of_members_stay_text(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in TEXTS.values():
        members: Any = RECORDS["full"]
        for each in place:
            members = members[each]
        first = next(reversed(members))
        renamed = {text if name == first else name: value for name, value in members.items()}
        path = tmp_path / "report.json"
        path.write_text(json.dumps(replaced(RECORDS["full"], place, renamed)), encoding="utf-8")
        try:
            assert_harmless(views(path, capsys), text)
        except EdgevalError as error:
            assert len(str(error)) < 2000
            assert not UNSEEN.search(str(error))


VALUES: tuple[Any, ...] = (
    *(0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**63), 10**30, True, 0.5, -0.5, 1e15, 1e308, 5e-324),
    *(None, [], {}, [None], {"a": 1}, "", "12", "NaN", "x" * 30_000, "0001-01-01T00:00:00+23:59"),
    *TEXTS.values(),
)


def _places(value: Any, place: Place = ()) -> list[Place]:
    found = [place]
    if isinstance(value, dict):
        found += [each for name in value for each in _places(value[name], (*place, name))]
    elif isinstance(value, list):
        members = value[:2]
        found += [each for n, one in enumerate(members) for each in _places(one, (*place, n))]
    return found


@pytest.mark.parametrize("seed", range(10))
def test_no_mutation_is_a_traceback(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, path = random.Random(seed), tmp_path / "report.json"
    names = list(RECORDS)
    for _ in range(20):
        content = RECORDS[rng.choice(names)]
        for place in rng.sample(_places(content)[1:], rng.choice((1, 1, 2))):
            try:
                content = replaced(content, place, rng.choice(VALUES))
            except (LookupError, TypeError, ValueError):  # The first took the second away.
                continue
        path.write_text(json.dumps(content), encoding="utf-8")
        try:
            assert_harmless(views(path, capsys), "")
        except EdgevalError as error:
            assert len(str(error)) < 2000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"runs": ' + "9" * 5_000 + "}", "an integer of 5,000 digits"),
        ('{"elapsed_s": NaN}', "NaN"),
        ('{"elapsed_s": 1e999}', "too large"),
        ('{"elapsed_s": 1e300}', "elapsed_s: 1e+300 is too large"),
        ('{"peak_rss_bytes": 9223372036854775808}', "peak_rss_bytes: the integer has more than 64"),
        ('{"a":' * 200 + "1" + "}" * 200, "nested more than 64 deep"),
        ("[" * 200_000, "nested more than 64 deep"),
        (json.dumps({"command": "x" * 30_000}), "command: 30,000 characters"),
        (json.dumps({"runs": [1] * 5_000}), "runs: 5,000 members, and at most 200"),
        (json.dumps({"data": {str(n): n for n in range(5_000)}}), "data: 5,000 members"),
        ('{"command": "\\ud800"}', "surrogate"),
        ('{"schema_version": 99999999999999999999}', "schema_version"),
        ("\x00\x01", "NUL"),
    ],
    ids=range(13),
)
def test_what_is_beyond_bounds_is_named(content: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(content, encoding="utf-8")
    for read in (record_files.load_record, record_files.load_run):
        with pytest.raises(EdgevalError) as error:
            read(path)
        assert reason in str(error.value)
        assert len(str(error.value)) < 1000
        assert not UNSEEN.search(str(error.value))


@pytest.mark.skipif(sys.platform == "win32", reason="needs devices and pipes")
@pytest.mark.parametrize("kind", ["device", "endless device", "pipe", "large", "folder"])
def test_what_is_no_file_of_a_record_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(200_000_000)
    else:
        path.symlink_to("/dev/zero" if kind == "endless device" else "/dev/null")
    begun = time.monotonic()
    with pytest.raises(EdgevalError, match=r"report\.json"):
        record_files.load(tmp_path)
    assert time.monotonic() - begun < 10


def test_no_time_is_too_short_for_a_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    for seconds in (0, 5e-324, 1e-9):
        content = replaced(RECORDS["full"], ("runs", 1, "speed", "elapsed_s"), seconds)
        path.write_text(json.dumps(content), encoding="utf-8")
        assert "inf" not in views(path, capsys)["terminal"]


def test_bounds_hold_what_edgeval_writes() -> None:
    for name, content in RECORDS.items():
        assert bounds.beyond(content) is None, name
    assert example_reference().model_dump(mode="json")
