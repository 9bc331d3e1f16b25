"""Checkpoint to GGUF: the same file that llama.cpp's convert_hf_to_gguf.py makes, without torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import gguf
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgeval.checkpoint import WEIGHT_DTYPES, Checkpoint, Tensor, as_float32, unusable
from edgeval.errors import CheckpointError
from edgeval.files import refuse_existing, replacing
from edgeval.progress import NoProgress, Progress
from edgeval.tokenizer import add_tokenizer

OutputType = Literal["f32", "f16", "bf16", "q8_0"]

CONVERTER_VERSION = 1
"""Raised when the same checkpoint would become another file: cached files are not reused."""

_ARCHITECTURES = ("LlamaForCausalLM", "LLaMAForCausalLM")
_FILE_TYPES = {
    "f32": (gguf.LlamaFileType.ALL_F32, gguf.GGMLQuantizationType.F32),
    "f16": (gguf.LlamaFileType.MOSTLY_F16, gguf.GGMLQuantizationType.F16),
    "bf16": (gguf.LlamaFileType.MOSTLY_BF16, gguf.GGMLQuantizationType.BF16),
    "q8_0": (gguf.LlamaFileType.MOSTLY_Q8_0, gguf.GGMLQuantizationType.Q8_0),
}
_UNUSED_SUFFIXES = (".attention.masked_bias", ".attention.bias", ".rotary_emb.inv_freq")
_CHUNK_ELEMENTS = 1 << 22
_HEADER_BYTES = 16 * 1024 * 1024


class LlamaConfig(BaseModel):
    """The part of config.json that decides the GGUF."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    architectures: list[str] = Field(min_length=1)
    vocab_size: int = Field(gt=0)
    hidden_size: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    num_hidden_layers: int = Field(gt=0, le=1024)
    num_attention_heads: int = Field(gt=0)
    num_key_value_heads: int | None = Field(default=None, gt=0)
    max_position_embeddings: int = Field(gt=0)
    rms_norm_eps: float
    head_dim: int | None = Field(default=None, gt=0)
    rope_theta: float | None = None
    rope_scaling: dict[str, Any] | None = None
    rope_parameters: dict[str, Any] | None = None
    tie_word_embeddings: bool = False

    @property
    def rope(self) -> dict[str, Any]:
        """Parameters of the rotary embedding, under the names of either generation of configs."""
        rope = dict(self.rope_parameters or self.rope_scaling or {})
        if self.rope_theta is not None:
            rope.setdefault("rope_theta", self.rope_theta)
        if "type" in rope:
            rope.setdefault("rope_type", rope["type"])
        return rope

    @property
    def head_size(self) -> int:
        """Dimension of one attention head."""
        return self.head_dim or self.hidden_size // self.num_attention_heads


@dataclass(frozen=True)
class _Output:
    """One tensor of the GGUF: where it comes from, how its rows are ordered, what it becomes."""

    name: str
    source: Tensor
    heads: int | None
    dtype: Any

    @property
    def nbytes(self) -> int:
        block_size, block_bytes = gguf.GGML_QUANT_SIZES[self.dtype]
        return self.source.size // int(block_size) * int(block_bytes)


def convert(
    source: Path,
    target: Path,
    dtype: OutputType = "f16",
    *,
    name: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Convert a Hugging Face checkpoint directory to a GGUF file.

    Matrices become ``dtype``; vectors and norms are F32, as in llama.cpp's converter.

    Args:
        source: The checkpoint directory.
        target: The GGUF to write; must not exist.
        dtype: Type of the matrices.
        name: The model's name in the metadata; by default what the checkpoint calls itself.
        progress: Where to show progress.

    Returns:
        ``target``.

    Raises:
        CheckpointError: If the checkpoint is damaged, or its architecture is not converted.
        EdgevalError: If the target exists or cannot be written.
    """
    refuse_existing(target)
    checkpoint = Checkpoint(source)
    config = _config(checkpoint)
    outputs = list(_outputs(checkpoint, config, dtype))
    total = sum(output.nbytes for output in outputs)
    with replacing(target, total + _HEADER_BYTES) as temporary:
        writer = gguf.GGUFWriter(temporary, "llama")
        try:
            _add_metadata(writer, checkpoint, config, dtype, name)
            extra = _rope_factors(config)
            if extra is not None:
                writer.add_tensor_info("rope_freqs.weight", extra.shape, extra.dtype, extra.nbytes)
            for output in outputs:
                writer.add_tensor_info(
                    output.name,
                    output.source.shape,
                    np.dtype(np.float32),
                    output.nbytes,
                    raw_dtype=output.dtype,
                )
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            file = writer.fout[0]
            writer.write_padding(file, file.tell())
            if extra is not None:
                file.write(extra.tobytes())
                writer.write_padding(file, extra.nbytes)
            bars = progress or NoProgress()
            with bars.task(f"convert to {dtype}", total, "bytes") as task:
                for output in outputs:
                    for n_bytes in _write_rows(file, output):
                        task.advance(n_bytes)
                    writer.write_padding(file, output.nbytes)
        finally:
            writer.close()
    return target


def _config(checkpoint: Checkpoint) -> LlamaConfig:
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
        config = LlamaConfig.model_validate(checkpoint.config)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(f"{path}: {where}: {first['msg']}; download it again") from error
    rope_type = str(config.rope.get("rope_type", "default")).lower()
    if rope_type not in ("default", "linear", "llama3"):
        raise CheckpointError(
            f"{path} asks for rope scaling {rope_type!r}, and edgeval converts linear and llama3; "
            "bring a GGUF made by llama.cpp's convert_hf_to_gguf.py"
        )
    return config


def _outputs(checkpoint: Checkpoint, config: LlamaConfig, dtype: OutputType) -> Iterator[_Output]:
    """Yield the GGUF's tensors in the checkpoint's order.

    Raises:
        CheckpointError: If a tensor is missing, unknown or of the wrong shape.
    """
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    expected = _expected_shapes(config)
    for tensor in checkpoint.tensors.values():
        if tensor.name.endswith(_UNUSED_SUFFIXES):
            continue
        name = names.get_name(tensor.name, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise CheckpointError(
                f"{tensor.path} has a tensor {tensor.name} that the Llama architecture does not; "
                "bring a GGUF made by llama.cpp's convert_hf_to_gguf.py"
            )
        shape = expected.pop(name, tensor.shape if name.endswith(".bias") else None)
        if shape != tensor.shape:
            raise CheckpointError(
                f"{tensor.path}: tensor {tensor.name} has shape {list(tensor.shape)} where "
                f"config.json means {list(shape or ())}; download the checkpoint again"
            )
        if tensor.dtype not in WEIGHT_DTYPES:
            raise unusable(tensor.path, tensor.name, tensor.dtype)
        heads = None
        if ".attn_q." in name:
            heads = config.num_attention_heads
        elif ".attn_k." in name:
            heads = config.num_key_value_heads or config.num_attention_heads
        is_matrix = len(tensor.shape) > 1 and name.endswith(".weight")
        yield _Output(name, tensor, heads, _tensor_type(tensor, dtype if is_matrix else "f32"))
    if config.tie_word_embeddings:
        expected.pop("output.weight", None)
    if expected:
        raise CheckpointError(
            f"{checkpoint.directory} lacks {len(expected)} tensors of the model, the first is "
            f"{next(iter(expected))}; download it again"
        )


def _tensor_type(tensor: Tensor, dtype: OutputType) -> Any:
    """Return the type of a tensor; rows that are no whole number of blocks stay F16."""
    wanted = _FILE_TYPES[dtype][1]
    block_size, _ = gguf.GGML_QUANT_SIZES[wanted]
    return gguf.GGMLQuantizationType.F16 if tensor.shape[-1] % block_size else wanted


def _expected_shapes(config: LlamaConfig) -> dict[str, tuple[int, ...]]:
    hidden, feed_forward = config.hidden_size, config.intermediate_size
    queries = config.num_attention_heads * config.head_size
    keys = (config.num_key_value_heads or config.num_attention_heads) * config.head_size
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (config.vocab_size, hidden)}
    for layer in range(config.num_hidden_layers):
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
    return shapes | {"output_norm.weight": (hidden,), "output.weight": (config.vocab_size, hidden)}


def _add_metadata(
    writer: gguf.GGUFWriter,
    checkpoint: Checkpoint,
    config: LlamaConfig,
    dtype: OutputType,
    name: str | None,
) -> None:
    parameters = sum(tensor.size for tensor in checkpoint.tensors.values())
    metadata = gguf.Metadata.load(None, checkpoint.directory, name, parameters)
    metadata.name = metadata.name or checkpoint.directory.name
    metadata.size_label = metadata.size_label or gguf.size_label(parameters, 0, 0, 0)
    writer.add_type(gguf.GGUFType.MODEL)
    metadata.set_gguf_meta_model(writer)
    writer.add_file_type(_FILE_TYPES[dtype][0])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    if config.num_key_value_heads is not None:
        writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_dimension_count(config.head_size)
    writer.add_key_length(config.head_size)
    writer.add_value_length(config.head_size)
    rope = config.rope
    if "rope_theta" in rope:
        writer.add_rope_freq_base(float(rope["rope_theta"]))
    if rope.get("rope_type") == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(rope["factor"]))
    add_tokenizer(writer, checkpoint, config.vocab_size)


def _rope_factors(config: LlamaConfig) -> npt.NDArray[np.float32] | None:
    """Return the frequency divisors of Llama 3.1's rope scaling, shape (head size / 2,), float32.

    Source: the ``llama3`` rope initialization of Hugging Face transformers.
    """
    rope = config.rope
    if str(rope.get("rope_type", "")).lower() != "llama3":
        return None
    base, factor = float(rope.get("rope_theta", 10000.0)), float(rope.get("factor", 8.0))
    low, high = float(rope.get("low_freq_factor", 1.0)), float(rope.get("high_freq_factor", 4.0))
    window = float(rope.get("original_max_position_embeddings", 8192))
    steps = np.arange(0, config.head_size, 2, dtype=np.float32) / np.float32(config.head_size)
    wavelengths = 2 * math.pi * np.power(np.float32(base), steps).astype(np.float64)
    smooth = (window / wavelengths - low) / (high - low)
    factors = 1 / ((1 - smooth) / factor + smooth)
    factors = np.where(wavelengths > window / low, factor, factors)
    return np.where(wavelengths < window / high, 1.0, factors).astype(np.float32)


def _write_rows(file: IO[bytes], output: _Output) -> Iterator[int]:
    """Write a tensor in chunks of rows, so that memory does not grow with its size."""
    raw = output.source.rows()
    order = np.arange(len(raw)) if output.heads is None else _permuted(len(raw), output.heads)
    step = max(1, _CHUNK_ELEMENTS // raw.shape[1])
    for begin in range(0, len(raw), step):
        values = as_float32(raw[order[begin : begin + step]])
        data = _cast(values, output)
        file.write(data.data)
        yield data.nbytes


def _permuted(n_rows: int, heads: int) -> npt.NDArray[np.intp]:
    """Return which source row becomes each row of Q or K, shape (n_rows,).

    Hugging Face keeps the two halves of a head's rotary pairs apart, llama.cpp interleaves them.
    """
    halves = np.arange(n_rows, dtype=np.intp).reshape(heads, 2, -1)
    return np.ravel(halves.swapaxes(1, 2))


def _cast(values: npt.NDArray[np.float32], output: _Output) -> npt.NDArray[Any]:
    with np.errstate(over="ignore"):
        data: npt.NDArray[Any] = np.ascontiguousarray(gguf.quants.quantize(values, output.dtype))
    if data.dtype == np.float16 and not np.isfinite(data).all() and np.isfinite(values).all():
        raise CheckpointError(
            f"tensor {output.source.name} has values beyond the range of f16; use --dtype bf16"
        )
    return data
