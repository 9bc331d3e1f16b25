"""Runs convert_hf_to_gguf.py over many checkpoints in one process, in the peers' interpreter.

Called with the folder of llama.cpp's source and a JSON file: a list of (checkpoint, GGUF, type).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

source, jobs = sys.argv[1:]
sys.path.insert(0, source)

import convert_hf_to_gguf as script  # noqa: E402
from conversion.base import TextModel  # noqa: E402

known_name = TextModel.get_vocab_base_pre


def name(model: Any, tokenizer: Any) -> str:
    """Return the pre-tokenizer's name; the demo's, which the script cannot know, is Llama 3's."""
    try:
        return str(known_name(model, tokenizer))
    except NotImplementedError:
        return "llama-bpe"


TextModel.get_vocab_base_pre = name
for checkpoint, target, dtype in json.loads(Path(jobs).read_text(encoding="utf-8")):
    sys.argv = [script.__file__, checkpoint, "--outfile", target, "--outtype", dtype]
    script.main()
