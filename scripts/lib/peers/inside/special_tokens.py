"""Tell what llama.cpp's gguf-py and transformers make of a tokenizer's files.

Called in the peers' interpreter with the folder of gguf-py, which is in PYTHONPATH too; reads the
folders of tokenizers from standard input, one a line, and answers each with a line of JSON.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import gguf

logging.disable(logging.CRITICAL)

from transformers import AutoTokenizer  # noqa: E402

if not Path(gguf.__file__).parents[1].samefile(sys.argv[1]):
    sys.exit("this is another gguf than that of the source")
for line in sys.stdin:
    folder, n_tokens = json.loads(line)
    found = gguf.SpecialVocab(folder, n_vocab=n_tokens)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    bare, whole = tokenizer.encode("a b", add_special_tokens=False), tokenizer.encode("a b")
    start = next(at for at in range(len(whole)) if whole[at : at + len(bare)] == bare)
    answer = {
        "script": {"ids": found.special_token_ids, "adds": found.add_special_token},
        "transformers": [whole[:start], whole[start + len(bare) :]],
    }
    print(json.dumps(answer), flush=True)
