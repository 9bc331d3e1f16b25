"""Texts: what is written behind prompts, at once and one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval.errors import EdgevalError
from edgeval.integrations.lm_eval import EdgevalLM
from edgeval.llama.prompt import Sampling, kept

SHARED = "the cook heats a pan and pours oil into it then she cracks two eggs while water boils"
PROMPTS = [f"{SHARED} for tea", f"{SHARED} and", "he", "she", "he washes his hands", SHARED, SHARED]


def write(lm: EdgevalLM, instances: Any, prompts: list[str], **rules: Any) -> list[str]:
    given = {"until": [], "max_gen_toks": 12, "do_sample": False} | rules
    return lm.generate_until(
        instances("generate_until", *((prompt, dict(given)) for prompt in prompts)), True
    )


@pytest.mark.parametrize("n_sequences", [2, 3, 16])
def test_texts_at_once_are_those_written_one_by_one(
    n_sequences: int, tiny_f32: Path, tiny_lm: EdgevalLM, instances: Any
) -> None:
    alone = [write(tiny_lm, instances, [prompt])[0] for prompt in PROMPTS]
    lm = EdgevalLM(str(tiny_f32), kernels="plain", threads=1, batch_size=n_sequences)
    assert write(lm, instances, PROMPTS) == alone
    assert len(set(alone)) > 3


def test_a_text_ends_where_a_stop_begins(tiny_lm: EdgevalLM, instances: Any) -> None:
    (whole,) = write(tiny_lm, instances, ["he"], max_gen_toks=20)
    stop = whole[5:8]
    (cut,) = write(tiny_lm, instances, ["he"], max_gen_toks=20, until=[stop])
    assert cut == whole[: whole.index(stop)]
    assert write(tiny_lm, instances, ["he"], until=stop) == [cut]


def test_so_many_tokens_are_written_and_no_more(tiny_lm: EdgevalLM, instances: Any) -> None:
    (text,) = write(tiny_lm, instances, ["he"], max_gen_toks=20)
    (begin,) = write(tiny_lm, instances, ["he"], max_gen_toks=1)
    assert text.startswith(begin) and len(text) > len(begin)


def test_a_long_prompt_loses_its_begin(tiny_f32: Path, tiny_lm: EdgevalLM, instances: Any) -> None:
    lm = EdgevalLM(str(tiny_f32), kernels="plain", threads=1, max_length=24)
    tokens = tiny_lm.tok_encode(SHARED)[-12:]
    asked = [(None, tokens, [token]) for token in range(512)]
    sums = [score for score, _ in tiny_lm._loglikelihood_tokens(asked, True)]
    (text,) = write(lm, instances, [SHARED])
    assert text.startswith(tiny_lm.tok_decode([int(np.argmax(sums))]))
    with pytest.raises(EdgevalError, match="max_gen_toks=24 leaves no room for a prompt"):
        write(lm, instances, ["he"], max_gen_toks=24)


def test_a_seed_decides_what_is_drawn(tiny_f32: Path, tiny_lm: EdgevalLM, instances: Any) -> None:
    drawn = {"do_sample": True, "temperature": 1.5}
    first = write(tiny_lm, instances, ["he", "he"], **drawn)
    assert first == write(tiny_lm, instances, ["he", "he"], **drawn)
    assert first[0] != first[1]
    assert first != write(tiny_lm, instances, ["he", "he"], seed=7, **drawn)
    alone = EdgevalLM(str(tiny_f32), kernels="plain", threads=1, batch_size=2)
    assert write(alone, instances, ["he", "he", "he"], **drawn)[:2] == first


def test_one_token_to_draw_from_is_the_likeliest(tiny_lm: EdgevalLM, instances: Any) -> None:
    greedy = write(tiny_lm, instances, PROMPTS)
    assert write(tiny_lm, instances, PROMPTS, do_sample=True, temperature=2, top_k=1) == greedy
    assert write(tiny_lm, instances, PROMPTS, do_sample=True, temperature=2, top_p=1e-9) == greedy


def test_temperature_top_k_and_top_p_keep_what_they_say() -> None:
    logits = np.log(np.array([0.1, 0.4, 0.2, 0.3], dtype=np.float32))
    tokens, probabilities = kept(logits, Sampling(1.0, 0, 1.0, (0,)))
    assert tokens.tolist() == [1, 3, 2, 0]
    assert probabilities == pytest.approx([0.4, 0.3, 0.2, 0.1])
    tokens, probabilities = kept(logits, Sampling(1.0, 3, 1.0, (0,)))
    assert probabilities == pytest.approx([4 / 9, 3 / 9, 2 / 9])
    # 0.4 alone is not half of it, 0.4 and 0.3 are.
    tokens, probabilities = kept(logits, Sampling(1.0, 0, 0.5, (0,)))
    assert tokens.tolist() == [1, 3] and probabilities == pytest.approx([4 / 7, 3 / 7])
    _, probabilities = kept(logits, Sampling(0.5, 2, 1.0, (0,)))
    assert probabilities == pytest.approx([16 / 25, 9 / 25])


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"top_kk": 3}, "unknown generation argument 'top_kk' (did you mean 'top_k'?)"),
        ({"num_beams": 4}, "num_beams=4 asks for a beam search"),
        ({"do_sample": True, "temperature": 0.0}, "say a temperature above 0"),
        ({"do_sample": True, "temperature": 1.0, "top_p": 0}, "top_p=0 is no probability"),
        ({"max_gen_toks": 0}, "max_gen_toks=0 writes nothing"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(
    rules: dict[str, Any], words: str, tiny_lm: EdgevalLM, instances: Any
) -> None:
    with pytest.raises(EdgevalError) as error:
        write(tiny_lm, instances, ["he"], **rules)
    assert words in str(error.value)
