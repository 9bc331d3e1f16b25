"""llama.cpp's name for how a byte-level tokenizer splits text before it merges."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

from edgeval.checkpoints.tokenizer.library import load
from edgeval.errors import CheckpointError
from edgeval.system.untrusted import printable

# llama.cpp knows a pre-tokenizer by the tokens of this text: the names and the SHA-256 of the
# tokens are those of its convert_hf_to_gguf_update.py.
_TEXT = (
    "\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n\U0001f680 (normal) \U0001f636\u200d"
    "\U0001f32b\ufe0f (multiple emojis concatenated) \u2705 \U0001f999\U0001f999 3 33 333 3333 "
    "33333 333333 3333333 33333333 3.3 3..3 3...3 \u1780\u17b6\u1793\u17cb\u178f\u17c2\u1796"
    "\u17b7\u179f\u17c1\u179f\u17a2\u17b6\u1785\U0001f601 ?\u6211\u60f3\u5728apple\u5de5\u4f5c1"
    "314151\u5929\uff5e ------======= \u043d\u0435\u0449\u043e \u043d\u0430 \u0411\u044a\u043b"
    "\u0433\u0430\u0440\u0441\u043a\u0438 ''''''```````\"\"\"\"......!!!!!!?????? I've been 'to"
    "ld he's there, 'RE you sure? 'M not sure I'll make it, 'D you like some tea? We'Ve a'lL"
)
_NAMES = "pre_tokenizers.json"

_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def pre_tokenizer_name(path: Path) -> str:
    """Return the name of a ``tokenizer.json``'s pre-tokenizer (``tokenizer.ggml.pre``).

    One that splits as Llama 3's is known by its regular expression, as a model trained further with
    tokens of its own has it. llama.cpp looks whole words up under one of its two names for it only;
    its script goes by the tokens, of which one is whether BOS is added.

    Raises:
        CheckpointError: If llama.cpp has no name for it, or the file cannot be used.
    """
    tokenizer = load(path)
    try:
        # What a template adds to a text says nothing of how it is split.
        seen = [tokenizer.encode(_TEXT, add_special_tokens=ends).ids for ends in (True, False)]
    except Exception as error:  # The library raises nothing narrower.
        raise CheckpointError(
            f"{path} is no usable tokenizer ({printable(str(error))}); download it again"
        ) from error
    if _splits_as_llama3(content := json.loads(tokenizer.to_str())):
        return "llama-bpe" if content["model"].get("ignore_merges") else "smaug-bpe"
    found = {hashlib.sha256(str(tokens).encode()).hexdigest() for tokens in seen}
    known = json.loads((resources.files(__package__) / _NAMES).read_text(encoding="utf-8"))
    for name, digests in known.items():
        if not found.isdisjoint(digests):
            return str(name)
    raise CheckpointError(
        f"{path} splits text in a way that llama.cpp has no name for; bring a GGUF made by the "
        "converter that the model's authors name"
    )


def _splits_as_llama3(tokenizer: dict[str, Any]) -> bool:
    """Whether text is split as by Llama 3's tokenizer."""
    steps = (tokenizer["pre_tokenizer"] or {}).get("pretokenizers", [])
    patterns = [step["pattern"] for step in steps if step["type"] == "Split"]
    return patterns == [{"Regex": _LLAMA3}]
