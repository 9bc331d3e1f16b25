"""What strangers write into fields: for the terminal, for rich, for HTML, for Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

TEXTS = {
    "colour": "a\x1b[31mb",
    "C1 escape": "a\x9b31mb",
    "title": "\x1b]0;owned\x07",
    "return": "safe\rowned",
    "backspace": "ab\x08\x08c",
    "line": "first\nsecond",
    "line separator": "first\u2028second",
    "bidi override": "a\u202egnp.exe",
    "bidi isolate": "a\u2066b",
    "zero width": "a\u200bb\ufeffc",
    "filler": "a\u3164b\u00adc",
    "tag": "a\U000e0041b",
    "NUL and DEL": "a\x00b\x7fc",
    "markup": "[red]x[/red]",
    "old": "items[old].jsonl",
    "closing": "[/]",
    "closing name": "[/b] x",
    "emoji": ":smile:",
    "link markup": "[link=http://a.example]x[/link]",
    "script": "<script>alert(1)</script>",
    "attribute": "\"><img src=x onerror='a'>",
    "image": "![a](http://a.example/x.png)",
    "link": "[a](javascript:alert)",
    "cell": "a | b",
    "code": "``` `x`",
    "entity": "&lt;b&gt; &#60;",
    "heading": "# heading",
    "item": "- item",
    "number": "1. item",
    "rule": "---",
    "formula": "=1+1",
    "template": "{{ 7 * 7 }} {0} %s",
}
"""By what they try."""

UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""What must not be in any output; a line break is the only control character."""


def strings(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of each string in JSON."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from strings(each, (*path, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from strings(each, (*path, index))


def replaced(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """Return JSON with another value at a place."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, dict):
        return {**value, first: replaced(value[str(first)], tuple(rest), new)}
    copy = list(value)
    copy[int(first)] = replaced(copy[int(first)], tuple(rest), new)
    return copy
