"""GPUs are held to the CPU before they are trusted; the CPU stands in for them here."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import psutil
import pytest
from fakes import Lines, make_device
from test_resume import as_stored
from tiny import make_items, write_items
from typer.testing import CliRunner

from edgeval import llama
from edgeval.cli import app
from edgeval.errors import EdgevalError, EngineError
from edgeval.evaluation import closeness, selfcheck
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import load_reference
from edgeval.evaluation.selfcheck import checked, self_check
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.evaluation.yardstick import checked_places, yardstick
from edgeval.llama.library import llama_cpp
from edgeval.quantization.quantize import quantize
from edgeval.records import SelfCheck
from edgeval.store.reference_export import export_reference
from edgeval.store.store import Store
from edgeval.tasks.item import Item, ItemScore

pytestmark = pytest.mark.usefixtures("plain_kernels")

DEVICE = make_device("cuda")


class _Compared:
    """Counts the comparisons with the CPU; what is given is put in place of what they found."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
        self.count = 0
        self._compare = selfcheck._compared
        self._changes = changes
        monkeypatch.setattr(selfcheck, "_compared", self)

    def __call__(self, *arguments: Any) -> SelfCheck:
        self.count += 1
        return self._compare(*arguments).model_copy(update=self._changes)


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        llama, "choose_devices", lambda backend, _: () if backend == "cpu" else (DEVICE,)
    )


def _setup(items: Path, **options: Any) -> EvalSetup:
    given = {"backend": "cuda", "batch_tokens": 256, "threads": 1, "limit": 4}
    return prepare(Options(data=items, **(given | options)))


def _worse(monkeypatch: pytest.MonkeyPatch, change: float) -> None:
    """Let a GPU find each choice less likely, by so many nats a token."""
    compute = selfcheck._scores

    def scores(vocabulary: Any, setup: EvalSetup, *arguments: Any) -> Any:
        found, seconds = compute(vocabulary, setup, *arguments)
        return ([_changed(score, change) for score in found] if setup.devices else found), seconds

    monkeypatch.setattr(selfcheck, "_scores", scores)


def _changed(score: ItemScore, change: float) -> ItemScore:
    pairs = zip(score.logprobs, score.n_tokens, strict=True)
    return replace(score, logprobs=tuple(logprob - change * n for logprob, n in pairs))


def test_the_same_computation_passes_and_is_remembered(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared, lines = _Compared(monkeypatch), Lines()
    setup = _setup(tiny_items)
    with Store(tmp_path / "a.db") as store:
        assert checked([tiny_f16], setup, store, lines) is setup
        found = self_check(tiny_f16, setup, store)
    assert lines.lines == ["computing with cuda on Cuda Card, which passed the self-check"]
    assert (found.n_items, found.n_same_picks) == (24, 24)
    assert (found.token_change, found.max_logprob_change, found.mean_logprob_change) == (0, 0, 0)
    assert (found.bar, found.has_passed) == (0.015, True)
    assert (found.own_change, found.shift_points, found.shift_bar_points) == (None, 0, 0.1)
    assert found.speedup > 0
    # Other data and another slice are the same computation.
    other = write_items(tmp_path / "items.jsonl", make_items(30, seed=1))
    with Store(tmp_path / "a.db") as store:
        for again in (setup, _setup(tiny_items, limit=9), _setup(other, protocol="lm-eval-bos")):
            assert self_check(tiny_f16, again, store) == found
    assert compared.count == 1


def test_another_computation_is_checked_again(
    tiny_f16: Path,
    tiny_f32: Path,
    tiny_items: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = _Compared(monkeypatch)
    others = [{"batch_tokens": 128}, {"gpu_layers": 2}, {"gpu_layers": 1}, {"fresh": True}]
    with Store(tmp_path / "a.db") as store:
        for options in ({}, *others):
            self_check(tiny_f16, _setup(tiny_items, **options), store)
        assert compared.count == 5
        assert self_check(tiny_f32, _setup(tiny_items), store).bar == 0.005
    assert compared.count == 6


def test_a_speed_beside_the_cpu_is_of_its_threads(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = _Compared(monkeypatch)
    one, two = (_setup(tiny_items, threads=n, backend="auto") for n in (1, 2))
    with Store(None) as store:
        checked([tiny_f16], one, store)
        assert compared.count == 1
        checked([tiny_f16], one, store)
        assert compared.count == 1
        # What decides between GPU and CPU is how fast the CPU is with these threads.
        checked([tiny_f16], two, store)
        assert compared.count == 2
        assert self_check(tiny_f16, two, store).threads == 2
        # Where a GPU is asked for, nothing depends on it.
        checked([tiny_f16], _setup(tiny_items, threads=1), store)
        assert compared.count == 2


def test_a_check_is_held_to_what_this_edgeval_allows(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _worse(monkeypatch, 0.01)
    compared, setup = _Compared(monkeypatch, shift_points=0.0), _setup(tiny_items)
    with Store(None) as store:
        assert self_check(tiny_f16, setup, store).has_passed
        monkeypatch.setitem(closeness.UNQUANTIZED_BARS, "F16", 0.012)
        assert self_check(tiny_f16, setup, store).bar == 0.012
        assert compared.count == 1
        monkeypatch.setitem(closeness.UNQUANTIZED_BARS, "F16", 0.005)
        found = self_check(tiny_f16, setup, store)
        assert (found.bar, found.has_passed, compared.count) == (0.005, False, 2)
        # What a record takes from the store is that.
        run = evaluate_file(tiny_f16, setup, store).run
    assert run.self_check == found


def test_a_small_data_set_is_enough(tiny_f16: Path, tmp_path: Path) -> None:
    items = write_items(tmp_path / "items.jsonl", make_items(3))
    with Store(None) as store:
        assert self_check(tiny_f16, _setup(items), store).n_items == 3


@pytest.mark.parametrize(("change", "has_passed"), [(0.014, True), (0.016, False), (-5.0, False)])
def test_what_is_judged_is_the_change_a_token(
    change: float,
    has_passed: bool,
    tiny_f16: Path,
    tiny_items: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _worse(monkeypatch, change)
    with Store(None) as store:
        found = self_check(tiny_f16, _setup(tiny_items), store)
    assert found.token_change == pytest.approx(abs(change), rel=1e-6)
    assert found.max_logprob_change > found.mean_logprob_change > found.token_change
    assert found.has_passed == has_passed


def test_a_gpu_that_was_asked_for_and_fails_is_an_error(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = _Compared(monkeypatch)
    _worse(monkeypatch, 0.5)
    explicit = (
        {},
        {"backend": "auto", "devices": ("CUDA0",)},
        {"backend": "auto", "gpu_layers": 3},
    )
    with Store(tmp_path / "a.db") as store:
        for options in explicit:
            with pytest.raises(EngineError) as caught:
                checked([tiny_f16], _setup(tiny_items, **options), store)
            assert str(caught.value) == (
                "cuda on Cuda Card fails the self-check with tiny-F16.gguf: log-probabilities are "
                "0.5 nats a token from the CPU's on average, where 0.015 are allowed; use "
                "--backend cpu, update the driver and llama-cpp-python, or take its scores as they "
                "are with --no-check"
            )
    # What fails is checked again: the driver may be another one the next time.
    assert compared.count == 3


def test_a_failed_check_ends_the_command(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _worse(monkeypatch, 0.5)
    arguments = ["eval", str(tiny_f16), "--data", str(tiny_items), "--limit", "4", "--json"]
    failed = CliRunner().invoke(app, [*arguments, "--backend", "cuda"])
    assert isinstance(failed.exception, EngineError)
    assert "fails the self-check" in str(failed.exception)
    assert failed.stdout == ""
    taken = CliRunner().invoke(app, [*arguments, "--backend", "cuda", "--no-check"])
    assert taken.exit_code == 0
    run = json.loads(taken.stdout)["runs"][0]
    # The report carries how it failed before.
    assert run["self_check"]["token_change"] > run["self_check"]["bar"]
    assert run["offload"] == {"devices": ["Cuda Card"], "layers": 3, "n_layers": 3}
    assert "which is not checked" in taken.stderr
    fallen = CliRunner().invoke(app, arguments)
    assert fallen.exit_code == 0
    found = json.loads(fallen.stdout)
    assert found["engine"]["backend"] == "cpu"
    assert (found["runs"][0]["offload"], found["runs"][0]["self_check"]) == (None, None)
    assert "computing on the CPU" in fallen.stderr


def test_the_cpu_takes_over_where_no_gpu_was_asked_for(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _worse(monkeypatch, 0.5)
    lines = Lines()
    with Store(None) as store:
        found = checked([tiny_f16], _setup(tiny_items, backend="AUTO"), store, lines)
    assert (found.devices, found.backend) == ((), "cpu")
    assert lines.lines == [
        "cuda on Cuda Card fails the self-check with tiny-F16.gguf: log-probabilities are 0.5 nats "
        "a token from the CPU's on average, where 0.015 are allowed; computing on the CPU"
    ]
    with llama.Tokenizer(tiny_f16) as vocabulary:
        assert found.of(vocabulary.info).placement.offload == llama.CPU


@pytest.mark.parametrize(("speedup", "backend"), [(0.99, "cpu"), (1.01, "cuda")])
def test_a_faster_cpu_takes_over_where_no_gpu_was_asked_for(
    speedup: float,
    backend: str,
    tiny_f16: Path,
    tiny_items: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _Compared(monkeypatch, speedup=speedup)
    lines = Lines()
    with Store(None) as store:
        assert checked([tiny_f16], _setup(tiny_items), store).backend == "cuda"
        found = checked([tiny_f16], _setup(tiny_items, backend="auto"), store, lines)
    assert found.backend == backend
    (line,) = lines.lines
    assert ("the CPU is faster than cuda on Cuda Card" in line) == (backend == "cpu")


def test_a_gpu_without_room_is_given_up_only_where_it_was_not_asked_for(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = make_device("cuda", free=0)
    monkeypatch.setattr(llama, "choose_devices", lambda *_: (full,))
    lines = Lines()
    with Store(None) as store:
        found = checked([tiny_f16], _setup(tiny_items, backend="auto"), store, lines)
        with pytest.raises(EngineError, match="where 0 MB can be used; close other programs"):
            checked([tiny_f16], _setup(tiny_items), store)
    assert found.backend == "cpu"
    (line,) = lines.lines
    assert line.endswith("where 0 MB can be used; computing on the CPU")


def test_too_little_memory_for_the_check_says_how_to_go_on_without_it(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = psutil.virtual_memory()._replace(available=1_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with Store(None) as store:
        with pytest.raises(EdgevalError) as caught:
            checked([tiny_f16], _setup(tiny_items), store)
        assert re.fullmatch(
            r"checking tiny-F16\.gguf on cpu takes about \d+ MB .*, or try it with --force, "
            "or leave the check out with --no-check",
            str(caught.value),
        )
        assert checked([tiny_f16], _setup(tiny_items, force=True), store).backend == "cuda"


def test_scores_that_are_no_numbers_fail(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = llama.Session.decode

    def broken(session: llama.Session, batch: Any) -> Any:
        logits = decode(session, batch)
        if session.model.offload.devices:
            logits[-1, 0] = float("nan")
        return logits

    monkeypatch.setattr(llama.Session, "decode", broken)
    lines = Lines()
    with Store(None) as store:
        with pytest.raises(EngineError, match="log-probability is not finite"):
            checked([tiny_f16], _setup(tiny_items), store)
        found = checked([tiny_f16], _setup(tiny_items, backend="auto"), store, lines)
    assert found.backend == "cpu"
    assert "is not finite" in lines.lines[0]


def test_the_record_says_what_was_offloaded_and_how_close_it_came(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    options = _setup(tiny_items, store=tmp_path / "a.db").options
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
    options = _setup(tiny_items, backend=backend, check=False, batch_tokens=None).options
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


# What sound GPUs differ by, and what broken ones would


def recorded(model: str) -> dict[str, dict[str, list[ItemScore]]]:
    """Return what a CPU and an NVIDIA H200 said of 24 items with each type of a ladder."""
    path = Path(__file__).parent / "golden" / "self_checks_h200.json"
    found = json.loads(path.read_text(encoding="utf-8"))[model]
    items = [
        Item(str(n), "group", ("c",), tuple("x" * size for size in each["n_chars"]), each["gold"])
        for n, each in enumerate(found["items"])
    ]
    n_tokens = [tuple(each["n_tokens"]) for each in found["items"]]
    return {
        name: {
            where: [
                ItemScore(item, tuple(values), n, tuple(values), (False,) * len(n))
                for item, n, values in zip(items, n_tokens, logprobs, strict=True)
            ]
            for where, logprobs in both.items()
        }
        for name, both in found["logprobs"].items()
    }


def judged(
    file_type: str,
    ours: list[ItemScore],
    theirs: list[ItemScore],
    reference: list[ItemScore] | None,
) -> SelfCheck:
    own = None if reference is None else closeness.token_change(theirs, reference)
    found = closeness.shift(ours, theirs, "acc_norm")
    assert found is not None
    return SelfCheck(
        n_items=len(ours),
        n_same_picks=len(ours),
        max_logprob_change=0,
        mean_logprob_change=0,
        token_change=closeness.token_change(ours, theirs),
        own_change=own,
        bar=closeness.bar(file_type, own),
        shift_points=found[0],
        shift_bar_points=found[1],
        speedup=1,
    )


QUANTIZED = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")


@pytest.mark.parametrize("model", ["demo", "smol"])
@pytest.mark.parametrize("file_type", ["F16", *QUANTIZED])
def test_a_sound_gpu_passes_with_room(model: str, file_type: str) -> None:
    scores = recorded(model)
    quantized = file_type in QUANTIZED
    found = judged(
        file_type,
        scores[file_type]["cuda"],
        scores[file_type]["cpu"],
        scores["F16"]["cpu"] if quantized else None,
    )
    assert found.has_passed
    assert found.token_change < 0.75 * found.bar
    assert found.shift_points is not None and found.shift_bar_points is not None
    assert abs(found.shift_points) < found.shift_bar_points - 0.05


@pytest.mark.parametrize("file_type", QUANTIZED)
def test_no_limit_is_as_wide_as_the_drift_of_what_is_stated(file_type: str) -> None:
    scores = recorded("demo")
    reference = scores["F16"]["cpu"]
    changes = {name: closeness.token_change(scores[name]["cpu"], reference) for name in QUANTIZED}
    limit = closeness.bar(file_type, changes[file_type])
    # Those whose difference in accuracy is beyond the margin, on all items.
    assert limit < 0.6 * changes["Q3_K_M"]
    assert limit < 0.3 * changes["Q2_K"]
    # What no type could be held to before was above all of them.
    assert closeness.bar("Q2_K", None) > changes["Q2_K"]


@pytest.mark.parametrize("model", ["demo", "smol"])
@pytest.mark.parametrize(
    ("file_type", "rougher"),
    [("Q8_0", "Q4_0"), ("Q6_K", "Q4_0"), ("Q4_K_M", "Q4_0"), ("Q3_K_M", "Q2_K")],
)
def test_a_gpu_that_computes_as_roughly_as_a_smaller_type_fails(
    model: str, file_type: str, rougher: str
) -> None:
    scores = recorded(model)
    theirs, reference = scores[file_type]["cpu"], scores["F16"]["cpu"]
    found = judged(file_type, scores[rougher]["cpu"], theirs, reference)
    assert not found.has_passed
    assert found.token_change > 1.3 * found.bar
    assert "nats a token from the CPU's on average" in closeness.too_far(found)


@pytest.mark.parametrize("points", [0.5, -3.0])
def test_a_shift_that_all_items_share_is_seen_where_its_size_is_allowed(points: float) -> None:
    """Leads that move by so much move as many points of accuracy as are said."""
    scores = recorded("demo")["F16"]
    theirs = scores["cpu"]

    def moved(by: float) -> list[ItemScore]:
        return [
            replace(
                score,
                logprobs=tuple(
                    value + by * size * (at == score.item.gold)
                    for at, (value, size) in enumerate(
                        zip(score.logprobs, score.n_chars, strict=True)
                    )
                ),
            )
            for score in scores["cuda"]
        ]

    unit = closeness.shift(moved(1e-4), theirs, "acc_norm")
    sound = closeness.shift(scores["cuda"], theirs, "acc_norm")
    assert unit is not None and sound is not None
    by = 1e-4 * points / (unit[0] - sound[0])
    found = judged("F16", moved(by), theirs, None)
    assert found.shift_points == pytest.approx(sound[0] + points)
    assert found.token_change < found.bar
    assert not found.has_passed
    assert "leads are shifted as by" in closeness.too_far(found)


def test_a_shift_is_the_drift_that_it_makes() -> None:
    """Many leads around zero, each moved by as much: as many items turn as are foreseen."""
    item = Item("0", "group", ("c",), ("x", "x"), 0)
    normal = NormalDist(0.5, 1)
    leads, change = np.array([normal.inv_cdf((n + 0.5) / 4000) for n in range(4000)]), -0.05

    def scored(values: Any) -> list[ItemScore]:
        return [ItemScore(item, (v, 0.0), (1, 1), (v, 0.0), (False,) * 2) for v in values]

    found = closeness.shift(scored(leads + change), scored(leads), "acc")
    assert found is not None
    turned = 100 * (np.mean(leads + change > 0) - np.mean(leads > 0))
    assert found[0] == pytest.approx(turned, rel=0.1)
    assert found[1] == pytest.approx(closeness.SHIFT_POINTS)
    assert closeness.shift(scored(leads[:7]), scored(leads[:7]), "acc") is None


@pytest.mark.parametrize(
    ("file_type", "own_change", "expected"),
    [
        ("F32", None, 0.005),
        ("F16", 0.3, 0.015),
        ("BF16", None, 0.015),
        ("Q8_0", 0.01, 0.02),
        ("Q8_0", 0.0001, 0.005),
        ("Q6_K", 0.01, 0.02),
        ("Q5_1", 0.01, 0.008),
        ("Q5_K_S", 0.01, 0.016),
        ("Q4_0", 0.1, 0.04),
        ("IQ4_XS", 0.1, 0.08),
        ("Q3_K_S", 0.1, 0.04),
        ("IQ2_XXS", 0.1, 0.02),
        ("TQ1_0", 0.1, 0.01),
        ("Q4_0", None, 0.08),
        ("Q4_K_M", None, 0.25),
        ("unknown", 0.1, 0.25),
    ],
)
def test_limits_are_a_share_of_what_quantization_does(
    file_type: str, own_change: float | None, expected: float
) -> None:
    assert closeness.bar(file_type, own_change) == pytest.approx(expected)


def test_a_ladder_is_held_to_its_reference(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared, setup = _Compared(monkeypatch), _setup(tiny_items)
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
    setup = _setup(tiny_items, limit=None, store=tmp_path / "a.db")
    with Store(tmp_path / "a.db") as store:
        evaluate_file(tiny_f16, setup.on_cpu(), store)
    export_reference(tmp_path / "a.db", 1, tmp_path / "reference.npz")
    known = load_reference(tmp_path / "reference.npz")
    found = yardstick([("Q8_0", tmp_path / "none.gguf")], known, setup)
    assert found is not None
    scores = found.of(checked_places(setup))
    assert scores is not None and len(scores) == 24
    assert found.path is None
