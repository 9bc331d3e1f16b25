from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from edgeval import llama
from edgeval.checkpoints.locate import ModelFiles
from edgeval.cli.terminal.report import evaluation_table, ladder_table
from edgeval.engine import running
from edgeval.errors import EdgevalError
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.evaluation.pipeline import run
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.parts import read_header
from edgeval.gguf.remarks import remarks
from edgeval.gguf.type_mix import mix_of, mix_to_be
from edgeval.gguf.type_sizes import NEEDS_IMATRIX
from edgeval.quantization.ladder import Ladder
from edgeval.quantization.quantize import quantize
from edgeval.records import ModelSource, Report, SameFile
from edgeval.report.pages import html_page, markdown_page
from edgeval.report.record_view import RecordView
from edgeval.store.reference_export import export_reference
from edgeval.system.progress import NoProgress
from tests.helpers import tiny_weights
from tests.helpers.tiny_architectures import write

LADDER = ("F32", "F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")


class Log(NoProgress):
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture
def narrow(tmp_path: Path, tiny_f32: Path) -> Path:
    """A model whose rows fit blocks of 32 weights and not those of 256."""
    return write(tmp_path / "narrow.gguf", "llama", tiny_f32)


@pytest.fixture
def odd(tmp_path: Path, tiny_f32: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model whose rows fit no blocks at all."""
    for name, value in {"WIDTH": 72, "_HEAD": 36, "FEED": 200}.items():
        monkeypatch.setattr(tiny_weights, name, value)
    return write(tmp_path / "odd.gguf", "llama", tiny_f32)


def _contents(path: Path) -> dict[str, bytes]:
    header = read_header(path)
    return {tensor.name: header.raw(tensor).tobytes() for tensor in header.tensors}


def _ladder(path: Path, names: tuple[str, ...], log: Log | None = None, **more: Any) -> Ladder:
    info = ModelSource(name=path.stem, title=path.stem, fingerprint=sha256_of(path))
    return Ladder(ModelFiles(path, "gguf", info), names, threads=1, progress=log or Log(), **more)


def test_of_a_model_that_fits_every_type_is_what_its_name_says(
    tiny_f16: Path, tiny_matrix: Path
) -> None:
    """All that this llama.cpp writes, so that one that comes later is looked at too."""
    from edgeval.gguf import imatrix_file

    weights, header = imatrix_file.read(tiny_matrix).weights, read_header(tiny_f16)
    with running() as engine:
        for name in engine.writable_types():
            recipe = engine.recipe(tiny_f16, name, weights if name in NEEDS_IMATRIX else None)
            mix = mix_to_be(header, name, recipe.types)
            assert mix is not None, name
            assert sum(mix.shares.values()) == pytest.approx(1)
            # Only experts become MXFP4.
            assert mix.is_as_named == (name != "MXFP4_MOE"), (name, mix)


@pytest.mark.parametrize("fixture", ["narrow", "odd"])
def test_types_are_left_out_if_and_only_if_their_tensors_are_those_of_another(
    fixture: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Held to the bytes of the files that llama.cpp writes."""
    path = request.getfixturevalue(fixture)
    log = Log()
    ladder = _ladder(path, LADDER, log)
    made = quantize(path, list(LADDER[1:]), tmp_path / "made", threads=1)
    contents = {"F32": _contents(path)} | {
        name: _contents(each) for name, each in zip(LADDER[1:], made, strict=True)
    }
    first: dict[str, str] = {}
    for name in LADDER:
        same = [other for other in first if contents[other] == contents[name]]
        first.setdefault(same[0] if same else name, name)
        if same:
            assert SameFile(type=name, same_as=same[0]) in ladder.same_files
    assert [rung.name for rung in ladder.rungs] == list(first)
    assert len(first) + len(ladder.same_files) == len(LADDER)
    assert log.lines[0].startswith("Not evaluated: of this model llama.cpp makes the same tensors")
    # From the cache too, where the files are there already.
    for rung in ladder.rungs:
        ladder.make(rung)
    again = _ladder(path, LADDER)
    assert (again.rungs, again.same_files) == (ladder.rungs, ladder.same_files)


def test_a_model_that_fits_nothing_has_no_ladder(
    odd: Path, tiny_items: Path, tmp_path: Path
) -> None:
    options = Options(data=tiny_items, limit=4)
    record, _ = run(str(odd), options, types=["F32", "F16", "Q8_0", "Q4_K_M"], out=tmp_path / "o")
    assert [each.type for each in record.runs] == ["F32", "F16"]
    assert [(each.type, each.same_as) for each in record.same_files] == [
        ("Q8_0", "F16"), ("Q4_K_M", "F16"),
    ]  # fmt: skip
    sentence = (
        "Not evaluated: of this model llama.cpp makes the same tensors for Q8_0 and Q4_K_M as for "
        "F16."
    )
    assert remarks(record) == [sentence]
    for page in (markdown_page(record), html_page(record)):
        assert sentence in page.replace("Q8\\_0", "Q8_0").replace("Q4\\_K\\_M", "Q4_K_M")
    assert Report.model_validate_json(record.model_dump_json()) == record


def test_a_ladder_that_would_be_the_reference_alone_is_refused(
    odd: Path, tiny_items: Path, tmp_path: Path
) -> None:
    (half,) = quantize(odd, ["F16"], tmp_path, threads=1)
    options = Options(data=tiny_items, limit=4, store=tmp_path / "a.db")
    run(str(half), options, types=["F16"], out=tmp_path / "o")
    export_reference(tmp_path / "a.db", 1, tmp_path / "a.npz")
    with pytest.raises(
        EdgevalError, match=r"as Q8_0, Q4_0 llama\.cpp makes of this model the same"
    ):
        run(
            str(half),
            options,
            types=["Q8_0", "Q4_0"],
            reference=tmp_path / "a.npz",
            out=tmp_path / "p",
        )
    assert not (tmp_path / "p").exists()


def test_the_real_mix_is_in_the_record_and_in_every_table(
    narrow: Path, tiny_items: Path, tmp_path: Path
) -> None:
    options = Options(data=tiny_items, limit=4, kernels="plain")
    record, _ = run(str(narrow), options, types=["F32", "Q4_K_M"], out=tmp_path / "o")
    (made,) = quantize(narrow, ["Q4_K_M"], tmp_path / "q", threads=1)
    mix = record.runs[1].mix
    assert mix is not None and mix == mix_of(read_header(made))
    sizes: dict[str, int] = {}
    for tensor in read_header(made).matrices:
        sizes[tensor.type.name] = sizes.get(tensor.type.name, 0) + tensor.size
    total = sum(sizes.values())
    assert mix.shares == {kind: pytest.approx(size / total) for kind, size in sizes.items()}
    assert (mix.own, mix.fallen_back, "Q4_K" in mix.shares) == ("Q4_K", 1, False)
    kind, share = next(iter(mix.shares.items()))
    short, sentence = f"{100 * share:.0f} % {kind}", "Q4_K_M: no tensor is Q4_K. Its weights are"
    console = Console(record=True, width=200)
    console.print(ladder_table(RecordView.of(record)))
    console.print(evaluation_table(RecordView.of(evaluate([made], options))))
    assert console.export_text().count(short) == 2
    for page in (markdown_page(record), html_page(record)):
        assert short in page
        assert sentence in page.replace("\\_", "_")


def test_quantizing_warns_and_makes_what_was_asked_for(narrow: Path, tmp_path: Path) -> None:
    log = Log()
    made = quantize(narrow, ["Q2_K", "Q8_0", "Q6_K"], tmp_path / "q", threads=1, progress=log)
    assert [read_header(each).metadata["general.file_type"] for each in made] == [10, 7, 18]
    assert log.lines[0].startswith("Q2_K: no tensor is Q2_K. Its weights are ")
    assert "rows do not fit the blocks of Q2_K" in log.lines[0]
    assert log.lines[-1] == "Q6_K: its tensors are those of Q8_0."
    assert not any(line.startswith("Q8_0: no") for line in log.lines)


@pytest.mark.parametrize("name", ["Q8_0", "Q4_0", "Q4_K_M", "Q2_K", "IQ4_XS", "TQ2_0"])
def test_what_will_be_made_is_known_before(name: str, narrow: Path, tmp_path: Path) -> None:
    recipe = llama.recipe(narrow, name)
    (made,) = quantize(narrow, [name], tmp_path / "q", threads=1)
    assert mix_to_be(read_header(narrow), name, recipe.types) == mix_of(read_header(made))


def test_a_part_that_falls_back_is_told_from_the_rest(tiny_f16: Path, tmp_path: Path) -> None:
    """As in models whose feed-forward layers alone have an odd width."""
    header = read_header(tiny_f16)
    types = {
        tensor.name: "q5_0" if "ffn_down" in tensor.name else "q4_K" for tensor in header.matrices
    }
    assert mix_to_be(header, "Q4_K_M", types).fallen_back == 0  # type: ignore[union-attr]
    narrowed = [
        replace(tensor, shape=(*tensor.shape[:-1], 480)) if "ffn_down" in tensor.name else tensor
        for tensor in header.tensors
    ]
    changed = replace(header, tensors=tuple(narrowed))
    mix = mix_to_be(changed, "Q4_K_M", types)
    assert mix is not None and not mix.is_as_named
    assert mix.fallen_back == mix.shares["Q5_0"] == pytest.approx(2 * 256 * 480 / _n(changed))


def _n(header: Any) -> int:
    return sum(tensor.size for tensor in header.matrices)
