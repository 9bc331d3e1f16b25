"""The command that hands its arguments on to lm-evaluation-harness."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.helpers.command import assert_one_sentence, edgeval, edgeval_process

TASK = """\
task: own_items
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{ctx_a}}}}"
doc_to_target: "{{{{label}}}}"
doc_to_choice: "endings"
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1.0
"""


def test_the_harness_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    words = ("is not installed", "pip install 'edgeval[lm-eval]'")
    assert_one_sentence(edgeval("lm-eval", "--tasks", "arc_easy"), words)


def test_another_harness_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval.__main__", None)
    assert_one_sentence(edgeval("lm-eval", "--help"), ("cannot be used", "edgeval[lm-eval]"))


@pytest.mark.process
def test_help_and_exit_codes_are_the_harness_s() -> None:
    pytest.importorskip("lm_eval")
    shown = edgeval_process("lm-eval", "--help")
    assert shown.returncode == 0 and shown.stdout.startswith("usage: lm-eval [-h] COMMAND")
    refused = edgeval_process("lm-eval", "run", "--nonsense", "3")
    assert refused.returncode == 2 and "unrecognized arguments: --nonsense 3" in refused.stderr
    missing = edgeval_process("lm-eval", "validate", "--tasks", "nonsense")
    assert missing.returncode == 1 and "Tasks not found: nonsense" in missing.stdout


@pytest.mark.process
def test_a_task_is_run_and_its_samples_are_the_harness_s(
    tmp_path: Path, tiny_items: Path, tiny_f32: Path
) -> None:
    pytest.importorskip("lm_eval")
    (tmp_path / "own_items.yaml").write_text(TASK.format(data=tiny_items), encoding="utf-8")
    arguments = f"pretrained={tiny_f32},kernels=plain,threads=1"
    result = edgeval_process(
        "lm-eval", "--model", "edgeval", "--model_args", arguments, "--device", "cpu",
        "--include_path", tmp_path, "--tasks", "own_items", "--log_samples",
        "--output_path", tmp_path / "out",
        HF_DATASETS_OFFLINE="1",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "|own_items|" in result.stdout
    (samples,) = (tmp_path / "out").rglob("samples_own_items_*.jsonl")
    assert len(samples.read_text("utf-8").splitlines()) == 40
    (results,) = (tmp_path / "out").rglob("results_*.json")
    config = json.loads(results.read_text("utf-8"))["config"]
    assert config["gguf_type"] == "F32" and len(config["gguf_sha256"]) == 64


@pytest.mark.process
def test_errors_of_edgeval_are_its_last_line(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    result = edgeval_process(
        "lm-eval", "--model", "edgeval", "--model_args", f"pretrained={tmp_path / 'no.gguf'}",
        "--tasks", "arc_easy",
    )  # fmt: skip
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "error: nothing at" in result.stderr.splitlines()[-1]
