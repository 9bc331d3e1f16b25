"""Config of a Llama model, as config.json says it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, model_validator

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert.fields import check_fields
from edgeval.checkpoints.convert.rope import Rope, gathered
from edgeval.errors import CheckpointError
from edgeval.system.untrusted import printable

_ADAPTER = "adapter_config.json"
"""Where transformers finds what PEFT trained, and loads it without being asked."""

_ARCHITECTURES = ("LlamaForCausalLM", "LLaMAForCausalLM")

_FLAGS = ("tie_word_embeddings", "attention_bias", "mlp_bias")

Count = Annotated[int, Field(gt=0, lt=2**31)]


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
    tie_word_embeddings: StrictBool = False
    attention_bias: StrictBool = False
    mlp_bias: StrictBool = False

    @model_validator(mode="before")
    @classmethod
    def _gather_rope(cls, config: dict[str, Any]) -> dict[str, Any]:
        """Bring the rotary embedding of either generation of configs under one name."""
        # transformers takes null for false.
        flags = {name: False for name in _FLAGS if config.get(name) is None}
        return config | flags | {"rope": gathered(config)}

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
        shapes |= dict(self._biases(shapes))
        return shapes | {"output.weight": (self.vocab_size, hidden)}

    def _biases(self, shapes: dict[str, tuple[int, ...]]) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield the biases that transformers' layers have beside their weights."""
        for name, shape in shapes.items():
            is_attention = ".attn_" in name and self.attention_bias
            if len(shape) == 2 and (is_attention or (".ffn_" in name and self.mlp_bias)):
                yield name.replace(".weight", ".bias"), shape[:1]


def read_config(checkpoint: Checkpoint) -> LlamaConfig:
    """Return the configuration of a checkpoint.

    Raises:
        CheckpointError: If its architecture is not converted, it says what edgeval cannot honour,
            or it makes no sense.
    """
    path = checkpoint.directory / "config.json"
    architectures = checkpoint.config.get("architectures") or ["no architecture"]
    if not isinstance(architectures, list) or architectures[0] not in _ARCHITECTURES:
        named = architectures[0] if isinstance(architectures, list) else architectures
        raise CheckpointError(
            f"{checkpoint.directory} is a checkpoint of {named}, and edgeval converts "
            f"{_ARCHITECTURES[0]} only; bring a GGUF made by llama.cpp's convert_hf_to_gguf.py"
        )
    check_fields(path, checkpoint.config)
    adapter = checkpoint.directory / _ADAPTER
    if adapter.is_file():
        raise CheckpointError(
            f"{adapter} is beside the weights, and transformers would evaluate them with that "
            "adapter; merge it into the weights, and remove the file if it is merged already"
        )
    try:
        return LlamaConfig.model_validate(checkpoint.config)
    except ValidationError as error:
        raise CheckpointError(f"{path}: {_problem(error)}") from error


def _problem(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["loc"] == ("rope", "rope_type"):
        return (
            f"it asks for rope scaling {first['input']!r}, and edgeval converts linear and llama3; "
            "bring a GGUF made by llama.cpp's convert_hf_to_gguf.py"
        )
    where = printable(".".join(str(part) for part in first["loc"]))
    if where and first["input"] is None:
        return (
            f"{where} is null, and the model has to have one; write the number that it was trained "
            "with there"
        )
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = (
            f"{first['input']!r} may change how positions are computed, and edgeval does not know "
            "it"
        )
    return f"{where}: {message}; correct it there" if where else f"{message}; correct it there"
