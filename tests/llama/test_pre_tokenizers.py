from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from edgeval import llama
from edgeval.cli import app
from edgeval.cli.terminal.inspection import tables
from edgeval.cli.terminal.reference import reference_table
from edgeval.engine import running
from edgeval.errors import EdgevalError, EngineError
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.evaluation.pipeline import run
from edgeval.evaluation.reference import load_reference
from edgeval.gguf.identity import model_facts
from edgeval.gguf.inspect import inspect
from edgeval.gguf.pre_tokenizers import NAMES
from edgeval.quantization.imatrix import imatrix
from edgeval.records import Evaluation, PreTokenizer
from edgeval.report.compare.compare import compare
from edgeval.report.compare.sentences import alarms
from edgeval.report.compare.sentences import sentences as compared_sentences
from edgeval.report.pages import html_page, markdown_page
from edgeval.store.reference_export import export_reference
from edgeval.store.runs import list_runs
from tests.helpers.tiny import make_items, write_items
from tests.helpers.tiny_architectures import write, write_byte_level_vocabulary

LACKS = "does not say how its tokenizer splits text (tokenizer.ggml.pre)"

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return what writes a model with a byte-level tokenizer: its name, and its pre-tokenizer."""

    def made(name: str, pre: str | None) -> Path:
        vocabulary = write_byte_level_vocabulary(tmp_path / f"{name}-vocabulary.gguf", pre)
        return write(tmp_path / f"{name}.gguf", "llama", vocabulary)

    return made


@pytest.fixture
def items(tmp_path: Path) -> Path:
    found = make_items(8)
    for number, item in enumerate(found):
        item["ctx_a"] = f"{item['ctx_a']} She counts {number} 17 2024."
    return write_items(tmp_path / "numbers.jsonl", found)


def _logprobs(path: Path, options: Options, tmp_path: Path) -> tuple[Evaluation, list[Any]]:
    samples = tmp_path / "samples.jsonl"
    found = evaluate([path], options, samples=samples)
    return found, [json.loads(line)["logprobs"] for line in samples.read_text().splitlines()]


def test_a_model_that_lacks_it_scores_as_itself_once_it_is_named(
    make: Make, items: Path, tmp_path: Path
) -> None:
    options = Options(data=items)
    whole, expected = _logprobs(make("whole", "smollm"), options, tmp_path)
    lacking = make("lacking", None)
    silent, other = _logprobs(lacking, options, tmp_path)
    named, same = _logprobs(lacking, Options(data=items, pre="smollm"), tmp_path)
    assert same == expected != other
    assert whole.runs[0].pre_tokenizer is None
    assert silent.runs[0].pre_tokenizer == PreTokenizer(own=None, given=None)
    assert named.runs[0].pre_tokenizer == PreTokenizer(own=None, given="smollm")


def test_a_name_that_replaces_the_files_own_is_honoured_and_recorded(
    make: Make, items: Path, tmp_path: Path
) -> None:
    _, expected = _logprobs(make("right", "smollm"), Options(data=items), tmp_path)
    wrong = make("wrong", "gpt-2")
    found, same = _logprobs(wrong, Options(data=items, pre="smollm"), tmp_path)
    assert same == expected
    assert found.runs[0].pre_tokenizer == PreTokenizer(own="gpt-2", given="smollm")


def test_the_files_own_name_changes_nothing(make: Make, items: Path, tmp_path: Path) -> None:
    path, store = make("right", "smollm"), tmp_path / "a.db"
    evaluate([path], Options(data=items, store=store))
    found = evaluate([path], Options(data=items, store=store, pre="smollm"))
    assert found.runs[0].pre_tokenizer is None
    assert len(list_runs(store)) == 1


def test_scores_of_another_pre_tokenizer_are_never_answered(
    make: Make, items: Path, tmp_path: Path
) -> None:
    path, store = make("lacking", None), tmp_path / "a.db"
    for pre in (None, "smollm", "gpt-2", "smollm"):
        evaluate([path], Options(data=items, store=store, pre=pre))
    assert len(list_runs(store)) == 3


def test_an_unknown_name_is_refused_with_the_closest(make: Make, items: Path) -> None:
    with pytest.raises(EngineError, match=r"no pre-tokenizer 'smolm' \(did you mean 'smollm'\?\)"):
        evaluate([make("lacking", None)], Options(data=items, pre="smolm"))


def test_a_tokenizer_that_has_none_refuses_a_name(tiny_f32: Path, tiny_items: Path) -> None:
    with pytest.raises(EngineError, match=r"tokenizer of the kind 'llama'.*leave out --pre"):
        evaluate([tiny_f32], Options(data=tiny_items, limit=2, pre="smollm"))
    assert model_facts(tiny_f32).pre_tokenizer is None


def test_one_that_llama_cpp_does_not_know_is_not_called_damaged(
    make: Make, items: Path, tmp_path: Path
) -> None:
    path = make("later", "smollm9")
    with pytest.raises(EngineError) as caught:
        evaluate([path], Options(data=items))
    text = str(caught.value)
    assert "later.gguf cannot be run: the llama.cpp of llama-cpp-python" in text
    assert "has no pre-tokenizer 'smollm9' (did you mean 'smollm'?)" in text
    assert "damaged" not in text
    _, expected = _logprobs(make("right", "smollm"), Options(data=items), tmp_path)
    assert _logprobs(path, Options(data=items, pre="smollm"), tmp_path)[1] == expected


def test_llama_cpp_knows_all_the_names_that_are_suggested(tmp_path: Path) -> None:
    path = write_byte_level_vocabulary(tmp_path / "a.gguf", None)
    vocabulary = write(tmp_path / "model.gguf", "llama", path)
    for name in NAMES:
        with llama.Tokenizer(vocabulary, name) as found:
            assert found.info.pre == name


def test_a_ladder_takes_it_for_all_that_it_makes_and_every_page_says_it(
    make: Make, items: Path, tmp_path: Path
) -> None:
    options = Options(data=items, kernels="plain", store=tmp_path / "a.db")
    path = make("lacking", None)
    whole, _ = run(str(make("whole", "smollm")), options, types=["F32", "Q8_0"], out=tmp_path / "w")
    silent, _ = run(str(path), options, types=["F32", "Q8_0"], out=tmp_path / "s")
    given = Options(**{**vars(options), "pre": "smollm"})
    named, _ = run(str(path), given, types=["F32", "Q8_0"], out=tmp_path / "n")
    assert [each.metrics for each in named.runs] == [each.metrics for each in whole.runs]
    assert {each.pre_tokenizer for each in named.runs} == {PreTokenizer(own=None, given="smollm")}
    for page in (markdown_page, html_page):
        assert "F32 and Q8_0: the file does not say how its tokenizer splits" in page(silent)
        assert "given with --pre, which the file does not say" in page(named)
        assert "pre-tokenizer" not in page(whole) and "--pre" not in page(whole)
    found = compare([tmp_path / "s", tmp_path / "n"])
    alarmed = list(alarms(found))
    assert [LACKS in alarmed[0], "given with --pre" in alarmed[1]] == [True, True]
    assert any("other pre-tokenizer" in each for each in compared_sentences(found))


def test_a_reference_is_of_the_pre_tokenizer_that_it_was_made_with(
    make: Make, items: Path, tmp_path: Path
) -> None:
    store, file = tmp_path / "a.db", tmp_path / "a.npz"
    path = make("lacking", None)
    options = Options(data=items, kernels="plain", store=store, pre="smollm")
    run(str(path), options, types=["F32"], out=tmp_path / "first")
    export_reference(store, 1, file)
    console = Console(record=True, width=300)
    console.print(reference_table(load_reference(file)))
    assert "text was split by the pre-tokenizer smollm, given with --pre" in console.export_text()
    record, _ = run(
        str(path), options, types=["F32", "Q8_0"], reference=file, out=tmp_path / "second"
    )
    assert record.runs[0].pre_tokenizer == PreTokenizer(own=None, given="smollm")
    without = Options(**{**vars(options), "pre": None})
    with pytest.raises(EdgevalError, match="made with tokenizer"):
        run(str(path), without, types=["Q8_0"], reference=file, out=tmp_path / "third")


def test_an_importance_matrix_is_made_of_the_tokens_that_are_named(
    make: Make, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("She counts 1 2 3 and 44 of 100 eggs. " * 40, encoding="utf-8")
    log: list[str] = []

    class Bars:
        def log(self, line: str) -> None:
            log.append(line)

        def task(self, *arguments: Any) -> Any:
            from edgeval.system.progress import NoProgress

            return NoProgress().task(*arguments)

    def made(path: Path, pre: str | None = None) -> bytes:
        out = tmp_path / f"{path.stem}-{pre}.imatrix.gguf"
        imatrix(path, text, out, chunk_tokens=64, chunks=4, pre=pre, progress=Bars())
        return out.read_bytes()

    lacking = make("lacking", None)
    assert made(lacking, "smollm") == made(make("whole", "smollm")) != made(lacking)
    assert [LACKS in log[-1], len(log)] == [True, 2]


def test_inspecting_says_that_it_is_missing(make: Make) -> None:
    for pre, lacks in ((None, True), ("smollm", False)):
        found = inspect(make(f"a{lacks}", pre))
        assert found.tokenizer is not None and found.tokenizer.lacks_pre == lacks
        console = Console(record=True, width=300)
        for table in tables(found):
            console.print(table)
        assert ("no pre-tokenizer is said" in console.export_text()) == lacks


def test_the_terminal_says_it_below_the_table(make: Make, items: Path) -> None:
    path = make("lacking", None)
    found = CliRunner().invoke(app, ["eval", str(path), "--data", str(items), "--limit", "2"])
    assert found.exit_code == 0, found.output
    assert LACKS in " ".join(found.stdout.split())
    arguments = ["eval", str(path), "--data", str(items), "--limit", "2", "--pre", "smollm"]
    found = CliRunner().invoke(app, [*arguments, "--json"])
    runs = json.loads(found.stdout)["runs"]
    assert runs[0]["pre_tokenizer"] == {"own": None, "given": "smollm"}


def test_what_is_asked_of_the_engine_is_kept_for_each_name(make: Make) -> None:
    path = make("lacking", None)
    with running() as engine:
        assert [engine.info(path, pre).pre for pre in (None, "smollm", None)] == [
            None, "smollm", None,
        ]  # fmt: skip
