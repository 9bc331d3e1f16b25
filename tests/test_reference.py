"""What a reference said of every item, taken to a machine that never runs it."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import make_item
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import DEVICE, FACTS, MODEL_FACTS, SETTING, WORK, make_store, open_run, score_of
from test_cli import assert_one_sentence, edgeval
from tiny import make_checkpoint, make_items, write_items

from edgeval.checkpoints.cards import cards_folder
from edgeval.checkpoints.convert.convert import convert
from edgeval.errors import EdgevalError
from edgeval.evaluation import pipeline, reference_checks
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.kl_items import KeepTopLogprobs
from edgeval.evaluation.kl_sample import to_sketch
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import Reference, load_reference
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.gguf.identity import model_facts, model_shape, tokenizer_fingerprint
from edgeval.gguf.parts import read_header
from edgeval.quantization.quantize import quantize
from edgeval.records import ModelShape, ModelSource, Report
from edgeval.records.plan import PLAN_INFO
from edgeval.records.reference import ReferenceHeader
from edgeval.stats.top_logprobs import TopLogprobs, unpack
from edgeval.stats.top_logprobs import pack as pack_sketch
from edgeval.store import reference_file
from edgeval.store.reference_export import export_reference
from edgeval.store.reference_packing import DTYPES, Packed, pack
from edgeval.store.runs import list_runs
from edgeval.store.store import Store
from edgeval.store.stored_run import pack as row_of

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


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A store with one run, of four items in two plans; an older edgeval made the first."""
    path = tmp_path / "a.db"
    with Store(path) as store, open_run(store) as measurement:
        for facts, places in ((FACTS, PLACES[:2]), (KNOWN, PLACES[2:])):
            plan = measurement.add_plan(places, facts, DEVICE)
            sketches = {place: SKETCHES[place] for place in places if place in SKETCHES}
            scores = {place: score_of(place) for place in places}
            measurement.save(plan, scores, WORK, sketches=sketches)
    return path


@pytest.fixture
def exported(db: Path, tmp_path: Path) -> Path:
    export_reference(db, 1, tmp_path / "ref.npz")
    return tmp_path / "ref.npz"


def _items(n: int = 50) -> dict[int, Any]:
    return {place: make_item(name=str(place)) for place in range(n)}


def test_scores_are_the_same_to_the_last_bit(exported: Path) -> None:
    found = load_reference(exported)
    assert found.indices == sorted(PLACES)
    assert found.scores(_items()) == {place: score_of(place) for place in PLACES}
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


# Files that are damaged, changed, or were never a reference.


def test_damaged_files_are_a_sentence_or_the_same_scores(exported: Path) -> None:
    data, expected = exported.read_bytes(), load_reference(exported)
    items = _items()
    scores, rng, n_refused = expected.scores(items), random.Random(0), 0
    for round_ in range(400):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 4))):
            at = rng.randrange(len(changed))
            kind = round_ % 5
            if kind == 0:
                changed[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                changed[at] = rng.randrange(256)
            elif kind == 2:
                changed = changed[: max(at, 1)]
            elif kind == 3:
                del changed[at : at + rng.randrange(1, 40)]
            else:
                changed[at:at] = rng.randbytes(rng.randrange(1, 40))
            if not changed:
                break
        exported.write_bytes(changed)
        try:
            found = load_reference(exported)
        except EdgevalError as error:
            assert str(error).count("\n") == 0
            assert "damaged" in str(error) or "newer" in str(error)
            n_refused += 1
        else:
            # What changed is none of it: a time or a comment of the archive.
            assert found.header == expected.header
            assert (found.scores(items), found.sketches) == (scores, PACKED_SKETCHES)
    assert n_refused > 250


@pytest.mark.parametrize("data", [b"", b"PK", b"GGUF" * 99, b"\x93NUMPY\x01\x00v\x00"])
def test_other_files_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    with pytest.raises(EdgevalError, match="is no reference file"):
        load_reference(path)


def test_other_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, header=np.frombuffer(b"[]", np.uint8))
    with pytest.raises(EdgevalError, match="is no reference file"):
        load_reference(path)
    np.savez_compressed(path, places=np.arange(3))
    with pytest.raises(EdgevalError, match=r"is no reference file.*header"):
        load_reference(path)
    np.savez(path, header=np.frombuffer(b"{}", np.uint8))
    with pytest.raises(EdgevalError, match="packed in another way"):
        load_reference(path)
    np.savez_compressed(path, header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(EdgevalError, match="is no reference file"):
        load_reference(path)
    with pytest.raises(EdgevalError, match=r"cannot read .*absent"):
        load_reference(tmp_path / "absent.npz")
    with pytest.raises(EdgevalError, match="cannot read"):
        load_reference(tmp_path)


def _rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Change the header and the arrays of a file, whose hash is then another's."""
    with np.load(path, allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    header = json.loads(arrays.pop("header").tobytes())
    change(header, arrays)
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez_compressed(path, header=text, **arrays)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda header, arrays: header.update(schema_version=3), r"newer edgeval \(schema 3"),
        (lambda header, arrays: header.update(n_total=60), "SHA-256"),
        (lambda header, arrays: header["setting"].update(protocol="llama.cpp"), "SHA-256"),
        (lambda header, arrays: header["setting"].pop("backend"), "setting.backend"),
        (lambda header, arrays: header.update(mood="good"), "mood"),
        (lambda header, arrays: header.update(n_params="100"), "n_params"),
        (lambda header, arrays: arrays["logprobs"].__setitem__(0, -1.0), "SHA-256"),
        (lambda header, arrays: arrays["sketches"].__setitem__(0, 0), "SHA-256"),
        (lambda header, arrays: arrays.pop("n_tokens"), "other arrays"),
        (lambda header, arrays: arrays.update(more=np.arange(2)), "other arrays"),
        (
            lambda header, arrays: arrays.update(logprobs=arrays["logprobs"].astype("f4")),
            "logprobs is of another type",
        ),
        (
            lambda header, arrays: arrays.update(places=arrays["places"].reshape(2, 2)),
            "places is of another type or shape",
        ),
    ],
)
def test_changed_files_are_noticed(
    change: Callable[[dict[str, Any], dict[str, Any]], None], reason: str, exported: Path
) -> None:
    _rewrite(exported, change)
    with pytest.raises(EdgevalError, match=reason):
        load_reference(exported)


# Files that are made to take more memory than they have.


def _zeros(n: int) -> dict[str, Any]:
    """Arrays of items with no information: a thousandth of them is in the file."""
    rest = ("logprobs", "n_tokens", "token_means", "is_greedy")
    return {
        "places": np.arange(n, dtype="<i4"),
        "n_choices": np.full(n, 4, "<i4"),
        **{name: np.ones(4 * n, DTYPES[name]) for name in rest},
    }


def _peak_of_refusal(path: Path, reason: str) -> int:
    """Return the most memory that reading takes, in bytes."""
    tracemalloc.start()
    with pytest.raises(EdgevalError, match=reason) as found:
        load_reference(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(str(found.value)) < 600
    assert "\n" not in str(found.value)
    return peak_bytes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (_zeros(2_000_000), {"n_items": 2_000_000, "n_total": 2_000_000}),
        ({"sketches": np.zeros(100_000_000, "u1")}, {}),
        ({"logprobs": np.zeros(20_000_000)}, {}),
    ],
)
def test_what_is_packed_a_hundredfold_is_not_unpacked(
    changes: dict[str, Any], said: dict[str, int], exported: Path
) -> None:
    _rewrite(exported, lambda header, arrays: (header.update(said), arrays.update(changes)))
    n_bytes = exported.stat().st_size
    assert n_bytes < 10_000_000
    reason = "is no reference file, or a damaged one"
    assert _peak_of_refusal(exported, reason) < 3 * n_bytes + 10_000_000


def test_a_header_of_a_hundred_megabytes_is_not_unpacked(exported: Path) -> None:
    with np.load(exported, allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    np.savez_compressed(exported, **(arrays | {"header": np.full(10**8, ord("["), "u1")}))
    reason = "its header has 100,000,000 bytes, and at most 4,000,000"
    assert _peak_of_refusal(exported, reason) < 10_000_000


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {each.filename: archive.read(each) for each in archive.infolist()}


def _archive(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(name, content)


def _npy(header: bytes, version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + b"\0" * 64


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (_npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (4,), }\n"), "another type"),
        (_npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }\n"), "another type"),
        (_npy(b"{'descr': '<i4', 'fortran_order': False, 'shape': (), }\n"), "another type"),
        (_npy(b"{'descr': '<i4', 'fortran_order': True, 'shape': (2, 2), }\n"), "another type"),
        (_npy(b"{'descr': '<i4', 'fortran_order': False, 'shape': (-1,), }\n"), "another type"),
        (_npy(b"{'descr': '<i4', 'fortran_order': False, 'shape': (True,), }\n"), "another type"),
        (
            _npy(b"{'descr': '<i4', 'fortran_order': False, 'shape': (999999999999999,), }\n"),
            "are said to have",
        ),
        (
            _npy(b"{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999,), }\n"),
            "another type",
        ),
        (_npy(b"{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (4,), }"), "another t"),
        (_npy(b"(" * 9000), "another type"),
        (_npy(b"9" * 60_000), "another type"),
        (_npy(b"{'descr': '<i4'}", b"\2\0"), "another version"),
        (b"\x93NUMPY\1\0", "another type"),
        (b"\x80\x04cos\nsystem\n", "another version"),
        (b"", "another version"),
    ],
)
def test_odd_headers_of_arrays_are_refused(member: bytes, reason: str, exported: Path) -> None:
    _archive(exported, (_members(exported) | {"places.npy": member}).items())
    assert _peak_of_refusal(exported, reason) < 10_000_000


@pytest.mark.parametrize("change", [b"", b"\0" * 8], ids=["shorter", "longer"])
def test_an_array_has_the_bytes_that_it_says(change: bytes, exported: Path) -> None:
    members = _members(exported)
    content = members["places.npy"]
    members["places.npy"] = content + change if change else content[:-1]
    _archive(exported, members.items())
    _peak_of_refusal(exported, "its array places is (shorter|longer) than it says")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["header.npy"], "another version"),
        (["places.npy"], "other arrays"),
        (["../../etc/passwd"], "other arrays"),
        (["\x1b[2J.npy"], "other arrays"),
        ([f"{n}.npy" for n in range(30_000)], "more members"),
    ],
)
def test_other_members_are_refused(names: list[str], reason: str, exported: Path) -> None:
    members = [*_members(exported).items(), *((name, b"") for name in names)]
    _archive(exported, members)
    peak_bytes = _peak_of_refusal(exported, reason)
    assert peak_bytes < 2 * exported.stat().st_size + 10_000_000


def test_a_lying_directory_is_no_way_around(exported: Path) -> None:
    _rewrite(exported, lambda header, arrays: arrays.update(sketches=np.zeros(10**8, "u1")))
    data = bytearray(exported.read_bytes())
    size = (10**8 + 128).to_bytes(4, "little")
    assert data.count(size) >= 1
    exported.write_bytes(data.replace(size, (256).to_bytes(4, "little")))
    peak_bytes = _peak_of_refusal(exported, "is no reference file")
    assert peak_bytes < 10_000_000


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda header: header.update(n_total=2**31), "n_total: Input should be less than"),
        (lambda header: header.update(n_total=2**63), "9223372036854775808, which is too large"),
        (lambda header: header.update(n_items=-1), "n_items: Input should be greater than"),
        (lambda header: header.update(n_items=4.0), "n_items: Input should be a valid integer"),
        (lambda header: header.update(n_params=0), "n_params: Input should be greater than"),
        (lambda header: header.update(tokens_decoded=int("9" * 99)), "which is too large"),
        (lambda header: header.update(speeds=[0] * 100_000), r"speeds.*(object|10000 items)"),
        (lambda header: header.update(created_at="0001-01-01T00:00:00+14:00"), "created_at"),
        (lambda header: header.update(measured_at="2026-01-01T00:00:00"), "measured_at"),
        (lambda header: header.update({"\x1b[2J": 1}), r"\\x1b\[2J: Extra inputs"),
        (lambda header: header.update(file="\ud800"), "half of a surrogate pair"),
        (lambda header: header.update(file=float("nan")), "the number NaN"),
    ],
)
def test_odd_headers_are_refused(
    change: Callable[[dict[str, Any]], None], reason: str, exported: Path
) -> None:
    _rewrite(exported, lambda header, arrays: change(header))
    _peak_of_refusal(exported, reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[" * 100_000, "nested more than 64 deep"),
        (b'{"n_total": ' + b"9" * 5000 + b"}", "an integer of 5,000 digits"),
        (b'{"schema_version": 2, "schema_version": 3}', "'schema_version' twice"),
        ('{"file": "é"}'.encode("latin-1"), "no UTF-8 text"),
        (b"\0" * 100, "NUL bytes"),
        (b"", "it is empty"),
        (b"7", "the whole header: Input should be an object"),
    ],
)
def test_headers_that_are_no_json_are_refused(text: bytes, reason: str, exported: Path) -> None:
    with np.load(exported, allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    arrays["header"] = np.frombuffer(text, np.uint8)
    np.savez_compressed(exported, **arrays)
    _peak_of_refusal(exported, reason)


@pytest.mark.skipif(os.name == "nt", reason="no pipes there")
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    _peak_of_refusal(tmp_path / "pipe.npz", "it is a pipe, not a regular file")
    _peak_of_refusal(Path("/dev/zero"), "it is a device, not a regular file")


def test_a_list_of_no_layers_is_shown(exported: Path) -> None:
    def change(header: dict[str, Any]) -> None:
        header["setting"].update(devices=["a GPU"], gpu_layers=1)
        header["model"]["shape"]["block_count"] = []

    _rewrite(exported, lambda header, arrays: change(header))
    with np.load(exported, allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    header = ReferenceHeader.model_validate_json(arrays.pop("header").tobytes())
    exported.unlink()
    reference_file.write(exported, header, Packed(**arrays))
    offload = load_reference(exported).header.offload
    assert offload is not None
    assert offload.n_layers == 1


def _sketch(n_positions: int, n_tokens: int, content: bytes) -> bytes:
    return b"\1" + zlib.compress(struct.pack("<II", n_positions, n_tokens) + content)


@pytest.mark.parametrize(
    "packed",
    [
        _sketch(1, 1, b"\0" * 100_000_000),
        _sketch(12_500, 1000, b"\0" * 100_000_000),
        _sketch(2**32 - 1, 2**32 - 1, b""),
        _sketch(0, 4, b""),
        _sketch(3, 0, b""),
        _sketch(3, 4, b"\0" * 95),
        _sketch(1, 1, b"\0" * 4 + np.float32("nan").tobytes()),
        _sketch(1, 1, b"\0" * 4 + np.float32(1.0).tobytes()),
        _sketch(1, 1, b"\0" * 8)[:-4],
        b"\1",
        b"\1xyz",
    ],
)
def test_odd_sketches_are_refused(packed: bytes) -> None:
    tracemalloc.start()
    with pytest.raises((ValueError, struct.error, zlib.error)):
        unpack(packed)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_a_file_that_is_only_packed_again_is_the_same(exported: Path) -> None:
    before = load_reference(exported)
    _rewrite(exported, lambda header, arrays: None)
    after = load_reference(exported)
    assert (after.header, after.scores(_items())) == (before.header, before.scores(_items()))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"places": [2, 7, 30, 50]}, "not indices"),
        ({"places": [2, 7, 7, 49]}, "not indices"),
        ({"places": [-1, 7, 30, 49]}, "not indices"),
        ({"sketch_places": [2, 7, 99]}, "not indices"),
        ({"places": [2, 7, 30]}, "differ in number"),
        ({"places": [], "n_choices": []}, "other numbers of choices"),
        ({"n_choices": [4, 4, 4, 5]}, "other numbers of choices"),
        ({"n_choices": [0, 8, 4, 4]}, "other numbers of choices"),
        ({"n_tokens": [1] * 15}, "other numbers of choices"),
        ({"logprobs": [float("nan")] * 16}, "not finite"),
        ({"token_means": [float("-inf")] * 16}, "not finite"),
        ({"sketch_sizes": [0, 3]}, "sizes differ in number"),
        ({"sketch_sizes": [-3, 6, 256]}, "sizes differ in number"),
        ({"sketch_sizes": [0, 3, 255]}, "another size"),
    ],
)
def test_scores_that_cannot_be_true_are_refused(
    changes: dict[str, Any], reason: str, exported: Path, tmp_path: Path
) -> None:
    found, path = load_reference(exported), tmp_path / "x.npz"
    arrays = {name: np.array(value, DTYPES[name]) for name, value in changes.items()}
    # The hash is right: what is wrong was wrong before it was made.
    reference_file.write(path, found.header, replace(found.packed, **arrays))
    with pytest.raises(EdgevalError, match=f"x.npz is no reference file.*{reason}"):
        load_reference(path)


def test_a_number_of_items_that_is_not_there_is_refused(exported: Path, tmp_path: Path) -> None:
    found, path = load_reference(exported), tmp_path / "x.npz"
    reference_file.write(path, found.header.model_copy(update={"n_items": 5}), found.packed)
    with pytest.raises(EdgevalError, match="another number of items"):
        load_reference(path)


def test_items_of_other_choices_are_refused(exported: Path) -> None:
    with pytest.raises(EdgevalError, match="4 choices for item 7, which has 3"):
        load_reference(exported).scores({7: make_item(choices="abc")})


def test_the_archive_is_numpys(exported: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(exported.read_bytes())) as archive:
        assert archive.namelist() == ["header.npy", *(f"{name}.npy" for name in DTYPES)]
    with np.load(exported, allow_pickle=False) as members:
        assert members["places"].tolist() == sorted(PLACES)
        assert members["logprobs"][:4].tolist() == list(score_of(2).logprobs)


# What makes two files the same model.


def test_every_quantization_of_a_model_is_the_same_model(
    tiny_f16: Path, tiny_f32: Path, tmp_path: Path
) -> None:
    made = quantize(tiny_f16, ["Q8_0", "Q4_K_M", "Q2_K", "BF16"], tmp_path)
    expected = model_facts(tiny_f32)
    assert expected.shape == ModelShape(
        architecture="llama",
        block_count=2,
        embedding_length=256,
        feed_forward_length=512,
        head_count=8,
        head_count_kv=2,
        rope_base=10000.0,
        vocabulary_size=512,
        n_params=read_header(tiny_f32).n_params,
    )
    for path in (tiny_f16, *made):
        found = model_facts(path)
        assert found.tokenizer_fingerprint == expected.tokenizer_fingerprint, path.name
        assert found.shape == expected.shape, path.name
        assert found.norms_fingerprint == expected.norms_fingerprint is not None, path.name
        assert found.file_bytes == path.stat().st_size


def test_the_fingerprint_is_of_what_decides_tokens(tiny_f16: Path) -> None:
    header = read_header(tiny_f16)
    ours = tokenizer_fingerprint(header)

    def changed(**changes: Any) -> str:
        values = {f"tokenizer.{key.replace('__', '.')}": each for key, each in changes.items()}
        return tokenizer_fingerprint(replace(header, metadata=header.metadata | values))

    tokens = list(header.metadata["tokenizer.ggml.tokens"])
    scores = header.metadata["tokenizer.ggml.scores"].copy()
    kinds = header.metadata["tokenizer.ggml.token_type"].copy()
    scores[-1] -= 1
    kinds[-1] = 4
    others = [
        changed(ggml__tokens=[*tokens[:-1], "another"]),
        # The same letters, cut at another place.
        changed(ggml__tokens=[*tokens[:-2], tokens[-2] + tokens[-1][:1], tokens[-1][1:]]),
        changed(ggml__scores=scores),
        changed(ggml__token_type=kinds),
        changed(ggml__merges=["a b"]),
        changed(ggml__model="gpt2"),
        changed(ggml__pre="llama-bpe"),
        changed(ggml__add_bos_token=False),
        changed(ggml__add_eos_token=True),
        changed(ggml__add_space_prefix=False),
        changed(ggml__bos_token_id=2),
        changed(ggml__tokens=[*tokens[:-1], "\udcff"]),
    ]
    assert len({ours, *others}) == 1 + len(others)
    assert changed(chat_template="{{ messages }}") == ours
    assert changed(ggml__padding_token_id=0) == ours
    assert tokenizer_fingerprint(replace(header, metadata=dict(header.metadata))) == ours


def test_a_shape_needs_no_key(tiny_f16: Path) -> None:
    header = read_header(tiny_f16)
    rest = {
        key: value
        for key, value in header.metadata.items()
        if key not in ("llama.attention.head_count_kv", "llama.rope.freq_base")
    }
    found = model_shape(replace(header, metadata=rest | {"llama.block_count": "two"}))
    assert (found.block_count, found.head_count_kv, found.rope_base) == (None, 8, 10000.0)
    layers = {"llama.feed_forward_length": np.array([512, 256], np.int32)}
    found = model_shape(replace(header, metadata=header.metadata | layers))
    assert found.feed_forward_length == [512, 256]


def test_a_shape_of_no_number_is_refused(tiny_f16: Path) -> None:
    header = read_header(tiny_f16)
    for value in (float("nan"), float("inf")):
        changed = replace(header, metadata=header.metadata | {"llama.rope.freq_base": value})
        with pytest.raises(EdgevalError, match=f"has the rope.freq_base {value}, with which noth"):
            model_shape(changed)


# What may be compared with what.


@pytest.fixture(scope="module")
def tiny_reference(
    tiny_f16: Path, tiny_items: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The reference of 20 of 40 items, drawn with seed 0."""
    folder = tmp_path_factory.mktemp("reference")
    setup = replace(prepare(Options(data=tiny_items, limit=20)), checkpoint=CHECKPOINT)
    with Store(folder / "a.db") as store:
        places = KeepTopLogprobs(to_sketch(setup).indices[:5])
        evaluate_file(tiny_f16, setup, store, wanted=places)
    export_reference(folder / "a.db", 1, folder / "ref.npz")
    return folder / "ref.npz"


def test_the_reference_is_the_run_that_was_exported(
    tiny_reference: Path, tiny_f16: Path, tiny_items: Path
) -> None:
    reference = load_reference(tiny_reference)
    setup = prepare(Options(data=tiny_items, limit=20))
    with Store(tiny_reference.with_name("a.db")) as store:
        places = KeepTopLogprobs(to_sketch(setup).indices[:5])
        expected = evaluate_file(tiny_f16, setup, store, wanted=places)
    found = reference.measured(setup)
    run = found.run
    assert found.scores == expected.scores
    info = run.from_reference
    assert info is not None
    assert (info.file, info.sha256) == ("ref.npz", reference.sha256)
    update = {"from_reference": None, "n_from_store": 20, "stored": info.speeds}
    assert run.model_copy(update=update) == expected.run
    assert found.top_logprobs is not None
    assert expected.top_logprobs is not None
    assert {place: pack_sketch(each) for place, each in found.top_logprobs.of_index.items()} == {
        place: pack_sketch(each) for place, each in expected.top_logprobs.of_index.items()
    }
    slice_ = prepare(Options(data=tiny_items, limit=8))
    found = reference.measured(slice_)
    assert found.scores == dict(list(expected.scores.items())[:8])
    assert found.run.metrics["acc_norm"].total == 8


def test_distributions_are_compared_as_far_as_they_are_there(
    tiny_reference: Path, tiny_items: Path
) -> None:
    reference = load_reference(tiny_reference)
    for kl_items, n_found in ((0, None), (3, 3), (5, 5), (9, 5)):
        found = reference.measured(_setup(tiny_items, kl_items=kl_items)).top_logprobs
        assert (None if found is None else len(found.of_index)) == n_found
    (note,) = reference_checks.notes(reference, _setup(tiny_items, kl_items=9))
    assert note.startswith("ref.npz has distributions of 5 of the 9 items on which")
    older = {place: b"\x00" + packed[1:] for place, packed in reference.sketches.items()}
    assert replace(reference, sketches=older).measured(_setup(tiny_items)).top_logprobs is None
    for cut in (1, 20):
        damaged = {place: packed[:cut] for place, packed in reference.sketches.items()}
        with pytest.raises(EdgevalError, match=r"ref\.npz has a sketch that cannot be read"):
            replace(reference, sketches=damaged).measured(_setup(tiny_items))


def _setup(items: Path, **changes: Any) -> EvalSetup:
    return prepare(Options(data=items, **({"limit": 20} | changes)))


def test_the_same_items_and_model_match(
    tiny_reference: Path, tiny_items: Path, tiny_f32: Path, tmp_path: Path
) -> None:
    reference = load_reference(tiny_reference)
    for limit in (1, 13, 20):
        reference_checks.require_items(reference, _setup(tiny_items, limit=limit))
    (quantized,) = quantize(tiny_f32, ["Q4_K_M"], tmp_path)
    reference_checks.require_model(reference, quantized)
    reference_checks.require_checkpoint(reference, CHECKPOINT)
    reference_checks.require_checkpoint(reference, None)
    assert list(reference_checks.notes(reference, _setup(tiny_items, kl_items=5))) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"limit": None}, "has 20 of the 40 items that are wanted, 20 are missing; use --limit 20"),
        ({"limit": 21}, "has 20 of the 21 items that are wanted, 1 are missing; use --limit 20"),
        ({"protocol": "lm-eval-bos"}, "protocol lm-eval, and this run has lm-eval-bos; .*--proto"),
        ({"seed": 1}, r"items that are wanted, .* missing; use "),
    ],
)
def test_other_items_are_refused(
    changes: dict[str, Any], reason: str, tiny_reference: Path, tiny_items: Path
) -> None:
    reference = load_reference(tiny_reference)
    with pytest.raises(EdgevalError, match=reason):
        reference_checks.require_items(reference, _setup(tiny_items, **changes))


def test_none_of_the_items_is_refused(tiny_reference: Path, tiny_items: Path) -> None:
    reference = load_reference(tiny_reference)
    there = set(reference.indices)
    others = [place for place in range(40) if place not in there]
    setup = replace(_setup(tiny_items), indices=others)
    with pytest.raises(EdgevalError, match=r"has none of the 20 items .* --order and --seed"):
        reference_checks.require_items(reference, setup)


def test_other_data_are_refused(tiny_reference: Path, tiny_items: Path, tmp_path: Path) -> None:
    reference = load_reference(tiny_reference)
    other = write_items(tmp_path / "other.jsonl", make_items(40, seed=1))
    ours, theirs = (_setup(path).data.fingerprint[:12] for path in (other, tiny_items))
    with pytest.raises(EdgevalError, match=f"data set {theirs}., and this run has {ours}.; .*--da"):
        reference_checks.require_items(reference, _setup(other))
    solved = write_items(tmp_path / "solved.jsonl", make_items(9, seed=2))
    with_shots = _setup(tiny_items, shots=2, shots_data=solved)
    with pytest.raises(EdgevalError, match="shots 0, and this run has 2; set it with --shots"):
        reference_checks.require_items(reference, with_shots)
    two = _with(reference, shots=2, shot_pool_fingerprint="e" * 64)
    with pytest.raises(EdgevalError, match=r"shot pool eeeeeeeeeeee., and .*--shots-data"):
        reference_checks.require_items(two, with_shots)


def _with(reference: Reference, **changes: Any) -> Reference:
    """Return a reference that was made in another setting."""
    setting = reference.header.setting.model_copy(update=changes)
    return replace(reference, header=reference.header.model_copy(update={"setting": setting}))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("protocol_version", "protocol version 99, and this run has 2; make the reference again"),
        ("scoring_version", "scoring version 99, and this run has 1; make the reference again"),
    ],
)
def test_other_versions_are_refused(
    name: str, reason: str, tiny_reference: Path, tiny_items: Path
) -> None:
    reference = _with(load_reference(tiny_reference), **{name: 99})
    with pytest.raises(EdgevalError, match=reason):
        reference_checks.require_items(reference, _setup(tiny_items))


def test_another_number_of_items_than_the_data_has_is_refused(
    tiny_reference: Path, tiny_items: Path
) -> None:
    found = load_reference(tiny_reference)
    for n_total in (39, 41, 2**31 - 1):
        header = found.header.model_copy(update={"n_total": n_total})
        reference = replace(found, header=header)
        with pytest.raises(EdgevalError, match=rf"number of items {n_total}, and this run has 40"):
            reference_checks.require_items(reference, _setup(tiny_items))
        with pytest.raises(EdgevalError, match=rf"is of {n_total:,} items, and .* has 40"):
            reference.metrics(tiny_items)


def test_another_engine_is_a_note(tiny_reference: Path, tiny_items: Path) -> None:
    reference = _with(load_reference(tiny_reference), engine="llama-cpp-python 0.3.1", features="")
    reference_checks.require_items(reference, _setup(tiny_items))
    (note,) = reference_checks.notes(reference, _setup(tiny_items, kl_items=0))
    assert note.startswith("ref.npz was computed by llama-cpp-python 0.3.1, and this is ")


def test_another_training_of_the_same_shape_is_refused(
    tiny_reference: Path, tmp_path: Path
) -> None:
    other = convert(make_checkpoint(tmp_path / "tiny", seed=1), tmp_path / "o.gguf", "f16")
    with pytest.raises(EdgevalError, match=r"made with norms \w+…, and this run has \w+…; "):
        reference_checks.require_model(load_reference(tiny_reference), other)


def test_another_model_is_refused(tiny_reference: Path, tiny_f16: Path, exported: Path) -> None:
    reference = load_reference(tiny_reference)
    other = CHECKPOINT.model_copy(update={"fingerprint": "f" * 64})
    with pytest.raises(EdgevalError, match=r"checkpoint cccccccccccc., and this run has fffffffff"):
        reference_checks.require_checkpoint(reference, other)
    with pytest.raises(EdgevalError, match=r"tokenizer dddddddddddd., and .*--reference"):
        reference_checks.require_model(load_reference(exported), tiny_f16)
    ours = reference.header.model
    for name, value in (("block_count", 22), ("rope_base", 500000.0), ("n_params", 7)):
        shape = ours.shape.model_copy(update={name: value})
        model = ours.model_copy(update={"shape": shape})
        changed = replace(reference, header=reference.header.model_copy(update={"model": model}))
        words = rf"{name.replace('_', ' ')} {value}, and this run has {getattr(ours.shape, name)};"
        with pytest.raises(EdgevalError, match=words):
            reference_checks.require_model(changed, tiny_f16)


# The command line.


def test_a_quantized_model_is_compared_without_the_reference(tmp_path: Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    small = ("--limit", "60", "--out")
    ran = edgeval(
        *("run", "demo", "--quant", "F16,Q4_K_M", *small, tmp_path / "a", "--store", first)
    )
    assert ran.returncode == 0, ran.stderr
    ref = tmp_path / "ref.npz"
    made = edgeval("reference", "export", "1", ref, "--store", first)
    assert (made.returncode, made.stdout.strip()) == (0, str(ref)), made.stderr
    ran = edgeval(
        *("run", "demo", "--quant", "F16,Q4_K_M", "--reference", ref, *small, tmp_path / "b"),
        *("--store", second),
    )
    assert ran.returncode == 0, ran.stderr
    assert [run.type for run in list_runs(second)] == ["Q4_K_M"]
    here, there = (
        Report.model_validate_json((tmp_path / name / "report.json").read_text("utf-8"))
        for name in ("b", "a")
    )
    assert here.drift == there.drift
    assert [run.type for run in here.runs] == ["F16", "Q4_K_M"]
    ours, theirs = here.runs[0], there.runs[0]
    assert ours.from_reference is not None
    assert (ours.from_reference.file, ours.from_reference.device) == ("ref.npz", there.device)
    assert (ours.speed, ours.from_reference.speeds) == (None, [theirs.speed])
    update = {"from_reference": None, "speed": theirs.speed}
    assert ours.model_copy(update=update) == theirs
    assert here.runs[1].from_reference is None
    assert [(each.status, each.score, each.confidence) for each in here.verdicts] == [
        (each.status, each.score, each.confidence) for each in there.verdicts
    ]

    data = cards_folder() / "demo" / "items.jsonl"
    shown = edgeval("reference", "show", ref, "--data", data).stdout
    accuracy = f"{100 * theirs.metrics['acc_norm'].value:.2f}"
    for word in ("demo-F16.gguf", "F16", "lm-eval", "60 of 1,000", accuracy, theirs.sha256):
        assert word in shown
    header = ReferenceHeader.model_validate_json(edgeval("reference", "show", ref, "--json").stdout)
    assert header == load_reference(ref).header
    assert header.model.checkpoint is not None
    assert header.model.checkpoint.fingerprint == there.model.fingerprint

    again = edgeval("reference", "export", "1", ref, "--store", first)
    assert_one_sentence(again, ["ref.npz exists already"])
    with pytest.raises(EdgevalError, match="is F16, and so is all of the ladder; add a type"):
        pipeline.run("demo", types=["F16"], reference=ref, out=tmp_path / "c")
    with pytest.raises(EdgevalError, match=r"60 of the 1,000 items .* use --limit 60"):
        pipeline.run("demo", types=["Q4_K_M"], reference=ref, out=tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_quantized_file_alone_is_enough(
    tiny_reference: Path, tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    (quantized,) = quantize(tiny_f16, ["Q4_K_M"], tmp_path)
    record, _ = pipeline.run(
        *(str(quantized), ["Q4_K_M"], Options(data=tiny_items, limit=12, kl_items=8)),
        reference=tiny_reference,
        out=tmp_path / "out",
    )
    assert [(run.type, run.from_reference is None) for run in record.runs] == [
        ("F16", False),
        ("Q4_K_M", True),
    ]
    (drift,) = record.drift
    assert (drift.reference, drift.n_items) == ("F16", 12)
    assert drift.divergence is not None
    # Of the five with a sketch, those that are among the twelve.
    expected = set(load_reference(tiny_reference).sketches) & set(
        _setup(tiny_items, limit=12).indices
    )
    assert (drift.divergence.n_items, drift.divergence.drawn) == (len(expected), "random")


def test_the_reference_of_another_checkpoint_is_refused(
    tiny_reference: Path, tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    options = Options(data=tiny_items, limit=20)
    with pytest.raises(EdgevalError, match="checkpoint cccccccccccc"):
        pipeline.run(
            str(tiny_checkpoint), options, types=["Q8_0"], reference=tiny_reference, out=tmp_path
        )


def test_what_is_shown_of_other_files_is_a_sentence(exported: Path, tiny_items: Path) -> None:
    assert_one_sentence(edgeval("reference", "show", "absent.npz"), ["cannot read", "absent.npz"])
    shown = edgeval("reference", "show", exported, "--data", tiny_items)
    assert_one_sentence(shown, ["items.jsonl is not the data set of", "ref.npz"])
