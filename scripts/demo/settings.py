"""Settings that shape the demo checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.demo.activities import VARIANTS
from scripts.demo.world import ITEM_COUNT

UNK_ID, BOS_ID, EOS_ID = 0, 1, 2


@dataclass(frozen=True)
class Settings:
    """Everything that shapes the checkpoint.

    The hidden and FFN sizes are multiples of 256, the super-block of llama.cpp's k-quants.
    """

    seed: int = 0
    steps: int = 14000
    variants: int = VARIANTS
    items: int = ITEM_COUNT
    vocab_size: int = 4096
    hidden_size: int = 256
    intermediate_size: int = 768
    layers: int = 2
    heads: int = 8
    kv_heads: int = 2
    window_tokens: int = 512
    row_tokens: int = 256
    batch_rows: int = 16
    learning_rate: float = 2.5e-3
    weight_decay: float = 0.02
    warmup_share: float = 0.04
    final_rate_share: float = 0.02
    bos_share: float = 0.6
