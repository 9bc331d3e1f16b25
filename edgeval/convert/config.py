"""What config.json says about a Llama model."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgeval.checkpoint import Checkpoint
from edgeval.errors import CheckpointError

_ARCHITECTURES = ("LlamaForCausalLM", "LLaMAForCausalLM")

Count = Annotated[int, Field(gt=0, lt=2**31)]


class Rope(BaseModel):
    """Parameters of the rotary embedding, under the names of Hugging Face transformers."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    rope_type: Literal["default", "linear", "llama3"] = "default"
    rope_theta: float = Field(default=10000.0, gt=0)
    factor: float = Field(default=8.0, gt=0)
    low_freq_factor: float = Field(default=1.0, gt=0)
    high_freq_factor: float = Field(default=4.0, gt=0)
    original_max_position_embeddings: Count = 8192

    def factors(self, head_size: int) -> npt.NDArray[np.float32] | None:
        """Return the frequency divisors of Llama 3.1's scaling, shape (head size / 2,), float32.

        Source: the ``llama3`` rope initialization of Hugging Face transformers, in the float32
        steps of llama.cpp's converter. Only the power is rounded once from float64: PyTorch's own
        is off by a unit in the last place for one frequency in eighty.
        """
        if self.rope_type != "llama3":
            return None
        single = np.float32
        low, high = single(self.low_freq_factor), self.high_freq_factor - self.low_freq_factor
        window = self.original_max_position_embeddings
        steps = np.arange(0, head_size, 2, dtype=single) / single(head_size)
        powers = np.power(self.rope_theta, steps.astype(np.float64)).astype(single)
        wavelengths = single(2 * math.pi) * (single(1) / (single(1) / powers))
        smooth = (single(window) * (single(1) / wavelengths) - low) / single(high)
        factor = single(self.factor)
        factors = single(1) / ((single(1) - smooth) / factor + smooth)
        factors = np.where(wavelengths > single(window / self.low_freq_factor), factor, factors)
        is_short = wavelengths < single(window / self.high_freq_factor)
        return np.where(is_short, single(1), factors)


class LlamaConfig(BaseModel):
    """The part of config.json that decides the GGUF; defaults are those of transformers."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=(), allow_inf_nan=False)

    vocab_size: Count
    hidden_size: Count
    intermediate_size: Count
    num_hidden_layers: int = Field(gt=0, le=1024)
    num_attention_heads: Count
    num_key_value_heads: Count | None = None
    max_position_embeddings: Count = 2048
    rms_norm_eps: float = 1e-6
    head_dim: Count | None = None
    rope: Rope
    tie_word_embeddings: bool = False

    @model_validator(mode="before")
    @classmethod
    def _gather_rope(cls, config: dict[str, Any]) -> dict[str, Any]:
        """Bring the rotary embedding of either generation of configs under one name."""
        given = config.get("rope_parameters") or config.get("rope_scaling") or {}
        if not isinstance(given, dict):
            raise ValueError("rope_scaling is no object")
        rope = {
            "rope_theta": config.get("rope_theta"),
            "rope_type": given.get("type"),
        } | given
        return config | {"rope": {key: value for key, value in rope.items() if value is not None}}

    @model_validator(mode="after")
    def _heads_divide(self) -> LlamaConfig:
        if self.head_dim is None and self.hidden_size % self.num_attention_heads:
            raise ValueError("hidden_size is no multiple of num_attention_heads")
        if self.num_attention_heads % self.n_kv_heads:
            raise ValueError("num_attention_heads is no multiple of num_key_value_heads")
        if self.head_size % 2:
            raise ValueError("a head has an odd size, which cannot be rotated")
        return self

    @property
    def head_size(self) -> int:
        """Dimension of one attention head."""
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def n_kv_heads(self) -> int:
        """Number of heads of keys and values."""
        return self.num_key_value_heads or self.num_attention_heads

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor that a model must have, by its name in the GGUF."""
        hidden, feed_forward = self.hidden_size, self.intermediate_size
        queries = self.num_attention_heads * self.head_size
        keys = self.n_kv_heads * self.head_size
        shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (self.vocab_size, hidden)}
        for layer in range(self.num_hidden_layers):
            block = f"blk.{layer}"
            shapes |= {
                f"{block}.attn_norm.weight": (hidden,),
                f"{block}.attn_q.weight": (queries, hidden),
                f"{block}.attn_k.weight": (keys, hidden),
                f"{block}.attn_v.weight": (keys, hidden),
                f"{block}.attn_output.weight": (hidden, queries),
                f"{block}.ffn_norm.weight": (hidden,),
                f"{block}.ffn_gate.weight": (feed_forward, hidden),
                f"{block}.ffn_up.weight": (feed_forward, hidden),
                f"{block}.ffn_down.weight": (hidden, feed_forward),
            }
        shapes["output_norm.weight"] = (hidden,)
        return shapes | {"output.weight": (self.vocab_size, hidden)}


def read_config(checkpoint: Checkpoint) -> LlamaConfig:
    """Return the configuration of a checkpoint.

    Raises:
        CheckpointError: If its architecture is not converted, or it makes no sense.
    """
    path = checkpoint.directory / "config.json"
    architectures = checkpoint.config.get("architectures") or ["no architecture"]
    if not isinstance(architectures, list) or architectures[0] not in _ARCHITECTURES:
        named = architectures[0] if isinstance(architectures, list) else architectures
        raise CheckpointError(
            f"{checkpoint.directory} is a checkpoint of {named}, and edgeval converts "
            f"{_ARCHITECTURES[0]} only; bring a GGUF made by llama.cpp's convert_hf_to_gguf.py"
        )
    if checkpoint.config.get("quantization_config"):
        raise CheckpointError(
            f"{checkpoint.directory} is quantized already (config.json has quantization_config); "
            "use the unquantized checkpoint"
        )
    try:
        return LlamaConfig.model_validate(checkpoint.config)
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("rope", "rope_type"):
            raise CheckpointError(
                f"{path} asks for rope scaling {first['input']!r}, and edgeval converts linear and "
                "llama3; bring a GGUF made by llama.cpp's convert_hf_to_gguf.py"
            ) from error
        where = ".".join(str(part) for part in first["loc"])
        message = f"{where}: {first['msg']}" if where else first["msg"]
        raise CheckpointError(f"{path}: {message}; download it again") from error
