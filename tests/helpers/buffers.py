"""Buffers that llama.cpp says it allocates."""

from __future__ import annotations

import re

from edgeval import llama
from edgeval.llama import SessionSettings
from edgeval.llama.library import listening


def buffers(model: llama.Model, settings: SessionSettings) -> dict[str, float]:
    """Return the sizes of the buffers that llama.cpp reports, in bytes."""
    lines: list[str] = []
    with listening(lines.append), llama.Session(model, settings):
        pass
    found = (re.search(r"CPU +(\w+) buffer size = +([\d.]+) MiB", line) for line in lines)
    return {match[1]: float(match[2]) * 2**20 for match in found if match}
