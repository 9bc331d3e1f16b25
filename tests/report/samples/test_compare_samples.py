"""Comparison of real samples: each number again by hand, with scipy and statsmodels."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from edgeval.records.paired_samples import PairedMetric, PairedSamples
from edgeval.report.samples.compare import compare_samples
from tests.helpers.logged import unpacked

RESULTS = "results_*.json"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return unpacked(tmp_path_factory.mktemp("logged"))


@pytest.fixture(scope="module")
def found(folders: tuple[Path, Path]) -> PairedSamples:
    return compare_samples(folders)


def logged(folder: Path, task: str, filtered: str) -> list[dict[str, Any]]:
    (path,) = folder.glob(f"samples_{task}_*.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted((each for each in rows if each["filter"] == filtered), key=lambda r: r["doc_id"])


def values(folders: tuple[Path, Path], found: PairedMetric) -> list[np.ndarray]:
    (task,) = found.tasks
    return [
        np.array([each[found.metric] for each in logged(folder, task, found.filter)], np.float64)
        for folder in folders
    ]


def single(found: PairedSamples, kind: str) -> list[PairedMetric]:
    rows = [row for row in found.comparisons[0].metrics if row.kind == kind and not row.is_pooled]
    assert rows
    return rows


def test_values_and_errors_are_those_of_the_harness_results(
    folders: tuple[Path, Path], found: PairedSamples
) -> None:
    results = [json.loads(next(each.glob(RESULTS)).read_text("utf-8")) for each in folders]
    for row in found.comparisons[0].metrics:
        if row.is_pooled:
            continue
        first, other = (each["results"][row.tasks[0]] for each in results)
        name = f"{row.metric},{row.filter}"
        assert (row.reference_value, row.value) == pytest.approx((first[name], other[name]))
        if row.kind in ("share", "mean"):
            error = f"{row.metric}_stderr,{row.filter}"
            assert (row.reference_error, row.error) == pytest.approx((first[error], other[error]))


def test_right_items_are_tested_as_statsmodels_tests_them(
    folders: tuple[Path, Path], found: PairedSamples
) -> None:
    for row in single(found, "share"):
        first, other = values(folders, row)
        lost, gained = int(((first == 1) & (other == 0)).sum()), int((other > first).sum())
        assert (row.lost, row.gained, row.n_items) == (lost, gained, 60)
        assert row.p_value == pytest.approx(mcnemar([[0, lost], [gained, 0]], exact=True).pvalue)
        assert row.difference == pytest.approx(100 * (other - first).mean())
        assert row.paired_error == pytest.approx(100 * stats.sem(other - first))
        assert row.unpaired_error == pytest.approx(
            100 * math.hypot(stats.sem(first), stats.sem(other))
        )
        assert [flip.doc_id for flip in row.flips] == np.flatnonzero(first != other).tolist()


def test_numbers_are_tested_as_scipy_tests_them(
    folders: tuple[Path, Path], found: PairedSamples
) -> None:
    for row in single(found, "mean"):
        first, other = values(folders, row)
        expected = stats.ttest_rel(other, first)
        interval = expected.confidence_interval(0.95)
        assert row.interval is not None
        assert row.p_value == pytest.approx(expected.pvalue, rel=1e-9)
        assert (row.interval.low, row.interval.high) == pytest.approx(tuple(interval), rel=1e-6)


def test_an_ending_perplexity_is_a_paired_test_of_log_likelihoods(
    folders: tuple[Path, Path], found: PairedSamples
) -> None:
    (row,) = (each for each in single(found, "perplexity") if each.metric == "perplexity")
    first, other = values(folders, row)
    expected = stats.ttest_rel(-other, -first)
    assert row.difference == pytest.approx((first - other).mean())
    assert row.p_value == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("metric", ["word_perplexity", "byte_perplexity", "bits_per_byte"])
def test_perplexities_of_texts_are_ratios_of_sums(
    metric: str, folders: tuple[Path, Path], found: PairedSamples
) -> None:
    (row,) = (each for each in found.comparisons[0].metrics if each.metric == metric)
    first, other = values(folders, row)
    unit = math.log(2) if metric == "bits_per_byte" else 1.0
    gains, weights, n_texts = (first - other)[:, 0] / unit, first[:, 1], len(first)
    ratio = gains.sum() / weights.sum()
    # Cochran 1977, section 2.11.
    apart = gains - ratio * weights
    error = math.sqrt(n_texts / (n_texts - 1) * (apart**2).sum()) / weights.sum()
    half = stats.t.ppf(0.975, n_texts - 1) * error
    assert row.interval is not None
    assert row.difference == pytest.approx(ratio)
    assert row.paired_error == pytest.approx(error)
    # The quantile of eleven degrees of freedom is an expansion, 0.0005 % too small.
    ends = (row.interval.low, row.interval.high)
    assert ends == pytest.approx((ratio - half, ratio + half), rel=1e-5)
    assert row.p_value == pytest.approx(2 * stats.t.sf(abs(ratio / error), n_texts - 1))


def test_items_of_several_tasks_are_pooled_by_strata(
    folders: tuple[Path, Path], found: PairedSamples
) -> None:
    (row,) = found.comparisons[0].pooled
    assert (row.tasks, row.metric) == (["demo_choices", "demo_endings"], "acc")
    parts = [each for each in single(found, "share") if each.metric == "acc"]
    gains = [np.subtract(*reversed(values(folders, part))) for part in parts]
    lost, gained = sum(part.lost or 0 for part in parts), sum(part.gained or 0 for part in parts)
    assert (row.lost, row.gained, row.n_items) == (lost, gained, 120)
    assert row.p_value == pytest.approx(mcnemar([[0, lost], [gained, 0]], exact=True).pvalue)
    variance = sum(len(each) * each.var(ddof=1) for each in gains) / 120**2
    assert row.paired_error == pytest.approx(100 * math.sqrt(variance))


def test_all_that_is_tested_is_adjusted_together(found: PairedSamples) -> None:
    rows = found.comparisons[0].metrics
    expected = multipletests([row.p_value for row in rows], method="holm")[1]
    assert found.n_tests == len(rows) == 12
    assert [row.p_holm for row in rows] == pytest.approx(list(expected))
    assert {row.metric for row in rows if row.shows != "open"} == {
        *("perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte")
    }


def test_flips_have_the_answers_of_both(folders: tuple[Path, Path], found: PairedSamples) -> None:
    (row,) = (each for each in single(found, "share") if each.metric == "acc_norm")
    assert row.flips
    for flip in row.flips:
        doc = logged(folders[0], "demo_choices", "none")[flip.doc_id]["doc"]
        gold = int(doc["label"])
        right, wrong = (flip.answer, flip.reference_answer)
        if not flip.is_gained:
            right, wrong = wrong, right
        assert flip.target == right == f"{gold}: {doc['choices'][gold]}"
        assert wrong is not None
        assert wrong != right
        assert wrong.split(": ", 1)[1] in doc["choices"]


def test_log_likelihoods_are_subtracted(folders: tuple[Path, Path], found: PairedSamples) -> None:
    (task,) = (each for each in found.comparisons[0].tasks if each.task == "demo_choices")
    first, other = (
        np.array([[float(each[0]) for each in row["filtered_resps"]] for row in rows])
        for rows in (logged(folder, "demo_choices", "none") for folder in folders)
    )
    change = task.loglikelihoods
    assert change is not None
    assert change.n_requests == 240
    assert change.mean == pytest.approx((other - first).mean())
    assert change.p99_abs == pytest.approx(np.quantile(np.abs(other - first), 0.99))


def test_sources_say_what_their_results_say(found: PairedSamples) -> None:
    first, other = found.sources
    assert (first.label, other.label) == ("demo", "demo-coarse")
    assert (first.backend, first.harness, other.differences) == ("hf", "0.4.13", [])
    assert [task.differences for task in found.comparisons[0].tasks] == [[], [], [], []]


def test_two_files_of_one_task_are_a_pair(folders: tuple[Path, Path], found: PairedSamples) -> None:
    paths = [next(each.glob("samples_demo_words_*")) for each in folders]
    (task,) = compare_samples(paths).comparisons[0].tasks
    (same,) = (each for each in found.comparisons[0].tasks if each.task == "demo_words")
    assert [(each.p_value, each.flips) for each in task.metrics] == [
        (each.p_value, each.flips) for each in same.metrics
    ]
