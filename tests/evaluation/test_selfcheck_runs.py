"""Self-checks within runs: what the record says, and what a ladder is held to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeval import llama
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.reference import load_reference
from edgeval.evaluation.selfcheck import checked, self_check
from edgeval.evaluation.yardstick import checked_places, yardstick
from edgeval.llama.library import llama_cpp
from edgeval.quantization.quantize import quantize
from edgeval.store.reference_export import export_reference
from edgeval.store.store import Store
from tests.helpers.fakes import make_device
from tests.helpers.scored import as_stored
from tests.helpers.selfchecks import Compared, setup_of

pytestmark = pytest.mark.usefixtures("plain_kernels")

DEVICE = make_device("cuda")


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        llama, "choose_devices", lambda backend, _: () if backend == "cpu" else (DEVICE,)
    )


def test_the_record_says_what_was_offloaded_and_how_close_it_came(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    options = setup_of(tiny_items, store=tmp_path / "a.db").options
    on_gpu = evaluate([tiny_f16], options)
    on_cpu = evaluate([tiny_f16], replace(options, backend="cpu"))
    (run,), (other,) = on_gpu.runs, on_cpu.runs
    assert on_gpu.engine.backend == "cuda"
    assert run.offload is not None
    assert run.self_check is not None
    assert (run.offload.devices, run.offload.layers, run.offload.n_layers) == (["Cuda Card"], 3, 3)
    assert (run.self_check.token_change, run.self_check.n_items) == (0, 24)
    assert (other.offload, other.self_check) == (None, None)
    assert run.metrics == other.metrics
    # Scores of the one are never taken for those of the other.
    assert other.speed is not None and other.n_from_store == 0
    assert evaluate([tiny_f16], options).runs[0] == as_stored(run)


@pytest.mark.parametrize("backend", ["metal", "cuda"])
def test_gpus_are_asked_for_what_is_placed_on_them(
    backend: str, tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = make_device(backend, is_integrated=backend == "metal")
    monkeypatch.setattr(llama, "choose_devices", lambda *_: (device,))
    models: list[tuple[int, bool]] = []
    sessions: list[tuple[int, int, bool, bool]] = []
    load, start = llama_cpp.llama_model_load_from_file, llama_cpp.llama_init_from_model

    def loading(path: bytes, params: Any) -> Any:
        if not params.vocab_only:
            models.append((params.n_gpu_layers, bool(params.devices)))
        return load(path, params)

    def starting(model: Any, params: Any) -> Any:
        sessions.append((params.n_batch, params.n_ubatch, params.offload_kqv, params.op_offload))
        return start(model, params)

    monkeypatch.setattr(llama_cpp, "llama_model_load_from_file", loading)
    monkeypatch.setattr(llama_cpp, "llama_init_from_model", starting)
    options = setup_of(tiny_items, backend=backend, check=False, batch_tokens=None).options
    options = replace(options, limit=40)
    found = evaluate([tiny_f16], options)
    assert models == [(-1, True)]
    assert sessions == [(sessions[0][0], sessions[0][0], True, True)] * (
        2 if backend == "metal" else 3
    )
    assert 512 < sessions[0][0] <= 1024
    assert found.engine.backend == backend
    del models[:], sessions[:]
    evaluate([tiny_f16], replace(options, gpu_layers=2))
    assert models == [(2, True)]
    assert [each[2:] for each in sessions] == [(True, True)]
    del models[:], sessions[:]
    evaluate([tiny_f16], replace(options, gpu_layers=0))
    # An empty list of devices: without one, llama.cpp would take those that are here.
    assert models == [(-1, True)]
    assert [each[2:] for each in sessions] == [(False, False)]
    assert sessions[0][1] == 512


def test_a_ladder_is_held_to_its_reference(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared, setup = Compared(monkeypatch), setup_of(tiny_items)
    (path,) = quantize(tiny_f16, ["Q8_0"], tmp_path)
    with Store(None) as store:
        alone = self_check(path, setup, store)
        assert (alone.own_change, alone.bar) == (None, 0.08)
        reference = yardstick([("F16", tiny_f16), ("Q8_0", path)], None, setup)
        assert reference is not None
        # What was checked without it is checked again, and the reference is scored for it.
        found = self_check(path, setup, store, reference=reference)
        assert found.own_change is not None and found.own_change > 0
        assert found.bar == max(0.005, 2 * found.own_change)
        assert len(reference.scores) == 24
        assert compared.count == 2
        assert self_check(path, setup, store, reference=reference) == found
        assert compared.count == 2
        # Of the reference itself quantization changes nothing.
        assert self_check(tiny_f16, setup, store, reference=reference).own_change is None
    with Store(None) as store:
        fresh = yardstick([("F16", tiny_f16)], None, setup)
        checked([tiny_f16, path], setup, store, None, fresh)
        assert self_check(path, setup, store).own_change == found.own_change
    assert yardstick([("Q8_0", path)], None, setup) is None
    assert yardstick([], None, setup) is None


def test_a_reference_file_tells_what_quantization_does(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    setup = setup_of(tiny_items, limit=None, store=tmp_path / "a.db")
    with Store(tmp_path / "a.db") as store:
        evaluate_file(tiny_f16, setup.on_cpu(), store)
    export_reference(tmp_path / "a.db", 1, tmp_path / "reference.npz")
    known = load_reference(tmp_path / "reference.npz")
    found = yardstick([("Q8_0", tmp_path / "none.gguf")], known, setup)
    assert found is not None
    scores = found.of(checked_places(setup))
    assert scores is not None and len(scores) == 24
    assert found.path is None
