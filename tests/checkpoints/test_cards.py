from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints import cards as module
from edgeval.checkpoints.cards import Card, cards, cards_folder, find, unknown_model
from edgeval.checkpoints.locate import locate
from edgeval.errors import EdgevalError
from edgeval.records import Citation, Claim, DataSource
from tests.helpers.paths import SHARED

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CLAIMS = SHARED / "claims.toml"
TINYLLAMA = ["103b", "503b", "1t", "1.5t", "2t", "2.5t", "3t"]
TASKS = ["hellaswag", "openbookqa", "winogrande", "arc_challenge", "arc_easy", "boolq", "piqa"]

MINIMAL = """
name = "mine"
title = "Mine"
repo = "me/mine"
"""
CLAIM = """
[[claims]]
task = "hellaswag"
value = 50.0
metric = "acc_norm"
protocol = "lm-eval"
data = "Rowan/hellaswag validation"
n_items = 10042
citation = { section = "1", row = "2", column = "3" }
"""

WriteCard = Callable[..., Path]


@pytest.fixture
def write_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteCard]:
    """Return a function that writes a card; only such cards exist during the test."""

    def write(content: str | bytes, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    monkeypatch.setattr(module, "cards_folder", lambda: tmp_path)
    cards.cache_clear()
    yield write
    cards.cache_clear()


def published() -> list[dict[str, Any]]:
    content = tomllib.loads(CLAIMS.read_text(encoding="utf-8"))
    return [dict(checkpoint, columns=content["columns"]) for checkpoint in content["checkpoint"]]


needs_claims = pytest.mark.skipif(not CLAIMS.is_file(), reason=f"no {CLAIMS}")


def test_every_shipped_card_loads_under_the_name_of_its_file() -> None:
    assert set(cards()) == {path.stem for path in cards_folder().glob("*.toml")}
    assert {"demo", *(f"tinyllama-{tokens}" for tokens in TINYLLAMA)} <= set(cards())


def test_the_claim_of_the_paper() -> None:
    claim = cards()["tinyllama-3t"].claims[0]
    assert claim.value == 59.20
    assert (claim.metric, claim.protocol) == ("acc_norm", "lm-eval")
    assert (claim.data, claim.n_items) == ("Rowan/hellaswag validation", 10042)
    assert claim.citation.model_dump() == {
        "paper_arxiv_id": "2401.02385",
        "section": "Table 2",
        "row": "TinyLlama 1.1B (3T)",
        "column": "HellaSwag 0-shot",
        "quoted_text": "TinyLlama 59.20",
        "pdf_page": 4,
    }


@needs_claims
def test_there_is_a_card_for_every_published_checkpoint() -> None:
    repos = {card.repo for card in cards().values() if card.family == "TinyLlama"}
    assert repos == {checkpoint["repo"] for checkpoint in published()}


@needs_claims
@pytest.mark.parametrize("tokens", TINYLLAMA)
def test_a_card_says_what_was_published(tokens: str) -> None:
    card = cards()[f"tinyllama-{tokens}"]
    (checkpoint,) = (one for one in published() if one["repo"] == card.repo)
    values = dict(zip(checkpoint["columns"], checkpoint["values"], strict=True))
    average = values.pop("average")  # of the tasks, which is no measurement of its own
    assert card.average is not None and card.average.value == average
    assert {claim.task: claim.value for claim in card.claims} == values
    assert checkpoint["tokens"].replace("1007B", "1T").lower() == tokens
    for claim in card.claims:
        assert claim.metric == ("acc" if claim.task in ("boolq", "winogrande") else "acc_norm")
        assert claim.protocol == "lm-eval"


@needs_claims
def test_the_paper_is_cited_as_published() -> None:
    (paper,) = (one["paper"] for one in published() if "paper" in one)
    claim = cards()["tinyllama-3t"].claims[0]
    found = claim.citation.model_dump()
    assert found.pop("paper_arxiv_id") == paper.pop("arxiv_id")
    assert claim.value == paper.pop("value")
    assert found == paper


@pytest.mark.parametrize("tokens", TINYLLAMA)
def test_each_benchmark_has_its_number_of_items(tokens: str) -> None:
    found = [(claim.task, claim.n_items) for claim in cards()[f"tinyllama-{tokens}"].claims]
    sizes = [10042, 500, 1267, 1172, 2376, 3270, 1838]
    assert found == list(zip(TASKS, sizes, strict=True))


def test_a_minimal_card(write_card: WriteCard) -> None:
    write_card(MINIMAL + CLAIM)
    card = find("mine")
    assert isinstance(card, Card)
    assert (card.title, card.repo, card.revision) == ("Mine", "me/mine", "main")
    assert [(claim.value, claim.tolerance_points) for claim in card.claims] == [(50.0, 1.0)]


@needs_claims
def test_the_counts_are_those_that_are_known() -> None:
    (known,) = (one["counts"] for one in published() if "counts" in one)
    counts = {claim.task: claim.correct for claim in cards()["tinyllama-3t"].claims}
    assert counts.pop("arc_easy") is None
    assert counts == known


@pytest.mark.parametrize(
    ("text", "decimals", "printed"),
    [
        ("50.00", 2, "50.00"),
        ("50.0", 1, "50.0"),
        ("50", 0, "50"),
        ("5_0.25", 2, "50.25"),
        ("50.12345678", 6, "50.123457"),
    ],
)
def test_as_many_decimals_count_as_were_printed(
    write_card: WriteCard, text: str, decimals: int, printed: str
) -> None:
    write_card(MINIMAL + f"average = {text}\n" + CLAIM.replace("50.0", text))
    card = find("mine")
    assert card is not None and card.average is not None
    (claim,) = card.claims
    assert (claim.decimals, claim.printed) == (decimals, printed)
    assert card.average.decimals == decimals
    assert claim.row_average == card.average
    assert "average" not in card.contradiction


def test_a_card_of_ones_own_that_contradicts_itself_is_told(write_card: WriteCard) -> None:
    write_card(MINIMAL + "average = 51.00\n" + CLAIM.replace("10042", "1000"))
    card = find("mine")
    assert card is not None
    assert card.contradiction == (
        "The row contradicts itself: its average 51.00 is not the mean of its 1 number (50.00)."
    )
    cards.cache_clear()
    write_card(MINIMAL + CLAIM.replace("50.0", "50.00").replace("10042", "999"))
    (found,) = cards().values()
    assert "hellaswag 50.00 is no share of 999 items (499 right are 49.95" in found.contradiction


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            MINIMAL + CLAIM.replace("50.0", "59.20") + "correct = 5944\n",
            "claims.0: .*correct is 5,944 of 10,042 items, which is 59.19 and not 59.20",
            id="a count that is not the value",
        ),
        pytest.param(
            MINIMAL + CLAIM + "correct = 5021.0\ndecimals = 9\n", "claims.0.decimals", id="decimals"
        ),
        pytest.param(MINIMAL + CLAIM + "correct = -1\n", "claims.0.correct", id="below no item"),
        pytest.param(MINIMAL + 'average = "x"\n', "average", id="no average"),
        pytest.param(MINIMAL + "average = nan\n", "average.value", id="no number for one"),
        pytest.param(MINIMAL + "average = 100.1\n", "average.value.*100", id="above all"),
        pytest.param(
            MINIMAL + CLAIM.replace("10042", "99999999999"), "claims.0.n_items", id="many items"
        ),
        pytest.param(MINIMAL + 'titel = "x"\n', "titel: Extra inputs", id="unknown key"),
        pytest.param(
            MINIMAL + CLAIM.replace("metric =", "metrik ="), "claims.0.metric", id="missing key"
        ),
        pytest.param(
            MINIMAL + CLAIM + "shot = 0\n", "claims.0.shot: Extra inputs", id="unknown claim key"
        ),
        pytest.param(
            MINIMAL + CLAIM.replace('column = "3"', 'column = "3", page = 4'),
            "claims.0.citation.page: Extra inputs",
            id="unknown citation key",
        ),
        pytest.param(
            MINIMAL + CLAIM.replace("50.0", "100.5"), "claims.0.value.*100", id="over 100 points"
        ),
        pytest.param(
            MINIMAL + CLAIM + "tolerance_points = 0\n",
            "claims.0.tolerance_points.*greater than 0",
            id="no tolerance",
        ),
        pytest.param(
            MINIMAL + CLAIM.replace("10042", "0"), "claims.0.n_items.*greater than 0", id="no items"
        ),
        pytest.param(
            MINIMAL + 'checkpoint = "mine"\n', "either repo or checkpoint", id="two sources"
        ),
        pytest.param('name = "mine"\ntitle = "M"\n', "either repo or checkpoint", id="no source"),
        pytest.param("name = mine\n", "is not TOML", id="not TOML"),
        pytest.param(b'name = "\xff"\n', "is not TOML", id="not UTF-8"),
        pytest.param(b"\0" * 99, "is not TOML .it has NUL bytes", id="NUL bytes"),
        pytest.param("a = " + "[" * 100_000, "is not TOML", id="deep"),
        pytest.param("a = " + "{ b = " * 5000, "is not TOML", id="deep tables"),
        pytest.param("a" + ".a" * 1999 + " = 1", "too deeply nested", id="a long key"),
        pytest.param("a" + ".a" * 90_000 + " = 1", "more than 2,000 points", id="a longer key"),
        pytest.param("a = " + "9" * 5000, "is not TOML", id="5,000 digits"),
        pytest.param("a = 2026-99-99", "is not TOML", id="no day"),
        pytest.param("#" * 200_001, "at most 0.2 MB are read", id="a long file"),
        pytest.param(MINIMAL + "value = nan", "value: Extra inputs", id="another number"),
        pytest.param(MINIMAL + '"\\u001b[2J" = 1', r"\\x1b\[2J: Extra inputs", id="an escape"),
        pytest.param(MINIMAL + CLAIM.replace("50.0", "nan"), "claims.0.value", id="no number"),
        pytest.param(MINIMAL + CLAIM.replace("50.0", "inf"), "claims.0.value", id="infinite"),
        pytest.param(MINIMAL.replace("me/mine", "../mine"), "are no owner/name", id="a path"),
        pytest.param(MINIMAL + 'revision = "../x"', "are no owner/name", id="no revision"),
        pytest.param(MINIMAL + 'data = "/etc/passwd"', "in the cards' folder", id="absolute"),
        pytest.param(MINIMAL + 'data = "../x"', "in the cards' folder", id="above"),
        pytest.param(
            MINIMAL.replace('repo = "me', 'checkpoint = "..'), "in the cards' folder", id="beside"
        ),
        pytest.param(
            MINIMAL.replace('"mine"', '"other"'), "name is 'other'; name it like", id="other name"
        ),
    ],
)
def test_a_malformed_card_names_its_file_and_place(
    write_card: WriteCard, content: str | bytes, words: str
) -> None:
    path = write_card(content)
    with pytest.raises(EdgevalError, match=words) as caught:
        cards()
    assert str(path) in str(caught.value)


def test_a_name_that_is_no_card_finds_none() -> None:
    assert find("tinyllama") is None


def test_an_unknown_model_suggests_a_near_miss_and_names_the_ways() -> None:
    message = str(unknown_model("tinylama-3t"))
    assert "no model 'tinylama-3t' (did you mean 'tinyllama-3t'?)" in message
    for way in ("edgeval models", "OWNER/NAME", "checkpoint directory", ".gguf"):
        assert way in message
    assert "did you mean" not in str(unknown_model("zzz"))


@pytest.mark.parametrize(
    ("known_fingerprint", "name", "fingerprint", "expected"),
    [
        (None, "split", "1", True),
        (None, "other", "1", False),
        ("1", "other", "1", True),
        ("1", "split", "2", False),
    ],
)
def test_a_claim_knows_its_data_by_fingerprint_or_else_by_name(
    known_fingerprint: str | None, name: str, fingerprint: str, expected: bool
) -> None:
    claim = Claim(
        task="hellaswag",
        value=1,
        metric="acc",
        protocol="lm-eval",
        data="split",
        data_fingerprint=known_fingerprint,
        n_items=1,
        citation=Citation(section="", row="", column=""),
    )
    data = DataSource(
        task="hellaswag",
        task_version=1,
        name=name,
        fingerprint=fingerprint,
        n_total=1,
        n_items=1,
        order="file",
        seed=0,
        groups={"all": 1},
    )
    assert claim.is_of(data) is expected


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes there")
def test_a_card_that_is_no_file_is_refused_at_once(write_card: WriteCard) -> None:
    path = write_card("").with_name("pipe.toml")
    os.mkfifo(path)
    path.with_name("mine.toml").unlink()
    with pytest.raises(EdgevalError, match="it is a pipe, not a regular file"):
        cards()
    path.unlink()
    path.mkdir()
    with pytest.raises(EdgevalError, match="it is a directory, not a regular file"):
        cards()


@pytest.mark.parametrize(
    "name", ["a\x1b[2Jb", "tinyllama-3t\n", "\u202egnp", "a b" * 30_000, "\ud800"]
)
def test_a_name_that_was_typed_is_shown_as_it_is(name: str) -> None:
    sentence = str(unknown_model(name))
    assert sentence.isprintable()
    assert len(sentence) < 600


@pytest.mark.parametrize("name", ["a" * 5000, "a" * 5000 + "/b", "x/" * 3000, "/" + "a" * 5000])
def test_a_name_that_no_disk_can_have_is_a_sentence(name: str) -> None:
    with pytest.raises(EdgevalError, match=r"cannot look at|no model|nothing at") as found:
        locate(name)
    assert len(str(found.value)) < 600
