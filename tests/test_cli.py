"""The command line as users run it: a process of its own, its exit code and its two streams."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes import without_kernels

from edgeval.cli import app
from edgeval.records import Report

COMMAND = [sys.executable, "-m", "edgeval"]


def edgeval(
    *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def assert_one_sentence(
    result: subprocess.CompletedProcess[str], words: Sequence[str], code: int = 1
) -> None:
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    (sentence,) = without_kernels(result.stderr.strip().splitlines())
    for word in words:
        assert word in sentence


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
    found = json.loads(edgeval("protocols", "--json").stdout)
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
    assert table.splitlines()[-1] == "default: lm-eval; llama.cpp for .txt"


def test_convert_quantize_and_eval(tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path) -> None:
    made = edgeval("convert", tiny_checkpoint, tmp_path / "tiny-F16.gguf")
    assert (made.returncode, made.stdout.strip()) == (0, str(tmp_path / "tiny-F16.gguf"))
    made = edgeval("quantize", tmp_path / "tiny-F16.gguf", "Q8_0", "q4_0")
    assert made.stdout.split() == [str(tmp_path / f"tiny-{name}.gguf") for name in ("Q8_0", "Q4_0")]
    samples = tmp_path / "samples.jsonl"
    ran = edgeval(
        *("eval", tmp_path / "tiny-F16.gguf", "--data", tiny_items, "--protocol", "lm-eval"),
        *("--limit", "10", "--samples", samples, "--json"),
    )
    assert ran.returncode == 0, ran.stderr
    (run,) = json.loads(ran.stdout)["runs"]
    rows = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == run["metrics"]["acc_norm"]["total"] == 10
    for row in rows:
        assert list(row) == [
            *("item", "group", "gold", "logprobs", "n_tokens", "n_chars", "n_bytes"),
            *("is_greedy", "picks"),
        ]
        best = max(range(4), key=lambda choice: row["logprobs"][choice])
        assert row["picks"]["acc"] == best
    right = sum(row["picks"]["acc_norm"] == row["gold"] for row in rows)
    assert run["metrics"]["acc_norm"]["correct"] == right


def test_run_writes_a_report_that_can_be_rendered_again(
    tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = edgeval(
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
    again = edgeval("report", out)
    assert again.returncode == 0
    assert (out / "report.html").read_text(encoding="utf-8") == page
    assert_one_sentence(edgeval("run", tiny_checkpoint, "--out", out), ["exists already"])


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
    from tiny import make_items, write_items

    solved = write_items(tmp_path / "solved.jsonl", make_items(9, seed=1))
    shots = ["--data", tiny_items, "--shots", "2", "--shots-data", solved]
    ran = edgeval("run", tiny_f32, "--quant", "F32", *shots, "--out", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    assert "protocol lm-eval, 2-shot: all 40 items" in ran.stdout
    text = (tmp_path / "out" / "report.json").read_text(encoding="utf-8")
    record = Report.model_validate_json(text)
    assert record.protocol.shots == 2
    pool = record.data.shot_pool
    assert pool is not None
    assert (pool.name, pool.n_items) == ("solved.jsonl", 9)
    for name in ("report.md", "report.html"):
        page = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert "protocol lm-eval, 2-shot (v2)" in page
        assert "2 an item, of 9 in solved.jsonl" in page
        assert pool.fingerprint in page
    evaluated = edgeval("eval", tiny_f32, *shots)
    assert "all 40 items of items.jsonl, protocol lm-eval, 2-shot" in evaluated.stdout


def test_ggufs_are_made_once(tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path) -> None:
    def once(out: str) -> dict[str, tuple[int, int]]:
        ran = edgeval(
            *("run", tiny_checkpoint, "--quant", "Q8_0", "--data", tiny_items, "--limit", "4"),
            *("--out", tmp_path / out),
            EDGEVAL_CACHE=str(tmp_path / "cache"),
        )
        assert ran.returncode == 0, ran.stderr
        files = (tmp_path / "cache").rglob("*.gguf")
        return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}

    first = once("first")
    assert sorted(first) == ["tiny-F16.gguf", "tiny-Q8_0.gguf"]
    assert once("second") == first


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "absent/dir", "--data", __file__], ["test_cli.py is none of .jsonl"]),
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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(
    ("moment", "stop"),
    [("quantize", signal.SIGINT), ("score", signal.SIGINT), ("score", signal.SIGTERM)],
)
def test_ctrl_c_is_one_sentence_and_leaves_nothing(
    moment: str, stop: signal.Signals, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    from tiny import make_items, write_items

    cache, out = tmp_path / "cache", tmp_path / "out"
    items = write_items(tmp_path / "items.jsonl", make_items(20_000))
    types = "F16,Q2_K,Q3_K_M,Q4_K_M,Q5_K_M,Q6_K,Q8_0"
    process = subprocess.Popen(
        [*COMMAND, "run", tiny_checkpoint, "--data", items, "--out", out, "--quant", types],
        env=os.environ | {"EDGEVAL_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    awaited = "*-Q2_K.gguf" if moment == "quantize" else "*-Q8_0.gguf"
    deadline = time.monotonic() + 120
    while not list(cache.rglob(awaited)) and time.monotonic() < deadline:
        time.sleep(0.01)
    if moment == "score":
        time.sleep(4)
    process.send_signal(stop)
    stdout, stderr = process.communicate(timeout=60)
    result = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
    assert_one_sentence(result, ["interrupted", "run the same command"], code=130)
    assert list(cache.rglob(".*")) == []
    assert not out.exists()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("~", "{home}"),
        ("~/a b", "{home}/a b"),
        ("--out=~/a", "--out={home}/a"),
        ("~nobody-has-this-name/a", "~nobody-has-this-name/a"),
        ("a~b", "a~b"),
        ("--pre=a=~/b", "--pre=a=~/b"),
    ],
)
def test_a_tilde_that_the_shell_left_is_the_home_folder(
    typed: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    seen: list[list[str]] = []

    def parse(_: object, __: str | None, args: list[str], *___: object, **____: object) -> None:
        seen.append(args)
        raise SystemExit

    monkeypatch.setattr("typer.core.TyperGroup.make_context", parse)
    with pytest.raises(SystemExit):
        app([typed], standalone_mode=False)
    assert seen == [[meant.format(home=tmp_path)]]


def test_a_tilde_in_the_environment_is_the_home_folder(tmp_path: Path) -> None:
    result = edgeval("runs", HOME=str(tmp_path), USERPROFILE=str(tmp_path), EDGEVAL_STORE="~/s.db")
    assert f"there is no store at {tmp_path / 's.db'}" in " ".join(result.stderr.split())
    cache = edgeval("cache", HOME=str(tmp_path), USERPROFILE=str(tmp_path), EDGEVAL_CACHE="~/kept")
    assert f"{tmp_path / 'kept'}: 0 GGUFs" in cache.stdout
