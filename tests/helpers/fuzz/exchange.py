"""Reference files, exported runs and cards as others may have made them, and their use.

``python -m tests.helpers.fuzz.exchange 1700`` tries as many of each kind and says what it took.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from edgeval.checkpoints import cards as cards_module
from edgeval.cli.terminal.reference import reference_table
from edgeval.cli.terminal.runs import run_tables
from edgeval.errors import EdgevalError
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import load_reference
from edgeval.evaluation.setup import prepare
from edgeval.llama.machine import peak_rss_bytes
from edgeval.stats.top_logprobs import TopLogprobs
from edgeval.store.exchange import export_run, import_run
from edgeval.store.reference_export import export_reference
from edgeval.store.reference_packing import DTYPES
from edgeval.store.run_file import dump
from edgeval.store.runs import list_runs, show_run
from edgeval.store.store import Store
from tests.helpers.fakes import make_item
from tests.helpers.stores import DEVICE, FACTS, MODEL_FACTS, WORK, open_run, score_of
from tests.helpers.tiny import make_items, write_items

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31 - 1, 2**31, 2**53, 2**63, -(2**63), 10**40, 10**400),
    *(
        0.5,
        -0.0,
        1e-320,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "7",
        "x" * 5000,
        "\x1b[2J",
        "\u202e",
    ),
    *("\ud800", "a\nb", "../../x", "/etc/passwd", "2026-01-01", "0001-01-01T00:00:00+14:00", "NaN"),
    *([], {}, [[]], [None], [0] * 3000, {"a": 1}, {"\x1b]0;": 1}, [[[[[[[[[[]]]]]]]]]]),
)
"""What a field of JSON may be that is to be something else."""

KINDS = ("reference", "export", "card")


def mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    """Return a file with a few bytes changed, left out, put in or repeated."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(changed) + 1)
        kind = chance.randrange(6)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[at : at + 1] = bytes([chance.choice(b"[]{}\"',:0-\x00\xff\\\x1b\n=.")])
        elif kind == 2:
            del changed[at:]
        elif kind == 3:
            del changed[at : at + chance.randrange(1, 200)]
        elif kind == 4:
            changed[at:at] = chance.choice((b"[", b'{"a":', b"9", b"\\ud800", b"a.")) * 10 ** (
                chance.randrange(5)
            )
        else:
            begin = chance.randrange(len(changed) + 1)
            changed[at:at] = changed[begin : begin + 400] * chance.randrange(1, 30)
    return bytes(changed)


def mutate(content: Any, chance: random.Random) -> Any:
    """Change a value somewhere in content, take it away, repeat it or add another."""
    if isinstance(content, dict) and content and chance.random() < 0.9:
        name = chance.choice(sorted(content))
        kind = chance.randrange(8)
        if kind == 0:
            del content[name]
        elif kind == 1:
            content[chance.choice(("more", "\x1b[2J", "x" * 3000, name + " "))] = 1
        else:
            content[name] = mutate(content[name], chance)
        return content
    if isinstance(content, list) and content and chance.random() < 0.9:
        at = chance.randrange(len(content))
        kind = chance.randrange(8)
        if kind == 0:
            del content[at]
        elif kind == 1:
            content += [content[at]] * chance.choice((1, 1, 2000))
        else:
            content[at] = mutate(content[at], chance)
        return content
    return chance.choice(VALUES)


def mutated_array(array: Any, chance: random.Random) -> Any:
    """Return an array of another type, shape or content."""
    kind = chance.randrange(7)
    if kind == 0:
        return array.astype(
            chance.choice(("<f4", "<i8", ">i4", "|u1", "<f8", "<c16", "|S3", "<U9"))
        )
    if kind == 1:
        return array.reshape(chance.choice(((-1, 1), (1, -1), (1, 1, -1))))
    if kind == 2:
        return array[: chance.randrange(len(array) + 1)]
    if kind == 3:
        return np.zeros(10 ** chance.randrange(7), array.dtype)
    if kind == 4:
        return np.concatenate([array, array])
    changed = array.copy()
    if len(changed):
        odd = (0, 1, -1, 2**31 - 1, np.nan, np.inf, 1e300, 255)
        with np.errstate(all="ignore"):
            raw = np.array([chance.choice(odd)]).astype(array.dtype)
        changed[chance.randrange(len(changed))] = raw[0]
    return changed


class Workshop:
    """Genuine files, and attempts with changed ones."""

    def __init__(self, folder: Path) -> None:
        """Make a genuine file of each kind."""
        self.folder = folder
        known = FACTS.__class__(**(vars(FACTS) | {"n_total": 60, "model": MODEL_FACTS}))
        with Store(folder / "a.db") as store, open_run(store) as measurement:
            plan = measurement.add_plan(tuple(range(40)), known, DEVICE)
            ids = np.arange(12, dtype=np.uint32).reshape(3, 4)
            sketch = TopLogprobs(ids, np.linspace(-1, -9, 12, dtype=np.float32).reshape(3, 4))
            scores = {place: score_of(place) for place in range(40)}
            measurement.save(plan, scores, WORK, sketches={3: sketch, 9: sketch})
        export_reference(folder / "a.db", 1, folder / "ref.npz")
        export_run(folder / "a.db", 1, folder / "run.json")
        self.reference = (folder / "ref.npz").read_bytes()
        self.run = (folder / "run.json").read_bytes()
        self.card = (cards_module.cards_folder() / "tinyllama-3t.toml").read_bytes()
        self.items = {place: make_item(name=str(place)) for place in range(60)}
        data = write_items(folder / "items.jsonl", make_items(60))
        self.setup = prepare(Options(data=data, limit=20))
        self._number = 0

    def attempt(self, kind: str, chance: random.Random) -> str:
        """Use a changed file of a kind; return the sentence it ends in, empty if it is taken.

        Anything but a sentence is raised.
        """
        self._number += 1
        data = getattr(self, f"_{kind}")(chance)
        try:
            getattr(self, f"_use_{kind}")(data)
        except EdgevalError as error:
            return str(error) or "nothing"
        return ""

    def _reference(self, chance: random.Random) -> bytes:
        if chance.random() < 0.3:
            return mutated_bytes(self.reference, chance)
        with np.load(io.BytesIO(self.reference), allow_pickle=False) as members:
            arrays = {name: members[name] for name in members.files}
        header = json.loads(arrays.pop("header").tobytes())
        if chance.random() < 0.6:
            header = mutate(header, chance)
        else:
            name = chance.choice(sorted(arrays))
            arrays[name] = mutated_array(arrays[name], chance)
        if isinstance(header, dict) and chance.random() < 0.9:
            header["sha256"] = _reference_hash(header, arrays)
        text = json.dumps(header).encode()
        if chance.random() < 0.1:
            text = mutated_bytes(text, chance)
        out = io.BytesIO()
        np.savez_compressed(out, header=np.frombuffer(text, np.uint8), **arrays)
        return out.getvalue() if chance.random() < 0.8 else _member(out.getvalue(), chance)

    def _use_reference(self, data: bytes) -> None:
        path = self.folder / "x.npz"
        path.write_bytes(data)
        found = load_reference(path)
        found.scores(self.items)
        Console(file=io.StringIO()).print(reference_table(found))
        places = [place for place in self.setup.indices if place in set(found.indices)]
        if places and found.header.n_total == 60:
            found.measured(replace(self.setup, indices=places)).run.model_dump_json()

    def _export(self, chance: random.Random) -> bytes:
        if chance.random() < 0.3:
            return mutated_bytes(self.run, chance)
        content = json.loads(self.run)
        del content["sha256"]
        content = mutate(content, chance)
        if not isinstance(content, dict):
            return json.dumps(content).encode()
        return dump(content).encode("utf-8", "surrogatepass")

    def _use_export(self, data: bytes) -> None:
        path, store = self.folder / "x.json", self.folder / f"{self._number}.db"
        path.write_bytes(data)
        import_run(store, path)
        for run in list_runs(store):
            Console(file=io.StringIO()).print(*run_tables(show_run(store, run.number)))
            export_run(store, run.number, self.folder / f"{self._number}.json")

    def _card(self, chance: random.Random) -> bytes:
        if chance.random() < 0.5:
            return mutated_bytes(self.card, chance)
        lines = self.card.decode().splitlines()
        at = chance.choice([n for n, line in enumerate(lines) if "=" in line])
        name = lines[at].split("=")[0]
        value = chance.choice(VALUES)
        text = "nan" if value != value else json.dumps(value).replace("null", "''")
        lines[at] = f"{chance.choice((name, 'more'))} = {text}"
        return "\n".join(lines).encode("utf-8", "surrogatepass")

    def _use_card(self, data: bytes) -> None:
        path = self.folder / "tinyllama-3t.toml"
        path.write_bytes(data)
        cards_module.read(path)


def _member(data: bytes, chance: random.Random) -> bytes:
    """Return an archive with a member changed before it is packed, or packed otherwise."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w") as changed:
        chosen = chance.choice(archive.namelist())
        for name in archive.namelist():
            content = archive.read(name)
            if name == chosen:
                content = mutated_bytes(content, chance)
            method = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
            is_other = name == chosen and chance.random() < 0.2
            changed.writestr(name, content, method if is_other else zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _reference_hash(content: dict[str, Any], arrays: dict[str, Any]) -> str:
    """Return the hash that a changed file is to have, made without the module that reads it."""
    rest = {name: value for name, value in content.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())
    for name, dtype in DTYPES.items():
        if name in arrays:
            digest.update(f"\n{name} {len(arrays[name])}\n".encode())
            digest.update(arrays[name].tobytes() if arrays[name].dtype == dtype else b"")
    return digest.hexdigest()


def try_all(count: int, seed: int, say: Callable[[str], None]) -> None:
    """Try so many of each kind, and hold each to a sentence, ten seconds and a gigabyte."""
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            shop, n_taken, slowest_s, sentences = Workshop(Path(folder)), 0, 0.0, set[str]()
            for number in range(count):
                begun = time.monotonic()
                chance = random.Random(zlib.crc32(f"{kind} {seed} {number}".encode()))
                try:
                    sentence = shop.attempt(kind, chance)
                except Exception as error:
                    raise AssertionError(f"{kind} {seed} {number}: {error!r}") from error
                slowest_s = max(slowest_s, time.monotonic() - begun)
                assert sentence.isprintable(), f"{kind} {seed} {number}: {sentence!r}"
                assert len(sentence) < 1000, f"{kind} {seed} {number}: {len(sentence)}"
                assert slowest_s < 10, f"{kind} {seed} {number}: {slowest_s:.1f} s"
                n_taken += not sentence
                sentences.add(sentence.split("(", 1)[-1][:60])
                for left in Path(folder).glob(f"{shop._number}.*"):
                    left.unlink() if left.is_file() else None
        say(
            f"{kind}: {count} tried, {n_taken} taken, {len(sentences)} sentences, "
            f"slowest {slowest_s:.2f} s, peak {peak_rss_bytes() / 1e6:.0f} MB"
        )
        assert peak_rss_bytes() < 1e9


if __name__ == "__main__":
    try_all(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0, print)
