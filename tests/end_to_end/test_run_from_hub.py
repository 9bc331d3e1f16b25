"""``edgeval run`` on a card of the hub, with the real client against a server on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.records import Report
from tests.helpers.command import assert_one_sentence, edgeval_process
from tests.helpers.hub_server import HubServer

pytestmark = pytest.mark.process

REPO = "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T"


def test_a_card_is_downloaded_once_and_then_runs_offline(
    tiny_checkpoint: Path, tiny_items: Path, own_cache: Path, tmp_path: Path
) -> None:
    environment = {"HF_HOME": str(tmp_path / "hub")}
    run = ["run", "tinyllama-3t", "--quant", "F16,Q8_0", "--data", tiny_items, "--limit", "8"]
    with HubServer(tiny_checkpoint, REPO) as hub:
        online = environment | {"HF_ENDPOINT": hub.url}
        first = edgeval_process(*run, "--out", tmp_path / "first", **online)
        assert first.returncode == 0, first.stderr
        assert any("model.safetensors" in path for path in hub.paths())
        hub.requests.clear()
        second = edgeval_process(*run, "--out", tmp_path / "second", **online)
        assert second.returncode == 0, second.stderr
        assert not any("resolve" in path for path in hub.paths())
        address = hub.url
    offline = environment | {"HF_ENDPOINT": address}
    third = edgeval_process(*run, "--offline", "--out", tmp_path / "third", **offline)
    assert third.returncode == 0, third.stderr
    texts = [(tmp_path / name / "report.json") for name in ("first", "second", "third")]
    reports = [Report.model_validate_json(path.read_text(encoding="utf-8")) for path in texts]
    assert reports[0].model.repo == REPO
    assert len(str(reports[0].model.revision)) == 40
    for report in reports[1:]:
        assert report.model == reports[0].model
        assert [run.sha256 for run in report.runs] == [run.sha256 for run in reports[0].runs]
        assert report.drift == reports[0].drift
    verdict = reports[0].verdicts[0]
    assert verdict.claim_citation.reported_value == 59.2
    assert verdict.protocol_match == "proxy"


def test_an_unreachable_hub_is_one_sentence(tiny_items: Path, tmp_path: Path) -> None:
    result = edgeval_process(
        *("run", "tinyllama-3t", "--data", tiny_items),
        HF_ENDPOINT="http://127.0.0.1:9",
        HF_HOME=str(tmp_path),
    )
    assert_one_sentence(result, ["Could not reach the hub", "127.0.0.1:9"])
