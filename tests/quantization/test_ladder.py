from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeval.checkpoints.locate import fetch_model, locate
from edgeval.errors import EdgevalError
from edgeval.evaluation import pipeline
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.gguf import imatrix_file
from edgeval.quantization.ladder import ladder_files
from edgeval.quantization.quantize import quantize
from edgeval.system.progress import NoProgress


def _files(model: Path, types: str, matrix: Path | None = None) -> list[Path]:
    source = fetch_model(locate(str(model)))
    read = None if matrix is None else imatrix_file.read(matrix)
    return ladder_files(source, types.split(","), threads=1, progress=NoProgress(), matrix=read)


def test_a_damaged_matrix_is_refused_before_anything_is_made(
    tiny_checkpoint: Path, tiny_items: Path, own_cache: Path, tmp_path: Path
) -> None:
    matrix, options = tmp_path / "m.dat", Options(data=tiny_items)
    matrix.write_bytes(b"\1\0\0\0")
    with pytest.raises(EdgevalError, match=r"m.dat is no importance matrix"):
        pipeline.run(str(tiny_checkpoint), options, types=["F16", "Q4_0"], imatrix=matrix)
    assert _made(own_cache) == []


def _made(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("*.gguf"))


def test_what_a_matrix_changes_is_there_twice(
    tiny_checkpoint: Path, tiny_matrix: Path, own_cache: Path
) -> None:
    types = "F16,Q8_0,Q4_K_M,TQ1_0,BF16,Q2_K_S,Q4_0"
    files = _files(tiny_checkpoint, types, tiny_matrix)
    assert [path.stem.removeprefix("tiny-") for path in files] == [
        "F16",
        "Q8_0",
        "Q4_K_M",
        "Q4_K_M-imatrix",
        "TQ1_0",
        "BF16",
        "Q2_K_S-imatrix",
        "Q4_0",
        "Q4_0-imatrix",
    ]
    assert files[2].read_bytes() != files[3].read_bytes()
    # The plain ones are those of a ladder without a matrix, and nothing is made again.
    before = {path: path.stat().st_mtime_ns for path in files}
    assert _files(tiny_checkpoint, "F16,Q4_K_M,Q4_0") == [files[0], files[2], files[7]]
    assert _files(tiny_checkpoint, types, tiny_matrix) == files
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_another_matrix_gives_another_file(
    tiny_checkpoint: Path, tiny_matrix: Path, own_cache: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(tiny_matrix.read_bytes().replace(b"text.txt", b"next.txt"))
    first = _files(tiny_checkpoint, "F16,Q4_0", tiny_matrix)
    second = _files(tiny_checkpoint, "F16,Q4_0", other)
    assert first[:2] == second[:2]
    assert first[2] != second[2]
    assert first[2].name == second[2].name == "tiny-Q4_0-imatrix.gguf"


def test_a_type_that_needs_a_matrix_is_refused_before_others_are_made(
    tiny_checkpoint: Path, tiny_matrix: Path, own_cache: Path, tmp_path: Path
) -> None:
    with pytest.raises(EdgevalError, match=r"Q2_K_S needs an importance matrix.*edgeval imatrix"):
        _files(tiny_checkpoint, "F16,Q8_0,Q2_K_S")
    assert _made(own_cache) == ["tiny-F16.gguf"]
    partial = tmp_path / "partial.gguf"
    name = "blk.0.ffn_up.weight"
    entries = {name: imatrix_file.read(tiny_matrix).entries[name]}
    imatrix_file.write(partial, entries, dataset="a.txt", n_chunks=1, chunk_tokens=64)
    with pytest.raises(EdgevalError, match=r"Q2_K_S needs .* of blk.0.attn_k.weight, and .* none"):
        _files(tiny_checkpoint, "F16,Q4_0,Q2_K_S", partial)
    assert _made(own_cache) == ["tiny-F16.gguf"]


def test_a_type_that_is_only_read_is_refused(tiny_checkpoint: Path, own_cache: Path) -> None:
    with pytest.raises(EdgevalError, match="reads NVFP4 and cannot write it"):
        _files(tiny_checkpoint, "F16,Q8_0,NVFP4")
    assert _made(own_cache) == ["tiny-F16.gguf"]


def test_a_matrix_that_changes_nothing_is_refused(
    tiny_f16: Path, tiny_matrix: Path, own_cache: Path
) -> None:
    with pytest.raises(EdgevalError, match=r"changes none of F16, Q8_0; leave out --imatrix, or"):
        _files(tiny_f16, "F16,Q8_0", tiny_matrix)
    assert _made(own_cache) == []


def test_a_quantized_gguf_takes_no_matrix(
    tiny_f16: Path, tiny_matrix: Path, own_cache: Path, tmp_path: Path
) -> None:
    (made,) = quantize(tiny_f16, ["Q4_0"], tmp_path)
    with pytest.raises(EdgevalError, match=r"is Q4_0 already, and --imatrix is for what"):
        _files(made, "Q4_0", tiny_matrix)
    assert _files(made, "Q4_0") == [made]


def test_a_cached_ladder_needs_no_base(
    tiny_checkpoint: Path, own_cache: Path, tmp_path: Path
) -> None:
    (first,) = _files(tiny_checkpoint, "Q8_0")
    (base,) = first.parent.glob("*-F16.gguf")
    base.unlink()
    assert _files(tiny_checkpoint, "Q8_0") == [first]
    assert _made(own_cache) == [first.name]


def test_a_run_tells_the_two_apart(
    tiny_checkpoint: Path, tiny_matrix: Path, tiny_items: Path, own_cache: Path, tmp_path: Path
) -> None:
    matrix = Path(shutil.copy(tiny_matrix, tmp_path / "tiny imatrix.gguf"))
    record, folder = pipeline.run(
        str(tiny_checkpoint),
        Options(data=tiny_items, limit=20),
        types=["F16", "Q4_0", "Q2_K_S"],
        imatrix=matrix,
        out=tmp_path / "out",
    )
    labels = ["F16", "Q4_0", "Q4_0 +imatrix", "Q2_K_S +imatrix"]
    assert [run.label for run in record.runs] == labels
    assert [run.type for run in record.runs] == ["F16", "Q4_0", "Q4_0", "Q2_K_S"]
    assert [found.label for found in record.drift] == labels[1:]
    plain, weighed = record.runs[1:3]
    assert plain.imatrix is None
    assert weighed.imatrix is not None
    assert weighed.imatrix.model_dump() == {
        "file": "tiny imatrix.gguf",
        "sha256": imatrix_file.read(matrix).sha256,
        "dataset": "text.txt",
        "n_chunks": 5,
    }
    assert plain.sha256 != weighed.sha256
    changes = [found.mean_abs_logprob_change for found in record.drift]
    assert changes[0] != changes[1]
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "| Q4\\_0 +imatrix |" in text or "| Q4_0 +imatrix |" in text
    assert "tiny imatrix.gguf, from 5 chunks of text.txt" in text


def test_a_gguf_of_llama_quantize_is_known_by_its_keys(
    tiny_f16: Path, tiny_matrix: Path, tiny_items: Path, tmp_path: Path
) -> None:
    (made,) = quantize(tiny_f16, ["Q4_0"], tmp_path, imatrix=tiny_matrix)
    foreign = tmp_path / "foreign.gguf"
    foreign.write_bytes(
        made.read_bytes().replace(b"edgeval.imatrix.sha256", b"someone.imatrix.sha256")
    )
    (again,) = quantize(made, ["Q5_0"], tmp_path, requantize=True)
    options = Options(data=tiny_items, limit=4)
    runs = evaluate([tiny_f16, made, foreign, again], options).runs
    assert [run.label for run in runs] == ["F16", "Q4_0 +imatrix", "Q4_0 +imatrix", "Q5_0"]
    assert runs[1].imatrix is not None
    assert runs[2].imatrix == runs[1].imatrix.model_copy(update={"sha256": None})
