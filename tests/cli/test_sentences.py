"""Bad input on the command line: one sentence, its exit code, and nothing left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.command import assert_one_sentence, edgeval


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "absent/dir", "--data", __file__], ["test_sentences.py is none of .jsonl"]),
        (["run", "./absent.gguf"], ["nothing at ./absent.gguf"]),
        (["run", "tinylama-3t"], ["no model 'tinylama-3t'", "did you mean 'tinyllama-3t'"]),
        (["run", "demo", "--quant", "F16,Q4_KM"], ["'Q4_KM'", "did you mean 'Q4_K_M'"]),
        (["run", "demo", "--quant", ","], ["ladder is empty"]),
        (["run", "demo", "--quant", "F16,f16"], ["F16 is in the ladder twice"]),
        (["run", "demo", "--protocol", "lmeval"], ["'lmeval'", "did you mean 'lm-eval'"]),
        (["run", "demo", "--data", "absent.jsonl"], ["no data file at absent.jsonl"]),
        (["run", "demo", "--shots", "3"], ["--shots 3 needs solved items", "--shots-data FILE"]),
        (["convert", "absent"], ["no checkpoint directory at absent"]),
        (["quantize", "absent.gguf", "Q8_0"], ["no GGUF file at absent.gguf"]),
        (["eval", "absent.gguf", "--data", "x.jsonl"], ["no GGUF file at absent.gguf"]),
        (["report", "absent"], ["absent holds no report.json"]),
        (["compare", "absent.json", "b.json"], ["no record at absent.json"]),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    result = edgeval(*arguments, cwd=tmp_path, HF_HUB_OFFLINE="1")
    assert_one_sentence(result, words)
    assert list(tmp_path.iterdir()) == []


def test_directory_without_config(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert_one_sentence(edgeval("run", tmp_path / "empty"), ["has no config.json"])


def test_damaged_or_foreign_checkpoint(
    tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))
    cache, out = tmp_path / "cache", tmp_path / "out"
    run = ["run", copy, "--data", tiny_items, "--out", out]
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(weights[:-100_000])
    result = edgeval(*run, EDGEVAL_CACHE=str(cache))
    assert_one_sentence(result, ["model.safetensors is damaged or incomplete", "download it again"])
    config = (copy / "config.json").read_text(encoding="utf-8")
    (copy / "config.json").write_text(config.replace("LlamaFor", "BloomFor"), encoding="utf-8")
    result = edgeval(*run, EDGEVAL_CACHE=str(cache))
    assert_one_sentence(result, ["BloomForCausalLM", "convert_hf_to_gguf.py"])
    assert {path.suffix for path in cache.rglob("*") if path.is_file()} <= {".json", ".lock"}
    assert not out.exists()


def test_absent_backend(tiny_f16: Path, tiny_items: Path) -> None:
    from edgeval import llama

    if "cuda" in llama.available_backends():
        pytest.skip("this llama.cpp has CUDA")
    result = edgeval("eval", tiny_f16, "--data", tiny_items, "--backend", "cuda")
    assert_one_sentence(result, ["built without cuda", "-DGGML_CUDA=on"])


def test_missing_path_that_could_be_a_repository(tiny_items: Path) -> None:
    result = edgeval("run", "absent/dir", "--data", tiny_items, HF_HUB_OFFLINE="1")
    assert_one_sentence(result, ["no local path absent/dir", "local checkpoint directory"])


def test_damaged_gguf(tiny_f16: Path, tiny_items: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(tiny_f16.read_bytes()[:50_000])
    for command in (["eval", damaged, "--data", tiny_items], ["quantize", damaged, "Q8_0"]):
        assert_one_sentence(edgeval(*command), ["damaged.gguf", "damaged"])
    assert list(tmp_path.iterdir()) == [damaged]


def test_wrong_json_line_is_numbered(tiny_f16: Path, tiny_items: Path, tmp_path: Path) -> None:
    lines = tiny_items.read_text(encoding="utf-8").splitlines()
    bad = tmp_path / "bad.jsonl"
    bad.write_text("\n".join([*lines[:6], lines[6][:-5], *lines[7:]]), encoding="utf-8")
    assert_one_sentence(edgeval("eval", tiny_f16, "--data", bad), ["bad.jsonl line 7"])
    bad.write_text("\n".join([*lines[:3], lines[3].replace('"label": "', '"label": "7')]), "utf-8")
    assert_one_sentence(edgeval("eval", tiny_f16, "--data", bad), ["bad.jsonl line 4", "label"])


def test_usage_errors_exit_2(tiny_f16: Path) -> None:
    for arguments in (
        ["run", "--limit", "0"],
        ["run", "--shots", "-1"],
        ["eval"],
        ["nonsense"],
        ["run", "--order", "up"],
        ["compare", "report.json"],
    ):
        result = edgeval(*arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr


def test_debug_shows_the_traceback() -> None:
    result = edgeval("--debug", "convert", "absent")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
