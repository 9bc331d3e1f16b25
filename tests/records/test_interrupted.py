"""Records that are written while Ctrl-C comes: an interrupt, and no other error."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edgeval.records.base import Record
from edgeval.records.hardware import SparseRecord
from edgeval.system.interrupts import held_back
from tests.helpers.benches import example_bench
from tests.helpers.diagnoses import example_diagnosis
from tests.helpers.forecasts import example_forecast
from tests.helpers.pick_records import example_pick
from tests.helpers.reports import failed_report
from tests.helpers.suites import example_suite

RECORDS: dict[str, Callable[[], Record]] = {
    "bench": lambda: example_bench(gpus=("Some GPU",)),
    "doctor": example_diagnosis,
    "forecast": example_forecast,
    "pick": example_pick,
    "report": lambda: failed_report("Q4_0", "Q2_K", n_items=300, status="partial"),
    "suite": example_suite,
}


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """Interrupts are Python's own, and are afterwards, whatever a test does."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def _calls(work: Callable[[], Any], strike_at: int | None = None) -> int:
    """Count the Python functions that are called in some work; interrupt at one of them."""
    n = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal n
        if event == "call":
            n += 1
            if n == strike_at:
                sys.setprofile(None)
                signal.raise_signal(signal.SIGINT)

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return n


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("kind", ["python", "json"])
def test_an_interrupt_at_any_call_is_an_interrupt(name: str, kind: str) -> None:
    record = RECORDS[name]()
    write = record.model_dump if kind == "python" else record.model_dump_json
    n_calls = _calls(write)
    for at in range(1, n_calls + 1, max(1, n_calls // 50)):
        with pytest.raises(KeyboardInterrupt):
            _calls(write, at)
        # The next one comes, too.
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_pydantic_alone_makes_another_error_of_it() -> None:
    """Else nothing above would have to wait."""

    class Interrupted(SparseRecord):
        machine: int | None = None

    def write() -> str:
        return super(Record, Interrupted()).model_dump_json()

    with pytest.raises(ValueError, match="KeyboardInterrupt"):
        _calls(write, _calls(write))


def test_what_came_is_told_when_the_body_is_done_and_when_it_fails() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), held_back():
        signal.raise_signal(signal.SIGINT)
        done.append("behind it")
    assert done == ["behind it"]
    with pytest.raises(KeyboardInterrupt) as interrupt, held_back():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("the disk is full")
    assert "the disk is full" in str(interrupt.value.__context__)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_ignored_stays_so_and_other_threads_wait_for_nothing() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held_back():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(example_bench().model_dump_json()))
    thread.start()
    thread.join()
    assert found == [example_bench().model_dump_json()]
