"""What decides a model's tokens or what it computes is honoured, or refused by name.

The golden values were made by scripts/golden/meanings.py: lm-evaluation-harness 0.4.13, hf,
float32, with its own treatment of BOS and EOS.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgeval import llama
from edgeval.checkpoints.convert.convert import convert
from edgeval.errors import CheckpointError, DataError
from edgeval.scoring.plan import plan
from edgeval.scoring.score import score_items, settings_for
from edgeval.stats import metrics
from edgeval.tasks import protocol
from edgeval.tasks.item import Item, ItemScore
from tests.helpers.forms import meanings

EXPECTED = json.loads(meanings.RECORDED.read_text(encoding="utf-8"))


def scores(gguf: Path, name: str, items: Sequence[Item]) -> list[ItemScore]:
    """Return the scores of items under a protocol."""
    rules = protocol.get(name)
    with llama.Tokenizer(gguf) as vocabulary:
        choices = [rules.requests(item, vocabulary) for item in items]
    planned = plan([request for each in choices for request in each], 512)
    settings = settings_for(planned, "F32", threads=2)
    found = {}
    with llama.Model(gguf) as model:
        for batch in score_items(model, items, choices, planned, settings):
            found |= batch
    return [found[index].score for index in range(len(items))]


@pytest.mark.parametrize("name", meanings.EVALUATED)
def test_every_choice_is_that_of_lm_evaluation_harness(name: str, tmp_path: Path) -> None:
    gguf = convert(meanings.write(name, tmp_path), tmp_path / "out.gguf", "f32")
    expected = EXPECTED["logprobs"][name]
    *items, special = meanings.items()
    assert special.contexts[0] == meanings.SPECIAL
    if name.startswith("byte-level"):
        items.append(special)
    else:
        with pytest.raises(DataError, match=r"item odd 2 holds '<s>', a special token"):
            scores(gguf, "lm-eval-bos", [special])
        expected = expected[: -len(special.choices)]
    found = scores(gguf, "lm-eval-bos", items)
    logprobs = [value for score in found for value in score.logprobs]
    np.testing.assert_allclose(logprobs, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", meanings.REFUSED)
def test_what_no_gguf_says_is_refused_by_name(name: str, tmp_path: Path) -> None:
    source = meanings.write(name, tmp_path)
    with pytest.raises(CheckpointError, match=meanings.REFUSED[name][1]):
        convert(source, tmp_path / "out.gguf", "f32")
    assert not (tmp_path / "out.gguf").exists()


@pytest.mark.parametrize("name", meanings.PERPLEXITY)
def test_the_accuracy_is_that_of_llama_perplexity(name: str, tmp_path: Path) -> None:
    gguf = convert(meanings.write(name, tmp_path), tmp_path / "out.gguf", "f32")
    found = scores(gguf, "llama.cpp", meanings.text_items())
    right = [metrics.pick(score, "acc_token") == score.item.gold for score in found]
    assert 100 * np.mean(right) == EXPECTED["llama-perplexity"][name]


def test_eos_makes_a_difference_to_llama_perplexity() -> None:
    plain, eos = (EXPECTED["llama-perplexity"][name] for name in meanings.PERPLEXITY)
    assert plain != eos
