"""Escapes: what text of others becomes on each way out: terminal, pages, JSON.

A title, a file name or a message may hold what moves a terminal's cursor, turns the order of
letters, or means something to Markdown. Nothing of that is shown as it is. Tables that are written
for programs (``exports``) hold texts as they are.
"""

from __future__ import annotations

import codecs
import functools
import re
import unicodedata
from typing import Any, Final

from markupsafe import Markup

# Python counts these as printable, and nothing is seen of them (Default_Ignorable_Code_Point of
# the Unicode Character Database, and the empty Braille pattern).
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0000-\U000e0fff]"
)

_READABLE: Final = {
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{PLUS-MINUS SIGN}": "+/-",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{ALMOST EQUAL TO}": "~",
    "\N{NOT EQUAL TO}": "!=",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{MIDDLE DOT}": "*",
    "\N{DEGREE SIGN}": "deg ",
    "\N{BULLET}": "*",
    "\N{GREEK CAPITAL LETTER DELTA}": "delta",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
}
"""What edgeval's own texts hold beyond ASCII, and what is like it."""

_RULES: Final = "\N{BOX DRAWINGS LIGHT HORIZONTAL}\N{BOX DRAWINGS HEAVY HORIZONTAL}"
_BARS: Final = "\N{BOX DRAWINGS LIGHT VERTICAL}\N{BOX DRAWINGS HEAVY VERTICAL}"
_HALVES: Final = ("\u2574\u2576\u2578\u257a\u257c\u257e", "\u2575\u2577\u2579\u257b\u257d\u257f")

ERRORS: Final = "edgeval.readable"
"""The name of the error handler of text streams; see ``register``."""

# What starts a construct of GitHub-flavoured Markdown inside a line. An underscore within a word
# and a bracket without a target are text already. Addresses become links without any sign.
_MARKDOWN_SYNTAX: Final = re.compile(
    r"[\\`*<>|~$]|(?<!\w)_|_(?!\w)|(?<=\])[(:\[]|&(?=#?\w+;)|!(?=\[)"
    r"|(?<=[A-Za-z]):(?=//)|(?<=\b[wW]{3})\."
)
# What starts a block at the beginning of a line.
_MARKDOWN_BLOCK: Final = re.compile(r"^(?:#(?=#{0,5}(?:\s|$))|[-+](?=\s|$)|[-=](?=[-=]*\s*$))")
_MARKDOWN_NUMBER: Final = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")


def visible(text: str) -> str:
    r"""Return text on one line, of which everything is seen, and nothing moves a cursor.

    Control and format characters, line breaks, unassigned and private characters are written as
    Python would (``\x1b``, ``\u202e``, ``\n``), and bytes of a path that are not UTF-8 as ``\xff``.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(char if _is_shown(char) else _escape(char) for char in text)
    return _UNSEEN.sub(lambda found: _escape(found[0]), shown)


def visible_in(content: Any) -> Any:
    """Return what JSON or YAML can hold with each of its texts as ``visible`` gives it."""
    if isinstance(content, str):
        return visible(content)
    if isinstance(content, dict):
        return {visible(name): visible_in(each) for name, each in content.items()}
    return [visible_in(each) for each in content] if isinstance(content, list) else content


def fitting(text: str, encoding: str) -> str:
    """Return text that an encoding can hold: what it lacks is written in ASCII."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(char if _has(encoding, char) else _in_ascii(char) for char in text)
    except LookupError:
        return "".join(char if char.isascii() else _in_ascii(char) for char in text)
    return text


def register() -> None:
    """Let text streams whose ``errors`` are ``ERRORS`` write in ASCII what they lack."""
    codecs.register_error(ERRORS, _replaced)


def cut(text: str, most: int) -> str:
    """Return a text with an ellipsis for its middle if it is longer; its end says what to do."""
    if len(text) <= most:
        return text
    begin = (most - 3) * 2 // 3
    return f"{text[:begin]} \N{HORIZONTAL ELLIPSIS} {text[len(text) - (most - 3 - begin) :]}"


def without_surrogates(text: str) -> str:
    r"""Return a path or an argument as text: bytes that are not UTF-8 become ``\xff``."""
    if text.isascii():
        return text
    return "".join(_escape(char) if "\ud800" <= char <= "\udfff" else char for char in text)


def json_in_ascii(text: str) -> str:
    r"""Return a JSON text in ASCII without control characters: others are ``\u`` escapes."""
    return re.sub(r"[^\n -~]", lambda found: _json_escape(found[0]), text)


def html(value: object) -> object:
    """Return what a template is to escape: of text, what is seen; of anything else, itself."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def markdown(value: object) -> str:
    """Return text on one line that GitHub-flavoured Markdown shows as it is."""
    return value if isinstance(value, Markup) else _markdown(str(value))


@functools.lru_cache(maxsize=1024)
def _markdown(text: str) -> str:
    line = visible(" ".join(text.split()))
    line = _MARKDOWN_SYNTAX.sub(r"\\\g<0>", line)
    return _MARKDOWN_NUMBER.sub(r"\1\\\2", _MARKDOWN_BLOCK.sub(r"\\\g<0>", line))


def link_text(value: object) -> Markup:
    """Return text for use between the brackets of a link in Markdown."""
    return Markup(re.sub(r"(?<!\\)[\[\]]", r"\\\g<0>", markdown(value)))


def fenced(text: str) -> Markup:
    """Return a code block of Markdown whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}\n{visible(text)}\n{fence}")


def _is_shown(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"  # A byte of a path; see PEP 383.
    return ascii(char)[1:-1]


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _has(encoding: str, char: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _in_ascii(char: str) -> str:
    if char in _READABLE:
        return _READABLE[char]
    if char in _RULES or char in _HALVES[0]:
        return "-"
    if char in _BARS or char in _HALVES[1]:
        return "|"
    if "\u2500" <= char <= "\u257f":
        return "+"
    if "\u2800" <= char <= "\u28ff":
        return "."  # The spinner beside a bar.
    return " " if unicodedata.category(char) == "Zs" else _escape(char)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_in_ascii, error.object[error.start : error.end])), error.end
