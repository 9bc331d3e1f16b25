"""Scores: what the harness is told, against a forward pass of its own in NumPy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from edgeval.errors import DataError, EdgevalError
from edgeval.integrations.lm_eval import EdgevalLM
from edgeval.llama import Tokenizer
from tests.helpers.reference_llama import ReferenceLlama

TEXT = "the cook heats a pan and pours oil into it then she cracks two eggs while water boils"
PAIRS = (
    ("the cook heats a pan", " and pours oil into it."),
    # Its space moves to the continuation.
    ("the cook heats a pan ", "and pours oil into it."),
    ("", "the cook heats a pan"),
    ("the cook heats a pan", " and pours oil into tea."),
    ("the cook heats a pan", " and pours oil into it."),
    ("she", " sits down"),
)


@pytest.fixture(scope="module")
def reference(tiny_checkpoint: Path) -> ReferenceLlama:
    return ReferenceLlama(tiny_checkpoint)


def tokens_of(path: Path, text: str, *, adds: bool) -> list[int]:
    with Tokenizer(path) as vocabulary:
        return list(vocabulary.tokenize(text, parse_special=True, adds_ends=adds).tolist())


def logprob(reference: ReferenceLlama, before: list[int], after: list[int]) -> float:
    tokens = np.array(before + after, dtype=np.int32)
    return float(reference.choice_logprobs(tokens, len(before)).sum())


@pytest.mark.parametrize("adds_bos", [None, True, False])
def test_loglikelihoods_are_those_of_the_reference(
    adds_bos: bool | None, tiny_f32: Path, reference: ReferenceLlama, instances: Any
) -> None:
    lm = EdgevalLM(str(tiny_f32), kernels="plain", threads=1, add_bos_token=adds_bos)
    found = lm.loglikelihood(instances("loglikelihood", *PAIRS), disable_tqdm=True)
    adds = adds_bos is not False
    for (context, continuation), (score, _) in zip(PAIRS, found, strict=True):
        if context:
            before = tokens_of(tiny_f32, context.rstrip(), adds=adds)
            after = tokens_of(tiny_f32, context + continuation, adds=adds)[len(before) :]
        else:
            before, after = [1], tokens_of(tiny_f32, continuation, adds=False)
        assert score == pytest.approx(logprob(reference, before, after), abs=1e-3)
    assert found[0] == found[1] == found[4]


def test_what_the_model_would_write_is_greedy(tiny_lm: EdgevalLM, instances: Any) -> None:
    rules = {"until": [], "max_gen_toks": 4, "do_sample": False}
    (written,) = tiny_lm.generate_until(instances("generate_until", ("she sits", rules)), True)
    (found,) = tiny_lm._loglikelihood_tokens(
        [(None, tiny_lm.tok_encode("she sits"), _written(tiny_lm, "she sits", 4))], True
    )
    assert found[1]
    assert tiny_lm.tok_decode(_written(tiny_lm, "she sits", 4)) == written
    other = tiny_lm._loglikelihood_tokens([(None, tiny_lm.tok_encode("she sits"), [5, 5, 5])], True)
    assert not other[0][1]


def _written(lm: EdgevalLM, context: str, count: int) -> list[int]:
    """Return the likeliest next tokens, found by asking for each of the vocabulary."""
    tokens = lm.tok_encode(context)
    for _ in range(count):
        asked = [(None, tokens, [token]) for token in range(512)]
        sums = [score for score, _ in lm._loglikelihood_tokens(asked, True)]
        tokens = [*tokens, int(np.argmax(sums))]
    return tokens[-count:]


def test_long_requests_lose_their_begin(
    tiny_f32: Path, reference: ReferenceLlama, instances: Any
) -> None:
    lm = EdgevalLM(str(tiny_f32), kernels="plain", threads=1, max_length=16)
    (found,) = lm.loglikelihood(instances("loglikelihood", (TEXT, " for tea")), True)
    before = tokens_of(tiny_f32, TEXT, adds=True)
    after = tokens_of(tiny_f32, f"{TEXT} for tea", adds=True)[len(before) :]
    kept = (before + after)[-17:]
    expected = logprob(reference, kept[: -len(after)], after)
    assert found[0] == pytest.approx(expected, abs=1e-3)
    with pytest.raises(DataError, match="more than the model's 16; leave out its item"):
        lm.loglikelihood(instances("loglikelihood", ("a", f" {TEXT}")), True)


@pytest.mark.parametrize("pair", [("  ", " tea"), ("tea", "")])
def test_what_has_no_tokens_is_refused(
    pair: tuple[str, str], tiny_f32: Path, instances: Any
) -> None:
    lm = EdgevalLM(str(tiny_f32), kernels="plain", threads=1, add_bos_token=False)
    with pytest.raises(DataError, match="has no tokens, so it has no log-probability"):
        lm.loglikelihood(instances("loglikelihood", pair), True)


@pytest.mark.parametrize("window", [8, 16, 128])
def test_rolling_windows_are_those_of_the_harness(
    window: int, tiny_f32: Path, reference: ReferenceLlama, instances: Any
) -> None:
    lm = EdgevalLM(str(tiny_f32), kernels="plain", threads=1, max_length=window)
    texts = (TEXT, "", "she sits down")
    found = lm.loglikelihood_rolling(
        instances("loglikelihood_rolling", *((text,) for text in texts)), True
    )
    for text, score in zip(texts, found, strict=True):
        tokens = tokens_of(tiny_f32, text, adds=True)
        pairs = get_rolling_token_windows(tokens, 1, window, 1)
        expected = math.fsum(
            logprob(reference, before, after) for before, after in map(make_disjoint_window, pairs)
        )
        assert score == pytest.approx(expected, abs=2e-3)


def test_a_file_that_changed_gives_no_more_answers(
    tiny_f32: Path, tmp_path: Path, instances: Any
) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(tiny_f32.read_bytes())
    lm = EdgevalLM(str(path), kernels="plain", threads=1)
    with path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(EdgevalError, match="changed since it was hashed"):
        lm.loglikelihood(instances("loglikelihood", ("a", " b")), True)


def test_results_say_which_file_was_computed_how(tiny_lm: EdgevalLM, instances: Any) -> None:
    tiny_lm.loglikelihood(instances("loglikelihood", *PAIRS), True)
    found = tiny_lm.get_model_info()
    assert found["model_sha"] == found["gguf_sha256"] and len(found["model_sha"]) == 64
    assert found["gguf_file"] == "tiny-F32.gguf" and found["model_dtype"] == "F32"
    assert found["kernels"] == "plain" and found["max_length"] == 128
    assert found["tokens_decoded"] == found["tokens_lower_bound"] > 0
