"""``edgeval run --claim`` and ``--card``: what they judge, refuse and show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeval.records import Report
from tests.helpers.command import edgeval
from tests.helpers.own_cards import CARD

HOSTILE = "<script>alert(1)</script> | `x` [a](http://b) \x1b[2J\u202e **c**"


def run(model: Path, items: Path, out: Path, *arguments: str | Path) -> Report:
    """Evaluate all items of a tiny model as F16, and return the record."""
    ran = edgeval("run", model, "--quant", "F16", "--data", items, *arguments, "--out", out)
    assert ran.returncode == 0, ran.stderr
    return Report.model_validate_json((out / "report.json").read_text(encoding="utf-8"))


def test_a_claim_on_these_items_is_judged_like_a_cards(
    tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    first = run(tiny_checkpoint, tiny_items, tmp_path / "a")
    assert (first.claims, first.verdicts, first.protocol.name) == ([], [], "lm-eval-bos")
    claim = "hellaswag acc_norm lm-eval these-items {:.2f} my notes"
    right = run(tiny_checkpoint, tiny_items, tmp_path / "b", "--claim", claim.format(50)).runs[0]
    share = 100 * right.metrics["acc_norm"].value
    record = run(
        *(tiny_checkpoint, tiny_items, tmp_path / "c"),
        *("--claim", claim.format(share), "--claim", claim.format(share + 30)),
        *("--claim", f"hellaswag acc_norm these-items {share:.2f} x"),
        *("--claim", f"hellaswag acc_norm lm-eval {share:.2f} x"),
    )
    # The first claim that names a protocol brings it.
    assert record.protocol.name == "lm-eval"
    found = [(verdict.status, verdict.protocol_match) for verdict in record.verdicts]
    assert found == [
        ("reproduced", "exact"),
        ("not_reproduced", "exact"),
        ("partial", "proxy"),  # It does not say by which protocol.
        ("inconclusive", "proxy"),  # It is of the hub's split.
    ]
    page = (tmp_path / "c" / "report.md").read_text(encoding="utf-8")
    assert f"the published number (my notes) is {share:.2f}" in page
    assert "with a protocol that is not stated on the 40 items" in page
    assert "protocol lm-eval where the claim names none" in page


def test_a_source_is_shown_as_text_wherever_it_is(
    tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    claim = f"hellaswag acc_norm lm-eval 43.0 {HOSTILE}"
    record = run(tiny_checkpoint, tiny_items, tmp_path / "out", "--claim", claim)
    assert record.claims[0].citation.section == HOSTILE
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    markdown = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert r"\<script\>" in markdown and r"\|" in markdown
    terminal = edgeval("verdict", tmp_path / "out").stdout
    assert "<script>alert(1)</script>" in terminal
    for text in (html, markdown, terminal, edgeval("verdict", tmp_path / "out", "--json").stdout):
        assert "\x1b[2J" not in text
        assert "\u202e" not in text


def test_a_card_is_judged_of_whatever_model_and_that_is_said(
    tiny_f32: Path, tiny_items: Path, tmp_path: Path
) -> None:
    card = tmp_path / "notes.toml"
    card.write_text(CARD, encoding="utf-8")
    record = run(tiny_f32, tiny_items, tmp_path / "out", "--card", card)
    (claim,) = record.claims
    assert (claim.value, claim.citation.section) == (50.0, "My notes")
    assert claim.notes == "from the card 'mine' of me/mine, given with --card"
    assert record.protocol.name == "lm-eval"  # The card's.
    for page in ("report.md", "report.html"):
        assert "given with --card" in (tmp_path / "out" / page).read_text(encoding="utf-8")
    known = run(tiny_f32, tiny_items, tmp_path / "known", "--card", "openelm-270m")
    assert known.protocol.name == "lm-eval-bos"
    assert [claim.value for claim in known.claims] == [46.71]
    assert len(known.other_claims) == 5
    assert known.verdicts[0].protocol_match == "proxy"
    page = (tmp_path / "known" / "report.md").read_text(encoding="utf-8")
    assert "The claim is 46.71, of a metric that is not stated, with protocol lm-eval-bos" in page


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--claim", "helaswag acc 43 x"], 2, "unknown task 'helaswag' (did you mean 'hellaswag'"),
        (["--claim", "hellaswag acc 43 x", "--claim", "y"], 2, "the claim 'y': it names no task"),
        (["--card", "tinylama-3t"], 1, "no card 'tinylama-3t' (did you mean 'tinyllama-3t'?)"),
        (["--card", "nothing.toml"], 1, "cannot read nothing.toml (No such file or directory)"),
    ],
)
def test_what_is_not_understood_ends_before_anything_is_made(
    tiny_checkpoint: Path,
    tiny_items: Path,
    own_cache: Path,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    out = tmp_path / "out"
    ran = edgeval("run", tiny_checkpoint, "--data", tiny_items, "--out", out, *arguments)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert words in ran.stderr
    assert list(own_cache.rglob("*.gguf")) == []
    assert not out.exists()


def test_an_evaluation_that_is_read_again_has_the_same_verdicts(
    tiny_f32: Path, tiny_items: Path, tmp_path: Path
) -> None:
    claims = ("--claim", "hellaswag acc 10-shot 43.0 a", "--claim", "hellaswag acc 59.20 b")
    record = run(tiny_f32, tiny_items, tmp_path / "out", *claims, "--card", "gemma-3-270m")
    again = json.loads(edgeval("verdict", tmp_path / "out", "--json").stdout)
    assert again == [verdict.model_dump(mode="json") for verdict in record.verdicts]
    kinds = [verdict.protocol_match for verdict in record.verdicts]
    assert kinds == ["mismatch", "proxy", "mismatch"]  # Two are of ten shots.
