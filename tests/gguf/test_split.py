"""Split GGUFs: whichever of its files is named, a model is all of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edgeval.checkpoints.convert.convert import convert
from edgeval.engine import running
from edgeval.errors import EdgevalError, GgufError
from edgeval.evaluation import pipeline
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.inspect import inspect
from edgeval.gguf.parts import model_files, read_header
from edgeval.quantization.imatrix import imatrix
from edgeval.quantization.quantize import quantize
from edgeval.quantization.rungs import file_stem
from edgeval.records import ModelRun
from tests.helpers.gguf_bytes import File, decoded
from tests.helpers.split_ggufs import split
from tests.helpers.tiny import make_checkpoint


@pytest.fixture(scope="module")
def other_f16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model than the tiny one, with the same metadata and shapes."""
    folder = tmp_path_factory.mktemp("other")
    checkpoint = make_checkpoint(folder / "tiny", seed=1)
    return convert(checkpoint, folder / "other-F16.gguf", "f16")


@pytest.fixture(scope="module")
def parts(tiny_f16: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return split(tiny_f16, tmp_path_factory.mktemp("a"))


@pytest.fixture(scope="module")
def other_parts(other_f16: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return split(other_f16, tmp_path_factory.mktemp("b"))


def _scored(path: Path, items: Path, store: Path | None, folder: Path) -> tuple[ModelRun, str]:
    """Return a run, and its log-probabilities as text."""
    options = Options(data=items, store=store, limit=12, kernels="plain")
    samples = folder / "samples.jsonl"
    samples.unlink(missing_ok=True)
    (run,) = evaluate([path], options, samples=samples).runs
    return run, samples.read_text(encoding="utf-8").replace(run.file, "")


def test_the_first_files_are_the_same(parts: list[Path], other_parts: list[Path]) -> None:
    assert parts[0].read_bytes() == other_parts[0].read_bytes()
    assert parts[1].read_bytes() != other_parts[1].read_bytes()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_header_is_that_of_the_whole(number: int, parts: list[Path], tiny_f16: Path) -> None:
    whole, found = read_header(tiny_f16), read_header(parts[number])
    assert found.path == parts[0]
    assert found.files == model_files(parts[number]) == tuple(parts)
    assert found.file_bytes == sum(path.stat().st_size for path in parts)
    assert found.n_params == whole.n_params > 0
    assert [each.name for each in found.tensors] == [each.name for each in whole.tensors]
    for ours, theirs in zip(found.tensors, whole.tensors, strict=True):
        assert np.array_equal(found.raw(ours), whole.raw(theirs))


@pytest.mark.parametrize("number", [0, 2])
def test_scores_are_those_of_the_whole(
    number: int, parts: list[Path], tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    expected, expected_scores = _scored(tiny_f16, tiny_items, None, tmp_path)
    run, scores = _scored(parts[number], tiny_items, None, tmp_path)
    assert scores == expected_scores
    assert run.file == parts[0].name
    assert run.file_bytes == sum(path.stat().st_size for path in parts)
    assert run.n_params == expected.n_params
    assert run.bits_per_weight == expected.bits_per_weight
    assert run.sha256 == sha256_of(*parts) != expected.sha256


def test_all_files_of_one_model_are_evaluated_once(parts: list[Path], tiny_items: Path) -> None:
    found = evaluate(parts, Options(data=tiny_items, limit=2, kernels="plain"))
    assert [run.file for run in found.runs] == [parts[0].name]


def test_no_score_is_of_another_model_with_the_same_first_file(
    parts: list[Path], other_parts: list[Path], other_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store.db"
    _, first = _scored(parts[0], tiny_items, store, tmp_path)
    _, second = _scored(other_parts[0], tiny_items, store, tmp_path)
    _, expected = _scored(other_f16, tiny_items, None, tmp_path)
    assert second == expected != first
    # Both are known from now on, each as its own.
    assert _scored(parts[1], tiny_items, store, tmp_path)[1] == first
    assert _scored(other_parts[2], tiny_items, store, tmp_path)[1] == expected


def test_a_file_of_another_download_makes_another_model(
    parts: list[Path], other_parts: list[Path], tiny_items: Path, tmp_path: Path
) -> None:
    store, mixed = tmp_path / "store.db", tmp_path / "mixed"
    mixed.mkdir()
    paths = [Path(shutil.copy(path, mixed)) for path in parts]
    _, first = _scored(paths[0], tiny_items, store, tmp_path)
    shutil.copy(other_parts[2], paths[2])
    _, second = _scored(paths[0], tiny_items, store, tmp_path)
    assert first != second == _scored(paths[0], tiny_items, None, tmp_path)[1]


def test_quantizing_takes_all_of_it_and_reuses_nothing_of_another(
    parts: list[Path], other_parts: list[Path], tiny_f16: Path, tmp_path: Path
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    (made,) = quantize(parts[1], ["Q8_0"], out)
    (expected,) = quantize(tiny_f16, ["Q8_0"], whole)
    assert made.name == "model-Q8_0.gguf"
    ours, theirs = read_header(made), read_header(expected)
    assert "split.count" not in ours.metadata
    for a, b in zip(ours.tensors, theirs.tensors, strict=True):
        assert (a.name, a.type) == (b.name, b.type)
        assert np.array_equal(ours.raw(a), theirs.raw(b))
    assert quantize(parts[0], ["Q8_0"], out) == [made]
    with pytest.raises(EdgevalError, match="it was made of another source"):
        quantize(other_parts[0], ["Q8_0"], out)


def test_the_ladder_of_another_model_is_another(
    parts: list[Path], other_parts: list[Path], tiny_items: Path, tmp_path: Path
) -> None:
    def run(model: Path, name: str) -> list[ModelRun]:
        options = Options(data=tiny_items, store=tmp_path / f"{name}.db", limit=8, kernels="plain")
        return pipeline.run(str(model), options, types=["F16", "Q8_0"], out=tmp_path / name)[0].runs

    first, second = run(parts[0], "a"), run(other_parts[1], "b")
    assert [each.type for each in first] == [each.type for each in second] == ["F16", "Q8_0"]
    assert all(a.sha256 != b.sha256 for a, b in zip(first, second, strict=True))
    assert first[1].file == "model-Q8_0.gguf"


def test_a_matrix_of_a_split_model_fits_it(
    parts: list[Path], tiny_text: Path, tmp_path: Path
) -> None:
    matrix = imatrix(parts[1], tiny_text, tmp_path / "m.gguf", chunk_tokens=64, chunks=2)
    (made,) = quantize(parts[0], ["Q2_K_S"], tmp_path / "out", imatrix=matrix)
    assert read_header(made).file_type == "Q2_K_S"


def test_what_is_said_of_it_is_of_all_files(parts: list[Path]) -> None:
    found = inspect(parts[1])
    assert (found.file, found.n_files) == (parts[0].name, 3)
    assert found.n_params == read_header(parts[0]).n_params > 0
    assert found.sha256 == sha256_of(*parts)
    with running() as engine:
        info = engine.info(parts[2])
    assert info.file_bytes == found.file_bytes == sum(path.stat().st_size for path in parts)


def test_names_of_results_leave_the_number_out() -> None:
    assert file_stem("folder/model-00002-of-00003.gguf") == "folder-model"
    assert file_stem("model.gguf") == "model"


def _refused(path: Path) -> str:
    with pytest.raises(GgufError) as caught:
        read_header(path)
    assert "damaged" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("given", [0, 1])
def test_missing_files_are_named(given: int, parts: list[Path], tmp_path: Path) -> None:
    alone = Path(shutil.copy(parts[given], tmp_path))
    absent = [path.name for path in parts if path.name != alone.name]
    assert f"{absent[0]} and {absent[1]} are not beside it" in _refused(alone)
    shutil.copy(parts[2], tmp_path)
    assert f"{absent[0]} is not beside it" in _refused(alone)


@pytest.mark.parametrize(
    "name", ["model.gguf", "model-00002-of-00003.gguf", "m-00001-of-00002.gguf"]
)
def test_a_renamed_file_is_told_its_name(name: str, parts: list[Path], tmp_path: Path) -> None:
    for path in parts[1:]:
        shutil.copy(path, tmp_path)
    renamed = Path(shutil.copy(parts[0], tmp_path / name))
    message = _refused(renamed)
    assert "says that it is file 1 of the 3 of a split model" in message
    assert "-00001-of-00003.gguf" in message


def test_a_name_alone_splits_nothing(tiny_f16: Path, parts: list[Path], tmp_path: Path) -> None:
    alone = Path(shutil.copy(tiny_f16, tmp_path / "tiny-00001-of-00002.gguf"))
    shutil.copy(parts[1], tmp_path / "tiny-00002-of-00002.gguf")
    assert model_files(alone) == read_header(alone).files == (alone,)
    assert sha256_of(*model_files(alone)) == sha256_of(tiny_f16)


def test_files_of_two_models_are_refused(tiny_f16: Path, tmp_path: Path) -> None:
    paths = split(tiny_f16, tmp_path)
    # The second one twice: the names say three files, and these are two of them.
    shutil.copy(paths[1], paths[2])
    assert "does not say that it is file 3 of 3" in _refused(paths[0])
    file = decoded(read_header(tiny_f16))
    fewer = split(File(file.metadata, file.tensors[:-3]), tmp_path / "fewer")
    shutil.copy(split(tiny_f16, tmp_path / "again")[1], fewer[1])
    assert "are not of one model" in _refused(fewer[0])
