"""Damaged checkpoints: a small one, with one of its files changed at random."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sentencepiece import SentencePieceProcessor

from tests.helpers.forms import checkpoints as checkpoint_forms
from tests.helpers.forms.tokenizers import byte_level_json, sentencepiece_json
from tests.helpers.tiny import make_tokenizer

Tokenizer = Literal["sentencepiece", "merges", "byte-level"]

ODD_VALUES: Sequence[Any] = (
    None,
    True,
    -1,
    0,
    1,
    3,
    2**31,
    2**63,
    2**70,
    1e400,
    float("nan"),
    -0.5,
    "",
    "\ud800",
    "../../x",
    "<s>",
    "0",
    [],
    [[]],
    [1, "a"],
    {},
    {"content": 3},
    {"type": "ByteLevel"},
    {"": None},
)
_BYTES_OF_BINARY_HEADER = 600


def small_checkpoint(directory: Path, tokenizer: Tokenizer) -> Path:
    """Write a checkpoint of some kilobytes that has every file a checkpoint may have."""
    model = SentencePieceProcessor(model_proto=make_tokenizer())
    form = checkpoint_forms.demo()
    if tokenizer == "sentencepiece":
        form.files["tokenizer.model"] = make_tokenizer()
    else:
        del form.files["tokenizer.model"]
        in_json = sentencepiece_json(model) if tokenizer == "merges" else byte_level_json(model)
        form.files["tokenizer.json"] = json.dumps(in_json)
    form.files["README.md"] = "---\nlicense: apache-2.0\ntags:\n- tiny\n---\n"
    form.files["added_tokens.json"] = json.dumps({"<extra>": 5})
    form.files["chat_template.json"] = json.dumps({"chat_template": "x"})
    form.config |= {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    form.config |= {"num_attention_heads": 2, "num_key_value_heads": 1}
    rows = form.config["vocab_size"] = 600
    sizes = {"norm": (32,), "embed": (rows, 32), "lm_head": (rows, 32), "k_proj": (16, 32)}
    sizes |= {"v_proj": (16, 32), "": (32, 32)}
    form.weights = {
        name: np.ones(next(size for part, size in sizes.items() if part in name), np.float32)
        for name in form.weights
        if "layers.1." not in name
    }
    return form.write(directory)


def damage(directory: Path, rng: random.Random) -> str:
    """Change one file of a checkpoint, and return what was done to it."""
    path = rng.choice(sorted(directory.iterdir()))
    content = path.read_bytes()
    is_json = path.suffix == ".json"
    kinds: list[Callable[[bytes, random.Random], bytes]] = [_flip, _cut, _splice]
    kind = _change_value if is_json and rng.random() < 0.7 else rng.choice(kinds)
    path.write_bytes(kind(content, rng))
    return f"{kind.__name__} of {path.name}"


def restore(damaged: Path, whole: Path) -> None:
    """Make a damaged checkpoint whole again."""
    for path in whole.iterdir():
        shutil.copyfile(path, damaged / path.name)


def _position(content: bytes, rng: random.Random) -> int:
    """Return a place in the file, mostly near its beginning, where headers are."""
    end = _BYTES_OF_BINARY_HEADER if rng.random() < 0.7 else len(content)
    return rng.randrange(max(1, min(end, len(content))))


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        changed[_position(content, rng)] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: _position(content, rng)]


def _splice(content: bytes, rng: random.Random) -> bytes:
    at, other = _position(content, rng), _position(content, rng)
    return content[:at] + content[other : other + rng.randint(0, 40)] + content[at + 4 :]


def _change_value(content: bytes, rng: random.Random) -> bytes:
    """Put an odd value at a random place of a JSON file, or leave out or add a member."""
    root = [json.loads(content)]
    at: Any = root
    key: Any = 0
    while isinstance(at[key], list | dict) and at[key] and rng.random() < 0.8:
        at = at[key]
        keys = list(at) if isinstance(at, dict) else range(len(at))
        key = rng.choice(keys[:40] if rng.random() < 0.7 else keys)
    if rng.random() < 0.2:
        del at[key]
    elif rng.random() < 0.2 and isinstance(at, dict):
        at[rng.choice(["type", "id", "x", "5", "bos_token", "\ud800"])] = rng.choice(ODD_VALUES)
    else:
        at[key] = rng.choice(ODD_VALUES)
    return json.dumps(root[0] if root else None).encode("utf-8", "surrogatepass")
