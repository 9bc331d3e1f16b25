"""Ladders of ready files: the same report as of files made here, or a refusal by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.locate import locate
from edgeval.errors import EdgevalError
from edgeval.evaluation import pipeline
from edgeval.evaluation.options import Options
from edgeval.quantization.quantize import quantize
from edgeval.records import Report
from tests.helpers.edited_ggufs import BOOL, STRING, U32, edited
from tests.helpers.split_ggufs import split

TYPES = ("F16", "Q8_0", "Q2_K")


def options(items: Path, **more: Any) -> Options:
    return Options(data=items, kl_items=4, limit=12, protocol="lm-eval", **more)


@pytest.fixture(scope="session")
def ready(tiny_f16: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ready")
    edited(tiny_f16, folder / "tiny-F16.gguf")
    quantize(folder / "tiny-F16.gguf", ["Q8_0", "Q2_K"])
    return folder


def run(*models: str | Path, out: Path, items: Path, **more: Any) -> Report:
    return pipeline.run(models, options(items), out=out, **more).report


def test_ready_files_give_the_numbers_of_a_ladder_made_here(
    ready: Path, tiny_items: Path, tmp_path: Path
) -> None:
    made = run(ready / "tiny-F16.gguf", out=tmp_path / "made", items=tiny_items, types=TYPES)
    found = run(ready, out=tmp_path / "ready", items=tiny_items)
    assert [each.model_dump() for each in found.drift] == [each.model_dump() for each in made.drift]
    for ours, theirs in zip(found.runs, made.runs, strict=True):
        assert (ours.label, ours.sha256, ours.metrics) == (
            theirs.label,
            theirs.sha256,
            theirs.metrics,
        )
        assert (ours.mix, ours.bits_per_weight) == (theirs.mix, theirs.bits_per_weight)
    assert found.unlike == []


def test_the_most_precise_is_the_reference_unless_another_is_named(
    ready: Path, tiny_items: Path, tmp_path: Path
) -> None:
    def labels(name: str, *models: Path, **more: Any) -> list[str]:
        record = run(*models, out=tmp_path / name, items=tiny_items, **more)
        assert all(drift.reference == record.runs[0].label for drift in record.drift)
        return [each.label for each in record.runs]

    files = [ready / f"tiny-{kind}.gguf" for kind in ("Q2_K", "Q8_0", "F16")]
    assert labels("a", *files) == ["F16", "Q8_0", "Q2_K"]
    assert labels("b", *files, reference="q8_0") == ["Q8_0", "F16", "Q2_K"]
    assert labels("c", files[0], reference=files[1]) == ["Q8_0", "Q2_K"]
    assert labels("d", ready, types=["q2_k", "F16"]) == ["F16", "Q2_K"]
    assert labels("e", ready, types=["tiny-Q2_K.gguf"], reference="F16") == ["F16", "Q2_K"]


def test_a_split_file_stands_for_all_its_parts(
    ready: Path, tiny_items: Path, tmp_path: Path
) -> None:
    parts = split(ready / "tiny-Q8_0.gguf", tmp_path / "parts", "tiny-Q8_0")
    record = run(parts[2], ready / "tiny-F16.gguf", out=tmp_path / "o", items=tiny_items)
    whole = run(ready, types=["F16", "Q8_0"], out=tmp_path / "w", items=tiny_items)
    assert [each.metrics for each in record.runs] == [each.metrics for each in whole.runs]
    assert record.runs[1].file == parts[0].name
    parts[1].unlink()
    with pytest.raises(EdgevalError, match=r"tiny-Q8_0-00002-of-00003\.gguf is not beside it"):
        run(parts[0], ready, out=tmp_path / "p", items=tiny_items)


def test_files_of_one_type_have_labels_that_tell_them_apart(
    ready: Path, tiny_items: Path, tmp_path: Path
) -> None:
    theirs = edited(
        ready / "tiny-Q8_0.gguf",
        tmp_path / "their" / "tiny-Q8_0.gguf",
        {
            "general.quantized_by": (STRING, "them"),
            "quantize.imatrix.file": (STRING, "/x/i.dat"),
            "edgeval.imatrix.sha256": None,
        },
    )
    other = edited(ready / "tiny-Q8_0.gguf", tmp_path / "tiny-UD-Q8_K_XL.gguf", {"a.b": (U32, 1)})
    record = run(ready, theirs, other, out=tmp_path / "o", items=tiny_items)
    labels = [each.label for each in record.runs]
    assert labels[:2] == ["F16", "Q8_0"]
    assert sorted(labels[2:]) == ["Q2_K", "Q8_0 (UD-Q8_K_XL)", "Q8_0 +imatrix"]
    of_label = {each.label: each for each in record.runs}
    assert of_label["Q8_0 +imatrix"].quantized_by == "them"
    assert {each.label for each in record.drift} == set(labels[1:])


def test_one_file_under_two_names_is_evaluated_once(
    ready: Path, tiny_items: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes((ready / "tiny-Q2_K.gguf").read_bytes())
    record = run(ready, copy, out=tmp_path / "o", items=tiny_items)
    assert [each.label for each in record.runs] == list(TYPES)
    assert [(each.file, each.same_as) for each in record.same_files] == [
        ("copy.gguf", "tiny-Q2_K.gguf")
    ]
    page = (tmp_path / "o" / "report.md").read_text(encoding="utf-8")
    assert "byte for byte, copy.gguf is tiny-Q2_K.gguf" in page


def test_another_model_is_refused_and_named_or_compared_by_force(
    ready: Path, tiny_items: Path, tmp_path: Path
) -> None:
    other = edited(
        ready / "tiny-Q8_0.gguf", tmp_path / "other.gguf", {"tokenizer.ggml.bos_token_id": (U32, 5)}
    )
    with pytest.raises(
        EdgevalError,
        match=r"other.gguf is not shown to be of the model of .*tiny-F16.gguf: it has another "
        r"tokenizer: tokenizer.ggml.bos_token_id is 5, not 1.* --force-compare",
    ):
        run(ready, other, out=tmp_path / "o", items=tiny_items)
    assert not (tmp_path / "o" / "report.json").exists()
    record = run(ready, other, out=tmp_path / "f", items=tiny_items, force_compare=True)
    (sentence,) = record.unlike
    assert "bos_token_id is 5, not 1" in sentence
    for name in ("report.md", "report.html"):
        page = (tmp_path / "f" / name).read_text(encoding="utf-8")
        assert "compared all the same (--force-compare" in page


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"general.type": (STRING, "adapter")}, "is an adapter \\(LoRA\\)"),
        ({"general.type": (STRING, "mmproj")}, "reads images or audio"),
        ({"general.type": (STRING, "imatrix")}, "is an importance matrix"),
        ({"general.architecture": (STRING, "bert")}, "is an encoder"),
        ({"llama.pooling_type": (U32, 1)}, "is an embedding model"),
        ({"llama.attention.causal": (BOOL, False)}, "is no causal language model"),
    ],
)
def test_what_is_no_language_model_is_refused_in_a_ladder(
    keys: dict[str, Any], words: str, ready: Path, tiny_items: Path, tmp_path: Path
) -> None:
    other = edited(ready / "tiny-Q8_0.gguf", tmp_path / "other.gguf", keys)
    with pytest.raises(EdgevalError, match=words):
        run(ready / "tiny-F16.gguf", other, out=tmp_path / "o", items=tiny_items)


def test_a_vocabulary_is_refused_in_a_ladder(ready: Path, tiny_items: Path, tmp_path: Path) -> None:
    other = edited(
        ready / "tiny-Q8_0.gguf", tmp_path / "v.gguf", change=lambda file: file.tensors.clear()
    )
    with pytest.raises(EdgevalError, match="is a vocabulary without weights"):
        run(ready / "tiny-F16.gguf", other, out=tmp_path / "o", items=tiny_items)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"imatrix": "m.gguf"}, "--imatrix is for files that are quantized now"),
        ({"dtype": "bf16"}, "--dtype is for files that are quantized now"),
        ({"types": ["Q4_K"]}, "none is Q4_K"),
        ({"reference": "Q4_K_M"}, "none is Q4_K_M"),
        ({"reference": "absent.gguf"}, "cannot read absent.gguf"),
        ({"reference": "absent.npz"}, "cannot read absent.npz"),
    ],
)
def test_what_cannot_be_asked_of_ready_files_is_refused(
    more: dict[str, Any], words: str, ready: Path, tiny_items: Path, tmp_path: Path
) -> None:
    with pytest.raises(EdgevalError, match=words):
        run(ready, out=tmp_path / "o", items=tiny_items, **more)


def test_a_gguf_is_no_reference_of_what_is_made_here(
    ready: Path, tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    with pytest.raises(EdgevalError, match="--reference is a GGUF, and this model's types are"):
        run(
            tiny_checkpoint,
            out=tmp_path / "o",
            items=tiny_items,
            reference=ready / "tiny-F16.gguf",
        )


def test_the_model_itself_is_the_reference_of_a_quantized_file(
    ready: Path, tiny_checkpoint: Path, tiny_items: Path, own_cache: Path, tmp_path: Path
) -> None:
    record = run(
        ready / "tiny-Q8_0.gguf", out=tmp_path / "o", items=tiny_items, reference=tiny_checkpoint
    )
    assert [each.label for each in record.runs] == ["F16", "Q8_0"]
    assert record.drift[0].reference == "F16"


def test_a_single_quantized_file_gets_what_it_can(
    ready: Path, tiny_items: Path, tmp_path: Path
) -> None:
    card = "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T"
    said = {"general.base_model.0.repo_url": (STRING, f"https://huggingface.co/{card}")}
    path = edited(ready / "tiny-Q2_K.gguf", tmp_path / "m-Q2_K.gguf", said)
    assert locate(str(path)).card is not None
    record = pipeline.run(path, Options(data=tiny_items, limit=12), out=tmp_path / "o").report
    assert [each.label for each in record.runs] == ["Q2_K"]
    assert (record.base_model, record.drift) == (card, [])
    # The claim brings its protocol, and a file's own word is never enough to judge it exactly.
    (verdict,) = record.verdicts
    assert (record.protocol.name, verdict.claim_citation.reported_value) == ("lm-eval", 59.2)
    assert f"a ready file, which was not made of {card} here" in verdict.claim_citation.notes
    page = (tmp_path / "o" / "report.md").read_text(encoding="utf-8")
    assert "so there is no drift to report; name its F16 or BF16 file beside it" in page


def test_a_text_begins_as_its_tokenizer_asks_unless_a_claim_says_otherwise(
    ready: Path, tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    given = Options(data=tiny_items, limit=8)
    for index, model in enumerate((ready, ready / "tiny-Q2_K.gguf", tiny_checkpoint)):
        record = pipeline.run(
            model, given, types=None if index < 2 else ["F16"], out=tmp_path / str(index)
        )
        assert record.report.protocol.name == "lm-eval-bos"
        assert {each.wants_bos for each in record.report.runs} == {True}
    record = pipeline.run("demo", Options(limit=8), types=["F16"], out=tmp_path / "demo")
    assert record.report.protocol.name == "lm-eval"
