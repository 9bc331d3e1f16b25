"""Quality beside speed: of scores that are known, worked out by hand, and of a real, tiny GGUF."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from edgeval.benchmark.bench import bench
from edgeval.benchmark.formats import FORMATS, rows
from edgeval.benchmark.options import BenchOptions
from edgeval.benchmark.quality import with_quality
from edgeval.benchmark.quality_text import accuracy, drift, quality_sentence
from edgeval.benchmark.recipe_page import recipe_page
from edgeval.cli.terminal.bench import print_bench
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.gguf.contents import sha256_of
from edgeval.llama.defaults import SCORING_VERSION
from edgeval.records.bench import Bench, BenchedFile, FileQuality
from edgeval.stats.sampling import order_items
from edgeval.store.store import ScoreKey, Store
from edgeval.system.progress import NoProgress
from edgeval.tasks import protocol, registry
from tests.helpers.benches import example_bench
from tests.helpers.fakes import make_score
from tests.helpers.hellaswag import ROW
from tests.helpers.pages import tables
from tests.helpers.stores import DEVICE, FACTS, SETTING, WORK
from tests.helpers.tiny import make_checkpoint

N_ITEMS, GOLD = 10, 3


class Log(NoProgress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def log(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps(ROW | {"ind": ind, "label": str(GOLD)}) for ind in range(N_ITEMS)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def benched(path: Path, file_type: str, bits: float = 16.0) -> BenchedFile:
    n_params = 1_000_000
    update = {
        "name": path.name,
        "sha256": sha256_of(path),
        "type": file_type,
        "n_params": n_params,
        "tensor_bytes": int(n_params * bits / 8),
    }
    return example_bench().files[0].model_copy(update=update)


def keep(
    db: Path, data: Path, path: Path, wrong: Collection[int], items: Sequence[int], **changes: Any
) -> None:
    """Keep scores of a file, which has some items wrong."""
    setting = SETTING | {
        "scoring_version": SCORING_VERSION,
        "gguf_sha256": sha256_of(path),
        "data_fingerprint": registry.task("hellaswag").load(data).fingerprint,
        "protocol_version": protocol.get("lm-eval").version,
    }
    key = ScoreKey.model_validate(setting | changes)
    with Store(db) as store, store.run(key, file=path.name, data=data.name) as run:
        plan = run.add_plan(list(items), FACTS, DEVICE)
        scores = {}
        for index in items:
            picked = 0 if index in wrong else GOLD
            scores[index] = make_score([-1.0 if at == picked else -1000.0 for at in range(4)])
        run.save(plan, scores, WORK)


def qualities(
    files: Mapping[Path, BenchedFile], db: Path, data: Path | None, log: Log | None = None
) -> list[FileQuality | None]:
    found = with_quality(list(files.values()), list(files), db, data, log or Log())
    assert [each.sha256 for each in found] == [each.sha256 for each in files.values()]
    return [each.quality for each in found]


def test_accuracies_and_drift_are_those_worked_out_by_hand(
    tiny_f32: Path, tiny_f16: Path, data: Path, tmp_path: Path
) -> None:
    db = tmp_path / "a.db"
    keep(db, data, tiny_f16, {0, 1, 2}, range(N_ITEMS))
    keep(db, data, tiny_f32, {2, 3}, range(N_ITEMS))
    before = db.read_bytes()
    files = {tiny_f16: benched(tiny_f16, "F16"), tiny_f32: benched(tiny_f32, "F32", 32.0)}
    ours, reference = qualities(files, db, data)
    assert ours is not None and reference is not None
    assert (ours.task, ours.data, ours.protocol) == ("hellaswag", "rows.jsonl", "lm-eval")
    assert (ours.metric, ours.n_items, ours.n_total) == ("acc_norm", 10, 10)
    # Wilson's interval of 7 and of 8 of 10, from tables.
    assert (ours.accuracy, reference.accuracy) == (0.7, 0.8)
    interval = ours.accuracy_interval
    assert (interval.low, interval.high) == pytest.approx((0.3968, 0.8922), abs=1e-4)
    interval = reference.accuracy_interval
    assert (interval.low, interval.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    # F32 has 2 and 3 wrong, F16 has 0, 1 and 2: two are lost, one is gained.
    assert (ours.drift_points, ours.drift_reference) == (pytest.approx(-10.0), "F32")
    assert ours.drift_items == 10
    # Bonett and Price: 100 (2 - 3) / 12 ± 196.0 sqrt((5/12 - 1/144) / 12).
    assert ours.drift_interval is not None
    ends = ours.drift_interval.low, ours.drift_interval.high
    assert ends == pytest.approx((-44.549, 27.883), abs=1e-3)
    assert (reference.drift_points, reference.drift_interval) == (None, None)
    assert db.read_bytes() == before


def test_only_the_beginning_of_the_random_order_is_a_sample(
    tiny_f16: Path, data: Path, tmp_path: Path
) -> None:
    db = tmp_path / "a.db"
    order = order_items(["indomain"] * N_ITEMS, "random", 0)
    # The first four, and two further ones that may have been drawn for what they can tell.
    keep(db, data, tiny_f16, {order[0], order[7], order[8]}, [*order[:4], order[7], order[8]])
    (found,) = qualities({tiny_f16: benched(tiny_f16, "F16")}, db, data)
    assert found is not None
    assert (found.n_items, found.n_total, found.accuracy) == (4, 10, 0.75)


def test_a_drift_is_of_the_items_that_both_have(
    tiny_f32: Path, tiny_f16: Path, data: Path, tmp_path: Path
) -> None:
    db = tmp_path / "a.db"
    order = order_items(["indomain"] * N_ITEMS, "random", 0)
    keep(db, data, tiny_f32, {}, range(N_ITEMS))
    keep(db, data, tiny_f16, {order[1]}, order[:5])
    files = {tiny_f32: benched(tiny_f32, "F32", 32.0), tiny_f16: benched(tiny_f16, "F16")}
    reference, ours = qualities(files, db, data)
    assert reference is not None and ours is not None
    assert (reference.n_items, ours.n_items, ours.drift_items) == (10, 5, 5)
    assert ours.drift_points == pytest.approx(-20.0)


def test_another_model_is_no_reference(tiny_f16: Path, data: Path, tmp_path: Path) -> None:
    from edgeval import convert

    other = convert(make_checkpoint(tmp_path / "other", seed=1), tmp_path / "b.gguf", "f32")
    db = tmp_path / "a.db"
    for path in (other, tiny_f16):
        keep(db, data, path, {0}, range(N_ITEMS))
    files = {other: benched(other, "F32", 32.0), tiny_f16: benched(tiny_f16, "F16")}
    found = qualities(files, db, data)
    assert [each and each.drift_points for each in found] == [None, None]
    assert [each and each.accuracy for each in found] == [0.9, 0.9]


def test_what_most_files_were_asked_comes_before_what_most_items_are_of(
    tiny_f32: Path, tiny_f16: Path, data: Path, tmp_path: Path
) -> None:
    db = tmp_path / "a.db"
    order = order_items(["indomain"] * N_ITEMS, "random", 0)
    bos = {"protocol": "lm-eval-bos", "protocol_version": protocol.get("lm-eval-bos").version}
    keep(db, data, tiny_f16, {0}, range(N_ITEMS), **bos)
    for path in (tiny_f32, tiny_f16):
        keep(db, data, path, {}, order[:3])
    # Of one question, the setting with more items: here of another llama.cpp.
    keep(db, data, tiny_f16, {}, order[:2], engine="llama-cpp-python 0.3.99")
    files = {tiny_f32: benched(tiny_f32, "F32", 32.0), tiny_f16: benched(tiny_f16, "F16")}
    found = qualities(files, db, data)
    assert [each and (each.protocol, each.n_items) for each in found] == [("lm-eval", 3)] * 2


def test_scores_of_other_files_and_other_versions_are_of_no_use(
    tiny_f32: Path, tiny_f16: Path, data: Path, tmp_path: Path
) -> None:
    db = tmp_path / "a.db"
    keep(db, data, tiny_f32, {}, range(N_ITEMS))
    keep(db, data, tiny_f16, {}, range(N_ITEMS), scoring_version=SCORING_VERSION + 1)
    assert qualities({tiny_f16: benched(tiny_f16, "F16")}, db, data) == [None]


def test_that_items_are_not_here_is_said(tiny_f16: Path, data: Path, tmp_path: Path) -> None:
    db, log = tmp_path / "a.db", Log()
    keep(db, data, tiny_f16, {}, range(N_ITEMS))
    assert qualities({tiny_f16: benched(tiny_f16, "F16")}, db, None, log) == [None]
    (said,) = log.said
    assert "rows.jsonl" in said and "--data" in said


def test_what_is_measured_outlives_a_store_that_is_none(tiny_f16: Path, tmp_path: Path) -> None:
    db, log = tmp_path / "a.db", Log()
    db.write_bytes(b"no store" * 200)
    assert qualities({tiny_f16: benched(tiny_f16, "F16")}, db, None, log) == [None]
    assert log.said[0].startswith("no accuracy is shown beside the speed: ")
    assert db.read_bytes() == b"no store" * 200


def test_a_store_that_is_not_there_is_not_made(tiny_f16: Path, tmp_path: Path) -> None:
    db, log = tmp_path / "results" / "a.db", Log()
    assert qualities({tiny_f16: benched(tiny_f16, "F16")}, db, None, log) == [None]
    assert (log.said, db.parent.exists()) == ([], False)


def test_a_ladder_of_real_files_has_what_its_evaluation_says(
    tiny_f32: Path,
    tiny_f16: Path,
    tiny_items: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    db = tmp_path / "a.db"
    asked = Options(data=tiny_items, store=db, limit=12, kernels="plain")
    runs = evaluate([tiny_f32, tiny_f16], asked, progress=None).runs
    options = BenchOptions(
        prompts=(8,),
        generated=(2,),
        repetitions=2,
        scored_items=2,
        kernels="plain",
        store=db,
        data=tiny_items,
    )
    found = bench([tiny_f32, tiny_f16], options, progress=None)
    reference, ours = (file.quality for file in found.files)
    assert reference is not None and ours is not None
    for run, quality in zip(runs, (reference, ours), strict=True):
        metric = run.metrics[quality.metric]
        assert (quality.accuracy, quality.accuracy_interval) == (metric.value, metric.interval)
        assert (quality.n_items, quality.n_total) == (12, 40)
    assert ours.drift_points == pytest.approx(100 * (ours.accuracy - reference.accuracy))
    assert ours.drift_reference == "F32"
    assert Bench.model_validate_json(found.model_dump_json()) == found
    print_bench(found)
    shown = capsys.readouterr().out
    assert "speed and quality" in shown
    assert accuracy(ours) in shown and drift(ours) in shown
    assert "12 of 40 items of hellaswag (items.jsonl)" in quality_sentence(found)
    beside = tables(recipe_page(found))[1]
    assert [row["accuracy"] for row in beside] == [accuracy(reference), accuracy(ours)]
    assert beside[1]["drift"] == drift(ours)
    for row in rows(found):
        assert row["accuracy_items"] == 12
    assert next(rows(found))["drift_points"] is None
    assert "NULL" in FORMATS["sql"](found)


def test_the_first_token_is_timed_behind_the_first_prompt(tiny_f16: Path) -> None:
    options = BenchOptions(
        prompts=(24, 8), generated=(), repetitions=3, scored_items=0, threads=(1,), kernels="plain"
    )
    (file,) = bench(tiny_f16, options, progress=None).files
    waited = file.first_token
    assert waited is not None
    assert (waited.n_prompt, waited.n_generated, waited.n_depth) == (24, 1, 0)
    assert (waited.threads, len(waited.seconds)) == (1, 3)
    assert waited.mean_s == pytest.approx(sum(waited.seconds) / 3)
    assert file.quality is None
