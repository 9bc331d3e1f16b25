"""Items of one source: the interval for new items with the source as the unit."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t
from statsmodels.api import OLS

from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.records import ClusteredInterval, Drift, Interval, Report
from edgeval.report.derived import renewed
from edgeval.stats.clusters import by_source, clustered
from edgeval.stats.drift import drift
from edgeval.stats.intervals import LEVEL, bonett_price
from edgeval.stats.paired import judged
from edgeval.stats.quantiles import student_t
from edgeval.tasks.hellaswag import HELLASWAG
from edgeval.tasks.item import ItemScore
from tests.helpers.fakes import make_item, make_score
from tests.helpers.reports import example_report, stopped_report

Z = 1.959963984540054
ERROR = (1 - LEVEL) / 2


def _interval(values: Sequence[int], sources: Sequence[str]) -> Interval:
    """Return the interval by source of one type by itself."""
    counts = (sum(value == 1 for value in values), sum(value == -1 for value in values))
    alone = bonett_price(*counts, len(values))
    found = by_source(clustered(values, sources), alone, ERROR)
    assert found is not None
    return found.interval_points


@given(st.integers(0, 2**32 - 1), st.integers(3, 60), st.integers(2, 30))
@settings(max_examples=60, deadline=None)
def test_the_design_effect_is_that_of_statsmodels(seed: int, n_items: int, n_sources: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.choice([-1, 0, 0, 0, 1], n_items)
    sources = [f"video~{number}" for number in rng.integers(0, n_sources, n_items)]
    found = clustered(values.tolist(), sources)
    n_clusters = len(set(sources))
    if len(set(values.tolist())) == 1 or not 1 < n_clusters < n_items:
        assert found is None
        return
    assert found is not None
    model = OLS(values.astype(float), np.ones(n_items))
    groups = np.unique(sources, return_inverse=True)[1]
    robust = model.fit(cov_type="cluster", cov_kwds={"groups": groups}).bse[0]
    assert found.n_clusters == n_clusters
    assert found.design_effect == pytest.approx((robust / model.fit().bse[0]) ** 2, abs=1e-12)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 6, 10, 99, 2058])
def test_quantiles_are_those_of_scipy(freedom: int) -> None:
    for probability in (0.9, 0.95, 0.975, 0.99):
        expected = t.ppf(probability, freedom)
        assert student_t(probability, freedom) == pytest.approx(expected, rel=5e-3)
        if freedom > 5:
            assert student_t(probability, freedom) == pytest.approx(expected, rel=3e-4)


def test_two_items_of_each_source_that_flip_together_count_once() -> None:
    # Of 40 sources two lose both of their items, and one gains both.
    values, sources = [-1] * 4 + [1] * 2 + [0] * 74, [f"s{n // 2}" for n in range(80)]
    found = clustered(values, sources)
    assert found is not None
    assert found.n_clusters == 40
    # Twice the variance, with 40 / 39 for 80 / 79.
    assert found.design_effect == pytest.approx(2 * (40 / 39) / (80 / 79))
    alone, interval = bonett_price(2, 4, 80), _interval(values, sources)
    widths = (interval.high - interval.low) / (alone.high - alone.low)
    quantile = t.ppf((1 + LEVEL) / 2, 39)
    assert widths == pytest.approx(math.sqrt(found.design_effect) * quantile / Z)
    assert interval.high + interval.low == pytest.approx(alone.high + alone.low)
    assert interval.level == alone.level


def test_flips_that_cancel_within_a_source_make_it_narrower() -> None:
    values, sources = [1, -1] * 4 + [0] * 8, [f"s{n // 2}" for n in range(16)]
    found, interval = clustered(values, sources), _interval(values, sources)
    assert found is not None
    assert found.design_effect == pytest.approx(0, abs=1e-12)
    assert interval.low == pytest.approx(interval.high, abs=1e-4)


def test_without_common_sources_or_flips_there_is_nothing_to_say() -> None:
    flips = [1, 0, -1, 0]
    assert clustered(flips, ["a", "b", "c", "d"]) is None
    assert clustered(flips, ["", "", "", ""]) is None
    assert clustered(flips, ["a"] * 4) is None
    assert clustered([0] * 4, ["a", "a", "b", "b"]) is None
    assert clustered([], []) is None
    # Those without a source are each by themselves, whatever others are called.
    found = clustered(flips, ["a", "a", "", ""])
    assert found is not None
    assert found.n_clusters == 3


def test_intervals_cover_where_items_of_a_source_flip_together() -> None:
    rng, n_sources, n_runs = np.random.default_rng(0), 150, 600
    sources = [f"s{n // 2}" for n in range(2 * n_sources)]
    covered = {"sources": 0, "items": 0}
    for _ in range(n_runs):
        flips = rng.choice([-1, 0, 1], n_sources, p=[0.1, 0.8, 0.1])
        values = np.repeat(flips, 2)
        found = _interval(values.tolist(), sources)
        alone = bonett_price(int((values > 0).sum()), int((values < 0).sum()), len(values))
        covered["sources"] += found.low <= 0 <= found.high
        covered["items"] += alone.low <= 0 <= alone.high
    assert covered["sources"] >= 0.93 * n_runs
    assert covered["items"] <= 0.88 * n_runs


def _scores(picks: list[int], sources: list[str]) -> list[ItemScore]:
    items = [
        replace(make_item(name=str(n), choices=["x", "y"]), source=source)
        for n, source in enumerate(sources)
    ]
    rows = [(-1.0, -2.0) if pick == 0 else (-2.0, -1.0) for pick in picks]
    return [make_score(row, item) for item, row in zip(items, rows, strict=True)]


def _compared(scores: list[ItemScore], reference: list[ItemScore]) -> Drift:
    (found,) = judged([drift("Q4_0", scores, "F16", reference, "acc")], 20, 1.0)
    return found


def test_a_comparison_has_it_beside_the_interval_for_new_items() -> None:
    sources = [f"s{n // 2}" for n in range(20)]
    reference = _scores([0] * 10 + [1] * 10, sources)
    other = _scores([0] * 8 + [1] * 12, sources)
    found = _compared(other, reference).new_items_clustered
    values = [
        int(pick == item.item.gold) - int(before == item.item.gold)
        for pick, before, item in zip([0] * 8 + [1] * 12, [0] * 10 + [1] * 10, other, strict=True)
    ]
    assert found is not None
    assert found.n_clusters == 10
    assert found == by_source(clustered(values, sources), bonett_price(0, 2, 20), ERROR)
    alone = [replace(score, item=replace(score.item, source="")) for score in other]
    theirs = [replace(score, item=replace(score.item, source="")) for score in reference]
    assert _compared(alone, theirs).new_items_clustered is None


def _report(**changes: object) -> Report:
    """Return a report of which one type's items are said to be of so many sources."""
    record = example_report(n_items=1000, status=None)
    fields: dict[str, object] = {"n_clusters": 800, "design_effect": 1.2}
    interval = Interval(low=-9, high=9, level=0.95)
    of = ClusteredInterval.model_validate(fields | {"interval_points": interval} | changes)
    first = record.drift[-1].model_copy(update={"new_items_clustered": of})
    return record.model_copy(update={"drift": [*record.drift[:-1], first]})


def test_the_interval_follows_from_the_flips_and_what_was_measured() -> None:
    record = renewed(_report())
    found = record.drift[-1]
    assert found.new_items_clustered is not None
    interval, alone = found.new_items_clustered.interval_points, found.new_items
    assert alone is not None
    # The intervals of a ladder's types hold together, by items and by sources.
    tail = 1 - ERROR / len(record.drift)
    wider = math.sqrt(1.2) * t.ppf(tail, 799) / NormalDist().inv_cdf(tail)
    assert interval.high - interval.low == pytest.approx(wider * (alone.high - alone.low), rel=1e-6)
    assert interval.high + interval.low == pytest.approx(alone.high + alone.low)
    # Stopped early, there is no interval for new items of either kind.
    record = stopped_report(status=None)
    odd = record.drift[-1].model_copy(update={"new_items_clustered": found.new_items_clustered})
    changed = record.model_copy(update={"drift": [*record.drift[:-1], odd]})
    assert renewed(changed).drift[-1].new_items_clustered is None


@pytest.mark.parametrize("changes", [{"n_clusters": 1000}, {"design_effect": 2001.0}])
def test_sources_that_the_items_cannot_have_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"Q2_K is compared by sources that its items cannot have"):
        renewed(_report(**changes))


def _rows(sources: list[object]) -> list[dict[str, object]]:
    row = {"activity_label": "A", "ctx_a": "a b.", "ctx_b": "she", "ctx": "a b. she"}
    row |= {"endings": ["w.", "x.", "y.", "z."], "label": "1"}
    rows = [{"ind": n, **row} for n in range(len(sources))]
    for each, source in zip(rows, sources, strict=True):
        if source is not None:
            each["source_id"] = source
    return rows


def test_items_keep_their_source_and_data_their_fingerprint(tmp_path: Path) -> None:
    path, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    sources = ["activitynet~v_1", "activitynet~v_1", "wikihow~2", None, ""]
    path.write_text("\n".join(map(json.dumps, _rows(list(sources)))), "utf-8")
    changed = ["activitynet~v_7", "activitynet~v_8", "wikihow~9", None, ""]
    other.write_text("\n".join(map(json.dumps, _rows(list(changed)))), "utf-8")
    found = HELLASWAG.load(path)
    assert [each.source for each in found.items("lm-eval")] == [each or "" for each in sources]
    assert found.fingerprint == HELLASWAG.load(other).fingerprint
    assert found.fingerprint == FINGERPRINT
    shown = prepare(Options(data=path, shots=1, shots_data=path)).item_at(0)
    assert shown.source == "activitynet~v_1"
    text = tmp_path / "a.txt"
    text.write_text("A: a b. she\n1\nw.\nx.\ny.\nz.\n", "utf-8")
    assert [each.source for each in HELLASWAG.load(text).items("text")] == [""]


FINGERPRINT = "e40f2447e6827093070cc10ea588bdfe233d70d4a8d8337eeed4f9529aea6d00"
"""Of these items, by the edgeval before items had a source."""
