"""Score key: everything that could change a score, under which scores are kept."""

from __future__ import annotations

from edgeval.records import OffloadInfo, Record
from edgeval.records.kernels import Kernels

_PLAIN = " | EXTRA_BUFTS = 0"
"""What follows llama.cpp's features where it may not rearrange weights, in their own style."""


_OF_ITEMS = {
    *("data_fingerprint", "protocol", "protocol_version", "shots", "shot_pool_fingerprint"),
    *("pre_tokenizer", "task", "task_version"),
}


def features_of(features: str, kernels: Kernels) -> str:
    """Return llama.cpp's features with the kernels that are used of them."""
    return f"{features}{_PLAIN}" if kernels == "plain" else features


def kernels_of(features: str) -> tuple[str, Kernels]:
    """Return what was joined by ``features_of``: llama.cpp's features, and the kernels."""
    is_plain = features.endswith(_PLAIN)
    return features.removesuffix(_PLAIN), "plain" if is_plain else "default"


class ScoreKey(Record):
    """Everything that decides what a model says about an item.

    The number of threads does not: llama.cpp's results on a CPU are the same with any.

    Attributes:
        scoring_version: Version of how edgeval scores.
        gguf_sha256: Hash of the model's file.
        data_fingerprint: Hash of the data set; its items are known by their index in it.
        protocol: Name of the protocol.
        protocol_version: Its version.
        shots: Solved items shown before each item.
        shot_pool_fingerprint: Hash of the data set that they are drawn from.
        engine: Version of llama.cpp.
        features: What it was built with, the CPU's features, and whether these are all used; see
            ``features_of``.
        backend: Where the layers are computed.
        devices: The GPUs that some are computed on; none on the CPU alone.
        gpu_layers: How many are computed there; the output counts as one.
        batch_tokens: Tokens that batches are filled up to.
        cache_type: Type of the KV cache.
        flash_attention: Whether attention is computed by the fused kernel.
        pre_tokenizer: What text is split by instead of what the file says; None for that.
        task: Name of the task that the items are of; None for ``names.UNNAMED_TASK``.
        task_version: Version of that.
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
    devices: tuple[str, ...] = ()
    gpu_layers: int = 0
    pre_tokenizer: str | None = None
    task: str | None = None
    task_version: int = 1

    @property
    def text(self) -> str:
        """The key as JSON. What has a default came later, and is not in keys where it has it."""
        return self.model_dump_json(exclude_defaults=True)

    @property
    def computation_text(self) -> str:
        """The part of the key that is about how a model is computed, not about what on, as JSON."""
        return self.model_dump_json(exclude=_OF_ITEMS)

    @property
    def items_text(self) -> str:
        """The part of the key that is about what is asked, not about what answers, as JSON.

        With any pre-tokenizer it is the same texts.
        """
        return self.model_dump_json(include=_OF_ITEMS - {"pre_tokenizer"} | {"scoring_version"})

    @property
    def kernels(self) -> Kernels:
        """llama.cpp's kernels for what the CPU computes."""
        return "plain" if self.features.endswith(_PLAIN) else "default"

    def offload(self, n_layers: int) -> OffloadInfo | None:
        """Return what was computed on GPUs, of a model with so many layers; None for nothing."""
        if not self.devices:
            return None
        return OffloadInfo(devices=list(self.devices), layers=self.gpu_layers, n_layers=n_layers)
