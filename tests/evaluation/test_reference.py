"""References: which evaluation may be compared with which."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.convert.convert import convert
from edgeval.errors import EdgevalError
from edgeval.evaluation import reference_checks
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.kl_items import KeepTopLogprobs
from edgeval.evaluation.kl_sample import to_sketch
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import Reference, load_reference
from edgeval.evaluation.setup import prepare
from edgeval.quantization.quantize import quantize
from edgeval.stats.top_logprobs import pack as pack_sketch
from edgeval.store.store import Store
from tests.helpers.references import CHECKPOINT, export_example, measure_reference, setup_of
from tests.helpers.tiny import make_checkpoint, make_items, write_items


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return export_example(tmp_path)


@pytest.fixture(scope="module")
def tiny_reference(
    tiny_f16: Path, tiny_items: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return measure_reference(tiny_f16, tiny_items, tmp_path_factory.mktemp("reference"))


def test_the_reference_is_the_run_that_was_exported(
    tiny_reference: Path, tiny_f16: Path, tiny_items: Path
) -> None:
    reference = load_reference(tiny_reference)
    setup = prepare(Options(data=tiny_items, limit=20))
    with Store(tiny_reference.with_name("a.db")) as store:
        places = KeepTopLogprobs(to_sketch(setup).indices[:5])
        expected = evaluate_file(tiny_f16, setup, store, wanted=places)
    found = reference.measured(setup)
    run = found.run
    assert found.scores == expected.scores
    info = run.from_reference
    assert info is not None
    assert (info.file, info.sha256) == ("ref.npz", reference.sha256)
    # Whether a tokenizer adds BOS is not in the file.
    update = {"from_reference": None, "n_from_store": 20, "stored": info.speeds}
    update |= {"wants_bos": expected.run.wants_bos}
    assert run.model_copy(update=update) == expected.run
    assert found.top_logprobs is not None
    assert expected.top_logprobs is not None
    assert {place: pack_sketch(each) for place, each in found.top_logprobs.of_index.items()} == {
        place: pack_sketch(each) for place, each in expected.top_logprobs.of_index.items()
    }
    slice_ = prepare(Options(data=tiny_items, limit=8))
    found = reference.measured(slice_)
    assert found.scores == dict(list(expected.scores.items())[:8])
    assert found.run.metrics["acc_norm"].total == 8


def test_distributions_are_compared_as_far_as_they_are_there(
    tiny_reference: Path, tiny_items: Path
) -> None:
    reference = load_reference(tiny_reference)
    for kl_items, n_found in ((0, None), (3, 3), (5, 5), (9, 5)):
        found = reference.measured(setup_of(tiny_items, kl_items=kl_items)).top_logprobs
        assert (None if found is None else len(found.of_index)) == n_found
    (note,) = reference_checks.notes(reference, setup_of(tiny_items, kl_items=9))
    assert note.startswith("ref.npz has distributions of 5 of the 9 items on which")
    older = {place: b"\x00" + packed[1:] for place, packed in reference.sketches.items()}
    assert replace(reference, sketches=older).measured(setup_of(tiny_items)).top_logprobs is None
    for cut in (1, 20):
        damaged = {place: packed[:cut] for place, packed in reference.sketches.items()}
        with pytest.raises(EdgevalError, match=r"ref\.npz has a sketch that cannot be read"):
            replace(reference, sketches=damaged).measured(setup_of(tiny_items))


def test_the_same_items_and_model_match(
    tiny_reference: Path, tiny_items: Path, tiny_f32: Path, tmp_path: Path
) -> None:
    reference = load_reference(tiny_reference)
    for limit in (1, 13, 20):
        reference_checks.require_items(reference, setup_of(tiny_items, limit=limit))
    (quantized,) = quantize(tiny_f32, ["Q4_K_M"], tmp_path)
    reference_checks.require_model(reference, quantized)
    reference_checks.require_checkpoint(reference, CHECKPOINT)
    reference_checks.require_checkpoint(reference, None)
    assert list(reference_checks.notes(reference, setup_of(tiny_items, kl_items=5))) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"limit": None}, "has 20 of the 40 items that are wanted, 20 are missing; use --limit 20"),
        ({"limit": 21}, "has 20 of the 21 items that are wanted, 1 are missing; use --limit 20"),
        ({"protocol": "lm-eval"}, "protocol lm-eval-bos, and this run has lm-eval; .*--proto"),
        ({"seed": 1}, r"items that are wanted, .* missing; use "),
    ],
)
def test_other_items_are_refused(
    changes: dict[str, Any], reason: str, tiny_reference: Path, tiny_items: Path
) -> None:
    reference = load_reference(tiny_reference)
    with pytest.raises(EdgevalError, match=reason):
        reference_checks.require_items(reference, setup_of(tiny_items, **changes))


def test_none_of_the_items_is_refused(tiny_reference: Path, tiny_items: Path) -> None:
    reference = load_reference(tiny_reference)
    there = set(reference.indices)
    others = [place for place in range(40) if place not in there]
    setup = replace(setup_of(tiny_items), indices=others)
    with pytest.raises(EdgevalError, match=r"has none of the 20 items .* --order and --seed"):
        reference_checks.require_items(reference, setup)


def test_other_data_are_refused(tiny_reference: Path, tiny_items: Path, tmp_path: Path) -> None:
    reference = load_reference(tiny_reference)
    other = write_items(tmp_path / "other.jsonl", make_items(40, seed=1))
    ours, theirs = (setup_of(path).data.fingerprint[:12] for path in (other, tiny_items))
    with pytest.raises(EdgevalError, match=f"data set {theirs}., and this run has {ours}.; .*--da"):
        reference_checks.require_items(reference, setup_of(other))
    solved = write_items(tmp_path / "solved.jsonl", make_items(9, seed=2))
    with_shots = setup_of(tiny_items, shots=2, shots_data=solved)
    with pytest.raises(EdgevalError, match="shots 0, and this run has 2; set it with --shots"):
        reference_checks.require_items(reference, with_shots)
    two = _with(reference, shots=2, shot_pool_fingerprint="e" * 64)
    with pytest.raises(EdgevalError, match=r"shot pool eeeeeeeeeeee., and .*--shots-data"):
        reference_checks.require_items(two, with_shots)


def _with(reference: Reference, **changes: Any) -> Reference:
    """Return a reference that was made in another setting."""
    setting = reference.header.setting.model_copy(update=changes)
    return replace(reference, header=reference.header.model_copy(update={"setting": setting}))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("protocol_version", "protocol version 99, and this run has 2; make the reference again"),
        ("scoring_version", "scoring version 99, and this run has 1; make the reference again"),
    ],
)
def test_other_versions_are_refused(
    name: str, reason: str, tiny_reference: Path, tiny_items: Path
) -> None:
    reference = _with(load_reference(tiny_reference), **{name: 99})
    with pytest.raises(EdgevalError, match=reason):
        reference_checks.require_items(reference, setup_of(tiny_items))


def test_another_number_of_items_than_the_data_has_is_refused(
    tiny_reference: Path, tiny_items: Path
) -> None:
    found = load_reference(tiny_reference)
    for n_total in (39, 41, 2**31 - 1):
        header = found.header.model_copy(update={"n_total": n_total})
        reference = replace(found, header=header)
        with pytest.raises(EdgevalError, match=rf"number of items {n_total}, and this run has 40"):
            reference_checks.require_items(reference, setup_of(tiny_items))
        with pytest.raises(EdgevalError, match=rf"is of {n_total:,} items, and .* has 40"):
            reference.metrics(tiny_items)


def test_another_engine_is_a_note(tiny_reference: Path, tiny_items: Path) -> None:
    reference = _with(load_reference(tiny_reference), engine="llama-cpp-python 0.3.1", features="")
    reference_checks.require_items(reference, setup_of(tiny_items))
    (note,) = reference_checks.notes(reference, setup_of(tiny_items, kl_items=0))
    assert note.startswith("ref.npz was computed by llama-cpp-python 0.3.1, and this is ")


def test_another_training_of_the_same_shape_is_refused(
    tiny_reference: Path, tmp_path: Path
) -> None:
    other = convert(make_checkpoint(tmp_path / "tiny", seed=1), tmp_path / "o.gguf", "f16")
    with pytest.raises(EdgevalError, match=r"made with norms \w+…, and this run has \w+…; "):
        reference_checks.require_model(load_reference(tiny_reference), other)


def test_another_model_is_refused(tiny_reference: Path, tiny_f16: Path, exported: Path) -> None:
    reference = load_reference(tiny_reference)
    other = CHECKPOINT.model_copy(update={"fingerprint": "f" * 64})
    with pytest.raises(EdgevalError, match=r"checkpoint cccccccccccc., and this run has fffffffff"):
        reference_checks.require_checkpoint(reference, other)
    with pytest.raises(EdgevalError, match=r"tokenizer dddddddddddd., and .*--reference"):
        reference_checks.require_model(load_reference(exported), tiny_f16)
    ours = reference.header.model
    for name, value in (("block_count", 22), ("rope_base", 500000.0), ("n_params", 7)):
        shape = ours.shape.model_copy(update={name: value})
        model = ours.model_copy(update={"shape": shape})
        changed = replace(reference, header=reference.header.model_copy(update={"model": model}))
        words = rf"{name.replace('_', ' ')} {value}, and this run has {getattr(ours.shape, name)};"
        with pytest.raises(EdgevalError, match=words):
            reference_checks.require_model(changed, tiny_f16)
