"""llama.cpp dies, really: what was finished is kept, the others go on, and a sentence says why."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from edgeval.engine import Worker, process, use
from edgeval.errors import EngineDiedError, EngineError
from edgeval.evaluation import file_scorer, pipeline
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.quantization.imatrix import imatrix
from edgeval.quantization.quantize import quantize
from edgeval.records import Report
from edgeval.report import record_files
from edgeval.store.store import Store
from tests.helpers.fakes import Lines, StopAfter, without_kernels
from tests.helpers.faulty import command, fault
from tests.helpers.paths import ROOT

TYPES = ("F32", "BF16", "F16")
BATCH_TOKENS = 64

WORDS = {
    "SIGILL": "an illegal instruction (SIGILL)",
    "SIGSEGV": "a crash (SIGSEGV)",
    "SIGABRT": "an abort (SIGABRT)",
    "SIGKILL": "SIGKILL, as a rule because memory ran out",
    "SIGTERM": "SIGTERM, which another program or a person sent",
    "exit": "exit code 3",
    "assert": "an assertion of its own (ops.cpp:7: GGML_ASSERT(a == b) failed)",
}
EACH_ONCE = {
    *(("load", how) for how in ("SIGILL", "exit", "assert")),
    *(("score", how) for how in ("SIGSEGV", "SIGABRT", "SIGKILL", "SIGTERM")),
}
"""Each way to die at one moment; at the other one it is slow."""

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
]


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 0.0)
    with use(Worker()) as engine:
        assert isinstance(engine, Worker)
        yield engine


@pytest.fixture
def break_it(own_process: Worker, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Return what lets the next processes have a fault; None lets them have none."""
    sound = process.command

    def choose(given: str | None) -> None:
        own_process.close()
        monkeypatch.setattr(process, "command", sound if given is None else lambda: command(given))

    return choose


def _options(items: Path, db: Path) -> Options:
    return Options(
        data=items, store=db, batch_tokens=BATCH_TOKENS, threads=1, backend="cpu", kl_items=5
    )


@pytest.fixture(scope="module")
def whole(tiny_checkpoint: Path, tiny_items: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a run says that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    options = _options(tiny_items, folder / "whole.db")
    record, _ = pipeline.run(str(tiny_checkpoint), options, types=TYPES, out=folder / "out")
    return _numbers(record)


def _numbers(record: Report) -> dict[str, Any]:
    """Return what is measured, without times."""
    found: dict[str, Any] = {run.label: (run.metrics, run.sha256) for run in record.runs}
    return found | {f"{each.label} drift": each for each in record.drift}


@pytest.mark.parametrize(
    ("moment", "how"),
    [
        pytest.param(moment, how, marks=() if (moment, how) in EACH_ONCE else pytest.mark.slow)
        for moment in ("load", "score")
        for how in WORDS
    ],
)
def test_the_others_go_on_and_a_second_run_completes_what_is_missing(
    how: str,
    moment: str,
    tiny_checkpoint: Path,
    tiny_items: Path,
    tmp_path: Path,
    break_it: Callable[[str | None], None],
    whole: Any,
) -> None:
    model, options, lines = str(tiny_checkpoint), _options(tiny_items, tmp_path / "a.db"), Lines()
    break_it(fault(how, moment, "BF16", after=3 if moment == "score" else 0))
    first, folder = pipeline.run(model, options, types=TYPES, out=tmp_path / "1", progress=lines)
    assert record_files.load(folder) == first
    (failure,) = first.failures
    assert [run.type for run in first.runs] == ["F32", "F16"]
    assert [each.type for each in first.drift] == ["F16"]
    assert (failure.type, failure.doing, failure.is_reference) == ("BF16", "scoring", False)
    assert failure.reason.startswith(f"llama.cpp was ended by {WORDS[how]}; ")
    assert (failure.n_items > 0) == (moment == "score")
    (line,) = [line for line in lines.lines if "failed" in line]
    kept = "; the scores so far are kept" if failure.n_items else ""
    assert line.startswith(
        f"scoring tiny-BF16.gguf failed at {failure.n_items} of 40 items: llama.cpp was ended by "
        f"{WORDS[how]}{kept}; "
    )
    break_it(None)
    again = Lines()
    second, _ = pipeline.run(model, options, types=TYPES, out=tmp_path / "2", progress=again)
    assert second.failures == []
    assert _numbers(second) == whole
    scored = [line for line in again.lines if "already scored" in line]
    expected = ["F32.gguf: 40", f"BF16.gguf: {failure.n_items}", "F16.gguf: 40"]
    assert scored == [
        f"tiny-{each} of 40 items already scored" for each in expected if not each.endswith(" 0")
    ]


@pytest.mark.parametrize("how", ["SIGSEGV", "SIGKILL", "exit"])
def test_nothing_is_lost_between_two_files(
    how: str,
    tiny_checkpoint: Path,
    tiny_items: Path,
    tmp_path: Path,
    break_it: Callable[[str | None], None],
    whole: Any,
) -> None:
    break_it(fault(how, "release", "F32"))
    options = _options(tiny_items, tmp_path / "a.db")
    record, _ = pipeline.run(str(tiny_checkpoint), options, types=TYPES, out=tmp_path / "1")
    assert record.failures == []
    assert _numbers(record) == whole


def test_without_a_reference_the_others_are_still_measured(
    tiny_checkpoint: Path,
    tiny_items: Path,
    tmp_path: Path,
    break_it: Callable[[str | None], None],
    whole: Any,
) -> None:
    break_it(fault("SIGABRT", "score", "-F32", after=1))
    options = _options(tiny_items, tmp_path / "a.db")
    record, _ = pipeline.run(str(tiny_checkpoint), options, types=TYPES, out=tmp_path / "1")
    assert [each.is_reference for each in record.failures] == [True]
    assert (record.reference, record.drift, record.verdicts) == (None, [], [])
    assert _numbers(record) == {name: whole[name] for name in ("BF16", "F16")}
    assert record.data.n_items == 40


def test_a_type_that_cannot_be_quantized_is_failed(
    tiny_checkpoint: Path,
    tiny_items: Path,
    tmp_path: Path,
    break_it: Callable[[str | None], None],
    own_cache: Path,
) -> None:
    # The first look is that of the recipe.
    break_it(fault("SIGSEGV", "quantize", "F32", after=1))
    options = _options(tiny_items, tmp_path / "a.db")
    record, _ = pipeline.run(
        str(tiny_checkpoint), options, types=["F32", "Q8_0", "F16"], out=tmp_path / "1"
    )
    (failure,) = record.failures
    assert (failure.label, failure.doing) == ("Q8_0", "quantizing to Q8_0")
    assert failure.file == "tiny-Q8_0.gguf"
    assert [run.type for run in record.runs] == ["F32", "F16"]
    made = [path for path in (tmp_path / "cache" / "gguf").rglob("*") if path.is_file()]
    made = [path for path in made if path.suffix not in (".lock", ".sha256")]
    kept = sorted(path.name for path in made if path.parent.name != "kernels")
    assert kept == ["tiny-F16.gguf", "tiny-F32.gguf"]


def test_if_everything_fails_there_is_no_report(
    tiny_f16: Path,
    tiny_f32: Path,
    tiny_checkpoint: Path,
    tiny_items: Path,
    tmp_path: Path,
    break_it: Callable[[str | None], None],
) -> None:
    break_it(fault("SIGILL", "load"))
    options = _options(tiny_items, tmp_path / "a.db")
    with pytest.raises(EngineError, match=r"nothing could be evaluated: F32, F16 failed"):
        pipeline.run(str(tiny_checkpoint), options, types=["F32", "F16"], out=tmp_path / "1")
    assert not (tmp_path / "1").exists()
    with pytest.raises(EngineError, match=r"nothing could be evaluated: F16, F32 failed"):
        evaluate([tiny_f16, tiny_f32], options)
    # Of a single file, that is all there is to say.
    with pytest.raises(EngineDiedError, match=r"^scoring tiny-F16.gguf failed at 0 of 40 items: "):
        evaluate([tiny_f16], options)


def test_ready_files_fail_by_themselves(
    tiny_f16: Path,
    tiny_f32: Path,
    tiny_items: Path,
    tmp_path: Path,
    break_it: Callable[[str | None], None],
) -> None:
    break_it(fault("SIGKILL", "load", "F32"))
    found = evaluate([tiny_f16, tiny_f32], _options(tiny_items, tmp_path / "a.db"))
    assert [each.type for each in found.runs] == ["F16"]
    assert [(each.type, each.file) for each in found.failures] == [("F32", "tiny-F32.gguf")]


def test_other_jobs_leave_nothing_half_written(
    tiny_f16: Path, tiny_text: Path, tmp_path: Path, break_it: Callable[[str | None], None]
) -> None:
    break_it(fault("SIGSEGV", "load", "tiny"))
    with pytest.raises(EngineDiedError, match=r"computing the importance matrix of tiny-F16.gguf"):
        imatrix(tiny_f16, tiny_text, tmp_path / "m.gguf", chunk_tokens=64)
    break_it(fault("SIGABRT", "quantize", "tiny", after=1))
    with pytest.raises(EngineDiedError, match=r"quantizing tiny-F16.gguf to Q8_0 failed"):
        quantize(tiny_f16, ["Q8_0"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_process_can_be_asked_again(tiny_f16: Path, own_process: Worker) -> None:
    facts = own_process.facts()
    (child,) = psutil.Process().children()
    child.kill()
    psutil.wait_procs([child], 10)
    assert own_process.facts() == facts
    own_process.close()
    own_process.close()
    assert psutil.Process().children() == []


def test_what_stops_early_stops_the_process(tiny_items: Path, tiny_f16: Path) -> None:
    setup = prepare(Options(data=tiny_items, store=None, backend="cpu"))
    with pytest.raises(KeyboardInterrupt):
        evaluate_file(tiny_f16, setup, progress=StopAfter(3))
    assert psutil.Process().children() == []


COMMAND = [sys.executable, "-m", "tests.helpers.faulty"]


def _begun(given: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a command whose process for llama.cpp has a fault."""
    return subprocess.Popen(
        [*COMMAND, given, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        start_new_session=True,
    )


# A whole run before has tried the kernels, whose death would be another one.
@pytest.mark.usefixtures("whole")
def test_the_command_reports_all_of_it_and_ends_with_1(
    tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    options = ["--quant", "F32,BF16", "--data", tiny_items, "--out", tmp_path / "out"]
    process = _begun(fault("assert", "score", "BF16"), "run", tiny_checkpoint, *options)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "BF16 failed while scoring (tiny-BF16.gguf)" in stdout
    reason, error = without_kernels(stderr.strip().splitlines())
    assert reason.startswith("scoring tiny-BF16.gguf failed at 0 of 40 items: llama.cpp was ended ")
    assert error.startswith("error: BF16 failed, as the report says; ")
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.parametrize(
    ("stop", "whom"),
    [
        (signal.SIGINT, "command"),
        (signal.SIGTERM, "command"),
        (signal.SIGHUP, "command"),
        (signal.SIGINT, "both"),
        (signal.SIGTERM, "both"),
        (signal.SIGHUP, "both"),
        (signal.SIGKILL, "command"),
    ],
)
def test_whoever_ends_a_command_leaves_no_process(
    stop: signal.Signals, whom: str, tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db = tmp_path / "a.db"
    options = ["--data", tiny_items, "--store", db, "--batch-tokens", BATCH_TOKENS, "--threads", 1]
    process = _begun(fault("wait", "score", tiny_f16.name, after=4), "eval", tiny_f16, *options)
    child = _child(process, lambda: _n_scores(db) > 0)
    if whom == "command":
        process.send_signal(stop)
    else:
        os.killpg(process.pid, stop)
    _, stderr = process.communicate(timeout=20)
    psutil.wait_procs([child], 5)
    assert not child.is_running()
    if stop == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        (line,) = without_kernels(stderr.strip().splitlines())
        assert line.startswith("error: interrupted at ")
    kept = _n_scores(db)
    assert 0 < kept < 40
    # The store is sound, and the next run ends with what one says that was not stopped.
    setup = prepare(Options(data=tiny_items, batch_tokens=BATCH_TOKENS, threads=1, backend="cpu"))
    with Store(db) as store:
        resumed = evaluate_file(tiny_f16, setup, store)
    assert resumed.scores == evaluate_file(tiny_f16, setup).scores
    assert _n_scores(db) == 40


def _child(process: subprocess.Popen[str], is_ready: Callable[[], bool]) -> psutil.Process:
    """Return the process that a command has started, once something is so."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children = psutil.Process(process.pid).children()
        # Kernels are tried in a process of their own, which ends by itself.
        if len(children) == 1 and is_ready():
            return children[0]
        time.sleep(0.02)
    raise TimeoutError


def _n_scores(db: Path) -> int:
    if not db.exists():
        return 0
    with contextlib.closing(sqlite3.connect(db)) as connection:
        try:
            (n,) = connection.execute("SELECT count(*) FROM score").fetchone()
        except sqlite3.OperationalError:
            return 0
    return int(n)
