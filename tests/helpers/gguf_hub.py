"""A repository of GGUFs, as publishers fill them; the bytes are noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

REPO = "tiny/llama-GGUF"
BASE = "tiny/llama"
N_PARAMS = 200_000
SPLIT = tuple(f"BF16/llama-BF16-0000{number}-of-00003.gguf" for number in (1, 2, 3))
Q8, Q4, MIX = "llama-Q8_0.gguf", "llama-Q4_K_M.gguf", "llama-UD-Q4_K_XL.gguf"
OTHERS = {"imatrix.gguf", "llama.imatrix", "mmproj-F16.gguf"}
SIZES = {
    **dict.fromkeys(SPLIT, 140_000),
    Q8: 212_500,
    MIX: 130_000,
    Q4: 125_000,
    **dict.fromkeys(sorted(OTHERS), 1_000),
    "README.md": 100,
}
INFO: dict[str, Any] = {
    "cardData": {"base_model": [BASE], "license": "mit"},
    "gguf": {"total": N_PARAMS, "architecture": "llama", "context_length": 2048},
}


def publish(folder: Path, sizes: dict[str, int] = SIZES) -> Path:
    """Fill a folder with files of these sizes, and return it."""
    for seed, (name, n_bytes) in enumerate(sizes.items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(np.random.default_rng(seed).bytes(n_bytes))
    return folder
