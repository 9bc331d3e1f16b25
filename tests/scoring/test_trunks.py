"""What batches share and find decoded: the same scores, whoever decodes which batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval import llama
from edgeval.llama.session import Session
from edgeval.scoring.plan import Plan, plan
from edgeval.scoring.score import RequestScore, score_requests, settings_for
from edgeval.tasks.requests import Request, Work
from tests.helpers.reference_llama import ReferenceLlama

BATCH_TOKENS = 64


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    """Two subjects with solved items of their own, and twenty questions of each."""
    random = np.random.default_rng(3)
    subjects = [random.integers(5, 300, n_tokens) for n_tokens in (100, 130)]
    found = []
    for number in range(40):
        subject = subjects[number % 2]
        context = [*subject, *random.integers(5, 300, 9)]
        found += [
            Request(np.array([*context, *random.integers(5, 300, 3)], np.int32), len(context))
            for _ in range(4)
        ]
    return found


@pytest.fixture(scope="module", params=["F32", "F16"])
def file_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _scores(
    gguf: Path, planned: Plan, file_type: str, n_sessions: int = 1, work: Work | None = None
) -> dict[int, RequestScore]:
    settings, found = settings_for(planned, file_type, 1), {}
    with llama.Model(gguf) as model:
        for batch in score_requests(model, planned, settings, work, n_sessions=n_sessions):
            found |= batch
    return found


def _bits(scores: dict[int, RequestScore]) -> dict[int, Any]:
    return {index: score.logprobs.tolist() for index, score in scores.items()}


def test_scores_are_those_of_an_independent_forward_pass(
    requests: list[Request], tiny_checkpoint: Path, tiny_f32: Path
) -> None:
    planned, work = plan(requests, BATCH_TOKENS), Work()
    assert {len(batch.trunk) for batch in planned} == {100, 130}
    found = _scores(tiny_f32, planned, "F32", work=work)
    reference = ReferenceLlama(tiny_checkpoint)
    for index, each in enumerate(requests):
        expected = reference.choice_logprobs(each.tokens, each.start)
        assert found[index].logprobs == pytest.approx(expected, abs=1e-4)
    assert work.tokens_decoded == planned.tokens < 1.1 * planned.lower_bound


def test_a_run_that_goes_on_later_gives_the_same_bits(
    requests: list[Request], tiny_f32: Path, file_type: str
) -> None:
    planned = plan(requests, BATCH_TOKENS)
    whole = _bits(_scores(tiny_f32, planned, file_type))
    # Every third batch, then the others: none comes behind the one that it came behind before.
    parts = [batch.requests.tolist() for batch in planned]
    first = [index for part in parts[::3] for index in part]
    rest = [index for part in parts for index in part if index not in set(first)]
    pieces = [_bits(_scores(tiny_f32, planned.only(part), file_type)) for part in (first, rest)]
    assert pieces[0] | pieces[1] == whole


@pytest.mark.parametrize("n_sessions", [2, 3])
def test_sessions_side_by_side_give_the_same_bits(
    n_sessions: int, requests: list[Request], tiny_f32: Path, file_type: str
) -> None:
    planned, work = plan(requests, BATCH_TOKENS), Work()
    alone = _scores(tiny_f32, planned, file_type)
    together = _scores(tiny_f32, planned, file_type, n_sessions, work)
    assert _bits(together) == _bits(alone)
    # Each session decodes the trunks that it meets.
    assert planned.tokens <= work.tokens_decoded <= planned.tokens + (n_sessions - 1) * 230


def test_a_cache_that_cannot_forget_decodes_the_trunk_again(
    requests: list[Request], tiny_f32: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, work = plan(requests, BATCH_TOKENS), Work()
    kept = _bits(_scores(tiny_f32, planned, "F32"))
    monkeypatch.setattr(Session, "_forget", lambda *_: False)
    assert _bits(_scores(tiny_f32, planned, "F32", work=work)) == kept
    trunks = sum(len(batch.trunk) for batch in planned)
    assert work.tokens_decoded == sum(len(batch.tokens) for batch in planned) + trunks


def test_the_cache_has_room_for_a_batch_behind_its_trunk(requests: list[Request]) -> None:
    planned = plan(requests, BATCH_TOKENS)
    settings = settings_for(planned, "F16", 1)
    assert settings.n_batch < planned.max_trunk == settings.n_trunk == 130
    assert settings.n_cells == settings.n_batch + 130


def test_solved_items_that_a_subject_shows_are_decoded_once() -> None:
    # 20 subjects of 50 questions: 600 tokens of solved items, 70 of a question, a letter.
    subjects = [list(range(1000 * subject, 1000 * subject + 600)) for subject in range(1, 21)]
    requests = [
        Request(np.array([*subject, *(number for _ in range(70)), letter], np.int32), 670)
        for number in range(50)
        for subject in subjects
        for letter in (1, 2, 3, 4)
    ]
    kept, again = (plan(requests, 1024, keeps=keeps) for keeps in (True, False))
    assert kept.lower_bound == again.lower_bound == 20 * (600 + 50 * 70)
    assert kept.tokens == kept.lower_bound
    assert again.tokens > 1.4 * kept.tokens
    # No batch holds two subjects, and no subject is decoded in two places.
    assert [batch.trunk[0] for batch in kept] == sorted(batch.trunk[0] for batch in kept)


def test_a_part_of_a_group_can_have_a_longer_trunk() -> None:
    # All begin with the same instruction, and each half goes on with solved items of its own.
    instruction = list(range(1, 101))
    solved = [list(range(1000, 1200)), list(range(2000, 2200))]
    requests = [
        Request(
            np.array(
                [*instruction, *solved[number % 2], *range(10 * number, 10 * number + 40), 7],
                np.int32,
            ),
            335,
        )
        for number in range(3000, 3060)
    ]
    planned = plan(requests, 256)
    assert {len(batch.trunk) for batch in planned} == {300}
    assert planned.tokens == planned.lower_bound + len(instruction)
