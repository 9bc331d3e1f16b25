"""Reference files: what a reference said of every item, written and read to the last bit."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeval.errors import EdgevalError
from edgeval.evaluation.reference import load_reference
from edgeval.records.plan import PLAN_INFO
from edgeval.records.reference import ReferenceHeader
from edgeval.store import reference_file
from edgeval.store.reference_export import export_reference
from edgeval.store.reference_packing import DTYPES, Packed, pack
from edgeval.store.store import Store
from edgeval.store.stored_run import pack as row_of
from tests.helpers.fakes import make_item
from tests.helpers.references import (
    KNOWN,
    MODEL,
    PACKED_SKETCHES,
    PLACES,
    export_example,
    items_of,
    rewrite,
)
from tests.helpers.stores import (
    DEVICE,
    FACTS,
    SETTING,
    make_store,
    open_run,
    score_of,
)


@pytest.fixture
def db(exported: Path) -> Path:
    return exported.with_name("a.db")


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return export_example(tmp_path)


def test_scores_are_the_same_to_the_last_bit(exported: Path) -> None:
    found = load_reference(exported)
    assert found.indices == sorted(PLACES)
    assert found.scores(items_of()) == {place: score_of(place) for place in PLACES}
    assert found.scores({2: make_item(name="2"), 3: make_item()}) == {2: score_of(2)}
    assert found.sketches == PACKED_SKETCHES
    assert found.file_bytes == exported.stat().st_size


def test_the_header_says_what_was_measured(exported: Path) -> None:
    header = load_reference(exported).header
    assert header.setting.model_dump() == SETTING | {
        "devices": (),
        "gpu_layers": 0,
        "task": None,
        "task_version": 1,
        "pre_tokenizer": None,
    }
    assert (header.file, header.type, header.data) == ("m.gguf", "F16", "items")
    assert (header.n_total, header.n_items, header.kl_items) == (50, 4, 3)
    assert (header.model, header.device) == (MODEL, DEVICE)
    assert (header.tokens_decoded, header.logit_rows) == (20, 10)
    assert (header.tokens_lower_bound, header.n_batch, header.n_ubatch) == (100, 64, 32)


_FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


@settings(max_examples=40, deadline=None)
@given(
    values=st.dictionaries(
        st.integers(0, 99),
        st.lists(st.tuples(_FINITE, st.integers(1, 2**31 - 1), _FINITE, st.booleans()), min_size=1),
        min_size=1,
    ),
    sketches=st.dictionaries(st.integers(0, 99), st.binary()),
)
def test_any_scores_are_read_as_they_were_written(
    values: dict[int, list[tuple[Any, ...]]],
    sketches: dict[int, bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    texts = {place: json.dumps([*zip(*each, strict=True)]) for place, each in values.items()}
    packed = pack(texts, sketches)
    path = tmp_path_factory.mktemp("any") / "ref.npz"
    reference_file.write(path, _header(packed, 100), packed)
    found = load_reference(path)
    items = {place: make_item(choices=["x"] * len(each)) for place, each in values.items()}
    for place, score in found.scores(items).items():
        assert [repr(each) for each in score.logprobs] == [repr(each[0]) for each in values[place]]
        assert json.loads(row_of(score)) == json.loads(texts[place])
    assert found.indices == sorted(values)
    assert found.sketches == sketches


def _header(packed: Packed, n_total: int) -> ReferenceHeader:
    return ReferenceHeader.model_validate(
        {
            "edgeval_version": "0.1.0",
            "created_at": "2026-01-02T03:04:05Z",
            "measured_at": "2026-01-02T03:04:05Z",
            "setting": SETTING,
            "data": "items",
            "n_total": n_total,
            "n_items": len(packed.places),
            "kl_items": len(packed.sketch_places),
            "file": "m.gguf",
            "type": "F16",
            "n_params": 100,
            "tensor_bytes": 200,
            "model": MODEL,
            "tokens_decoded": 10,
            "tokens_lower_bound": 10,
            "logit_rows": 5,
            "n_batch": 64,
            "n_ubatch": 32,
            "device": DEVICE,
        }
    )


def test_all_of_hellaswag_is_less_than_a_megabyte(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts = {}
    for place in range(10_042):
        n_tokens = rng.integers(5, 45, 4)
        sums = -rng.gamma(n_tokens, 2.5)
        texts[place] = json.dumps(
            [sums.tolist(), n_tokens.tolist(), (sums / n_tokens).tolist(), [False] * 4]
        )
    packed = pack(texts, {})
    reference_file.write(tmp_path / "ref.npz", _header(packed, 10_042), packed)
    assert 500_000 < (tmp_path / "ref.npz").stat().st_size < 800_000
    assert len(load_reference(tmp_path / "ref.npz").indices) == 10_042


def test_what_cannot_be_exported_is_a_sentence(db: Path, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(EdgevalError, match=r"ref\.npz exists already"):
        export_reference(db, 1, exported)
    with pytest.raises(EdgevalError, match="has no run 2"):
        export_reference(db, 2, tmp_path / "x.npz")
    with Store(db) as store, open_run(store, fresh=True):
        pass
    with pytest.raises(EdgevalError, match=r"run 2 .* has no item scored"):
        export_reference(db, 2, tmp_path / "x.npz")
    old = make_store(tmp_path / "old.db", runs=1, items=4)
    with pytest.raises(EdgevalError, match=r"older edgeval measured it; .*--fresh"):
        export_reference(old, 1, tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()


def test_facts_of_an_older_edgeval_are_read() -> None:
    text = (
        '{"file_type": "F16", "n_params": 100, "tensor_bytes": 200, "lower_bound": 50, '
        '"n_batch": 64, "n_ubatch": 32}'
    )
    assert PLAN_INFO.validate_json(text) == FACTS
    assert PLAN_INFO.validate_json(PLAN_INFO.dump_json(KNOWN)) == KNOWN


def test_a_list_of_no_layers_is_shown(exported: Path) -> None:
    def change(header: dict[str, Any]) -> None:
        header["setting"].update(devices=["a GPU"], gpu_layers=1)
        header["model"]["shape"]["block_count"] = []

    rewrite(exported, lambda header, arrays: change(header))
    with np.load(exported, allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    header = ReferenceHeader.model_validate_json(arrays.pop("header").tobytes())
    exported.unlink()
    reference_file.write(exported, header, Packed(**arrays))
    offload = load_reference(exported).header.offload
    assert offload is not None
    assert offload.n_layers == 1


def test_a_file_that_is_only_packed_again_is_the_same(exported: Path) -> None:
    before = load_reference(exported)
    rewrite(exported, lambda header, arrays: None)
    after = load_reference(exported)
    assert (after.header, after.scores(items_of())) == (before.header, before.scores(items_of()))


def test_the_archive_is_numpys(exported: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(exported.read_bytes())) as archive:
        assert archive.namelist() == ["header.npy", *(f"{name}.npy" for name in DTYPES)]
    with np.load(exported, allow_pickle=False) as members:
        assert members["places"].tolist() == sorted(PLACES)
        assert members["logprobs"][:4].tolist() == list(score_of(2).logprobs)
