"""Text of others on each way out: what is seen is what it is."""

# ruff: noqa: RUF001

from __future__ import annotations

import codecs
import html
import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.system import escapes
from edgeval.system.escapes import cut, fenced, fitting, json_in_ascii, link_text, markdown, visible
from tests.helpers.hostile import TEXTS, UNSEEN

ENCODINGS = ("ascii", "cp1252", "latin-1", "cp437", "koi8-r", "utf-8", "shift_jis")
SURROGATES = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("naïve 中文 −1 … ×", "naïve 中文 −1 … ×"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\u202egnp\u2066", r"\u202egnp\u2066"),
        ("m\udcff.gguf", r"m\xff.gguf"),
        ("\ud800", r"\ud800"),
        ("\u3164\ufe0f\U000e0041", r"\u3164\ufe0f\U000e0041"),
        ("1\u00a0000", "1\u00a0000"),
    ],
)
def test_text_is_seen_as_it_is(text: str, seen: str) -> None:
    assert visible(text) == seen


@given(SURROGATES)
def test_nothing_unseen_is_left_whatever_the_text(text: str) -> None:
    shown = visible(text)
    assert not UNSEEN.search(shown)
    assert "\n" not in shown
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown.encode()
    assert visible(shown) == shown


@given(SURROGATES, st.sampled_from(ENCODINGS))
def test_every_encoding_can_hold_it(text: str, encoding: str) -> None:
    fitting(visible(text), encoding).encode(encoding)


@pytest.mark.parametrize(
    ("text", "in_ascii"),
    [
        ("−0.5 … 3×, 1–2, ±1 ≤ 2", "-0.5 ... 3x, 1-2, +/-1 <= 2"),
        ("│ ─ ┼ ╭ ━ ╸", "| - + + - -"),
        ("|Δ logprob|", "|delta logprob|"),
        ("naïve 中", r"na\xefve \u4e2d"),
        ("1\u00a0000", "1 000"),
    ],
)
def test_what_ascii_lacks_stays_readable(text: str, in_ascii: str) -> None:
    assert fitting(text, "ascii") == in_ascii
    escapes.register()
    assert text.encode("ascii", escapes.ERRORS).decode() == in_ascii


def test_what_an_encoding_has_stays() -> None:
    assert fitting("… – × é −", "cp1252") == "… – × é -"
    assert fitting("…", "no such encoding") == "..."


@given(st.lists(SURROGATES))
def test_json_in_ascii_is_the_same_json(texts: list[str]) -> None:
    text = json_in_ascii(json.dumps(texts, ensure_ascii=False, indent=2))
    assert json.loads(text) == json.loads(json.dumps(texts))
    assert re.fullmatch(r"[\n -~]*", text)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_construct_of_markdown_is_left(text: str) -> None:
    shown = markdown(text)
    assert not UNSEEN.search(shown)
    assert not re.search(r"(?<!\\)[<>|`*]", shown)
    assert not re.search(r"(?<!\\)!\[|\](?=[(:\[])(?!\\)", shown)
    assert not re.match(r"#|[-+] |\d+[.)] |-+$|=+$", shown)
    assert html.unescape(re.sub(r"\\(?=[!-/:-@\[-`{-~])", "", shown))


def test_what_is_no_syntax_is_not_escaped() -> None:
    assert markdown("Q4_K_M [-1.1, +0.3] a&b +0.3 -1 1.5") == "Q4_K_M [-1.1, +0.3] a&b +0.3 -1 1.5"
    assert markdown("# a") == r"\# a"
    assert markdown("- a") == r"\- a"
    assert markdown("12) a") == r"12\) a"
    assert markdown("http://a.example www.a.example") == r"http\://a.example www\.a.example"


def test_a_link_ends_where_it_should() -> None:
    assert link_text("a](http://b.example) [c") == r"a\]\(http\://b.example) \[c"


def test_a_fence_is_longer_than_what_it_holds() -> None:
    assert fenced("a ```` b\n```") == "`````\n" + r"a ```` b\n```" + "\n`````"


def test_the_middle_of_a_long_text_is_cut() -> None:
    text = f"begin {'x' * 10_000} end"
    shown = cut(text, 100)
    assert len(shown) == 100
    assert shown.startswith("begin x")
    assert shown.endswith("x end")
    assert cut("short", 100) == "short"


def test_the_handler_is_for_encoding_alone() -> None:
    escapes.register()
    with pytest.raises(UnicodeDecodeError):
        codecs.decode(b"\xff", "ascii", escapes.ERRORS)
