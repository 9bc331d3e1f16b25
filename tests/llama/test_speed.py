"""Speed tests: what is decoded, and what of it is timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeval import llama
from edgeval.llama.speed import seconds_of, speed_settings
from edgeval.llama.speed_test import BATCH_TOKENS, SpeedTest


@pytest.mark.parametrize(
    ("test", "warm", "each"),
    [
        (SpeedTest(n_prompt=40), 40, 40),
        (SpeedTest(n_generated=7), 1, 7),
        (SpeedTest(n_prompt=20, n_generated=5), 20, 25),
        (SpeedTest(n_generated=3, n_depth=30), 1, 33),
        (SpeedTest(n_prompt=10, n_depth=30), 10, 40),
    ],
)
def test_so_many_tokens_are_decoded(test: SpeedTest, warm: int, each: int, tiny_f32: Path) -> None:
    settings = speed_settings(test, 1, 64)
    with llama.Model(tiny_f32) as model:
        for warms_up in (True, False):
            with llama.Session(model, settings) as session:
                seconds = list(seconds_of(session, test, 3, warms_up=warms_up))
                assert session.tokens_decoded == warm * warms_up + 3 * each
            assert len(seconds) == 3
            assert all(one > 0 for one in seconds)


def test_a_long_prompt_is_handed_over_in_batches(
    tiny_f32: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = SpeedTest(n_prompt=BATCH_TOKENS + 100, n_generated=2)
    settings = speed_settings(test, 1, 512)
    assert (settings.n_batch, settings.n_cells) == (BATCH_TOKENS, BATCH_TOKENS + 102)
    extend, seen = llama.Session.extend, []

    def watched(session: llama.Session, tokens: Any, start: int) -> None:
        seen.append((len(tokens), start))
        extend(session, tokens, start)

    monkeypatch.setattr(llama.Session, "extend", watched)
    with llama.Model(tiny_f32) as model, llama.Session(model, settings) as session:
        list(seconds_of(session, test, 1, warms_up=False))
    first = BATCH_TOKENS
    assert seen == [(first, 0), (100, first)]
    assert session.tokens_decoded == test.n_tokens
