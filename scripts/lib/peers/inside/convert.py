"""Run convert_hf_to_gguf.py over many checkpoints in one process, in the peers' interpreter.

Called with a JSON file, a list of (checkpoint, GGUF, type), and with llama.cpp's source in
PYTHONPATH.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import convert_hf_to_gguf as script
from conversion.base import TextModel

known_name = TextModel.get_vocab_base_pre


def name(model: Any, tokenizer: Any) -> str:
    """Return the pre-tokenizer's name; the demo's, which the script cannot know, is Llama 3's."""
    try:
        return str(known_name(model, tokenizer))
    except NotImplementedError:
        return "llama-bpe"


TextModel.get_vocab_base_pre = name
for checkpoint, target, dtype in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
    sys.argv = [script.__file__, checkpoint, "--outfile", target, "--outtype", dtype]
    script.main()
