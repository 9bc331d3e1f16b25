"""Sketches of distributions: the bound that they give, and where they come from and go."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import Lines, StopAfter
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import add_items, open_run

from edgeval import llama
from edgeval.checkpoints.cards import cards_folder
from edgeval.checkpoints.convert.convert import convert
from edgeval.errors import EdgevalError, EngineError
from edgeval.evaluation import file_scorer
from edgeval.evaluation.file_scorer import FileResult, evaluate_file
from edgeval.evaluation.kl_items import KeepTopLogprobs, ReferenceTopLogprobs
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.quantization.quantize import quantize
from edgeval.scoring.distributions import RequestDivergence, of_item
from edgeval.scoring.logits import reduce_logits
from edgeval.scoring.plan import plan
from edgeval.scoring.score import settings_for
from edgeval.stats import top_logprobs
from edgeval.stats.kl import divergence
from edgeval.stats.top_logprobs import ItemDivergence, TopLogprobs, draw, kl, rest, top
from edgeval.store.repair import repair
from edgeval.store.runs import delete_run
from edgeval.store.schema import _APPLICATION_ID, _MIGRATIONS, SCHEMA_VERSION
from edgeval.store.store import Store
from edgeval.tasks.requests import Batch

N_POSITIONS = 5
BATCH_TOKENS = 64


def _log_softmax(logits: Any) -> Any:
    exact = logits.astype(np.float64)
    return exact - np.logaddexp.reduce(exact, axis=1, keepdims=True)


def _exact_kl(reference: Any, other: Any) -> Any:
    p, q = _log_softmax(reference), _log_softmax(other)
    return (np.exp(p) * (p - q)).sum(axis=1)


def _sketched(logits: Any, ids: Any) -> Any:
    return np.take_along_axis(_log_softmax(logits), ids.astype(np.int64), axis=1).astype(np.float32)


@st.composite
def _logits(draw: st.DrawFn) -> tuple[Any, Any]:
    """Logits of two models: peaked and flat ones, near ones and far ones, with ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_vocab = draw(st.integers(1, 300))
    scale, apart = (10.0 ** draw(st.floats(-3, 1.5)) for _ in range(2))
    first = scale * rng.standard_normal((N_POSITIONS, n_vocab))
    second = first + apart * rng.standard_normal((N_POSITIONS, n_vocab))
    if draw(st.booleans()):
        first, second = np.round(first), np.round(second)
    return first.astype(np.float32), second.astype(np.float32)


@given(_logits(), st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_the_divergence_is_a_lower_bound_and_never_negative(
    logits: tuple[Any, Any], n_tokens: int
) -> None:
    first, second = logits
    ids = top(first, min(n_tokens, first.shape[1]))
    found, exact = kl(_sketched(first, ids), _sketched(second, ids)), _exact_kl(first, second)
    assert found.dtype == np.float64
    assert (found <= exact * (1 + 1e-6) + 1e-6).all()
    assert (found >= -1e-9).all()
    assert np.isfinite(found).all()


@given(_logits())
@settings(max_examples=100, deadline=None)
def test_all_tokens_give_the_divergence_itself(logits: tuple[Any, Any]) -> None:
    first, second = logits
    ids = top(first, first.shape[1])
    found = kl(_sketched(first, ids), _sketched(second, ids))
    np.testing.assert_allclose(found, _exact_kl(first, second), rtol=1e-5, atol=1e-6)


def test_the_divergence_of_hand_made_distributions() -> None:
    # Of 0.5, 0.25 and 0.25 two tokens are listed; and so of 0.25, 0.25 and 0.5.
    reference, other = np.log([[0.5, 0.25]]), np.log([[0.25, 0.25]])
    expected = 0.5 * np.log(2) + 0.25 * np.log(0.25 / 0.5)
    found = kl(reference.astype(np.float32), other.astype(np.float32))
    np.testing.assert_allclose(found, [expected], atol=1e-6)


def test_what_nothing_is_left_of_is_still_finite() -> None:
    certain = np.array([[0.0, -200.0]], np.float32)
    unsure = np.array([[np.log(0.5), -200.0]], np.float32)
    assert kl(certain, certain) == 0
    np.testing.assert_allclose(kl(certain, unsure), np.log(2), atol=1e-5)
    # The remainder of 0.5 is compared with one that rounds to nothing: 2**-22 at most.
    np.testing.assert_allclose(kl(unsure, certain), 0.5 * np.log(0.25 * 2**22), rtol=1e-3)


@given(_logits(), st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_the_top_is_the_beginning_of_a_stable_sort(logits: tuple[Any, Any], n_tokens: int) -> None:
    for rows in logits:
        n = min(n_tokens, rows.shape[1])
        expected = np.argsort(-rows, axis=1, kind="stable")[:, :n]
        np.testing.assert_array_equal(top(rows, n), expected)


@given(_logits(), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_packed_sketches_come_back(logits: tuple[Any, Any], n_tokens: int) -> None:
    ids = top(logits[0], min(n_tokens, logits[0].shape[1]))
    whole = TopLogprobs(ids, _sketched(logits[0], ids))
    for n_drawn in range(min(3, ids.shape[1])):
        found = top_logprobs.unpack(
            top_logprobs.pack(TopLogprobs(whole.ids, whole.logprobs, n_drawn))
        )
        np.testing.assert_array_equal(found.ids, whole.ids)
        np.testing.assert_array_equal(found.logprobs, whole.logprobs)
        assert (found.ids.dtype, found.logprobs.dtype) == (np.uint32, np.float32)
        assert (found.n_drawn, found.n_listed) == (n_drawn, ids.shape[1] - n_drawn)


def test_another_version_is_refused() -> None:
    packed = top_logprobs.pack(
        TopLogprobs(np.zeros((1, 1), np.uint32), np.zeros((1, 1), np.float32))
    )
    assert top_logprobs.is_current(packed)
    with pytest.raises(ValueError, match=r"version 2 .* b'\\x03'"):
        top_logprobs.unpack(b"\x03" + packed[1:])


def test_items_in_sum_and_their_clustered_error() -> None:
    found = divergence([ItemDivergence(10, 1.0, 9, 0.5), ItemDivergence(30, 2.0, 27, 1.5)])
    assert (found.n_items, found.n_positions) == (2, 40)
    assert found.kl_nats == 3 / 40
    assert found.top1_agreement == 0.9
    # The residuals are 1 - 0.75 and 2 - 2.25: sqrt(2 / 1 * 2 * 0.25 ** 2) / 40.
    assert found.kl_error_nats == pytest.approx(0.5 / 40)
    assert found.remainder_mass == 2 / 40
    assert (found.kl_full_nats, found.kl_full_error_nats, found.kl_upper_nats) == (None,) * 3
    assert divergence([ItemDivergence(10, 1.0, 9, 0.5)]).kl_error_nats is None


def test_the_error_is_that_of_means_where_items_are_equally_long() -> None:
    rng = np.random.default_rng(0)
    means = rng.random(50)
    found = divergence([ItemDivergence(7, 7 * each, 7, 0.1) for each in means])
    assert found.kl_nats == pytest.approx(means.mean())
    assert found.kl_error_nats == pytest.approx(means.std(ddof=1) / np.sqrt(50))


def _batch(rows: Any, counts: list[int]) -> Batch:
    empty = np.zeros(0, dtype=np.int32)
    requests = np.arange(5, 5 + len(counts))
    none = np.zeros(0, dtype=np.int8)
    counted = np.array(counts, dtype=np.int32)
    return Batch(requests, empty, empty, empty, empty, none, rows, np.zeros_like(rows), counted)


@pytest.mark.parametrize("threads", [1, 3])
def test_logits_are_read_where_it_is_wanted_only(threads: int) -> None:
    rng = np.random.default_rng(0)
    first = (3 * rng.standard_normal((50, 77))).astype(np.float32)
    second = (first + 0.3 * rng.standard_normal((50, 77))).astype(np.float32)
    rows = rng.integers(0, 50, 60).astype(np.int32)
    batch, positions = _batch(rows, [20, 25, 15]), {5: slice(0, 20), 7: slice(45, 60)}
    with ThreadPoolExecutor(threads) as pool:
        plain = reduce_logits(first, batch, pool, threads)
        made = reduce_logits(first, batch, pool, threads, {5: None, 7: None, 8: None})
        sketches = {request: each for request, each in made.seen.items() if each}
        compared = reduce_logits(second, batch, pool, threads, sketches)
    assert plain.seen == {}
    np.testing.assert_array_equal(plain.logprobs, made.logprobs)
    np.testing.assert_array_equal(plain.is_greedy, made.is_greedy)
    assert made.seen.keys() == compared.seen.keys() == positions.keys()
    for request, part in positions.items():
        one, other = first[rows[part]], second[rows[part]]
        found, apart = made.seen[request], compared.seen[request]
        assert isinstance(found, TopLogprobs)
        assert isinstance(apart, RequestDivergence)
        np.testing.assert_array_equal(found.ids[:, :32], top(one, 32))
        np.testing.assert_array_equal(found.ids[:, 32:], draw(one, top(one, 32), 4))
        assert found.n_drawn == 4
        np.testing.assert_allclose(found.logprobs, _sketched(one, found.ids), atol=2e-6)
        assert (np.diff(found.logprobs[:, :32], axis=1) <= 0).all()
        ours, theirs = _sketched(one, found.ids), _sketched(other, found.ids)
        np.testing.assert_allclose(apart.kl, kl(ours[:, :32], theirs[:, :32]), atol=2e-6)
        np.testing.assert_allclose(apart.rest, rest(ours, theirs, 4), rtol=1e-4, atol=2e-6)
        left = 1 - np.exp(ours[:, :32].astype(np.float64)).sum(axis=1)
        np.testing.assert_allclose(apart.remainder, left, atol=1e-6)
        assert apart.is_same_top.tolist() == (one.argmax(1) == other.argmax(1)).tolist()


def test_what_is_not_finite_names_the_item(tiny_items: Path) -> None:
    item = prepare(Options(data=tiny_items, limit=1)).items[0]
    ids = np.zeros((1, 2), np.uint32)
    broken = TopLogprobs(ids, np.array([[0.0, -np.inf]], np.float32))
    one, none = np.array([0.5]), np.zeros((1, 0))
    apart = RequestDivergence(np.array([np.inf]), np.array([True]), one, none)
    drawn = RequestDivergence(one, np.array([True]), one, np.array([[0.1, np.nan]]))
    for part in (broken, apart, drawn):
        with pytest.raises(EngineError, match=rf"item {item.id}: .* not finite"):
            of_item(item, [part])


def _setup(items: Path, **options: Any) -> EvalSetup:
    return prepare(Options(data=items, batch_tokens=BATCH_TOKENS, threads=2, **options))


def _sketches(
    gguf: Path, setup: EvalSetup, n: int, store: Store | None = None, **how: Any
) -> FileResult:
    places = setup.indices[:n]
    return evaluate_file(gguf, setup, store, wanted=KeepTopLogprobs(places), **how)


@pytest.fixture(scope="module")
def tiny_q4(tiny_f16: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path,) = quantize(tiny_f16, ["Q4_0"], tmp_path_factory.mktemp("q4"))
    return path


def _same(first: ReferenceTopLogprobs | None, second: ReferenceTopLogprobs | None) -> bool:
    assert first is not None
    assert second is not None
    return (first.reference, list(first.of_index)) == (
        second.reference,
        list(second.of_index),
    ) and all(
        top_logprobs.pack(one) == top_logprobs.pack(other)
        for one, other in zip(first.of_index.values(), second.of_index.values(), strict=True)
    )


def test_scores_are_the_same_with_and_without(
    tiny_f16: Path, tiny_q4: Path, tiny_items: Path
) -> None:
    setup = _setup(tiny_items)
    made = _sketches(tiny_f16, setup, 15)
    compared = evaluate_file(tiny_q4, setup, wanted=made.top_logprobs)
    plain = [evaluate_file(path, setup) for path in (tiny_f16, tiny_q4)]
    assert [each.scores for each in plain] == [made.scores, compared.scores]
    assert [(each.top_logprobs, each.divergence) for each in plain] == [(None, None)] * 2
    assert made.top_logprobs is not None
    assert list(made.top_logprobs.of_index) == list(setup.indices[:15])
    lengths = [len(each) for each in made.top_logprobs.of_index.values()]
    assert lengths == [sum(score.n_tokens) for score in list(made.scores.values())[:15]]
    assert compared.divergence is not None
    assert (compared.divergence.n_items, compared.divergence.n_positions) == (15, sum(lengths))
    assert 0 < compared.divergence.kl_nats < 1
    assert 0.3 < compared.divergence.top1_agreement < 1


def test_a_model_does_not_diverge_from_itself(tiny_f16: Path, tiny_items: Path) -> None:
    setup = _setup(tiny_items, limit=12)
    wanted = _sketches(tiny_f16, setup, 12).top_logprobs
    found = evaluate_file(tiny_f16, setup, wanted=wanted).divergence
    assert found is not None
    assert (found.kl_nats, found.kl_error_nats, found.top1_agreement) == (0, 0, 1)


def test_interrupted_runs_end_with_the_same_divergence(
    tiny_f16: Path,
    tiny_q4: Path,
    tiny_items: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 0.0)
    setup = _setup(tiny_items)
    made = _sketches(tiny_f16, setup, 20)
    expected = evaluate_file(tiny_q4, setup, wanted=made.top_logprobs)
    with Store(tmp_path / "a.db") as store:
        for n_items in (3, 9):
            with pytest.raises(KeyboardInterrupt):
                _sketches(tiny_f16, setup, 20, store, progress=StopAfter(n_items))
        again = _sketches(tiny_f16, setup, 20, store)
        assert _same(again.top_logprobs, made.top_logprobs)
        with pytest.raises(KeyboardInterrupt):
            evaluate_file(tiny_q4, setup, store, wanted=again.top_logprobs, progress=StopAfter(7))
        resumed = evaluate_file(tiny_q4, setup, store, wanted=again.top_logprobs)
        lines = Lines()
        repeated = evaluate_file(tiny_q4, setup, store, wanted=again.top_logprobs, progress=lines)
    assert resumed.divergence == repeated.divergence == expected.divergence
    assert resumed.scores == expected.scores
    assert repeated.run.speed is None
    assert lines.lines == [f"{tiny_q4.name}: 40 of 40 items already scored"]


def test_what_is_wanted_later_is_what_would_have_been_seen(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    setup, lines = _setup(tiny_items), Lines()
    expected = _sketches(tiny_f16, setup, 20)
    with Store(tmp_path / "a.db") as store:
        scored = evaluate_file(tiny_f16, setup, store)
        few = _sketches(tiny_f16, setup, 5, store, progress=lines)
        more = _sketches(tiny_f16, setup, 20, store, progress=lines)
    name = tiny_f16.name
    assert lines.lines == [
        f"{name}: 40 of 40 items already scored",
        f"{name}: decoding 5 of them once more",
        f"{name}: 40 of 40 items already scored",
        f"{name}: decoding 15 of them once more",
    ]
    assert scored.scores == few.scores == more.scores
    assert _same(more.top_logprobs, expected.top_logprobs)
    # In the batches of these items only.
    assert few.run.tokens_decoded < 1.5 * scored.run.tokens_decoded


def test_no_divergence_is_answered_for_another_reference(
    tiny_f16: Path, tiny_f32: Path, tiny_q4: Path, tiny_items: Path, tmp_path: Path
) -> None:
    setup = _setup(tiny_items, limit=10)
    with Store(tmp_path / "a.db") as store:
        references = [
            _sketches(path, setup, 10, store).top_logprobs for path in (tiny_f16, tiny_q4)
        ]
        found = [evaluate_file(tiny_q4, setup, store, wanted=each) for each in references]
        again = evaluate_file(tiny_q4, setup, store, wanted=references[0])
    divergences = [each.divergence for each in found]
    assert divergences[0] is not None
    assert divergences[1] is not None
    assert divergences[0].kl_nats > 1e-3
    assert divergences[1].kl_nats == 0
    assert again.divergence == divergences[0]


def test_a_reference_of_other_tokens_is_refused(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    setup = _setup(tiny_items, limit=2)
    made = _sketches(tiny_f16, setup, 2).top_logprobs
    assert made is not None
    for of_place in (
        {place: each.part(slice(1, None)) for place, each in made.of_index.items()},
        {
            place: TopLogprobs(each.ids + 512, each.logprobs)
            for place, each in made.of_index.items()
        },
    ):
        with pytest.raises(EdgevalError, match=r"item .* other tokens .* one tokenizer"):
            evaluate_file(tiny_f16, setup, wanted=ReferenceTopLogprobs(made.reference, of_place))


def _rows(db: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(db)) as connection:
        (n,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(n)


def _change(db: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(db)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_what_has_changed_on_the_disk_is_seen_again(
    tiny_f16: Path, tiny_q4: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db, setup = tmp_path / "a.db", _setup(tiny_items, limit=10)
    results = []
    for change in ("", "packed = zeroblob(9)", "checksum = checksum + 1"):
        if change:
            _change(
                db, f"UPDATE sketch SET {change} WHERE item % 2", "UPDATE divergence SET kl_sum = 0"
            )
        with Store(db) as store:
            made = _sketches(tiny_f16, setup, 10, store)
            results.append((made, evaluate_file(tiny_q4, setup, store, wanted=made.top_logprobs)))
    for made, compared in results[1:]:
        assert _same(made.top_logprobs, results[0][0].top_logprobs)
        assert compared.divergence == results[0][1].divergence
    assert (_rows(db, "sketch"), _rows(db, "divergence")) == (10, 10)


def test_a_deleted_run_takes_its_sketches_and_divergences_with_it(
    tiny_f16: Path, tiny_q4: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db, setup = tmp_path / "a.db", _setup(tiny_items, limit=4)
    with Store(db) as store:
        made = _sketches(tiny_f16, setup, 3, store).top_logprobs
        evaluate_file(tiny_q4, setup, store, wanted=made)
    assert (_rows(db, "sketch"), _rows(db, "divergence")) == (3, 3)
    delete_run(db, 1)
    assert (_rows(db, "sketch"), _rows(db, "divergence")) == (0, 3)
    delete_run(db, 2)
    assert (_rows(db, "sketch"), _rows(db, "divergence")) == (0, 0)


def _full_logits(gguf: Path, setup: EvalSetup) -> dict[int, Any]:
    """Return for each item of a setup its logits at all scored positions, choice after choice."""
    found: dict[int, Any] = {}
    with contextlib.ExitStack() as stack:
        vocabulary = stack.enter_context(llama.Tokenizer(gguf))
        kernels = setup.of(vocabulary.info).kernels.kernels
        model = stack.enter_context(llama.Model(gguf, kernels=kernels))
        choices = [setup.protocol.requests(item, vocabulary) for item in setup.items]
        planned = plan([request for each in choices for request in each], 1024)
        numbers = [i for i, requests in enumerate(choices) for _ in requests]
        parts: dict[int, Any] = {}
        with llama.Session(model, settings_for(planned, model.file_type, 2)) as session:
            for batch in planned:
                logits = session.decode(batch)[batch.rows]
                bounds = [0, *itertools.accumulate(batch.counts.tolist())]
                for request, part in zip(
                    batch.requests.tolist(), itertools.pairwise(bounds), strict=True
                ):
                    parts[request] = logits[slice(*part)].copy()
    for request in sorted(parts):
        found.setdefault(numbers[request], []).append(parts[request])
    return {index: np.concatenate(each) for index, each in found.items()}


def test_the_demo_diverges_by_a_little_less_than_its_full_logits_say(tmp_path: Path) -> None:
    f16 = convert(cards_folder() / "demo", tmp_path / "demo-F16.gguf", "f16")
    (q4_k_m,) = quantize(f16, ["Q4_K_M"], tmp_path)
    setup = prepare(Options(data=cards_folder() / "demo" / "items.jsonl", limit=20, threads=2))
    made = _sketches(f16, setup, 20)
    found = evaluate_file(q4_k_m, setup, wanted=made.top_logprobs).divergence
    first, second = (_full_logits(path, setup) for path in (f16, q4_k_m))
    exact = np.concatenate([_exact_kl(first[index], second[index]) for index in range(20)])
    same = np.concatenate([first[i].argmax(1) == second[i].argmax(1) for i in range(20)])
    assert found is not None
    assert found.n_positions == len(exact)
    assert found.top1_agreement == same.mean()
    assert 0.95 * exact.mean() <= found.kl_nats <= exact.mean() + 1e-6
    assert found.kl_full_nats == pytest.approx(exact.mean(), rel=0.01)
    assert found.kl_upper_nats is not None
    assert exact.mean() <= found.kl_upper_nats <= 1.02 * exact.mean()


def _version_1(db: Path) -> None:
    """Make a store as version 1 made it."""
    version = [f"PRAGMA application_id = {_APPLICATION_ID}", "PRAGMA user_version = 1"]
    _change(db, *_MIGRATIONS[0], *version)


def test_a_store_of_version_1_becomes_one_of_this_version(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db, old, setup = tmp_path / "a.db", tmp_path / "old.db", _setup(tiny_items, limit=10)
    with Store(db) as store:
        scored = evaluate_file(tiny_f16, setup, store)
    _version_1(old)
    tables = ("measurement", "plan", "score", "file_hash")
    copies = [f"INSERT INTO {table} SELECT * FROM new.{table}" for table in tables]
    with contextlib.closing(sqlite3.connect(old)) as connection:
        connection.execute("ATTACH ? AS new", (str(db),))
        with connection:
            for each in copies:
                connection.execute(each)
    with Store(old) as store:
        made = _sketches(tiny_f16, setup, 4, store)
    assert made.scores == scored.scores
    assert _rows(old, "sketch") == 4
    with contextlib.closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_a_migrated_store_without_its_first_page_is_repaired(tmp_path: Path) -> None:
    db = tmp_path / "a.db"
    _version_1(db)
    # Pages of old tables come before those of the new ones, which a new store has at its beginning.
    _change(db, *(f"INSERT INTO file_hash VALUES ('{i:0500}', '', '', 0)" for i in range(50)))
    with Store(db) as store, open_run(store) as measurement:
        add_items(measurement, range(100))
    with contextlib.closing(sqlite3.connect(db)) as connection:
        roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_master").fetchall())
    assert roots["sketch"] > 10
    with db.open("r+b") as file:
        file.write(bytes(600))
    found = repair(db)
    assert [(run.n_scored, run.n_planned) for run in found.runs] == [(100, 100)]
    assert _rows(Path(str(found.out)), "score") == 100


def test_a_bad_page_of_sketches_costs_no_score(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db, setup = tmp_path / "a.db", _setup(tiny_items, limit=10)
    with Store(db) as store:
        made = _sketches(tiny_f16, setup, 10, store)
    with contextlib.closing(sqlite3.connect(db)) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sketch'")
    with db.open("r+b") as file:
        file.seek(4096 * (root - 1))
        file.write(bytes(4096))
    with pytest.raises(EdgevalError, match="edgeval runs repair"):
        Store(db)
    found = repair(db)
    assert found.n_lost == 0
    with Store(Path(str(found.out))) as store:
        assert _rows(Path(str(found.out)), "score") == 10
        again = _sketches(tiny_f16, setup, 10, store)
    assert again.scores == made.scores
    assert _same(again.top_logprobs, made.top_logprobs)
