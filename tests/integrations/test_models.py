"""Models: what can be named, and what keeps other things of a text than keys and values."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edgeval.integrations.lm_eval import EdgevalLM
from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import REPO, User
from tests.helpers.split_ggufs import split
from tests.helpers.tiny import make_items, write_items
from tests.helpers.tiny_architectures import write

PAIRS = [("the cook heats a pan " * n, f" and pours {n}") for n in range(1, 7)]


def test_any_part_names_a_model_that_is_split(
    tiny_f32: Path, tiny_lm: EdgevalLM, tmp_path: Path, instances: Any
) -> None:
    asked = instances("loglikelihood", *PAIRS)
    whole = tiny_lm.loglikelihood(asked, disable_tqdm=True)
    for part in split(tiny_f32, tmp_path):
        lm = EdgevalLM(str(part), kernels="plain", threads=1)
        assert lm.loglikelihood(asked, disable_tqdm=True) == whole


@pytest.mark.parametrize("name", ["mamba", "jamba"])
def test_a_recurrent_model_answers_many_as_it_answers_one(
    name: str, tiny_f32: Path, tmp_path: Path, instances: Any
) -> None:
    lm = EdgevalLM(str(write(tmp_path / "a.gguf", name, tiny_f32)), kernels="plain", threads=1)
    asked = instances("loglikelihood", *PAIRS)
    rules = {"until": ["\n"], "max_gen_toks": 8}
    prompts = instances("generate_until", *((context, rules) for context, _ in PAIRS))
    for each, found in zip(asked, lm.loglikelihood(asked, disable_tqdm=True), strict=True):
        ((logprob, is_greedy),) = lm.loglikelihood([each], disable_tqdm=True)
        assert found == (pytest.approx(logprob, abs=1e-4), is_greedy)
    for each, text in zip(prompts, lm.generate_until(prompts, disable_tqdm=True), strict=True):
        assert lm.generate_until([each], disable_tqdm=True) == [text]


def test_a_file_of_the_hub_is_named_as_elsewhere(tiny_f32: Path, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    shutil.copy(tiny_f32, folder / "tiny-F32.gguf")
    task = {
        "task": "own_items",
        "dataset_path": "json",
        "dataset_kwargs": {
            "data_files": {"validation": str(write_items(tmp_path / "items.jsonl", make_items(4)))}
        },
        "validation_split": "validation",
        "output_type": "multiple_choice",
        "doc_to_text": "{{ctx}}",
        "doc_to_choice": "endings",
        "doc_to_target": "{{label|int}}",
    }
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "own.yaml").write_text(json.dumps(task), encoding="utf-8")
    with HubServer(folder, REPO, lfs=(".gguf",)) as hub:
        user = User(tmp_path / "home", hub)
        told = []
        for pretrained in (f"{REPO}:F32", str(tiny_f32)):
            arguments = ["--model", "edgeval", "--tasks", "own_items", "--include_path"]
            arguments += [str(tmp_path / "tasks"), "--model_args"]
            arguments += [f"pretrained={pretrained},kernels=plain", "--output_path", str(tmp_path)]
            process = user.start("-m", "edgeval", "lm-eval", "run", *arguments)
            out, error = process.communicate()
            assert process.returncode == 0, error
            told.append([line for line in out.splitlines() if line.startswith("|")])
    assert told[0] == told[1] != []
    assert any("tiny-F32.gguf" in each.path for each in hub.requests)
