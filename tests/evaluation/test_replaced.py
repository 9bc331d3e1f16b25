"""No score, and no file, is of something else than it says: whoever writes what is read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert import convert as conversion
from edgeval.checkpoints.convert import writer
from edgeval.checkpoints.convert.convert import convert
from edgeval.checkpoints.locate import fetch_model, locate
from edgeval.errors import ChangedFileError, EdgevalError
from edgeval.evaluation import file_scorer, pipeline, selfcheck, task_run
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.gguf import imatrix_file
from edgeval.gguf.parts import model_files
from edgeval.quantization import quantize
from edgeval.quantization.imatrix import imatrix
from edgeval.quantization.ladder import Ladder
from edgeval.quantization.rungs import Rung
from edgeval.system import files
from edgeval.system.progress import NoProgress
from tests.helpers.fakes import StopAfter
from tests.helpers.split_ggufs import split
from tests.helpers.tiny import make_checkpoint, make_items, write_items


@pytest.fixture(autouse=True)
def _save_after_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 0.0)


@pytest.fixture(scope="module")
def other_f16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model than the tiny one, of the same size to the byte."""
    folder = tmp_path_factory.mktemp("other")
    return convert(make_checkpoint(folder / "tiny", seed=1), folder / "o-F16.gguf", "f16")


class Doing(StopAfter):
    """Does something after some items."""

    def __init__(self, n_items: int, action: Callable[[], object]) -> None:
        super().__init__(n_items)
        self._action: Callable[[], object] | None = action

    def advance(self, amount: float, note: str = "") -> None:
        try:
            super().advance(amount, note)
        except KeyboardInterrupt:
            if self._action is not None:
                self._action()
                self._action = None


def _answered(path: Path, items: Path, store: Path | None, progress: Any = None) -> str:
    """Return the log-probabilities of a GGUF as text."""
    samples = items.with_name("samples.jsonl")
    samples.unlink(missing_ok=True)
    options = Options(data=items, store=store, batch_tokens=64, threads=1, check=False)
    evaluate([path], options, samples=samples, progress=progress)
    return samples.read_text(encoding="utf-8").replace(path.name, "")


@pytest.fixture
def items(tmp_path: Path) -> Path:
    return write_items(tmp_path / "items.jsonl", make_items(40))


def _copied(source: Path, path: Path) -> None:
    """Write a file's content in place, and set its times as they were."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(source.read_bytes())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _renamed(source: Path, path: Path) -> None:
    status = path.stat()
    other = Path(shutil.copy(source, path.with_name("new")))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


REPLACEMENTS = (_copied, _renamed)


@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_a_replaced_file_is_scored_itself(
    replace: Callable[[Path, Path], None],
    tiny_f16: Path,
    other_f16: Path,
    items: Path,
    tmp_path: Path,
) -> None:
    assert tiny_f16.stat().st_size == other_f16.stat().st_size
    store, path = tmp_path / "a.db", Path(shutil.copy(tiny_f16, tmp_path / "m.gguf"))
    expected = {each: _answered(each, items, None) for each in (tiny_f16, other_f16)}
    for source in (tiny_f16, other_f16, tiny_f16, other_f16):
        replace(source, path)
        assert _answered(path, items, store) == expected[source]


@pytest.mark.parametrize("n_items", [0, 9, 30])
@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_a_file_that_changes_while_it_is_scored_poisons_nothing(
    replace: Callable[[Path, Path], None],
    n_items: int,
    tiny_f16: Path,
    other_f16: Path,
    items: Path,
    tmp_path: Path,
) -> None:
    store, path = tmp_path / "a.db", Path(shutil.copy(tiny_f16, tmp_path / "m.gguf"))
    change = Doing(n_items, lambda: replace(other_f16, path))
    with pytest.raises(
        ChangedFileError, match=r"m.gguf changed or was touched while it was scored"
    ):
        _answered(path, items, store, change)
    # Neither of the two is answered with what was computed meanwhile.
    assert _answered(tiny_f16, items, store) == _answered(tiny_f16, items, None)
    assert _answered(path, items, store) == _answered(other_f16, items, None)


def test_what_comes_back_was_another_meanwhile(
    tiny_f16: Path, other_f16: Path, items: Path, tmp_path: Path
) -> None:
    store, path = tmp_path / "a.db", Path(shutil.copy(tiny_f16, tmp_path / "m.gguf"))

    def there_and_back() -> None:
        _copied(other_f16, path)
        _copied(tiny_f16, path)

    with pytest.raises(ChangedFileError):
        _answered(path, items, store, Doing(20, there_and_back))
    assert _answered(path, items, store) == _answered(tiny_f16, items, None)


def test_a_part_that_changes_is_a_model_that_does(
    tiny_f16: Path, other_f16: Path, items: Path, tmp_path: Path
) -> None:
    store, parts = tmp_path / "a.db", split(tiny_f16, tmp_path / "a")
    others = split(other_f16, tmp_path / "b")
    change = Doing(9, lambda: _copied(others[2], parts[2]))
    with pytest.raises(ChangedFileError):
        _answered(parts[0], items, store, change)
    assert _answered(tiny_f16, items, store) == _answered(tiny_f16, items, None)
    assert _answered(parts[0], items, store) == _answered(parts[0], items, None)


def test_data_that_change_meanwhile_are_those_that_were_read(
    tiny_f16: Path, items: Path, tmp_path: Path
) -> None:
    store, expected = tmp_path / "a.db", _answered(tiny_f16, items, None)
    original = items.read_bytes()
    change = Doing(9, lambda: write_items(items, make_items(40, seed=1)))
    assert _answered(tiny_f16, items, store, change) == expected
    others = _answered(tiny_f16, items, store)
    assert others == _answered(tiny_f16, items, None) != expected
    items.write_bytes(original)
    assert _answered(tiny_f16, items, store) == expected


def test_a_source_that_changes_makes_no_quantized_file(
    tiny_f16: Path, other_f16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(tiny_f16, tmp_path / "m-F16.gguf"))
    original = files.replacing

    def and_change(*arguments: Any) -> Any:
        _copied(other_f16, path)
        return original(*arguments)

    monkeypatch.setattr(quantize, "replacing", and_change)
    with pytest.raises(ChangedFileError, match=r"m-F16.gguf changed or was touched while it was q"):
        quantize.quantize(path, ["Q8_0"], tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.model"])
def test_a_checkpoint_that_changes_makes_no_gguf(
    name: str, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Path(shutil.copytree(tiny_checkpoint, tmp_path / "c"))
    original = writer.write_tensors

    def and_touch(*arguments: Any) -> Any:
        (checkpoint / name).touch()
        return original(*arguments)

    monkeypatch.setattr(conversion, "write_tensors", and_touch)
    with pytest.raises(ChangedFileError, match=r"c changed while it was converted"):
        convert(checkpoint, tmp_path / "c.gguf", "f16")
    assert not (tmp_path / "c.gguf").exists()


def test_a_checkpoint_with_another_fingerprint_is_refused(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    known = Checkpoint(tiny_checkpoint).fingerprint
    assert convert(tiny_checkpoint, tmp_path / "a.gguf", "f16", fingerprint=known).is_file()
    with pytest.raises(ChangedFileError):
        convert(tiny_checkpoint, tmp_path / "b.gguf", "f16", fingerprint="0" * 64)
    assert not (tmp_path / "b.gguf").exists()


def test_a_checkpoint_that_is_replaced_has_a_ladder_of_its_own(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    checkpoint = Path(shutil.copytree(tiny_checkpoint, tmp_path / "c"))
    other = make_checkpoint(tmp_path / "o", seed=1)
    items = write_items(tmp_path / "items.jsonl", make_items(8))

    def hashes() -> list[str]:
        options = Options(data=items, check=False, kernels="plain")
        record, folder = pipeline.run(
            str(checkpoint), options, types=["F16", "Q8_0"], out=tmp_path / "r"
        )
        shutil.rmtree(folder)
        return [run.sha256 for run in record.runs]

    first = hashes()
    _copied(other / "model.safetensors", checkpoint / "model.safetensors")
    second = hashes()
    assert not set(first) & set(second)
    _copied(tiny_checkpoint / "model.safetensors", checkpoint / "model.safetensors")
    assert hashes() == first


def _ladder(model: Path) -> Ladder:
    source = fetch_model(locate(str(model)))
    return Ladder(source, ["F16", "Q8_0"], threads=1, progress=NoProgress())


def test_a_file_of_the_cache_that_was_replaced_is_made_again(
    tiny_checkpoint: Path, other_f16: Path
) -> None:
    ladder = _ladder(tiny_checkpoint)
    made = [ladder.make(rung) for rung in ladder.rungs]
    contents = [path.read_bytes() for path in made]
    _copied(other_f16, made[0])
    shutil.copy(made[0], made[1])
    again = _ladder(tiny_checkpoint)
    assert [again.make(rung) for rung in again.rungs] == made
    assert [path.read_bytes() for path in made] == contents


def test_a_file_of_the_cache_that_nobody_vouches_for_is_made_again(tiny_checkpoint: Path) -> None:
    ladder = _ladder(tiny_checkpoint)
    path = ladder.make(Rung("F16"))
    path.with_suffix(".sha256").unlink()
    modified = path.stat().st_mtime_ns
    assert _ladder(tiny_checkpoint).make(Rung("F16")) == path
    assert path.stat().st_mtime_ns != modified


def test_a_gguf_that_is_replaced_within_a_run_is_not_reported(
    tiny_f16: Path, other_f16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(tiny_f16, tmp_path / "m.gguf"))
    items = write_items(tmp_path / "items.jsonl", make_items(8))
    original = selfcheck.checked

    def and_replace(*arguments: Any) -> Any:
        _copied(other_f16, path)
        return original(*arguments)

    monkeypatch.setattr(task_run, "checked", and_replace)
    options = Options(data=items, check=False, kernels="plain")
    with pytest.raises(ChangedFileError, match=r"m.gguf changed while its ladder was evaluated"):
        pipeline.run(str(path), options, types=["F16", "Q8_0"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_that_changes_makes_no_matrix(
    tiny_f16: Path, tiny_text: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(tiny_f16, tmp_path / "m.gguf"))
    with pytest.raises(ChangedFileError, match="while its importance matrix was computed"):
        imatrix(
            *(path, tiny_text, tmp_path / "i.gguf"),
            chunk_tokens=64,
            chunks=3,
            progress=Doing(-1, path.touch),
        )
    assert not (tmp_path / "i.gguf").exists()


def test_a_matrix_that_changes_while_it_is_read_is_refused(
    tiny_matrix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, original = Path(shutil.copy(tiny_matrix, tmp_path / "i.gguf")), imatrix_file._read_gguf

    def and_touch(path: Path) -> Any:
        path.touch()
        return original(path)

    monkeypatch.setattr(imatrix_file, "_read_gguf", and_touch)
    with pytest.raises(ChangedFileError):
        imatrix_file.read(path)


def test_a_file_that_is_gone_is_a_sentence(tiny_f16: Path, items: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(tiny_f16, tmp_path / "m.gguf"))
    assert model_files(path) == (path,)
    with pytest.raises(EdgevalError, match=r"m.gguf was removed while it was scored"):
        _answered(path, items, tmp_path / "a.db", Doing(9, path.unlink))


def test_two_that_make_the_same_file_wait_for_each_other(tiny_checkpoint: Path) -> None:
    ladders = [_ladder(tiny_checkpoint) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        paths = list(pool.map(lambda ladder: ladder.make(Rung("F16")), ladders))
    assert paths[0] == paths[1]
    modified = paths[0].stat().st_mtime_ns
    assert _ladder(tiny_checkpoint).make(Rung("F16")) == paths[0]
    assert paths[0].stat().st_mtime_ns == modified
