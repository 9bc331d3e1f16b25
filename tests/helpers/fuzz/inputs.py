"""Damaged importance matrices and data files, each made from a seed.

``python -m tests.helpers.fuzz.inputs FIRST LAST`` reads the mutations with those seeds, each within
its limits of time and memory, and prints how many were read and refused.
"""

from __future__ import annotations

import json
import random
import struct
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from edgeval.errors import EdgevalError
from edgeval.gguf import imatrix_file
from edgeval.gguf.imatrix_file import Importances
from edgeval.tasks.hellaswag import HELLASWAG
from tests.helpers.fuzz.checkpoints import ODD_VALUES
from tests.helpers.tiny import make_items

LONGEST_S = 10.0
MOST_BYTES = 100_000_000
LONGEST_SENTENCE = 600

ODD_BYTES = (0, 1, 7, 0x1B, 0x22, 0x5B, 0x5D, 0x7B, 0x7D, 0x7F, 0x80, 0x9B, 0xC2, 0xFE, 0xFF)
ODD_NUMBERS = (0, 1, -1, 255, 2**16, 2**24, 2**31 - 1, -(2**31))
ODD_TEXTS = (
    b"9" * 5_000,
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b"1e999",
    b"NaN",
    b"-Infinity",
    b'"\\ud800"',
    b'"\\u001b[2J"',
    b"\x1b]0;title\x07",
    b"\xc2\x9b31m",
    b"\xe2\x80\xa8",
    b"\r",
    b"\0",
    b"null",
    b"\xef\xbb\xbf",
)

Use = Callable[[Path], Any]


def sound_files(folder: Path) -> dict[Path, Use]:
    """Write a sound file of each kind, and return what uses it."""
    items = make_items(8)
    lines = [json.dumps(item) for item in items]
    text = "".join(
        f"{item['activity_label']}: {item['ctx_a']}\n{item['label']}\n"
        + "".join(
            f"{ending}\n"
            for ending in item["endings"]  # type: ignore[attr-defined]
        )
        for item in items
    )
    files = {
        "a.jsonl": "\n".join(lines).encode(),
        "a.json": json.dumps(items).encode(),
        "lines.json": "\n".join(lines).encode(),
        "a.txt": text.encode(),
        "a.dat": _legacy(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(items), folder / "a.parquet")
    entries = {
        "blk.0.ffn_up.weight": Importances(np.float32([[3, 0, 9, 12]]), np.array([3])),
        "blk.0.ffn_down_exps.weight": Importances(np.ones((2, 3), np.float32), np.array([2, 0])),
    }
    imatrix_file.write(folder / "a.gguf", entries, dataset="a.txt", n_chunks=7, chunk_tokens=512)
    return {path: _use_of(path) for path in sorted(folder.iterdir())}


def _legacy() -> bytes:
    data = struct.pack("<i", 2)
    for name in (b"blk.0.ffn_up.weight", b"blk.0.attn_q.weight"):
        data += struct.pack("<i", len(name)) + name + struct.pack("<ii4f", 4, 4, 1, 2, 3, 4)
    return data + struct.pack("<ii", 4, 5) + b"a.txt"


def _use_of(path: Path) -> Use:
    return _read_matrix if path.suffix in (".dat", ".gguf") else _read_items


def _read_matrix(path: Path) -> None:
    found = imatrix_file.read(path)
    for values in found.weights.values():
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    assert 0 <= found.n_chunks < 2**31
    assert found.dataset is None or found.dataset.encode()


def _read_items(path: Path) -> None:
    found = HELLASWAG.load(path)
    assert len(found.fingerprint) == 64
    assert len(found.items("text")) == len(found.rows)


def mutation(content: bytes, rng: random.Random) -> bytes:
    """Return a damaged file."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice(_KINDS)(content, rng)
    return content


def _place(content: bytes, rng: random.Random) -> int:
    end = 300 if rng.random() < 0.3 else len(content)
    return rng.randrange(max(1, min(end, len(content))))


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content or b"\0")
    changed[_place(changed, rng)] = rng.choice((*ODD_BYTES, rng.randrange(256)))
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: _place(content, rng)]


def _splice(content: bytes, rng: random.Random) -> bytes:
    at, other = _place(content, rng), _place(content, rng)
    return content[:at] + content[other : other + rng.randint(0, 40)] + content[at + 4 :]


def _number(content: bytes, rng: random.Random) -> bytes:
    at, value = _place(content, rng), rng.choice(ODD_NUMBERS)
    return content[:at] + struct.pack("<i", value) + content[at + 4 :]


def _insert(content: bytes, rng: random.Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + rng.choice(ODD_TEXTS) + content[at + rng.randint(0, 6) :]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    return content * rng.randint(2, 3)


def _value(content: bytes, rng: random.Random) -> bytes:
    """Put an odd value into a member of one of the objects."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    try:
        row = json.loads(lines[at])
        target = rng.choice(row) if isinstance(row, list) else row
        target[rng.choice(sorted(target))] = rng.choice(ODD_VALUES)
    except (ValueError, TypeError, IndexError, KeyError, RecursionError):
        return _insert(content, rng)
    lines[at] = json.dumps(row).encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


_KINDS = (_flip, _flip, _cut, _splice, _number, _insert, _repeat, _value, _value)


def outcome(path: Path, use: Use, seed: int, *, is_measured: bool = True) -> str:
    """Return what became of a file, after checking that it took little, and the sentence is one."""
    begin_s = time.perf_counter()
    if is_measured:
        tracemalloc.start()
    try:
        use(path)
        found = "read"
    except EdgevalError as error:
        assert str(error).isprintable(), f"seed {seed}: {error!r}"
        assert len(str(error)) < LONGEST_SENTENCE + len(str(path)), f"seed {seed}: {error}"
        found = "refused"
    peak_bytes = tracemalloc.get_traced_memory()[1] if is_measured else 0
    tracemalloc.stop()
    assert time.perf_counter() - begin_s < LONGEST_S, f"seed {seed}"
    assert peak_bytes < MOST_BYTES, f"seed {seed}: {peak_bytes:,} bytes"
    return found


def run(folder: Path, first: int, last: int, each_measured: int = 1) -> Counter[str]:
    """Read the mutations with some seeds, and return what became of them, by kind of file."""
    files = list(sound_files(folder).items())
    outcomes: Counter[str] = Counter()
    for seed in range(first, last):
        sound, use = files[seed % len(files)]
        damaged = folder / f"damaged{sound.suffix}"
        damaged.write_bytes(mutation(sound.read_bytes(), random.Random(seed)))
        found = outcome(damaged, use, seed, is_measured=seed % each_measured == 0)
        outcomes[f"{sound.name} {found}"] += 1
    return outcomes


def main() -> None:
    """Read the mutations whose seeds the command line names."""
    import resource

    with tempfile.TemporaryDirectory() as folder:
        for name, count in sorted(run(Path(folder), *map(int, sys.argv[1:3])).items()):
            print(name, count)
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
