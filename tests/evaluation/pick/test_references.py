"""What files are compared with: one of them, another GGUF, a checkpoint, or a reference file."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.checkpoints.cards import cards_folder
from edgeval.errors import EdgevalError
from edgeval.records import Report
from edgeval.store.reference_export import export_reference
from edgeval.store.runs import list_runs
from tests.helpers.fakes import Lines, make_device
from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import User
from tests.helpers.picks import REPO, names, outcomes, picked, smallest


def test_without_an_unquantized_file_the_most_precise_one_is_the_reference(
    published: Path, items: Path, scores: Path, tmp_path: Path
) -> None:
    models = [published / f"demo-{each}.gguf" for each in ("Q2_K", "Q8_0", "Q6_K")]
    lines = Lines()
    found = picked(models, items, scores, tmp_path / "o", progress=lines).pick
    assert found.reference == "Q8_0" and outcomes(found)["Q8_0"] == "reference"
    assert "Q8_0 (3.7 MiB) has lost something itself; --reference names an F16" in lines.lines[1]


def test_a_type_of_them_is_the_reference_and_may_be_the_answer(
    published: Path, items: Path, scores: Path, tmp_path: Path
) -> None:
    found = picked(published, items, scores, tmp_path / "o", reference="q3_k_m").pick
    assert found.reference == "Q3_K_M"
    # What is larger is tried, too, if nothing smaller will do; here the first is good enough.
    tried = [label for label, outcome in outcomes(found).items() if outcome != "not tried"]
    assert tried[0] == "Q2_K" and found.recommended == tried[-1] != "Q3_K_M"


def test_a_checkpoint_is_converted_to_be_the_reference(
    published: Path, items: Path, scores: Path, whole: Report, tmp_path: Path
) -> None:
    models = [published / f"demo-{each}.gguf" for each in ("Q2_K", "Q3_K_M", "Q4_0", "Q4_K_M")]
    found = picked(models, items, scores, tmp_path / "o", reference=cards_folder() / "demo").pick
    assert found.reference == "F16"
    assert set(outcomes(found)) == {"Q2_K", "Q3_K_M", "Q4_0", "Q4_K_M"}
    assert found.recommended == smallest(whole, 1.0)


def test_a_reference_file_needs_no_reference_on_this_machine(
    tmp_path: Path, hub: HubServer, items: Path, scores: Path, whole: Report
) -> None:
    (number,) = [
        run.number
        for run in list_runs(scores)
        if run.file == "demo-F16.gguf" and run.n_items == 150
    ][:1]
    known = tmp_path / "reference.npz"
    export_reference(scores, number, known)
    user = User(tmp_path / "home", hub)
    with user.at_home():
        found, _, path = picked(REPO, items, scores, tmp_path / "o", reference=known, deletes=True)
        assert found.recommended == smallest(whole, 1.0)
        assert "demo-F16.gguf" not in hub.sent
        assert outcomes(found)["F16"] == "reference"
        # It may be the answer all the same, and is not downloaded for that.
        models = [f"{REPO}:{each}" for each in ("Q2_K", "F16")]
        found, _, path = picked(
            models, items, scores, tmp_path / "p", reference=known, deletes=True
        )
        assert (found.recommended, path) == ("F16", None)
        assert "demo-F16.gguf" not in hub.sent
        assert found.commands == [f"llama-server -hf {REPO}:F16"]


def test_a_reference_file_of_fewer_items_is_refused(
    published: Path, items: Path, scores: Path, tmp_path: Path
) -> None:
    store = tmp_path / "few.db"
    models = [published / f"demo-{each}.gguf" for each in ("Q2_K", "F16")]
    picked(models, items, store, tmp_path / "a", limit=10)
    (run,) = [run for run in list_runs(store) if run.file == "demo-F16.gguf"]
    export_reference(store, run.number, tmp_path / "few.npz")
    with pytest.raises(EdgevalError, match="10 of the 150 items that are wanted"):
        picked(published, items, scores, tmp_path / "o", reference=tmp_path / "few.npz")


def test_the_card_of_the_base_model_brings_its_protocol_and_its_claim(
    user: User, items: Path, scores: Path, tmp_path: Path
) -> None:
    base = "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T"
    user.hub.info = {"cardData": {"base_model": base}}
    models = [f"{REPO}:{each}" for each in ("Q2_K", "F16")]
    found, folder, _ = picked(models, items, tmp_path / "s.db", tmp_path / "o", limit=10)
    assert (found.base_model, found.protocol.name) == (base, "lm-eval")
    assert (folder / "verdict.json").is_file()


def test_several_repositories_and_files_are_told_apart(
    published: Path, user: User, items: Path, scores: Path, tmp_path: Path
) -> None:
    other = tmp_path / "mine" / "mine-Q2_K.gguf"
    other.parent.mkdir()
    other.write_bytes((published / "demo-Q2_K.gguf").read_bytes())
    models = [str(other), f"{REPO}:Q2_K", f"{REPO}:F16", REPO]
    found, _, _ = picked(models, items, scores, tmp_path / "o", deletes=True)
    by_label = outcomes(found)
    assert len(by_label) == 9
    assert sorted(label for label in by_label if label.startswith("Q2_K")) == [
        "Q2_K demo",
        "Q2_K mine",
    ]
    assert sorted(by_label[label] for label in ("Q2_K demo", "Q2_K mine")) == ["same file", "worse"]
    assert found.model.repo is None
    assert other.is_file()
    assert f"demo-{found.recommended}.gguf" in names(user)


def test_all_are_computed_where_the_reference_is(
    published: Path,
    items: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plain_kernels: None,
) -> None:
    from edgeval import llama

    device = make_device("cuda")
    monkeypatch.setattr(
        llama, "choose_devices", lambda backend, _: () if backend == "cpu" else (device,)
    )
    models = [published / f"demo-{each}.gguf" for each in ("Q2_K", "F16")]
    found = picked(
        models, items, tmp_path / "s.db", tmp_path / "o", backend="cuda", check=True, limit=30
    ).pick
    low = found.file("Q2_K")
    assert found.reference_run is not None and found.reference_run.self_check is not None
    assert low.run is not None and low.run.self_check is not None
    assert low.run.self_check.own_change is not None
    assert found.engine.backend == "cuda"
    answer = found.answer
    assert answer is not None and answer.speed is not None
    assert answer.speed.gpus == ["Cuda Card"]
