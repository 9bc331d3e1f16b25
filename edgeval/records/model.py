"""Model: what it is, whatever type it is quantized to."""

from __future__ import annotations

from edgeval.records.base import Record
from edgeval.records.contents import PreTokenizer, TensorMix
from edgeval.records.context import ModelSource
from edgeval.records.results import ImatrixInfo

PerLayer = int | list[int] | None


class ModelShape(Record):
    """Hyperparameters that every quantization of a model has; None where the GGUF does not say.

    Attributes:
        architecture: llama.cpp's name of the architecture.
        block_count: Number of layers.
        embedding_length: Width of the residual stream.
        feed_forward_length: Width of the feed-forward layers, or of each.
        head_count: Number of attention heads, or of each layer.
        head_count_kv: Number of key-value heads, or of each layer.
        rope_base: Base of the rotary frequencies.
        vocabulary_size: Number of token ids.
        n_params: Number of parameters.
    """

    architecture: str | None
    block_count: PerLayer
    embedding_length: PerLayer
    feed_forward_length: PerLayer
    head_count: PerLayer
    head_count_kv: PerLayer
    rope_base: float
    vocabulary_size: int
    n_params: int

    @property
    def n_layers(self) -> int:
        """Number of layers that can be on a GPU; the output counts as one."""
        blocks = self.block_count or 0
        return 1 + (blocks if isinstance(blocks, int) else max(blocks, default=0))


class ModelFacts(Record):
    """What is known of a GGUF besides its scores.

    Attributes:
        file_bytes: Size of the file.
        imatrix: The importance matrix it was quantized with; None without one.
        tokenizer_fingerprint: SHA-256 over what decides its token ids.
        shape: Its hyperparameters.
        checkpoint: The checkpoint that it was made of; None if that is not known.
        mix: Of what tensors it is; None where that is not known.
        pre_tokenizer: What is to be known of its pre-tokenizer; None where it is as the file says.
        norms_fingerprint: SHA-256 over the weights of its norms; None where there are none, or an
            older edgeval did not keep it.
    """

    file_bytes: int
    imatrix: ImatrixInfo | None
    tokenizer_fingerprint: str
    shape: ModelShape
    checkpoint: ModelSource | None
    mix: TensorMix | None = None
    pre_tokenizer: PreTokenizer | None = None
    norms_fingerprint: str | None = None
