"""Commands: what they print, write and exit with."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgeval.records import Report
from edgeval.tasks import registry
from tests.helpers.command import assert_one_sentence, edgeval, edgeval_process
from tests.helpers.fakes import without_kernels


@pytest.mark.process
def test_help_lists_the_commands_without_loading_anything_heavy() -> None:
    code = (
        "import sys\n"
        "from edgeval.cli.app import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'numpy', 'llama_cpp', 'datasets', 'scipy', 'pydantic', 'huggingface_hub'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert result.stdout.splitlines()[-1] == "loaded: []"
    for command in (
        "run",
        "convert",
        "quantize",
        "inspect",
        "imatrix",
        "eval",
        "models",
        "protocols",
        "report",
        "verdict",
        "compare",
        "doctor",
        "runs",
        "reference",
        "schema",
    ):
        assert f"│ {command} " in result.stdout or f" {command} " in result.stdout


def test_version() -> None:
    from edgeval import __version__

    assert edgeval("--version").stdout == f"edgeval {__version__}\n"


def test_models_lists_cards_and_claims() -> None:
    cards = {card["name"]: card for card in json.loads(edgeval("models", "--json").stdout)}
    (claim,) = (c for c in cards["tinyllama-3t"]["claims"] if c["task"] == "hellaswag")
    assert claim["value"] == 59.2
    assert "59.20" in edgeval("models").stdout


def test_protocols_lists_them_and_their_tools() -> None:
    listed = json.loads(edgeval("protocols", "--json").stdout)
    found = listed["protocols"]
    assert [each["name"] for each in found] == ["lm-eval", "lm-eval-bos", "llama.cpp"]
    assert found[0] == {
        "name": "lm-eval",
        "version": 2,
        "family": "lm-eval",
        "rendering": "lm-eval",
        "adds_ends": False,
        "metric": "acc_norm",
        "few_shot": True,
        "tool": "lm-evaluation-harness",
        "versions": (
            "git master from 2 June 2023 (pull request 531) and 0.4.0 to 0.4.9.1; not the tag "
            "v0.3.0, which encodes context and continuation apart and has no hf-causal"
        ),
    }
    table = edgeval("protocols").stdout
    for each in found:
        (row,) = (line for line in table.splitlines() if line.startswith(f"│ {each['name']} "))
        cells = [cell.strip() for cell in row.strip("│").split("│")]
        ends = "the model's own" if each["adds_ends"] else "none"
        shots = "any" if each["few_shot"] else "none"
        assert cells == [each["name"], str(each["version"]), each["metric"], ends, shots]
        assert f"{each['name']}: the numbers of {each['tool']}, {each['versions']}." in table
    assert "default: a claim's, or lm-eval-bos; llama.cpp for .txt" in table.splitlines()


def test_protocols_lists_the_tasks_and_whose_they_are() -> None:
    found = json.loads(edgeval("protocols", "--json").stdout)["tasks"]
    table = " ".join(edgeval("protocols").stdout.split())
    assert [each["name"] for each in found] == list(registry.TASKS)
    for each in found:
        task = registry.task(each["name"])
        assert (each["n_items"], each["split"]) == (task.n_items, task.split)
        assert each["metric"] in each["metrics"] == list(task.metrics)
        cells = (task.name, str(task.version), task.split, f"{task.n_items:,}")
        assert f"│ {' │ '.join(cells)} │" in table
        assert f"{task.name}: {task.data_name};" in table
    assert {each["name"] for each in found if each["metric"] == "acc"} == {
        *("winogrande", "boolq", "mmlu", "truthfulqa_mc1"),
    }


@pytest.mark.process
def test_convert_quantize_and_eval(tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path) -> None:
    made = edgeval_process("convert", tiny_checkpoint, tmp_path / "tiny-F16.gguf")
    assert (made.returncode, made.stdout.strip()) == (0, str(tmp_path / "tiny-F16.gguf"))
    made = edgeval_process("quantize", tmp_path / "tiny-F16.gguf", "Q8_0", "q4_0")
    assert made.stdout.split() == [str(tmp_path / f"tiny-{name}.gguf") for name in ("Q8_0", "Q4_0")]
    samples = tmp_path / "samples.jsonl"
    ran = edgeval_process(
        *("eval", tmp_path / "tiny-F16.gguf", "--data", tiny_items, "--protocol", "lm-eval"),
        *("--limit", "10", "--samples", samples, "--json"),
    )
    assert ran.returncode == 0, ran.stderr
    (run,) = json.loads(ran.stdout)["runs"]
    rows = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == run["metrics"]["acc_norm"]["total"] == 10
    for row in rows:
        assert list(row) == [
            *("task", "type", "file", "index", "item", "group", "gold", "logprobs"),
            *("n_tokens", "n_chars", "n_bytes", "is_greedy", "picks", "pick", "correct"),
        ]
        best = max(range(4), key=lambda choice: row["logprobs"][choice])
        assert row["picks"]["acc"] == best
    right = sum(row["picks"]["acc_norm"] == row["gold"] for row in rows)
    assert run["metrics"]["acc_norm"]["correct"] == right


@pytest.mark.process
def test_run_writes_a_report_that_can_be_rendered_again(
    tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = edgeval_process(
        *("run", tiny_checkpoint, "--quant", "F16,Q8_0", "--data", tiny_items, "--out", out)
    )
    assert ran.returncode == 0, ran.stderr
    assert "Q8_0" in ran.stdout
    assert without_kernels(ran.stderr.splitlines()) == []  # no bars where nobody looks
    record = Report.model_validate_json((out / "report.json").read_text(encoding="utf-8"))
    assert [run.type for run in record.runs] == ["F16", "Q8_0"]
    assert [drift.type for drift in record.drift] == ["Q8_0"]
    assert record.data.n_items == record.data.n_total == 40
    page = (out / "report.html").read_text(encoding="utf-8")
    (out / "report.html").unlink()
    again = edgeval_process("report", out)
    assert again.returncode == 0
    assert (out / "report.html").read_text(encoding="utf-8") == page
    assert_one_sentence(edgeval_process("run", tiny_checkpoint, "--out", out), ["exists already"])


def test_a_gguf_is_a_ladder_of_its_own(tiny_f32: Path, tiny_items: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = edgeval("run", tiny_f32, "--quant", "F32,F16", "--data", tiny_items, "--out", out)
    assert ran.returncode == 0, ran.stderr
    record = Report.model_validate_json((out / "report.json").read_text(encoding="utf-8"))
    assert [run.type for run in record.runs] == ["F32", "F16"]
    assert record.runs[0].file == tiny_f32.name


def test_shots_are_named_wherever_the_protocol_is(
    tiny_f32: Path, tiny_items: Path, tmp_path: Path
) -> None:
    from tests.helpers.tiny import make_items, write_items

    solved = write_items(tmp_path / "solved.jsonl", make_items(9, seed=1))
    shots = ["--data", tiny_items, "--shots", "2", "--shots-data", solved]
    ran = edgeval("run", tiny_f32, "--quant", "F32", *shots, "--out", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    assert "protocol lm-eval-bos, 2-shot: all 40 items" in ran.stdout
    text = (tmp_path / "out" / "report.json").read_text(encoding="utf-8")
    record = Report.model_validate_json(text)
    assert record.protocol.shots == 2
    pool = record.data.shot_pool
    assert pool is not None
    assert (pool.name, pool.n_items) == ("solved.jsonl", 9)
    for name in ("report.md", "report.html"):
        page = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert "protocol lm-eval-bos, 2-shot (v2)" in page
        assert "2 an item, of 9 in solved.jsonl" in page
        assert pool.fingerprint in page
    evaluated = edgeval("eval", tiny_f32, *shots)
    assert "all 40 items of items.jsonl, protocol lm-eval-bos, 2-shot" in evaluated.stdout


def test_ggufs_are_made_once(
    tiny_checkpoint: Path, tiny_items: Path, own_cache: Path, tmp_path: Path
) -> None:
    def once(out: str) -> dict[str, tuple[int, int]]:
        ran = edgeval(
            *("run", tiny_checkpoint, "--quant", "Q8_0", "--data", tiny_items, "--limit", "4"),
            *("--out", tmp_path / out),
        )
        assert ran.returncode == 0, ran.stderr
        files = own_cache.rglob("*.gguf")
        return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}

    first = once("first")
    assert sorted(first) == ["tiny-F16.gguf", "tiny-Q8_0.gguf"]
    assert once("second") == first


def test_help_of_quantize_lists_the_types() -> None:
    from edgeval import llama

    result = edgeval("quantize", "--help", COLUMNS="80", TERMINAL_WIDTH="80")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    words = result.stdout.partition("Types, in bits per weight")[2].split()
    assert set(llama.writable_types()) <= set(words)
    assert "NVFP4" not in words
    after = {word: words[index + 1 : index + 3] for index, word in enumerate(words)}
    assert after["Q4_K_M"][0] == "4.85"
    assert after["IQ2_XS"] == ["2.55", "*"]
    assert after["Q2_K"][0] == "3.14"
    assert after["Q2_K"][1] != "*"


def test_imatrix_and_what_it_is_for(
    tiny_f16: Path, tiny_text: Path, tiny_items: Path, tmp_path: Path
) -> None:
    model, matrix = tmp_path / "tiny-F16.gguf", tmp_path / "imatrix.gguf"
    shutil.copy(tiny_f16, model)
    data = ["--data", tiny_text, "--out", matrix]
    assert_one_sentence(
        edgeval("imatrix", model, *data, "--context", "4096"),
        ["tokens, and an importance matrix needs 2 chunks of 4,096", "a smaller --context"],
    )
    result = edgeval("imatrix", model, *data, "--context", "64", "--chunks", "3")
    assert (result.returncode, result.stdout) == (0, f"{matrix}\n"), result.stderr
    needy = ["quantize", model, "Q8_0", "Q2_K_S"]
    assert_one_sentence(edgeval(*needy), ["Q2_K_S needs an importance matrix", "edgeval imatrix"])
    made = [tmp_path / f"tiny-{name}.gguf" for name in ("Q8_0", "Q2_K_S")]
    result = edgeval(*needy, "--imatrix", matrix)
    assert result.stdout.splitlines() == [str(path) for path in made], result.stderr
    again = edgeval(*needy, "--imatrix", matrix)
    assert again.stdout == result.stdout
    assert [
        line.split(" is there already")[0] for line in without_kernels(again.stderr.splitlines())
    ] == [str(path) for path in made]
    options = ["--quant", "F16,Q4_0", "--imatrix", matrix, "--data", tiny_items, "--limit", "8"]
    result = edgeval("run", model, *options, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert "│ Q4_0          │" in result.stdout
    assert "│ Q4_0 +imatrix │" in result.stdout
