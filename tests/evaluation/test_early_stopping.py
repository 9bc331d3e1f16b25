"""Evaluations that stop early: which items they take, what they say, and that nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError
from edgeval.evaluation import file_scorer, pipeline
from edgeval.evaluation.drift import compare_with, measure_reference
from edgeval.evaluation.early_stopping import sequential_accuracy, sequential_drift
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.file_scorer import FileResult, evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.quantization.quantize import quantize
from edgeval.records import Drift
from edgeval.stats import intervals, metrics
from edgeval.stats.paired import difference_estimate, judged
from edgeval.store.store import Store
from edgeval.system.progress import NoProgress
from tests.helpers.evidence import assert_tells_of_all
from tests.helpers.fakes import Lines, StopAfter
from tests.helpers.tiny import make_items, write_items

N_ITEMS = 400


@pytest.fixture(autouse=True)
def _save_after_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 0.0)


@pytest.fixture(scope="module")
def many_items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_items(tmp_path_factory.mktemp("many") / "items.jsonl", make_items(N_ITEMS))


@pytest.fixture(scope="module")
def tiny_q8(tiny_f16: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path,) = quantize(tiny_f16, ["Q8_0"], tmp_path_factory.mktemp("q8"))
    return path


@pytest.fixture(scope="module")
def whole(tiny_f16: Path, many_items: Path) -> FileResult:
    """The reference on all items."""
    return evaluate_file(tiny_f16, prepare(Options(data=many_items, protocol="lm-eval")))


@pytest.fixture(scope="module")
def whole_q8(tiny_q8: Path, many_items: Path) -> FileResult:
    return evaluate_file(tiny_q8, prepare(Options(data=many_items, protocol="lm-eval")))


def _setup(items: Path, until: float = 3.0, **options: Any) -> EvalSetup:
    return prepare(Options(data=items, protocol="lm-eval", until=until, **options))


def _compare(
    whole: FileResult, gguf: Path, setup: EvalSetup, store: Store
) -> tuple[FileResult, Drift]:
    return compare_with(whole, gguf, setup, store, NoProgress(), 1)


def test_items_come_in_simple_random_order(many_items: Path) -> None:
    setup, other = _setup(many_items), _setup(many_items, seed=1)
    assert sorted(setup.indices) == list(range(N_ITEMS))
    assert setup.data.order == "simple"
    assert setup.indices != other.indices
    assert setup.indices == _setup(many_items, until=9.0).indices


def test_an_accuracy_stops_when_it_is_known(tiny_f16: Path, many_items: Path) -> None:
    setup = _setup(many_items, 10.0)
    found = evaluate_file(tiny_f16, setup, sequential=sequential_accuracy(setup))
    stopping, metric = found.run.stopping, found.run.metrics["acc_norm"]
    assert stopping is not None
    assert stopping.is_decided
    assert stopping.design == "random order"
    assert stopping.n_items == metric.total == len(found.scores) < N_ITEMS
    assert stopping.n_items % 64 == 0
    assert list(found.scores) == list(setup.indices[: stopping.n_items])
    assert metric.interval is None
    assert metric.split_interval.high - metric.split_interval.low <= 0.2
    assert metric.split_interval.low < metric.value < metric.split_interval.high
    right = sum(metrics.pick(s, "acc_norm") == s.item.gold for s in found.scores.values())
    assert (metric.correct, metric.value) == (right, right / metric.total)


def test_the_interval_holds_the_accuracy_of_all_items(
    tiny_f16: Path, many_items: Path, whole: FileResult
) -> None:
    setup = _setup(many_items, 8.0)
    found = evaluate_file(tiny_f16, setup, sequential=sequential_accuracy(setup)).run
    for name, metric in found.metrics.items():
        truth = whole.run.metrics[name].value
        assert metric.split_interval.low <= truth <= metric.split_interval.high


def test_all_items_are_exact(tiny_f16: Path, tiny_items: Path) -> None:
    setup = _setup(tiny_items, 0.5)
    found = evaluate_file(tiny_f16, setup, sequential=sequential_accuracy(setup)).run
    metric = found.metrics["acc_norm"]
    assert metric.total == 40
    assert metric.split_interval.low == metric.split_interval.high == metric.value
    assert found.stopping is not None
    assert found.stopping.is_decided


def test_a_limit_stops_before_it_is_decided(tiny_f16: Path, many_items: Path) -> None:
    setup = _setup(many_items, 0.5, limit=70)
    found = evaluate_file(tiny_f16, setup, sequential=sequential_accuracy(setup)).run
    assert found.stopping is not None
    assert not found.stopping.is_decided
    assert found.stopping.n_items == 70
    assert setup.data.n_items == 70


def test_the_reference_is_scored_whole_or_as_far_as_the_limit(
    tiny_f16: Path, many_items: Path, whole: FileResult
) -> None:
    for limit, n_items in ((None, N_ITEMS), (70, 70)):
        setup = _setup(many_items, 20.0, limit=limit)
        with Store(None) as store:
            found = measure_reference(tiny_f16, setup, store, NoProgress())
        assert list(found.scores) == list(setup.indices[:n_items])
        assert found.run.stopping is None
        metric = found.run.metrics["acc_norm"]
        assert metric.total == n_items
        assert metric.split_interval == intervals.split_interval(metric.correct, n_items, N_ITEMS)
    assert (
        metrics.metrics_of(list(whole.scores.values()), N_ITEMS, metrics.METRICS)
        == whole.run.metrics
    )


def test_drift_is_decided_by_the_items_that_can_tell(
    tiny_q8: Path, many_items: Path, whole: FileResult, whole_q8: FileResult
) -> None:
    setup = _setup(many_items, 3.0)
    with Store(None) as store:
        measured, found = _compare(whole, tiny_q8, setup, store)
    stopping = found.stopping
    assert stopping is not None
    assert stopping.design == "weighted"
    assert stopping.is_decided
    assert stopping.n_items == found.n_items == len(measured.scores) < N_ITEMS
    (found,) = judged([found], N_ITEMS, 3.0)
    assert found.split.outcome == "equivalent"
    assert -3 <= found.split.interval_points.low <= found.difference_points
    assert found.difference_points <= found.split.interval_points.high <= 3
    truth = 100 * (whole_q8.run.metrics["acc_norm"].value - whole.run.metrics["acc_norm"].value)
    assert found.split.interval_points.low <= truth <= found.split.interval_points.high
    assert (found.new_items, found.mcnemar_p, found.pick_agreement) == (None, None, None)
    # After a first block at random, small margins come first: those are the ones that may flip.
    places = list(measured.scores)
    assert places[:100] == list(setup.indices[:100])
    leads = {p: abs(metrics.margin(s, "acc_norm")) for p, s in whole.scores.items()}
    drawn, left = places[100:], [place for place in leads if place not in places[:100]]
    means = [sum(leads[place] for place in each) / len(each) for each in (drawn, left)]
    assert means[0] < means[1]
    accuracy = measured.run.metrics["acc_norm"]
    expected = whole.run.metrics["acc_norm"].value + found.difference_points / 100
    assert accuracy.value == pytest.approx(expected)
    assert list(measured.run.metrics) == ["acc_norm"]


def test_the_split_s_accuracy_follows_from_a_slice_and_the_reference(
    tiny_q8: Path, many_items: Path, whole: FileResult, whole_q8: FileResult
) -> None:
    setup = prepare(Options(data=many_items, protocol="lm-eval", limit=100))
    with Store(None) as store:
        measured, found = _compare(whole, tiny_q8, setup, store)
    assert found.n_items == 100
    (found,) = judged([found], N_ITEMS, 1.0)
    known = whole.run.metrics["acc_norm"].value
    estimate = difference_estimate(known, found.difference_points, found.split.interval_points)
    own = measured.run.metrics["acc_norm"].split_interval
    assert estimate.interval.low <= whole_q8.run.metrics["acc_norm"].value <= estimate.interval.high
    assert estimate.interval.high - estimate.interval.low < (own.high - own.low) / 2


def test_without_all_of_the_reference_the_order_is_kept(
    tiny_f16: Path, tiny_q8: Path, many_items: Path
) -> None:
    setup = _setup(many_items, 6.0, limit=128)
    with Store(None) as store:
        reference = measure_reference(tiny_f16, setup, store, NoProgress())
        measured, found = _compare(reference, tiny_q8, setup, store)
    assert found.stopping is not None
    assert found.stopping.design == "random order"
    assert list(measured.scores) == list(setup.indices[: found.n_items])
    assert found.n_items <= len(reference.scores) == 128
    assert found.pick_agreement is not None
    assert set(measured.run.metrics) == set(metrics.METRICS)


def test_an_interrupted_run_ends_as_one_that_was_not(
    tiny_q8: Path, many_items: Path, whole: FileResult, tmp_path: Path
) -> None:
    setup = _setup(many_items, 1.5, batch_tokens=128)
    with Store(None) as store:
        expected, drift = _compare(whole, tiny_q8, setup, store)
    with Store(tmp_path / "a.db") as store:
        for n_items in (10, 40, 100):
            with pytest.raises(KeyboardInterrupt, match=r"at \d+ of 400 items of tiny-Q8_0.gguf"):
                compare_with(whole, tiny_q8, setup, store, StopAfter(n_items), 1)
        measured, found = _compare(whole, tiny_q8, setup, store)
        assert measured.scores == expected.scores
        assert list(measured.scores) == list(expected.scores)
        assert found == drift
        # What was open in a batch, and what it shared with others, is decoded once more.
        more = measured.run.tokens_decoded - expected.run.tokens_decoded
        assert 0 <= more <= 3 * 2 * 128
        again, _ = _compare(whole, tiny_q8, setup, store)
        assert (again.run.speed, again.scores) == (None, expected.scores)


def test_items_of_a_whole_run_are_taken_from_the_store(
    tiny_q8: Path, many_items: Path, whole: FileResult, tmp_path: Path
) -> None:
    with Store(tmp_path / "a.db") as store:
        all_of_it = evaluate_file(
            tiny_q8, prepare(Options(data=many_items, protocol="lm-eval")), store
        )
        measured, _ = _compare(whole, tiny_q8, _setup(many_items), store)
    assert measured.run.speed is None
    assert [each.n_items for each in measured.run.stored] == [400]
    assert measured.scores == {place: all_of_it.scores[place] for place in measured.scores}


class _Notes(NoProgress):
    """Keeps what is shown beside the bar, and after how many items."""

    def __init__(self) -> None:
        self.done = 0.0
        self.notes: list[tuple[float, str]] = []

    def task(self, *_: object) -> Any:
        return self

    def __enter__(self) -> _Notes:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def skip(self, amount: float) -> None:
        self.done += amount

    def advance(self, amount: float, note: str = "") -> None:
        self.done += amount
        if note:
            self.notes.append((self.done, note))


def test_an_interval_is_shown_after_whole_blocks_only(tiny_f16: Path, many_items: Path) -> None:
    shown = _Notes()
    setup = _setup(many_items, 10.0)
    evaluate_file(tiny_f16, setup, sequential=sequential_accuracy(setup), progress=shown)
    assert [done for done, _ in shown.notes] == [64.0 * n for n in range(1, len(shown.notes) + 1)]
    assert all(note.startswith("acc_norm ") and "[" in note for _, note in shown.notes)
    # Items are scored in the order of their prefixes: an accuracy so far is of no sample of them.
    shown = _Notes()
    evaluate_file(tiny_f16, prepare(Options(data=many_items, protocol="lm-eval")), progress=shown)
    assert shown.done == N_ITEMS
    assert shown.notes == []


def test_what_cannot_be_decided_early_is_refused(tiny_items: Path) -> None:
    for options, reason in (
        ({"until": 0.0}, "--until 0 is no margin; use points above 0 and to 100"),
        ({"until": 100.5}, "--until 100.5 is no margin; use points above 0 and to 100"),
        ({"until": 1.0, "order": "file"}, "--until needs items in random order"),
    ):
        with pytest.raises(EdgevalError, match=reason):
            prepare(Options(data=tiny_items, **options))  # type: ignore[arg-type]


def test_nothing_is_pursued_without_being_asked(tiny_items: Path, whole: FileResult) -> None:
    setup = prepare(Options(data=tiny_items))
    assert sequential_accuracy(setup) is None
    assert sequential_drift(setup, whole.scores, 1) is None


def test_a_record_says_how_many_items_each_took(
    tiny_checkpoint: Path, many_items: Path, tmp_path: Path
) -> None:
    options = Options(data=many_items, protocol="lm-eval", until=6.0, kl_items=10)
    record, _ = pipeline.run(
        str(tiny_checkpoint), options, types=["F16", "Q8_0"], out=tmp_path / "a", progress=Lines()
    )
    reference, other = record.runs
    assert reference.stopping is None
    assert other.stopping == record.drift[0].stopping is not None
    assert record.data.n_items == N_ITEMS == sum(record.data.groups.values())
    assert reference.metrics["acc_norm"].total == N_ITEMS
    assert record.data.n_total == N_ITEMS
    assert record.drift[0].divergence is not None
    assert record.drift[0].divergence.n_items == 10
    assert_tells_of_all(record)
    # They were drawn for what they can tell, and say nothing of a group.
    assert record.evidence is not None
    assert record.evidence.groups == []


def test_files_are_evaluated_until_they_are_known(
    tiny_f16: Path, tiny_q8: Path, many_items: Path
) -> None:
    found = evaluate([tiny_f16, tiny_q8], Options(data=many_items, protocol="lm-eval", until=10.0))
    sizes = [run.metrics["acc_norm"].total for run in found.runs]
    assert found.data.n_items == max(sizes) < N_ITEMS
    assert all(run.stopping is not None and run.stopping.is_decided for run in found.runs)
