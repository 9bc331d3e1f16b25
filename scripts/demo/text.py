"""A text of the world, cut before its last step."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Text:
    """A text cut into the part before the last step and the last step's right wording.

    Attributes:
        register: "narrative" or "howto".
        ctx_b: the unfinished sentence that the ending completes; empty in a how-to text.
        wrong: candidates for wrong endings with their kind.
    """

    register: str
    label: str
    ctx_a: str
    ctx_b: str
    ending: str
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def rendered(self) -> str:
        """Return the text as the ``lm-eval`` protocol shows it: capitalized, without markers."""
        joined = f"{self.label}: {self.ctx_a} {self.ctx_b.capitalize()}".strip()
        return f"{strip_markers(joined)} {strip_markers(self.ending)}"

    def raw(self) -> str:
        """Return the text as the ``llama.cpp`` protocol shows it: raw case and markers."""
        joined = f"{self.label}: {self.ctx_a} {self.ctx_b}".strip()
        return f"{joined} {self.ending}"


def strip_markers(text: str) -> str:
    """Turn ``[title]`` into a full stop and drops the other markers."""
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")
