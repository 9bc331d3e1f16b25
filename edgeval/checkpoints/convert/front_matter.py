"""Front matter of a model card: YAML at the beginning of ``README.md``, written by hand.

Nothing in it decides what a model computes. What cannot be read is left out, a key at a time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from edgeval.system.untrusted import open_regular

_MAX_CARD_BYTES = 1 << 20
_MAX_YAML_LENGTH = 1 << 16
"""Characters that are parsed at once: it takes a second. Longer ones have results of benchmarks."""
_MAX_NODES = 10_000
_MAX_DEPTH = 8
_FENCE = "---"
_KEY = re.compile(r"([A-Za-z_][\w.-]*)[ \t]*:(?:\s|$)")

# What PyYAML raises of numbers and dates that are none, besides its own.
_BROKEN = (
    yaml.YAMLError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def read_front_matter(path: Path, keys: Collection[str]) -> dict[str, Any]:
    """Return what a model card says of some keys, as llama.cpp's converter reads it.

    Args:
        path: The card, which need not be there.
        keys: The keys that are of interest.

    Returns:
        Scalars, lists and dictionaries by key, small ones. Empty if there is no card, or it cannot
        be read.
    """
    text, is_whole = _yaml_of(path)
    found = _parsed(text) if len(text) <= _MAX_YAML_LENGTH else None
    if found is None and is_whole:
        # The rest of a card may be sound where one key is not.
        found = {}
        for key, block in _blocks(text, keys).items():
            value = (_parsed(block) or {}).get(key)
            found |= {} if value is None else {key: value}
    return {key: value for key, value in (found or {}).items() if key in keys and _is_small(value)}


def _yaml_of(path: Path) -> tuple[str, bool]:
    """Return the YAML of a card, and whether its end is marked."""
    try:
        with open_regular(path) as file:
            content = file.read(_MAX_CARD_BYTES)
    except OSError:
        return "", False
    # Bytes that are no UTF-8 become characters that YAML does not have.
    lines = content.decode("utf-8", "surrogateescape").splitlines()
    if not lines or lines[0] != _FENCE:
        return "", False
    is_whole = _FENCE in lines[1:]
    end = lines.index(_FENCE, 1) if is_whole else len(lines)
    text = "\n".join(lines[1:end]) + "\n"
    # So does gguf's Metadata: Norway's code is no truth value, and cards are indented by tabs.
    return text.replace("- no\n", '- "no"\n').replace("\t", "  "), is_whole


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads plain values. Merged mappings, which may be of any size, are not read."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.YAMLError("a merged mapping")


def _parsed(text: str) -> dict[str, Any] | None:
    """Return what a mapping in YAML says; None if it is none."""
    try:
        found = yaml.load(text, _Loader)
    except _BROKEN:
        return None
    return found if isinstance(found, dict) else None


def _blocks(text: str, keys: Collection[str]) -> Mapping[str, str]:
    """Return the part of a mapping that belongs to each key; the last one of a name counts."""
    blocks: dict[str, str] = {}
    for key, block in _split(text):
        if key in keys and len(block) <= _MAX_YAML_LENGTH:
            blocks[key] = block
    return blocks


def _split(text: str) -> Iterator[tuple[str, str]]:
    key, lines = "", list[str]()
    for line in text.splitlines(keepends=True):
        if (match := _KEY.match(line)) is not None:
            yield key, "".join(lines)
            key, lines = match[1], []
        lines.append(line)
    yield key, "".join(lines)


def _is_small(value: Any) -> bool:
    """Whether a value is a small tree: an alias may stand for billions of others, or for itself."""
    level, n_nodes = [value], 0
    for _ in range(_MAX_DEPTH):
        level = [child for each in level for child in _children(each)]
        n_nodes += len(level)
        if n_nodes > _MAX_NODES:
            return False
        if not level:
            return True
    return False


def _children(value: Any) -> Collection[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list | tuple | set) else ()
