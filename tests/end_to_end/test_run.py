from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeval.checkpoints import cards
from edgeval.checkpoints.claims import Claimed
from edgeval.checkpoints.locate import fetch_model, locate
from edgeval.errors import EdgevalError
from edgeval.evaluation import pipeline
from edgeval.evaluation.options import Options
from edgeval.quantization.ladder import ladder_files
from edgeval.report import record_files
from edgeval.stats.verdict import verdicts
from edgeval.system.progress import NoProgress
from tests.helpers.evidence import assert_tells_of_all


def test_a_card_goes_before_a_path_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    place = locate("demo")
    assert place.card is not None
    assert place.path is not None
    assert (place.path / "config.json").is_file()


def test_a_card_of_the_hub_names_its_repository_and_revision() -> None:
    place = locate("tinyllama-3t")
    assert place.repo == "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T"
    assert (place.path, place.revision) == (None, "main")


def test_a_directory_keeps_its_whole_name(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model-1.5t"
    shutil.copytree(tiny_checkpoint, folder)
    assert fetch_model(locate(str(folder))).info.name == "model-1.5t"


def test_a_path_goes_before_a_repository(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_checkpoint.parent.parent)
    place = locate(f"{tiny_checkpoint.parent.name}/tiny")
    assert place.repo is None
    assert place.path == Path(f"{tiny_checkpoint.parent.name}/tiny")
    (named,) = locate("owner/name").named
    assert (named.repo, named.gguf) == ("owner/name", None)


def test_the_demo_reproduces_its_claim_and_drifts_at_two_bits(tmp_path: Path) -> None:
    record, _ = pipeline.run("demo", types=("F16", "Q8_0", "Q2_K"), out=tmp_path)
    (verdict,) = record.verdicts
    assert verdicts(record_files.load(tmp_path)) == record.verdicts
    assert [claim.value for claim in record.claims] == [73.2]
    assert (verdict.status, verdict.protocol_match) == ("reproduced", "exact")
    assert verdict.confidence is None  # The whole split was scored.
    q8_0, q2_k = record.drift
    assert abs(q8_0.difference_points) <= 1
    assert q2_k.difference_points <= -3
    assert q2_k.mcnemar_p < 0.001
    assert q8_0.divergence is not None
    assert q2_k.divergence is not None
    assert q8_0.divergence.n_items == q2_k.divergence.n_items == 100
    assert q8_0.divergence.n_positions == q2_k.divergence.n_positions
    assert 0 < 100 * q8_0.divergence.kl_nats < q2_k.divergence.kl_nats < 0.2
    assert q2_k.divergence.top1_agreement < 0.98 < q8_0.divergence.top1_agreement < 1
    assert q2_k.mcnemar_p_holm == 2 * q2_k.mcnemar_p
    assert (q8_0.split.outcome, q2_k.split.outcome) == ("equivalent", "worse")
    assert q2_k.new_items is not None
    assert q2_k.new_items.high < -1
    assert (
        q2_k.split.interval_points.low
        == q2_k.split.interval_points.high
        == pytest.approx(q2_k.difference_points)
    )
    assert q2_k.rms_logprob_change > q2_k.mean_abs_logprob_change > q8_0.rms_logprob_change
    assert q2_k.mean_margin_shift < 0
    sizes = [run.bits_per_weight for run in record.runs]
    assert sizes == sorted(sizes, reverse=True)
    for run, drift in zip(record.runs[1:], record.drift, strict=True):
        lost_or_gained = drift.wrong_to_right - drift.right_to_wrong
        correct = run.metrics["acc_norm"].correct - record.runs[0].metrics["acc_norm"].correct
        assert correct == lost_or_gained
        assert len(drift.flips) == drift.wrong_to_right + drift.right_to_wrong
    assert_tells_of_all(record)
    assert record.evidence is not None
    assert record_files.load(tmp_path).evidence == record.evidence
    assert all(sum(each.counts) == 4 * 1000 for each in record.evidence.changes)


def test_a_slice_of_the_demo_is_a_proxy(tmp_path: Path) -> None:
    record, _ = pipeline.run("demo", Options(limit=100), types=["F16"], out=tmp_path)
    (verdict,) = record.verdicts
    assert verdict.protocol_match == "proxy"
    assert verdict.status == "inconclusive"
    assert "a slice: 100 of 1,000 items" in verdict.claim_citation.notes
    assert verdict.confidence is None


def test_without_items_to_compare_there_is_no_divergence(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    for n_items, expected in ((0, None), (3, 3), (9, 4)):
        options = Options(data=tiny_items, limit=4, kl_items=n_items)
        out = tmp_path / str(n_items)
        record, _ = pipeline.run(str(tiny_f16), options, types=["F16", "Q4_0"], out=out)
        (found,) = record.drift
        assert (found.divergence and found.divergence.n_items) == expected
    with pytest.raises(EdgevalError, match=r"--kl-items -1 cannot be compared"):
        pipeline.run(str(tiny_f16), Options(data=tiny_items, kl_items=-1), types=["F16"])


def test_a_quantized_gguf_is_no_start_of_a_ladder(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    from edgeval.quantization.quantize import quantize

    (quantized,) = quantize(tiny_f16, ["Q4_0"], tmp_path)
    options = Options(data=tiny_items, limit=4)
    with pytest.raises(EdgevalError, match=r"is Q4_0 already.*edgeval eval"):
        pipeline.run(str(quantized), options, types=["F16"], out=tmp_path / "out")
    record, _ = pipeline.run(str(quantized), options, types=["Q4_0"], out=tmp_path / "out")
    assert [run.type for run in record.runs] == ["Q4_0"]


def test_another_checkpoint_never_gets_the_same_gguf(tmp_path: Path) -> None:
    from tests.helpers.tiny import make_checkpoint

    paths = []
    for seed in (1, 2):
        folder = make_checkpoint(tmp_path / str(seed) / "same-name", seed=seed)
        source = fetch_model(locate(str(folder)))
        paths += ladder_files(source, ["Q8_0"], threads=1, progress=NoProgress())
    assert paths[0].name == paths[1].name
    assert paths[0] != paths[1]
    assert paths[0].read_bytes() != paths[1].read_bytes()


def test_a_card_keeps_the_claims_that_are_not_measured_apart() -> None:
    claims, others = Claimed(cards.find("tinyllama-3t")).on("hellaswag")
    assert [(claim.task, claim.value) for claim in claims] == [("hellaswag", 59.2)]
    assert {claim.task: claim.value for claim in others} == {
        "openbookqa": 36.0,
        "winogrande": 59.12,
        "arc_challenge": 30.12,
        "arc_easy": 55.25,
        "boolq": 57.83,
        "piqa": 73.29,
    }
    assert Claimed().on("hellaswag") == ([], [])


def test_a_store_that_cannot_be_made_is_said_before_anything_is_converted(
    tiny_checkpoint: Path, tiny_items: Path, own_cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    options = Options(data=tiny_items, store=tmp_path / "file" / "s.db")
    with pytest.raises(EdgevalError, match=r"no scores could be kept in the store: .*with --store"):
        pipeline.run(str(tiny_checkpoint), options, types=["F16"], out=tmp_path / "out")
    assert list(own_cache.rglob("*.gguf")) == []
    assert not (tmp_path / "out").exists()
