"""A reference file of a few scores, and the parts that it is packed of."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval.errors import EdgevalError
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.kl_items import KeepTopLogprobs
from edgeval.evaluation.kl_sample import to_sketch
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import load_reference
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.records import ModelSource
from edgeval.stats.top_logprobs import TopLogprobs
from edgeval.stats.top_logprobs import pack as pack_sketch
from edgeval.store.reference_export import export_reference
from edgeval.store.store import Store
from tests.helpers.fakes import make_item
from tests.helpers.stores import (
    DEVICE,
    FACTS,
    MODEL_FACTS,
    WORK,
    open_run,
    score_of,
)

CHECKPOINT = ModelSource(name="m", title="a model", fingerprint="c" * 64)
MODEL = MODEL_FACTS.model_copy(update={"checkpoint": CHECKPOINT})
KNOWN = replace(FACTS, n_total=50, model=MODEL)
PLACES = (30, 2, 7, 49)
SKETCHES = {
    place: TopLogprobs(
        np.arange(12, dtype=np.uint32).reshape(3, 4) + place,
        np.linspace(-1, -9, 12, dtype=np.float32).reshape(3, 4),
    )
    for place in (7, 2, 49)
}
PACKED_SKETCHES = {place: pack_sketch(each) for place, each in SKETCHES.items()}


def example_store(path: Path) -> Path:
    """Make a store with one run, of four items in two plans; an older edgeval made the first."""
    with Store(path) as store, open_run(store) as measurement:
        for facts, places in ((FACTS, PLACES[:2]), (KNOWN, PLACES[2:])):
            plan = measurement.add_plan(places, facts, DEVICE)
            sketches = {place: SKETCHES[place] for place in places if place in SKETCHES}
            scores = {place: score_of(place) for place in places}
            measurement.save(plan, scores, WORK, sketches=sketches)
    return path


def export_example(folder: Path) -> Path:
    """Export the run of a store of the example."""
    export_reference(example_store(folder / "a.db"), 1, folder / "ref.npz")
    return folder / "ref.npz"


def items_of(n: int = 50) -> dict[int, Any]:
    return {place: make_item(name=str(place)) for place in range(n)}


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Change the header and the arrays of a file, whose hash is then another's."""
    with np.load(path, allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    header = json.loads(arrays.pop("header").tobytes())
    change(header, arrays)
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez_compressed(path, header=text, **arrays)


def peak_of_refusal(path: Path, reason: str) -> int:
    """Return the most memory that reading takes, in bytes."""
    tracemalloc.start()
    with pytest.raises(EdgevalError, match=reason) as found:
        load_reference(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(str(found.value)) < 600
    assert "\n" not in str(found.value)
    return peak_bytes


# What may be compared with what.


def measure_reference(gguf: Path, items: Path, folder: Path) -> Path:
    """Export the reference of 20 of 40 items, drawn with seed 0."""
    setup = replace(prepare(Options(data=items, limit=20)), checkpoint=CHECKPOINT)
    with Store(folder / "a.db") as store:
        places = KeepTopLogprobs(to_sketch(setup).indices[:5])
        evaluate_file(gguf, setup, store, wanted=places)
    export_reference(folder / "a.db", 1, folder / "ref.npz")
    return folder / "ref.npz"


def setup_of(items: Path, **changes: Any) -> EvalSetup:
    return prepare(Options(data=items, **({"limit": 20} | changes)))
