"""Forecasts of runs with a real tiny model: what is foretold is what is then done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeval.engine import Calibration
from edgeval.errors import EdgevalError
from edgeval.evaluation import pipeline
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.forecast import alternatives
from edgeval.evaluation.forecast import forecast as foretelling
from edgeval.evaluation.forecast.trial import _rate_of
from edgeval.evaluation.options import Options
from edgeval.quantization.quantize import quantize
from edgeval.records import Report
from edgeval.records.forecast import Forecast
from edgeval.store.runs import list_runs
from tests.helpers.tiny import make_items, write_items

TYPES = ("F16", "Q8_0", "Q2_K")
N_ITEMS = 60


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_items(tmp_path_factory.mktemp("items") / "items.jsonl", make_items(N_ITEMS))


def options(items: Path, **more: Any) -> Options:
    return Options(data=items, protocol="lm-eval", kl_items=4, **more)


def foretold(model: Path, given: Options, **more: Any) -> Forecast:
    return pipeline.forecast(model, given, types=TYPES, progress=None, **more)


def run(model: Path, given: Options, out: Path, **more: Any) -> Report:
    report = pipeline.run(model, given, types=TYPES, out=out, progress=None, **more).report
    assert isinstance(report, Report)
    return report


def test_each_type_is_tried(tiny_f16: Path, items: Path) -> None:
    found = foretold(tiny_f16, options(items))
    assert [part.label for part in found.parts] == list(TYPES)
    for part in found.parts:
        assert part.n_items.low == part.n_items.high == N_ITEMS
        assert part.tokens_per_s is not None
        assert part.time_s.low < part.time_s.value < part.time_s.high
        assert part.memory_bytes > tiny_f16.stat().st_size
    assert found.time_s.value == pytest.approx(sum(part.time_s.value for part in found.parts))
    assert found.calibration_s < foretelling.LONG_S


def test_nothing_is_left_behind(tiny_f16: Path, items: Path, tmp_path: Path) -> None:
    store = tmp_path / "scores.db"
    foretold(tiny_f16, options(items, store=store))
    assert list_runs(store) == []


def test_what_the_store_has_takes_no_time(tiny_f16: Path, items: Path, tmp_path: Path) -> None:
    given = options(items, store=tmp_path / "scores.db", seed=3)
    run(tiny_f16, Options(**(vars(given) | {"limit": 20})), tmp_path / "report")
    found = foretold(tiny_f16, given)
    assert [(part.n_stored, part.n_items.value) for part in found.parts] == [(20, 40)] * 3
    again = foretold(tiny_f16, Options(**(vars(given) | {"fresh": True})))
    assert [(part.n_stored, part.n_items.value) for part in again.parts] == [(0, 60)] * 3
    run(tiny_f16, given, tmp_path / "whole")
    with pytest.raises(EdgevalError, match="nothing is left to forecast"):
        foretold(tiny_f16, given)


def test_a_run_that_stops_takes_a_range_of_items(tiny_f16: Path, items: Path) -> None:
    found = foretold(tiny_f16, options(items, until=5.0))
    whole, *others = found.parts
    assert whole.n_items.low == whole.n_items.high == N_ITEMS
    assert all(part.n_items.low <= part.n_items.value <= N_ITEMS for part in others)


def test_a_short_run_is_not_foretold(tiny_f16: Path, items: Path, tmp_path: Path) -> None:
    told: list[Forecast] = []
    run(tiny_f16, options(items), tmp_path / "report", confirm=told.append)
    assert told == []


class UnwantedError(Exception):
    """Says that the run is not wanted."""


def refuse(_: Forecast) -> None:
    raise UnwantedError


def test_a_long_run_is_foretold_before_it_begins(
    tiny_f16: Path, items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foretelling, "LONG_S", 0.0)
    given, told = options(items, store=tmp_path / "scores.db"), list[Forecast]()
    with pytest.raises(UnwantedError):
        run(tiny_f16, given, tmp_path / "refused", confirm=refuse)
    assert list_runs(tmp_path / "scores.db") == []
    assert not (tmp_path / "refused").exists()
    report = run(tiny_f16, given, tmp_path / "report", confirm=told.append)
    assert [part.label for part in told[0].parts] == [each.label for each in report.runs]
    evaluate([tiny_f16], options(items, seed=9), confirm=told.append, progress=None)
    assert [part.label for part in told[1].parts] == ["F16"]


def test_the_model_of_the_first_part_stays_loaded(
    tiny_f16: Path, items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foretelling, "LONG_S", 0.0)
    report = run(tiny_f16, options(items), tmp_path / "report", confirm=lambda _: None)
    loads = [each.speed.load_s for each in report.runs if each.speed is not None]
    assert loads[0] < min(load for load in loads[1:] if load is not None)


def test_ends_alone_tell_less_than_batches_of_the_plan() -> None:
    """Two batches: s/t = 1.0 and 1.2; the ratio is 3.4 / 3 = 1.1333."""

    def rate(is_full: bool) -> Any:
        return _rate_of(
            Calibration(
                tokens=100,
                plan_s=0.0,
                load_s=0.0,
                batches=((100, 100.0), (200, 240.0)),
                is_full=is_full,
                closer_s=0.0,
                memory_bytes=0,
                other_bytes=None,
            )
        )

    assert rate(True).token_s == pytest.approx(340 / 300)
    # Residuals are -13.33 and 13.33: sd of the mean 13.33, t of one degree 6.314, over 170; capped.
    of_batches = min(0.5, 6.313752 * 13.3333 / 170)
    assert rate(True).error == pytest.approx((0.1**2 + of_batches**2) ** 0.5, rel=1e-4)
    assert rate(False).error > rate(True).error


def test_cheaper_runs_are_cheaper(
    tiny_f16: Path, items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alternatives, "_FEW_ITEMS", 20)
    found = foretold(tiny_f16, options(items))
    assert {each.options.split()[0] for each in found.alternatives} >= {"--limit", "--quant"}
    times = [each.time_s.value for each in found.alternatives]
    assert times == sorted(times, reverse=True)
    assert max(times) < found.time_s.value
    assert "--limit 20" in [each.options for each in found.alternatives]


def test_files_that_are_compared_with_nothing_have_no_ladder(
    tiny_f16: Path, items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``edgeval eval`` knows no ``--quant``, and no reference."""
    monkeypatch.setattr(alternatives, "_FEW_ITEMS", 20)
    monkeypatch.setattr(alternatives, "_WORTH", 10.0)
    monkeypatch.setattr(foretelling, "LONG_S", 0.0)
    files = [tiny_f16, *quantize(tiny_f16, ["Q8_0", "Q2_K"], tmp_path)]
    told: list[Forecast] = []
    evaluate(files, options(items), confirm=told.append, progress=None)
    found = {each.options: each.meaning for each in told[0].alternatives}
    assert set(found) == {"--until 1.0", "--limit 20"}
    assert found["--until 1.0"] == "each accuracy to within 1 point"
