"""llama.cpp's kernels are tried before they are trusted, and the faster of the sound ones taken."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval.engine import Engine, Local, Worker, process
from edgeval.engine.kernels import check_types, checks, choose, remembered
from edgeval.engine.kernels.bars import CODEBOOKS, bar
from edgeval.engine.kernels.forward import exact_logits, logprobs
from edgeval.engine.kernels.parts import MOST_ROWS, matrix_types, part_of
from edgeval.engine.kernels.small_model import (
    N_TOKENS,
    N_VOCAB,
    Shape,
    SmallModel,
    small_model,
    text,
)
from edgeval.engine.kernels.writing import write_gguf
from edgeval.engine.messages import KernelPair, KernelsReady
from edgeval.errors import EngineDiedError, EngineError, KernelError
from edgeval.gguf.parts import read_header
from edgeval.gguf.types import TensorType
from edgeval.records import KernelRace, KernelTrial

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

SIGILL = "an illegal instruction (SIGILL)"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let no test remember what another one found."""
    monkeypatch.setenv("EDGEVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels"


def trial(kind: str, kernels: Any, **changes: Any) -> KernelTrial:
    found: dict[str, Any] = {"status": "sound", "max_logprob_change": 0.01, "bar": 1.0}
    return KernelTrial(type=kind, kernels=kernels, **(found | changes))


def race(default_s: float | list[float], plain_s: float, **changes: Any) -> KernelRace:
    found: dict[str, Any] = {
        "n_tokens": 128,
        "default_s": [default_s] * 5 if isinstance(default_s, (int, float)) else default_s,
        "plain_s": [plain_s] * 5,
        "logprob_spread": 1.0,
        "logprob_change": 0.01,
    }
    return KernelRace(**(found | changes))


class Scripted(Engine):
    """An engine that says of kernels what it is told to, and counts what it is asked."""

    def __init__(
        self,
        changes: Mapping[tuple[str, str], dict[str, Any]] | None = None,
        answers: Sequence[Any] = (),
    ) -> None:
        super().__init__()
        self.changes = changes or {}
        self.answers = answers
        self.asked: list[str] = []

    @contextlib.contextmanager
    def beside(self, environment: Mapping[str, str]) -> Iterator[Engine]:
        yield self

    def stream(
        self, job: str, *arguments: Any, doing: str, timeout_s: float | None = None
    ) -> Generator[Any, None, None]:
        self.asked.append(job)
        if job == "race_kernels":
            assert read_header(arguments[0]).tensors
            for answer in self.answers:
                if isinstance(answer, Exception):
                    raise answer
                yield answer
            return
        assert job == "try_kernels"
        for pair in arguments[0]:
            change = self.changes.get((pair.kind, pair.kernels), {})
            yield KernelsReady(change.get("buffer"))
            if change.get("status") == "died":
                raise EngineDiedError(doing, change["cause"], "do something")
            yield trial(pair.kind, pair.kernels, **change)

    def peak_rss_bytes(self) -> int | None:
        return None

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def q4_k(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small-Q4_K.gguf"
    small_model("Q4_K").write(path)
    return path


REARRANGED = {("Q4_K", "default"): {"buffer": "CPU_REPACK"}}


def worker_with(monkeypatch: pytest.MonkeyPatch, fault: str, before: str = "") -> Worker:
    """Return a worker in whose process something happens to batches that are decoded."""
    script = "\n".join(
        [
            f"import sys; sys.path[:] = {sys.path!r}",
            "import os, signal, time, numpy as np",
            "from edgeval.engine.kernels import isolation",
            "from edgeval.llama.session import Session",
            "real, first = Session.decode, os.getpid()",
            before,
            "def decode(self, batch):",
            "    logits, kernels = real(self, batch), self.model.kernels",
            f"    {fault}",
            "    return logits",
            "Session.decode = decode",
            "from edgeval.engine.worker import main",
            "main()",
        ]
    )
    monkeypatch.setattr(process, "command", lambda: [sys.executable, "-c", script])
    return Worker()


def by_pair(trials: Sequence[KernelTrial]) -> dict[tuple[str, str], KernelTrial]:
    return {(each.type, each.kernels): each for each in trials}


# The small model and its exact values.


def test_the_exact_values_are_those_of_llama_cpp_in_f32(tmp_path: Path) -> None:
    *_, found = Local().try_kernels([KernelPair("F32", "plain")], tmp_path, 2, False)
    assert isinstance(found, KernelTrial)
    assert found.max_logprob_change is not None and found.max_logprob_change < 1e-4
    assert found.tokens_per_s is not None and found.tokens_per_s > 0


def test_a_seed_gives_the_same_model_and_another_one_another() -> None:
    first, again, other = small_model("Q8_0"), small_model("Q8_0"), small_model("Q8_0", seed=1)
    for name, blocks in first.matrices.items():
        assert np.array_equal(blocks, again.matrices[name])
        assert not np.array_equal(blocks, other.matrices[name])


def test_rows_of_a_matrix_are_different() -> None:
    for blocks in small_model("Q4_K").matrices.values():
        assert len(np.unique(blocks, axis=0)) == len(blocks)
        assert len(blocks) % 16 == 0


def test_logits_are_spread_as_those_of_a_trained_model() -> None:
    exact = logprobs(exact_logits(small_model("Q4_K"), text()))
    assert exact.shape == (N_TOKENS, N_VOCAB)
    assert 2 < exact.std() < 5
    assert np.exp(exact).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q6_K", "Q4_K", "Q2_K", "IQ2_XS"])
@pytest.mark.parametrize("fault", ["a scale", "a block", "two rows", "a row in 16"])
def test_a_wrong_kernel_is_far_above_the_bar(
    kind: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_model(kind)
    exact = logprobs(exact_logits(model, text()))
    values = model.expanded()
    for name, matrix in values.items():
        if matrix.ndim == 2:
            values[name] = _multiplied_wrongly(matrix, fault)
    monkeypatch.setattr(SmallModel, "expanded", lambda _: values)
    wrong = logprobs(exact_logits(model, text()))
    assert np.abs(wrong - exact).max() > 2 * bar(kind)


def _multiplied_wrongly(matrix: Any, fault: str) -> Any:
    wrong = matrix.copy()
    if fault == "a scale":
        wrong[:, :32] *= 1.5
    elif fault == "a block":
        wrong[:, -32:] = 0
    elif fault == "two rows":
        wrong[[0, 1]] = wrong[[1, 0]]
    else:
        wrong[15::16] *= 2
    return wrong


# Trials in a process that computes.


@needs_signals
@pytest.mark.parametrize("is_copying", [True, False])
def test_a_path_that_ends_the_process_is_told_from_one_that_does_not(
    is_copying: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = "if kernels == 'default': os.kill(os.getpid(), signal.SIGILL)"
    monkeypatch.setattr(checks, "CAN_COPY", is_copying and sys.platform == "linux")
    monkeypatch.setattr(checks, "USUAL", ())
    found = by_pair(check_types(["F32", "Q4_0"], worker_with(monkeypatch, fault), threads=2))
    for kind in ("F32", "Q4_0"):
        default, plain = found[kind, "default"], found[kind, "plain"]
        assert (default.status, default.cause) == ("died", SIGILL)
        assert default.max_logprob_change is None
        assert plain.status != "died"
        assert plain.max_logprob_change is not None


def test_a_copy_that_is_stuck_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = "if os.getpid() != first: time.sleep(30)"
    monkeypatch.setattr(checks, "USUAL", ())
    worker = worker_with(monkeypatch, fault, "isolation.MOST_SECONDS = 1")
    found = by_pair(check_types(["F32", "F16"], worker, threads=2))
    assert all(each.max_logprob_change is not None for each in found.values())


@pytest.mark.parametrize("wrong", ["default", "plain"])
def test_a_path_that_computes_something_else_is_wrong(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = f"if kernels == {wrong!r}: logits = np.roll(logits, 1, axis=1)"
    monkeypatch.setattr(checks, "USUAL", ())
    found = by_pair(check_types(["F32"], worker_with(monkeypatch, fault), threads=2))
    trial = found["F32", wrong]
    assert trial.status == "wrong"
    assert trial.max_logprob_change is not None
    assert trial.max_logprob_change > 10


def test_only_small_batches_may_be_wrong_too(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = "if len(logits) == 2: logits = np.roll(logits, 1, axis=1)"
    monkeypatch.setattr(checks, "USUAL", ())
    found = check_types(["F32"], worker_with(monkeypatch, fault), threads=2)
    assert {trial.status for trial in found} == {"wrong"}


def test_logits_that_are_no_numbers_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = "if kernels == 'default': logits = logits * np.nan"
    monkeypatch.setattr(checks, "USUAL", ())
    found = by_pair(check_types(["F32"], worker_with(monkeypatch, fault), threads=2))
    assert found["F32", "default"].status == "wrong"
    assert found["F32", "default"].max_logprob_change is None


@needs_signals
def test_a_process_that_somebody_ends_says_nothing_of_kernels(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    fault = "os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(EngineError, match="SIGKILL"):
        check_types(["F32"], worker_with(monkeypatch, fault), threads=2)
    assert not cache.exists()


def test_a_type_that_cannot_be_expanded_is_unchecked() -> None:
    engine = Scripted()
    found = check_types(["Q8_K"], engine)
    assert [(each.kernels, each.status) for each in found] == [
        ("default", "unchecked"),
        ("plain", "unchecked"),
    ]
    assert found[0].cause == "the installed gguf package does not say what it means"
    assert engine.asked == []


def test_what_could_not_be_tried_is_tried_again() -> None:
    engine = Scripted({("Q4_K", "plain"): {"status": "unchecked", "cause": "no memory"}})
    assert by_pair(check_types(["Q4_K"], engine))["Q4_K", "plain"].status == "unchecked"
    assert by_pair(check_types(["Q4_K"], Scripted()))["Q4_K", "plain"].status == "sound"


@pytest.mark.parametrize("kind", CODEBOOKS)
def test_random_codes_have_the_size_that_is_wanted(kind: str) -> None:
    values = small_model(kind).expanded()["blk.0.ffn_down.weight"]
    assert np.sqrt((values**2).mean() * Shape().width) == pytest.approx(1, abs=0.1)
    assert abs(values.mean()) < 0.05 * values.std()


# What is remembered.


def test_what_was_tried_is_not_tried_again() -> None:
    engine = Scripted({("Q6_K", "default"): {"status": "died", "cause": SIGILL}})
    first = check_types(["Q4_K", "Q6_K"], engine)
    # The one that died was the last that its process was asked for.
    assert engine.asked == ["try_kernels"] * 2
    assert [(each.type, each.kernels) for each in first] == [
        ("Q4_K", "default"),
        ("Q4_K", "plain"),
        ("Q6_K", "default"),
        ("Q6_K", "plain"),
    ]
    again = Scripted()
    assert check_types(["Q4_K", "Q6_K", "F16"], again) == [*first, *check_types(["F16"], again)]
    assert again.asked == []
    check_types(["Q4_K"], again, fresh=True)
    assert again.asked == ["try_kernels"]


def test_another_type_is_added_to_what_is_remembered() -> None:
    check_types(["Q4_K"], Scripted())
    engine = Scripted()
    check_types(["IQ4_XS"], engine)
    assert engine.asked == ["try_kernels"]
    check_types(["Q4_K", "IQ4_XS"], engine)
    assert engine.asked == ["try_kernels"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema_version": 2, "trials": []}', '{"foreign": 1}', "\udce9"]
)
def test_a_damaged_file_is_as_none(content: str, cache: Path) -> None:
    check_types(["Q4_K"], Scripted())
    (path,) = cache.iterdir()
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    engine = Scripted()
    check_types(["Q4_K"], engine)
    assert engine.asked == ["try_kernels"]
    assert json.loads(path.read_text(encoding="utf-8"))["schema_version"] == 1


def test_a_folder_that_cannot_be_written_forgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, q4_k: Path
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("EDGEVAL_CACHE", str(tmp_path / "file"))
    engine = Scripted(REARRANGED, [KernelsReady(None), race(2, 1)])
    assert choose(q4_k, "auto", engine).kernels == "plain"


def test_other_libraries_have_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "lib"
    folder.mkdir()
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(folder))
    keys = [remembered.machine_key()]
    (folder / "libggml-cpu.so").write_bytes(b"first")
    keys.append(remembered.machine_key())
    # The same under the names that the linker looks for, and what is no library.
    shutil.copyfile(folder / "libggml-cpu.so", folder / "libggml-cpu.so.0.9")
    (folder / "cmake").mkdir()
    (folder / "LICENSE").write_text("text", encoding="utf-8")
    assert remembered.machine_key() == keys[-1]
    (folder / "libggml-cpu.so").write_bytes(b"other content")
    keys.append(remembered.machine_key())
    (folder / "libllama.dylib").write_bytes(b"")
    keys.append(remembered.machine_key())
    monkeypatch.setattr(remembered, "_cpu", lambda: ("another CPU", ""))
    keys.append(remembered.machine_key())
    assert len(set(keys)) == len(keys)


# The part of a model that is timed.


def _mixed(path: Path, n_blocks: int = 6) -> Path:
    """Write a model whose even blocks have more bits, and one number a block."""
    few, more = small_model("Q4_K"), small_model("Q6_K")
    header_path = path.with_name("one.gguf")
    few.write(header_path)
    metadata = read_header(header_path).metadata | {
        "llama.block_count": n_blocks,
        "llama.attention.head_count_kv": [2] * n_blocks,
        "llama.feed_forward_length": [768 + 256 * (block == 3) for block in range(n_blocks)],
    }
    tensors: dict[str, Any] = {}
    for name in few.matrices:
        for block in range(n_blocks):
            is_more = block % 2 == 0 and name == "blk.0.ffn_down.weight"
            source = more if is_more else few
            kind = TensorType[source.kind]
            tensors[name.replace("blk.0.", f"blk.{block}.")] = (source.matrices[name], kind)
    for name, norm in few.norms.items():
        for block in range(n_blocks):
            new = name.replace("blk.0.", f"blk.{block}.")
            tensors[new] = (norm.view(np.uint8), TensorType["F32"])
    write_gguf(path, metadata, tensors)
    return path


def test_a_part_has_one_block_of_each_kind(tmp_path: Path) -> None:
    header = read_header(_mixed(tmp_path / "mixed.gguf"))
    part = part_of(header)
    assert part is not None
    part.write(tmp_path / "part.gguf")
    cut = read_header(tmp_path / "part.gguf")
    assert cut.metadata["llama.block_count"] == 2
    assert list(cut.metadata["llama.feed_forward_length"]) == [768, 768]
    assert cut.metadata["llama.vocab_size"] == min(N_VOCAB, MOST_ROWS)
    assert cut.metadata["tokenizer.ggml.model"] == "none"
    types = {each.name: each.type.name for each in cut.tensors}
    assert (types["blk.0.ffn_down.weight"], types["blk.1.ffn_down.weight"]) == ("Q6_K", "Q4_K")
    sources = {each.name: each for each in header.tensors}
    for tensor in cut.tensors:
        source = sources[tensor.name]
        assert np.array_equal(cut.raw(tensor), header.raw(source)[: tensor.nbytes])
    assert matrix_types(header) == ["Q4_K", "Q6_K"]


def test_the_name_of_a_part_is_that_of_its_shape_and_types(tmp_path: Path, q4_k: Path) -> None:
    for kind, seed in (("Q4_K", 1), ("Q5_K", 0)):
        small_model(kind, seed).write(tmp_path / f"{kind}.gguf")
    _mixed(tmp_path / "mixed.gguf")
    paths = [q4_k, *(tmp_path / f"{name}.gguf" for name in ("Q4_K", "Q5_K", "mixed"))]
    parts = [part_of(read_header(path)) for path in paths]
    names = [part.name for part in parts if part]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_llama_cpp_computes_a_part_of_a_real_model(tiny_f32: Path, tmp_path: Path) -> None:
    part = part_of(read_header(tiny_f32))
    assert part is not None
    part.write(tmp_path / "part.gguf")
    worker = Worker()
    try:
        first, found = worker.race_kernels(tmp_path / "part.gguf", 2)
    finally:
        worker.close()
    assert isinstance(first, KernelsReady)
    assert isinstance(found, KernelRace)
    assert found.n_tokens >= 32
    assert len(found.default_s) == len(found.plain_s) >= 3
    assert found.logprob_spread is not None


def test_a_model_without_blocks_has_no_part(tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    write_gguf(path, {"general.architecture": "other"}, {})
    assert part_of(read_header(path)) is None


# The choice.


def test_nothing_is_timed_where_nothing_is_rearranged(q4_k: Path) -> None:
    engine = Scripted()
    found = choose(q4_k, "auto", engine)
    assert (found.kernels, found.reason, found.buffers) == ("default", None, [])
    assert engine.asked == ["try_kernels"]


@pytest.mark.parametrize(
    ("result", "kernels", "reason"),
    [
        (race(1.32, 1), "plain", "1.32 times as fast here"),
        (race(1.32, 1, threads=2), "plain", "1.32 times as fast here with 2 threads"),
        (race(1.09, 1), "default", None),
        (race(0.5, 1), "default", None),
        (race([2, 2, 2, 2, 0.9], 1), "plain", "2.00 times"),
        (race([2, 2, 2, 1, 0.9], 1), "default", None),
        (race(1, 1, logprob_change=0.5), "plain", "compute something else than plain ones"),
        (race(1, 1, logprob_change=None, logprob_spread=None), "plain", "no finite numbers"),
        (EngineError("the part cannot be loaded"), "default", None),
    ],
)
def test_the_faster_sound_kernels_are_taken(
    result: Any, kernels: str, reason: str | None, q4_k: Path
) -> None:
    is_refused = isinstance(result, Exception)
    engine = Scripted(REARRANGED, [result] if is_refused else [KernelsReady(None), result])
    found = choose(q4_k, "auto", engine)
    assert found.kernels == kernels
    assert (found.reason is None) if reason is None else (reason in (found.reason or ""))
    assert found.buffers == ["CPU_REPACK"]
    # The next time it is the same, and nothing is asked.
    again = Scripted(REARRANGED, [KernelsReady(None), race(9, 1)])
    assert choose(q4_k, "auto", again) == found
    assert again.asked == []


def test_the_choice_is_that_of_a_shape_whatever_the_threads(q4_k: Path, tmp_path: Path) -> None:
    engine = Scripted(REARRANGED, [KernelsReady(None), race(2, 1)])
    found = choose(q4_k, "auto", engine, threads=1)
    other = tmp_path / "other.gguf"
    small_model("Q4_K", seed=3).write(other)
    again = Scripted(REARRANGED)
    assert choose(other, "auto", again, threads=7) == found
    assert again.asked == []


def test_kernels_that_die_with_a_shape_are_not_used_for_it(q4_k: Path) -> None:
    died = EngineDiedError("timing", SIGILL, "do something")
    found = choose(q4_k, "auto", Scripted(REARRANGED, [KernelsReady(None), died]))
    assert found.kernels == "plain"
    assert found.reason == (
        f"llama.cpp's CPU_REPACK kernels end with {SIGILL} on this CPU with its shape"
    )


def test_memory_that_runs_out_is_not_remembered(q4_k: Path) -> None:
    died = EngineDiedError("timing", "SIGKILL, as a rule because memory ran out", "close others")
    found = choose(q4_k, "auto", Scripted(REARRANGED, [KernelsReady(None), died]))
    assert (found.kernels, found.reason) == ("default", None)
    again = Scripted(REARRANGED, [KernelsReady(None), race(2, 1)])
    assert choose(q4_k, "auto", again).kernels == "plain"


DEAD = {"status": "died", "cause": SIGILL, "buffer": "AMX"}
WRONG = {"status": "wrong", "max_logprob_change": 7.0}


def test_kernels_that_die_are_not_used(q4_k: Path) -> None:
    engine = Scripted({("Q4_K", "default"): DEAD})
    found = choose(q4_k, "auto", engine)
    assert found.kernels == "plain"
    assert found.reason == f"llama.cpp's AMX kernels end with {SIGILL} on this CPU"
    assert found.buffers == ["AMX"]
    assert "race_kernels" not in engine.asked
    assert choose(q4_k, "plain", engine).reason is None
    with pytest.raises(KernelError) as error:
        choose(q4_k, "default", engine)
    assert str(error.value) == (
        f"small-Q4_K.gguf is not computed: llama.cpp's AMX kernels end with {SIGILL} on this CPU "
        "with Q4_K; use --kernels auto"
    )


def test_plain_kernels_that_are_wrong_are_not_used(q4_k: Path) -> None:
    engine = Scripted(REARRANGED | {("Q4_K", "plain"): WRONG})
    found = choose(q4_k, "auto", engine)
    assert found.kernels == "default"
    assert found.reason == "llama.cpp's plain kernels compute wrongly on this CPU"
    with pytest.raises(KernelError, match="compute wrongly on this CPU with Q4_K"):
        choose(q4_k, "plain", engine)


@pytest.mark.parametrize("wanted", ["auto", "default", "plain"])
def test_a_type_that_no_kernels_compute_is_refused(wanted: Any, q4_k: Path) -> None:
    engine = Scripted({("Q4_K", "default"): DEAD, ("Q4_K", "plain"): WRONG})
    with pytest.raises(KernelError) as error:
        choose(q4_k, wanted, engine)
    sentence = str(error.value)
    assert sentence.startswith("small-Q4_K.gguf is not computed: llama.cpp's ")
    assert "plain kernels compute wrongly on this CPU with Q4_K" in sentence
    assert f"AMX kernels end with {SIGILL} on this CPU with Q4_K" in sentence
    assert sentence.endswith(
        "; evaluate another type, or install another build of llama-cpp-python (edgeval doctor "
        "tells more)"
    )


def test_a_mixture_is_as_sound_as_its_types(tmp_path: Path) -> None:
    path = _mixed(tmp_path / "mixed.gguf")
    found = choose(path, "auto", Scripted({("Q6_K", "default"): DEAD}))
    assert found.kernels == "plain"
    with pytest.raises(KernelError, match="with Q6_K; use --kernels auto"):
        choose(path, "default", Scripted())


def test_what_is_not_checked_is_not_called_sound(q4_k: Path) -> None:
    unchecked = {"status": "unchecked", "max_logprob_change": None, "cause": "nobody knows it"}
    engine = Scripted({("Q4_K", kernels): unchecked for kernels in ("default", "plain")})
    found = choose(q4_k, "auto", engine)
    assert (found.kernels, found.unchecked) == ("plain", ["Q4_K"])
    assert found.reason == "llama.cpp's default kernels are not checked"
    assert choose(q4_k, "default", engine).kernels == "default"


def test_what_is_asked_for_is_not_timed(q4_k: Path) -> None:
    engine = Scripted(REARRANGED)
    for wanted in ("default", "plain"):
        assert choose(q4_k, wanted, engine).kernels == wanted
    assert engine.asked == ["try_kernels"]
