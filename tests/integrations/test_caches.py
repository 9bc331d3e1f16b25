"""The harness's cache: no file is answered with another one's log-probabilities."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.model import CachingLM

from edgeval.checkpoints.convert.convert import convert
from edgeval.errors import EdgevalError
from edgeval.integrations.lm_eval import EdgevalLM
from edgeval.integrations.response_cache import bind
from tests.helpers.tiny import make_checkpoint

PAIRS = (("the cook heats", " a pan"), ("she sits", " down"))


def asked(path: Path, cache: Path, instances: Any, **more: Any) -> tuple[list[Any], int]:
    """Return answers through a cache, and how many tokens were decoded for them."""
    lm = EdgevalLM(str(path), kernels="plain", threads=1, **more)
    cached = CachingLM(lm, str(cache))
    found = cached.loglikelihood(instances("loglikelihood", *PAIRS))
    return found, lm.get_model_info()["tokens_decoded"]


def test_another_file_of_the_same_name_is_not_answered(
    tiny_f32: Path, tmp_path: Path, instances: Any
) -> None:
    path, cache = tmp_path / "model.gguf", tmp_path / "answers.db"
    shutil.copy(tiny_f32, path)
    first, n_first = asked(path, cache, instances)
    again, n_again = asked(path, cache, instances)
    assert (again, n_again) == (first, 0) and n_first > 0
    other = convert(make_checkpoint(tmp_path / "other", seed=1), tmp_path / "other.gguf", "f32")
    shutil.copy(other, path)
    found, n_decoded = asked(path, cache, instances)
    assert n_decoded == n_first and found != first
    shutil.copy(tiny_f32, path)
    assert asked(path, cache, instances) == (first, 0)


@pytest.mark.parametrize("more", [{"add_bos_token": False}, {"max_length": 8}])
def test_another_setting_is_not_answered(
    more: dict[str, Any], tiny_f32: Path, tmp_path: Path, instances: Any
) -> None:
    asked(tiny_f32, tmp_path / "answers.db", instances)
    _, n_decoded = asked(tiny_f32, tmp_path / "answers.db", instances, **more)
    assert n_decoded > 0


def test_answers_are_kept_as_they_come(tiny_f32: Path, tmp_path: Path, instances: Any) -> None:
    lm = EdgevalLM(str(tiny_f32), kernels="plain", threads=1)
    cached = CachingLM(lm, str(tmp_path / "answers.db"))
    rules = {"until": ["."], "max_gen_toks": 4, "do_sample": False}
    lm.loglikelihood(instances("loglikelihood", *PAIRS), True)
    lm.loglikelihood_rolling(instances("loglikelihood_rolling", ("she sits down",)), True)
    lm.generate_until(instances("generate_until", ("she sits", rules)), True)
    assert len(cached.dbdict) == 4


def test_a_cache_of_another_kind_is_refused() -> None:
    with pytest.raises(EdgevalError, match="cannot be kept apart by file"):
        bind({}, "abc")
