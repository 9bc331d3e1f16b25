"""A quantized model compared on a machine that never runs its reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.checkpoints.cards import cards_folder
from edgeval.errors import EdgevalError
from edgeval.evaluation import pipeline
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import load_reference
from edgeval.quantization.quantize import quantize
from edgeval.records import Report
from edgeval.records.reference import ReferenceHeader
from edgeval.store.runs import list_runs
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.references import export_example, measure_reference, setup_of


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return export_example(tmp_path)


@pytest.fixture(scope="module")
def tiny_reference(
    tiny_f16: Path, tiny_items: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return measure_reference(tiny_f16, tiny_items, tmp_path_factory.mktemp("reference"))


# The command line.


def test_a_quantized_model_is_compared_without_the_reference(tmp_path: Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    small = ("--limit", "60", "--out")
    ran = edgeval(
        *("run", "demo", "--quant", "F16,Q4_K_M", *small, tmp_path / "a", "--store", first)
    )
    assert ran.returncode == 0, ran.stderr
    ref = tmp_path / "ref.npz"
    made = edgeval("reference", "export", "1", ref, "--store", first)
    assert (made.returncode, made.stdout.strip()) == (0, str(ref)), made.stderr
    ran = edgeval(
        *("run", "demo", "--quant", "F16,Q4_K_M", "--reference", ref, *small, tmp_path / "b"),
        *("--store", second),
    )
    assert ran.returncode == 0, ran.stderr
    assert [run.type for run in list_runs(second)] == ["Q4_K_M"]
    here, there = (
        Report.model_validate_json((tmp_path / name / "report.json").read_text("utf-8"))
        for name in ("b", "a")
    )
    assert here.drift == there.drift
    assert [run.type for run in here.runs] == ["F16", "Q4_K_M"]
    ours, theirs = here.runs[0], there.runs[0]
    assert ours.from_reference is not None
    assert (ours.from_reference.file, ours.from_reference.device) == ("ref.npz", there.device)
    assert (ours.speed, ours.from_reference.speeds) == (None, [theirs.speed])
    # Whether a tokenizer adds BOS is not in the file.
    update = {"from_reference": None, "speed": theirs.speed, "wants_bos": theirs.wants_bos}
    assert ours.model_copy(update=update) == theirs
    assert here.runs[1].from_reference is None
    assert [(each.status, each.score, each.confidence) for each in here.verdicts] == [
        (each.status, each.score, each.confidence) for each in there.verdicts
    ]

    data = cards_folder() / "demo" / "items.jsonl"
    shown = edgeval("reference", "show", ref, "--data", data).stdout
    accuracy = f"{100 * theirs.metrics['acc_norm'].value:.2f}"
    for word in ("demo-F16.gguf", "F16", "lm-eval", "60 of 1,000", accuracy, theirs.sha256):
        assert word in shown
    header = ReferenceHeader.model_validate_json(edgeval("reference", "show", ref, "--json").stdout)
    assert header == load_reference(ref).header
    assert header.model.checkpoint is not None
    assert header.model.checkpoint.fingerprint == there.model.fingerprint

    again = edgeval("reference", "export", "1", ref, "--store", first)
    assert_one_sentence(again, ["ref.npz exists already"])
    with pytest.raises(EdgevalError, match="is F16, and so is all of the ladder; add a type"):
        pipeline.run("demo", types=["F16"], reference=ref, out=tmp_path / "c")
    with pytest.raises(EdgevalError, match=r"60 of the 1,000 items .* use --limit 60"):
        pipeline.run("demo", types=["Q4_K_M"], reference=ref, out=tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_quantized_file_alone_is_enough(
    tiny_reference: Path, tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    (quantized,) = quantize(tiny_f16, ["Q4_K_M"], tmp_path)
    record, _ = pipeline.run(
        str(quantized),
        Options(data=tiny_items, limit=12, kl_items=8),
        types=["Q4_K_M"],
        reference=tiny_reference,
        out=tmp_path / "out",
    )
    assert [(run.type, run.from_reference is None) for run in record.runs] == [
        ("F16", False),
        ("Q4_K_M", True),
    ]
    (drift,) = record.drift
    assert (drift.reference, drift.n_items) == ("F16", 12)
    assert drift.divergence is not None
    # Of the five with a sketch, those that are among the twelve.
    expected = set(load_reference(tiny_reference).sketches) & set(
        setup_of(tiny_items, limit=12).indices
    )
    assert (drift.divergence.n_items, drift.divergence.drawn) == (len(expected), "random")


def test_the_reference_of_another_checkpoint_is_refused(
    tiny_reference: Path, tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    options = Options(data=tiny_items, limit=20)
    with pytest.raises(EdgevalError, match="checkpoint cccccccccccc"):
        pipeline.run(
            str(tiny_checkpoint), options, types=["Q8_0"], reference=tiny_reference, out=tmp_path
        )


def test_what_is_shown_of_other_files_is_a_sentence(exported: Path, tiny_items: Path) -> None:
    assert_one_sentence(edgeval("reference", "show", "absent.npz"), ["cannot read", "absent.npz"])
    shown = edgeval("reference", "show", exported, "--data", tiny_items)
    assert_one_sentence(shown, ["items.jsonl is not the data set of", "ref.npz"])
