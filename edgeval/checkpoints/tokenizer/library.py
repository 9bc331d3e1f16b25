"""Tokenizers in the library that defines them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from edgeval.errors import CheckpointError
from edgeval.system.untrusted import printable


def load(path: Path) -> Any:
    """Return a ``tokenizer.json`` in the library of Hugging Face, ``tokenizers``.

    Raises:
        CheckpointError: If the library cannot read it.
    """
    return _loaded(path, path.stat().st_mtime_ns, path.stat().st_size)


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, _modified_ns: int, _size: int) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_buffer(path.read_bytes())
        # What pads or cuts a batch is set by whoever calls it.
        tokenizer.no_padding()
        tokenizer.no_truncation()
    except Exception as error:  # The library raises nothing narrower.
        raise CheckpointError(
            f"{path} is no usable tokenizer ({printable(str(error))}); download it again"
        ) from error
    return tokenizer
