"""What could change a score: the key under which scores are kept."""

from __future__ import annotations

from edgeval.records import Record


class Setting(Record):
    """Everything that decides what a model says about an item.

    The number of threads does not: llama.cpp's results on a CPU are the same with any.

    Attributes:
        scoring_version: Version of how edgeval scores.
        gguf_sha256: Hash of the model's file.
        data_fingerprint: Hash of the data set; its items are known by their place in it.
        protocol: Name of the protocol.
        protocol_version: Its version.
        shots: Solved items shown before each item.
        shot_pool_fingerprint: Hash of the data set that they are drawn from.
        engine: Version of llama.cpp.
        features: What it was built with, and the CPU's features.
        backend: Where the layers are computed.
        batch_tokens: Tokens that batches are filled up to.
        cache_type: Type of the KV cache.
        flash_attention: Whether attention is computed by the fused kernel.
    """

    scoring_version: int
    gguf_sha256: str
    data_fingerprint: str
    protocol: str
    protocol_version: int
    shots: int
    shot_pool_fingerprint: str | None
    engine: str
    features: str
    backend: str
    batch_tokens: int
    cache_type: str
    flash_attention: bool
