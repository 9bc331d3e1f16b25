"""Whatever is damaged in a checkpoint, it is refused in a sentence, or becomes a whole GGUF."""

from __future__ import annotations

import contextlib
import random
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeval.checkpoints.convert.convert import convert
from edgeval.errors import EdgevalError
from edgeval.gguf.parts import read_header
from tests.helpers.fuzz.checkpoints import Tokenizer, damage, restore, small_checkpoint

SEEDS = [range(40), pytest.param(range(40, 150), marks=pytest.mark.slow)]
EACH_MEASURED = 15  # Measured ones take five times as long.
MOST_BYTES = 12_000_000  # The first whole checkpoint takes 7,000,000, with what is imported for it.


@contextlib.contextmanager
def bounded_memory(done: str) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES, done
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("without_waits")
@pytest.mark.parametrize("seeds", SEEDS, ids=str)
@pytest.mark.parametrize("tokenizer", ["sentencepiece", "merges", "byte-level"])
def test_a_damaged_checkpoint_is_refused_or_converted(
    tokenizer: Tokenizer, seeds: range, tmp_path: Path
) -> None:
    whole = small_checkpoint(tmp_path / "whole", tokenizer)
    damaged = Path(shutil.copytree(whole, tmp_path / "damaged"))
    target = tmp_path / "out" / "out.gguf"
    converted = 0
    for seed in seeds:
        done = damage(damaged, random.Random(seed))
        is_measured = seed % EACH_MEASURED == 0
        with bounded_memory(done) if is_measured else contextlib.nullcontext():
            try:
                convert(damaged, target)
                assert read_header(target).n_params > 0, done
                target.unlink()
                converted += 1
            except EdgevalError as error:
                assert "\n" not in str(error), done
        assert list(target.parent.glob("*")) == [], done
        restore(damaged, whole)
    assert 0 < converted < len(seeds)
