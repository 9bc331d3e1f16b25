"""Published speeds: what others measured of TinyLlama on boards, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class PublishedSpeed:
    """A published row.

    Attributes:
        device: What it was measured on.
        type: llama.cpp's name for how the model was quantized.
        prompt_tokens_per_s: Tokens of a prompt a second; None if it was not published.
        tokens_per_s: Tokens generated a second; likewise.
        watts: Power while it was measured, by a meter at the wall; likewise.
        source: Who published it.
        url: Where.
    """

    device: str
    type: str
    prompt_tokens_per_s: float | None
    tokens_per_s: float | None
    watts: float | None
    source: str
    url: str


_BENCHMARKS = "https://github.com/geerlingguy/ai-benchmarks/issues"
_LLAMAFILE = (
    "justine.lol, in guevara/read-it-later issue 11711",
    "https://github.com/guevara/read-it-later/issues/11711",
)

TINYLLAMA_PARAMETERS: Final = 1_100_048_384
TINYLLAMA: Final = (
    PublishedSpeed(
        "Radxa Dragon Q8B, 8 threads",
        "Q4_K_M",
        194.0,
        38.8,
        23.7,
        "geerlingguy/ai-benchmarks issue 54",
        f"{_BENCHMARKS}/54",
    ),
    PublishedSpeed(
        "CIX CP8180, 12 threads",
        "Q4_K_M",
        194.0,
        40.4,
        28.0,
        "geerlingguy/ai-benchmarks issue 51",
        f"{_BENCHMARKS}/51",
    ),
    PublishedSpeed("Raspberry Pi 5, llamafile 0.7", "Q8_0", 45.0, 9.0, None, *_LLAMAFILE),
    PublishedSpeed("Raspberry Pi 5, llamafile 0.6.2", "F16", 8.0, 5.0, None, *_LLAMAFILE),
    PublishedSpeed("Raspberry Pi 4, llamafile", "Q8_0", 10.0, 3.0, None, *_LLAMAFILE),
)
