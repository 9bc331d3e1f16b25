"""Images that were drawn: the rows of their parts, and where their marks stand."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import pytest

Place = tuple[float, float]


def rows_of(part: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = part["data"]["values"]
    return rows


def marks_of(svg: str) -> list[list[Place]]:
    """Return where the points of each part are, in the order of their rows, which Vega keeps."""
    marks = re.findall(r'<g class="mark-symbol role-mark[^>]*>(.*?)</g>', svg)
    return [
        [(float(x), float(y)) for x, y in re.findall(r"translate\(([-\d.]+),([-\d.]+)\)", each)]
        for each in marks
    ]


def assert_on_one_scale(values: Sequence[float], places: Sequence[float]) -> None:
    """Hold that marks are as far apart as their values are."""
    pairs = sorted(zip(values, places, strict=True))
    scale = (pairs[-1][1] - pairs[0][1]) / (pairs[-1][0] - pairs[0][0])
    for (value, x), (more, y) in itertools.pairwise(pairs):
        assert y - x == pytest.approx((more - value) * scale, abs=0.1)
