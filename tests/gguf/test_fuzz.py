"""Damaged GGUFs: each is refused with a sentence or read correctly, and none ends the process."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from edgeval import llama
from edgeval.errors import GgufError
from edgeval.gguf.header import Header
from edgeval.gguf.inspect import inspect
from edgeval.gguf.parts import read_header
from edgeval.gguf.values import ValueType
from tests.helpers.fuzz import ggufs as gguf_fuzz
from tests.helpers.fuzz.ggufs import Fuzzer, small_file
from tests.helpers.gguf_bytes import pair, start, tensor
from tests.helpers.paths import ROOT

N_READ = 300
"""Mutations of each of two files that are read in this process."""
N_MEASURED = 150
"""Mutations whose reading is measured."""
N_FED = 250
"""Mutations of each of them that a process of their own hands to llama.cpp."""

LONGEST_S = 5.0
BUFFER_BYTES = 4 << 20
"""Memory that reading takes whatever the size of the file."""
LONGEST_SENTENCE = 500


@pytest.fixture(scope="module")
def sound_f32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "small-F32.gguf"
    path.write_bytes(small_file(n_layers=1).encoded())
    return path


@pytest.fixture(scope="module")
def sound_q8_0(sound_f32: Path) -> Path:
    path = sound_f32.with_name("small-Q8_0.gguf")
    llama.quantize_file(sound_f32, path, "Q8_0", 1, lambda _: None)
    return path


def written_again(header: Header) -> bytes:
    """Return a header's bytes up to its padding, from what was read of it."""
    pairs = [pair(key, header.types[key], header.metadata[key]) for key in header.metadata]
    entries = [
        tensor(each.name, each.shape[::-1], each.type, each.offset - header.data_offset)
        for each in header.tensors
    ]
    return start(len(entries), len(pairs), header.version) + b"".join(pairs + entries)


def can_be_written_again(header: Header) -> bool:
    """Return whether the values are such that only the same bytes are read as them."""
    return not any(
        header.types[key] == ValueType.ARRAY
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, list) and not value)
        for key, value in header.metadata.items()
    )


def read(path: Path, seed: int) -> Header | None:
    """Return a header; None if it is refused with one sentence."""
    try:
        header = read_header(path)
        found = inspect(path)
    except GgufError as error:
        assert len(str(error).splitlines()) == 1, f"seed {seed}: {error!r}"
        assert len(str(error)) < LONGEST_SENTENCE + len(str(path)), f"seed {seed}"
        return None
    assert found.file_bytes == path.stat().st_size, f"seed {seed}"
    assert len(found.tensors) == len(header.tensors), f"seed {seed}"
    return header


@pytest.mark.usefixtures("without_waits")
@pytest.mark.parametrize("name", ["sound_f32", "sound_q8_0"])
def test_a_damaged_header_is_refused_or_read_as_it_is(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    fuzzer = Fuzzer(request.getfixturevalue(name))
    damaged = tmp_path / "damaged.gguf"
    n_read = 0
    for seed in range(N_READ):
        data = fuzzer.mutation(seed)
        damaged.write_bytes(data)
        header = read(damaged, seed)
        if header is not None:
            n_read += 1
            if can_be_written_again(header):
                again = written_again(header)
                assert data[: len(again)] == again, f"seed {seed}"
    assert N_READ // 5 < n_read < N_READ


@pytest.mark.usefixtures("without_waits")
def test_reading_takes_time_and_memory_by_the_size_of_the_file(
    sound_f32: Path, tmp_path: Path
) -> None:
    fuzzer = Fuzzer(sound_f32)
    damaged = tmp_path / "damaged.gguf"
    for seed in range(N_READ, N_READ + N_MEASURED):
        damaged.write_bytes(fuzzer.mutation(seed))
        begin_s = time.perf_counter()
        tracemalloc.start()
        read(damaged, seed)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert time.perf_counter() - begin_s < LONGEST_S, f"seed {seed}"
        assert peak_bytes < 8 * damaged.stat().st_size + BUFFER_BYTES, f"seed {seed}"


def test_a_length_is_checked_before_it_is_allocated(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    kinds = [0, 5, 8, 9, 12]
    tracemalloc.start()
    try:
        for kind in kinds:
            for count in (2**24, 2**32, 2**40, 2**63):
                value = struct.pack("<IIQ", 9, kind, count) + bytes(1000)
                damaged.write_bytes(start(0, 1) + struct.pack("<Q", 1) + b"k" + value)
                tracemalloc.reset_peak()
                with pytest.raises(GgufError, match="more than it has room for"):
                    read_header(damaged)
                assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.process
def test_no_damage_ends_the_process(sound_f32: Path, sound_q8_0: Path) -> None:
    feeders = [
        subprocess.Popen(
            [sys.executable, "-m", gguf_fuzz.__name__, str(path), "0", str(N_FED)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            # Where there is a debugger, ggml would have it write to our pipe before it aborts.
            env=os.environ | {"GGML_NO_BACKTRACE": "1"},
        )
        for path in (sound_f32, sound_q8_0)
    ]
    for feeder in feeders:
        output, errors = feeder.communicate(timeout=300)
        lines = output.splitlines()
        last = lines[-1].split()[0] if lines else "none"
        assert feeder.returncode == 0, f"seed {last} of {feeder.args}: {errors[-1000:]}"
        # A line each: none had a traceback, and every error is one sentence.
        assert [int(line.split()[0]) for line in lines] == list(range(N_FED))
        outcomes = [line.split()[1] for line in lines]
        assert outcomes.count("sound") > N_FED // 20
        assert outcomes.count("EngineError") > N_FED // 20
        assert outcomes.count("GgufError") > N_FED // 5
