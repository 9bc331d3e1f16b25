"""Stores with scores of no model, for tests of what is done with them."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from edgeval.records import Machine, ModelFacts, ModelShape
from edgeval.records.plan import PlanInfo
from edgeval.records.score_key import ScoreKey
from edgeval.stats.top_logprobs import TopLogprobs
from edgeval.store.store import Store
from edgeval.store.stored_run import StoredRun
from edgeval.tasks.item import ItemScore
from edgeval.tasks.requests import Work
from tests.helpers.fakes import make_item

SETTING: dict[str, Any] = {
    "scoring_version": 1,
    "gguf_sha256": "a" * 64,
    "data_fingerprint": "b" * 64,
    "protocol": "lm-eval",
    "protocol_version": 1,
    "shots": 0,
    "shot_pool_fingerprint": None,
    "engine": "llama-cpp-python 0.3.36",
    "features": "AVX2 = 1",
    "backend": "cpu",
    "batch_tokens": 1024,
    "cache_type": "f16",
    "flash_attention": True,
}
FACTS = PlanInfo("F16", 100, 200, 50, 64, 32)
MODEL_FACTS = ModelFacts(
    file_bytes=300,
    imatrix=None,
    tokenizer_fingerprint="d" * 64,
    shape=ModelShape(
        architecture="llama",
        block_count=2,
        embedding_length=64,
        feed_forward_length=[128, 256],
        head_count=4,
        head_count_kv=2,
        rope_base=10000.0,
        vocabulary_size=512,
        n_params=100,
    ),
    checkpoint=None,
)
DEVICE = Machine(
    system="Linux 6",
    machine="x86_64",
    cpu="a CPU",
    physical_cores=2,
    logical_cores=4,
    memory_bytes=10**9,
    python="3.11",
)
WORK = Work(10, 5, 0.25)


def open_run(store: Store, *, file: str = "m.gguf", fresh: bool = False, **changes: Any) -> Any:
    """Return the context of a measurement."""
    setting = ScoreKey.model_validate(SETTING | changes)
    return store.run(setting, file=file, data="items", fresh=fresh)


def score_of(place: int, seed: int = 0) -> ItemScore:
    """Return a score of four choices, another for each place and seed."""
    rng = np.random.default_rng([seed, place])
    return ItemScore(
        item=make_item(name=str(place)),
        logprobs=tuple((-100 * rng.random(4)).tolist()),
        n_tokens=tuple(rng.integers(1, 20, 4).tolist()),
        token_means=tuple((-5 * rng.random(4)).tolist()),
        is_greedy=tuple((rng.random(4) < 0.5).tolist()),
    )


def add_items(measurement: StoredRun, items: Iterable[int], seed: int = 0) -> None:
    """Add scores of items, in one plan."""
    places = list(items)
    plan = measurement.add_plan(places, FACTS, DEVICE)
    measurement.save(plan, {place: score_of(place, seed) for place in places}, WORK)


def without_drawn(whole: TopLogprobs) -> bytes:
    """Return a sketch as edgeval 1 packed it."""
    listed = slice(whole.n_listed)
    arrays = (whole.ids[:, listed].astype("<u4"), whole.logprobs[:, listed].astype("<f4"))
    planes = (np.ascontiguousarray(a).view(np.uint8).reshape(-1, 4).T.tobytes() for a in arrays)
    shape = struct.pack("<II", len(whole), whole.n_listed)
    return b"\1" + zlib.compress(shape + b"".join(planes))


def without_remainders(connection: sqlite3.Connection) -> None:
    """Give divergences the columns that they had before version 5 of the store."""
    for column in ("remainder_sum", "rest_sum", "rest_variance", "by_range"):
        connection.execute(f"ALTER TABLE divergence DROP COLUMN {column}")


def make_store(path: Path, runs: int = 3, items: int = 200, **changes: Any) -> Path:
    """Write a store of several runs; run N has the scores of seed N and a file of its own."""
    with Store(path) as store:
        for number in range(1, runs + 1):
            file, sha256 = f"m{number}.gguf", f"{number:064x}"
            with open_run(store, file=file, gguf_sha256=sha256, **changes) as measurement:
                add_items(measurement, range(0, items, 2), seed=number)
                add_items(measurement, range(1, items, 2), seed=number)
    return path
