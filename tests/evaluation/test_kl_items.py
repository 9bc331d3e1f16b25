"""Which items distributions are compared on: a random sample, or said to be none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeval.evaluation import pipeline, reference_checks
from edgeval.evaluation.early_stopping import sequential_drift
from edgeval.evaluation.file_scorer import FileResult, evaluate_file
from edgeval.evaluation.kl_items import DistributionWork, KeepTopLogprobs, ReferenceTopLogprobs
from edgeval.evaluation.kl_sample import having_sketches, to_sketch
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import load_reference
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.quantization.quantize import quantize
from edgeval.stats.positions import RangeSums
from edgeval.stats.sampling import beginning, simple_order
from edgeval.stats.top_logprobs import ItemDivergence, unpack
from edgeval.store.exchange import export_run, import_run
from edgeval.store.reference_export import export_reference
from edgeval.store.store import Store
from tests.helpers.stores import add_items, open_run, without_drawn

N = 40
"""Items in the file."""


def _setup(items: Path, **options: Any) -> EvalSetup:
    return prepare(Options(data=items, threads=2, **options))


def test_the_longest_beginning_ends_where_one_is_missing() -> None:
    assert beginning([3, 1, 4, 5], {3, 1, 5}) == [3, 1]
    assert beginning([3, 1], {1}) == []
    assert beginning([], {1}) == []


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        ({}, "random"),
        ({"limit": 9, "seed": 4}, "random"),
        ({"until": 2.0}, "random"),
        ({"order": "file"}, "random"),
        ({"order": "file", "limit": 9}, "file order"),
    ],
)
def test_what_is_to_be_sketched(tiny_items: Path, options: dict[str, Any], drawn: str) -> None:
    setup = _setup(tiny_items, kl_items=6, **options)
    found = to_sketch(setup)
    expected = [p for p in simple_order(N, options.get("seed", 0)) if p in set(setup.indices)][:6]
    assert (list(found.indices), found.drawn) == (expected, drawn)


@pytest.mark.parametrize("seed", [0, 7, 2024])
def test_the_beginning_of_a_random_order_is_taken_and_not_what_else_is_there(
    tiny_items: Path, seed: int
) -> None:
    setup = _setup(tiny_items, seed=seed, kl_items=30)
    ours = simple_order(N, seed)
    # The first of the file are there, too, from another run; some of them are ours.
    known = {*ours[:12], *range(14)}
    found = having_sketches(setup, known)
    assert found.drawn == "random"
    assert list(found.indices) == beginning(ours, known)
    assert 12 <= len(found.indices) < len(known)
    few = having_sketches(replace(setup, options=replace(setup.options, kl_items=3)), known)
    assert list(few.indices) == ours[:3]


def test_a_reference_of_another_seed_is_a_sample_by_its_own(tiny_items: Path) -> None:
    theirs = simple_order(N, 7)
    found = having_sketches(_setup(tiny_items), theirs[:15])
    assert (list(found.indices), found.drawn) == (theirs[:15], "random")
    # A slice of ours has a part of theirs, and which part does not depend on what the items are.
    setup = _setup(tiny_items, limit=20)
    found = having_sketches(setup, theirs[:30])
    assert list(found.indices) == [place for place in theirs[:30] if place in set(setup.indices)]
    assert found.drawn == "random"


def test_items_that_nobody_drew_are_said_to_be_of_no_known_order(tiny_items: Path) -> None:
    setup = _setup(tiny_items)
    for known in (range(20), simple_order(N, 2024)[:20], sorted(simple_order(N, 0))[20:]):
        found = having_sketches(setup, known)
        assert (list(found.indices), found.drawn) == (
            [place for place in setup.indices if place in set(known)],
            "unknown",
        )
    assert having_sketches(setup, []).indices == []


def test_a_slice_in_file_order_is_no_sample_whatever_is_drawn_of_it(tiny_items: Path) -> None:
    setup = _setup(tiny_items, order="file", limit=15)
    found = having_sketches(setup, simple_order(N, 0)[:30])
    assert found.drawn == "file order"
    assert set(found.indices) <= set(range(15))
    whole = _setup(tiny_items, order="file")
    assert having_sketches(whole, simple_order(N, 0)[:30]).drawn == "random"


@pytest.fixture(scope="module")
def q4_0(tiny_f16: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path,) = quantize(tiny_f16, ["Q4_0"], tmp_path_factory.mktemp("q4"))
    return path


def _scored(gguf: Path, setup: EvalSetup, store: Store) -> FileResult:
    sketched = to_sketch(setup)
    wanted = KeepTopLogprobs(sketched.indices, sketched.drawn)
    return evaluate_file(gguf, setup, store, wanted=wanted)


def test_a_reference_merged_of_two_runs_gives_its_random_part(
    tiny_f16: Path, tiny_items: Path, q4_0: Path, tmp_path: Path
) -> None:
    db = tmp_path / "a.db"
    with Store(db) as store:
        first = _scored(tiny_f16, _setup(tiny_items, order="file", limit=14, kl_items=14), store)
        assert first.top_logprobs is not None
        assert first.top_logprobs.drawn == "file order"
        _scored(tiny_f16, _setup(tiny_items, kl_items=12), store)
    export_reference(db, 1, tmp_path / "ref.npz")
    reference, setup = load_reference(tmp_path / "ref.npz"), _setup(tiny_items, kl_items=N)
    assert len(reference.sketches) > 12
    found = reference.measured(setup).top_logprobs
    assert found is not None
    ours = simple_order(N, 0)
    assert list(found.of_index) == beginning(ours, reference.sketches)
    assert 12 <= len(found.of_index) < len(reference.sketches)
    divergence = evaluate_file(q4_0, setup, wanted=found).divergence
    assert divergence is not None
    assert (divergence.n_items, divergence.drawn) == (len(found.of_index), "random")
    # What only the file's order gives is compared, and called what it is.
    only = {place: reference.sketches[place] for place in range(14)}
    odd = replace(reference, sketches=only)
    (note,) = reference_checks.notes(odd, setup)
    assert note.startswith("ref.npz has distributions of 14 of these items that are the beginning")
    (note,) = reference_checks.notes(odd, _setup(tiny_items, kl_items=5, until=9.0))
    assert "so that no KL divergences are told; use the --seed" in note
    unknown = odd.measured(setup).top_logprobs
    assert unknown is not None
    assert unknown.drawn == "unknown"


def test_sketches_of_an_older_edgeval_are_read_and_said_to_tell_less(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    setup = _setup(tiny_items, kl_items=4)
    with Store(tmp_path / "a.db") as store:
        assert _scored(tiny_f16, setup, store).top_logprobs is not None
    export_reference(tmp_path / "a.db", 1, tmp_path / "ref.npz")
    reference = load_reference(tmp_path / "ref.npz")
    assert list(reference_checks.notes(reference, setup)) == []
    older = {place: without_drawn(unpack(each)) for place, each in reference.sketches.items()}
    changed = replace(reference, sketches=older)
    (note,) = reference_checks.notes(changed, setup)
    assert "of an older edgeval, which give a lower bound" in note
    found = changed.measured(setup).top_logprobs
    assert found is not None
    assert [each.n_drawn for each in found.of_index.values()] == [0] * 4
    assert found.reference != reference.measured(setup).top_logprobs.reference  # type: ignore[union-attr]


def test_an_imported_run_has_no_sketches_and_they_are_made_of_the_same_items(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    setup = _setup(tiny_items, kl_items=5)
    with Store(tmp_path / "a.db") as store:
        expected = _scored(tiny_f16, setup, store)
    export_run(tmp_path / "a.db", 1, tmp_path / "run.json")
    import_run(tmp_path / "b.db", tmp_path / "run.json")
    with Store(tmp_path / "b.db") as store:
        found = _scored(tiny_f16, setup, store)
    assert found.run.n_from_store == N
    assert found.top_logprobs is not None
    assert expected.top_logprobs is not None
    assert list(found.top_logprobs.of_index) == list(expected.top_logprobs.of_index)
    assert found.top_logprobs.drawn == "random"


def _looks(order: Sequence[int], seen: Sequence[int], store: Store) -> DistributionWork:
    """Return the looks at items in an order, of which some were seen."""
    with open_run(store) as measurement:
        add_items(measurement, range(8))
        divergences = {
            place: ItemDivergence(
                10, float(place), 9, 1.0, by_range=(RangeSums(4, 1.0), RangeSums(6, place - 1.0))
            )
            for place in seen
        }
        measurement.distributions.add_divergences("r", divergences)
        sketch: Any = None
        wanted = ReferenceTopLogprobs("r", dict.fromkeys(order, sketch), "random")
        return DistributionWork(wanted, range(8), measurement, "a" * 64)


def test_an_item_drawn_for_what_it_can_tell_is_no_part_of_the_sample(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db") as store:
        looks = _looks([3, 1, 4, 5, 2], [3, 1, 4, 5], store)
    for evaluated, n_items, kl in (
        (None, 4, 13 / 40),
        ([3, 1, 4, 5, 2], 4, 13 / 40),
        # By weights 5 and 4 were drawn after two at random.
        ([3, 1, 5, 4], 2, 4 / 20),
        ([3, 1, 7, 4, 5], 2, 4 / 20),
        ([3], 1, 3 / 10),
    ):
        found = looks.divergence(evaluated)
        assert found is not None
        assert (found.n_items, found.kl_nats, found.drawn) == (n_items, kl, "random")
    assert looks.divergence([5, 3, 1]) is None
    assert looks.divergence([]) is None


def test_a_weighted_survey_s_divergence_is_of_the_first_of_the_random_order(
    tiny_f16: Path, tiny_items: Path, q4_0: Path
) -> None:
    setup = _setup(tiny_items, until=30.0, kl_items=6)
    whole = evaluate_file(
        tiny_f16,
        replace(setup, options=replace(setup.options, until=None)),
        wanted=KeepTopLogprobs(setup.indices, "random"),
    )
    assert whole.top_logprobs is not None
    # Every item has a sketch, and only the first block is a sample.
    first = setup.indices[:6]
    pursuit = sequential_drift(setup, whole.scores, 1)
    found = evaluate_file(q4_0, setup, wanted=whole.top_logprobs, sequential=pursuit)
    assert list(found.scores)[:6] == first
    assert len(found.scores) > 6
    assert found.divergence is not None
    both = zip(found.scores, setup.indices, strict=False)
    n = next(i for i, (drawn, random) in enumerate(both) if drawn != random)
    assert n >= 6
    assert (found.divergence.n_items, found.divergence.drawn) == (n, "random")


@pytest.mark.parametrize(("order", "drawn"), [("random", "random"), ("file", "file order")])
def test_the_record_says_how_its_items_were_drawn(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, order: Any, drawn: str
) -> None:
    options = Options(data=tiny_items, kl_items=4, limit=10, order=order)
    record, _ = pipeline.run(str(tiny_f16), options, types=["F16", "Q4_0"], out=tmp_path / "report")
    found = record.drift[0].divergence
    assert found is not None
    assert (found.n_items, found.drawn) == (4, drawn)
    assert found.remainder_mass is not None
    assert found.kl_full_nats is not None
