"""The most precise type of a ladder is the reference, and what the others are made from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from edgeval.checkpoints.locate import fetch_model, locate
from edgeval.cli.app import main
from edgeval.errors import CheckpointError, EdgevalError
from edgeval.evaluation import pipeline
from edgeval.evaluation.options import DEFAULT_LADDER, Options
from edgeval.gguf.parts import read_header
from edgeval.gguf.precision import base_for, bits, reference_first
from edgeval.quantization.ladder import Ladder
from edgeval.quantization.quantize import quantize
from edgeval.report import record_files
from edgeval.system.progress import NoProgress


@pytest.fixture(autouse=True)
def cache(own_cache: Path) -> Path:
    return own_cache


@pytest.fixture
def large(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint with a value that F16 does not have."""
    copy = Path(shutil.copytree(tiny_checkpoint, tmp_path / "large"))
    weights = load_file(copy / "model.safetensors")
    weights["model.layers.0.mlp.down_proj.weight"][0, 0] = np.float32(131072)
    save_file(weights, copy / "model.safetensors")
    return copy


@pytest.fixture
def options(tiny_items: Path, tmp_path: Path) -> Options:
    return Options(
        data=tiny_items, limit=2, store=tmp_path / "s.db", check=False, kernels="plain", kl_items=0
    )


def succeed(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0


class Log(NoProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        self.lines.append(message)


@pytest.mark.parametrize(
    ("asked", "ladder"),
    [
        ("F16 Q8_0 Q2_K", "F16 Q8_0 Q2_K"),
        ("Q4_K_M F16", "F16 Q4_K_M"),
        ("Q4_K_M Q8_0 Q6_K", "Q8_0 Q4_K_M Q6_K"),
        ("Q8_0 F16 F32 BF16", "F32 Q8_0 F16 BF16"),
        ("BF16 F16", "BF16 F16"),
        ("F16 BF16", "F16 BF16"),
        ("MXFP4_MOE Q8_0", "Q8_0 MXFP4_MOE"),
        ("IQ1_S Q2_K TQ1_0", "Q2_K IQ1_S TQ1_0"),
        ("Q4_0", "Q4_0"),
    ],
)
def test_the_most_precise_type_is_the_reference(asked: str, ladder: str) -> None:
    assert reference_first(asked.split()) == ladder.split()


def test_bits_order_the_default_ladder() -> None:
    found = [bits(name) for name in DEFAULT_LADDER]
    assert found == sorted(found, reverse=True)
    assert min(found) > 0


@pytest.mark.parametrize(
    ("asked", "base"),
    [
        ("F16 Q8_0", "F16"),
        ("Q8_0 Q4_0", "F16"),
        ("BF16 Q8_0", "BF16"),
        ("Q8_0 F32", "F32"),
        ("F16 F32", "F32"),
        ("F16 BF16", "F16"),
    ],
)
def test_a_ladder_starts_from_the_most_precise_type_asked_for(asked: str, base: str) -> None:
    assert base_for(asked.split()) == base


def test_values_beyond_f16_need_no_hint_where_bf16_is_asked_for(
    large: Path, options: Options, cache: Path, tmp_path: Path
) -> None:
    record, _ = pipeline.run(str(large), options, types=["q8_0", "BF16"], out=tmp_path / "report")
    assert [run.type for run in record.runs] == ["BF16", "Q8_0"]
    assert sorted(path.name for path in cache.rglob("*.gguf")) == [
        "large-BF16.gguf",
        "large-Q8_0.gguf",
    ]
    source = next(cache.rglob("large-BF16.gguf"))
    [made] = quantize(source, ["Q8_0"], tmp_path / "made")
    for ours, theirs in zip(
        read_header(next(cache.rglob("large-Q8_0.gguf"))).tensors,
        read_header(made).tensors,
        strict=True,
    ):
        header = read_header(made)
        assert header.raw(ours).tobytes() == header.raw(theirs).tobytes()


def test_the_advice_is_an_option_that_run_has(
    large: Path, options: Options, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    with pytest.raises(CheckpointError, match=r"beyond the range of F16; use --dtype bf16, or BF"):
        pipeline.run(str(large), options, types=["F16", "Q8_0"], out=out)
    record, _ = pipeline.run(str(large), options, types=["Q8_0", "Q4_0"], out=out, dtype="bf16")
    assert [run.type for run in record.runs] == ["Q8_0", "Q4_0"]


def test_the_default_ladder_begins_with_what_is_asked_for(
    large: Path, tiny_items: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", str(large), "--dtype", "BF16", "--data", str(tiny_items), "--limit", "2"]
    arguments += ["--kl-items", "0", "--no-check", "--kernels", "PLAIN", "--order", "FILE"]
    arguments += ["--store", str(tmp_path / "s.db"), "--out", str(tmp_path / "report")]
    arguments += ["--protocol", "LM-Eval", "--backend", "CPU"]
    succeed(arguments)
    record = record_files.load(tmp_path / "report")
    types = [run.type for run in record.runs] + [each.type for each in record.same_files]
    assert types[0] == "BF16"
    assert set(types) == {"BF16", *DEFAULT_LADDER[1:]}


def test_another_order_is_said_in_one_line(
    tiny_checkpoint: Path, options: Options, tmp_path: Path
) -> None:
    log = Log()
    record, _ = pipeline.run(
        str(tiny_checkpoint), options, types=["q4_k_m", "f16"], out=tmp_path / "a", progress=log
    )
    assert [run.type for run in record.runs] == ["F16", "Q4_K_M"]
    said = [line for line in log.lines if "is the reference" in line]
    assert said == [
        "F16 is the reference, being the most precise type asked for; the others are compared "
        "with it"
    ]
    log.lines.clear()
    pipeline.run(
        str(tiny_checkpoint), options, types=["f16", "q4_k_m"], out=tmp_path / "b", progress=log
    )
    assert not any("is the reference" in line for line in log.lines)


def test_files_of_another_base_are_others(tiny_checkpoint: Path) -> None:
    source = fetch_model(locate(str(tiny_checkpoint)))
    paths = {}
    for names, base in ((("F16", "Q4_0"), None), (("F32", "Q4_0"), None), (("Q4_0",), "f32")):
        ladder = Ladder(source, names, threads=1, progress=NoProgress(), base=base and base.upper())
        paths[names] = ladder.make(next(each for each in ladder.rungs if each.name == "Q4_0"))
    assert paths["F16", "Q4_0"] != paths["F32", "Q4_0"]
    assert paths[("Q4_0",)] == paths["F32", "Q4_0"]


def test_a_gguf_is_not_converted(tiny_f16: Path, options: Options, tmp_path: Path) -> None:
    with pytest.raises(EdgevalError, match=r"is a GGUF, and --dtype says what a checkpoint is"):
        pipeline.run(str(tiny_f16), options, types=["F16"], dtype="bf16", out=tmp_path / "report")


@pytest.mark.parametrize("dtype", ["F16", "bf16", "Q8_0"])
def test_names_of_types_are_known_in_any_case(
    dtype: str, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "a.gguf"
    succeed(["convert", str(tiny_checkpoint), str(target), "--dtype", dtype])
    assert read_header(target).file_type == dtype.upper()
