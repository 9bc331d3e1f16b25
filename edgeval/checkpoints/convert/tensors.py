"""Tensors of a GGUF: which of the checkpoint's they are, how they are ordered and cast."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import gguf
import numpy as np
import numpy.typing as npt

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert.config import LlamaConfig
from edgeval.checkpoints.convert.quantized import require_unquantized
from edgeval.checkpoints.convert.strays import is_left_out, stray
from edgeval.checkpoints.tensor import WEIGHT_DTYPES, Tensor, as_float32, as_float64, unusable
from edgeval.errors import CheckpointError

OutputType = Literal["f32", "f16", "bf16", "q8_0"]

TENSOR_TYPES = {
    "f32": gguf.GGMLQuantizationType.F32,
    "f16": gguf.GGMLQuantizationType.F16,
    "bf16": gguf.GGMLQuantizationType.BF16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
}

_CHUNK_ELEMENTS = 1 << 20


@dataclass(frozen=True)
class Output:
    """One tensor of the GGUF: where it comes from, how its rows are ordered, what it becomes."""

    name: str
    source: Tensor
    heads: int | None
    dtype: Any

    @property
    def nbytes(self) -> int:
        """Number of bytes in the GGUF."""
        block_size, block_bytes = gguf.GGML_QUANT_SIZES[self.dtype]
        return self.source.size // int(block_size) * int(block_bytes)

    def chunks(self) -> Iterator[Callable[[], npt.NDArray[Any]]]:
        """Yield what makes the tensor's data, a few rows at a time and in their order.

        Each call reads and casts its own rows, so calls may run in threads.
        """
        n_rows, row_size = self.source.shape[0], self.source.size // self.source.shape[0]
        # Rows change places only within a head, so that a chunk of whole heads is on its own.
        unit = n_rows // self.heads if self.heads else 1
        step = max(1, _CHUNK_ELEMENTS // (unit * row_size)) * unit
        for begin in range(0, n_rows, step):
            yield functools.partial(self._chunk, begin, min(begin + step, n_rows), unit)

    def _chunk(self, begin: int, end: int, unit: int) -> npt.NDArray[Any]:
        raw = self.source.rows(begin, end)
        if self.heads is not None:
            raw = interleaved(raw, (end - begin) // unit)
        if self.dtype == TENSOR_TYPES.get(self.source.dtype.lower()):
            return raw
        try:
            with np.errstate(over="raise"):
                return np.ascontiguousarray(gguf.quants.quantize(as_float32(raw), self.dtype))
        except FloatingPointError as error:
            raise self._overflow(raw) from error

    def _overflow(self, raw: npt.NDArray[Any]) -> CheckpointError:
        """Return that values are too large for the type, and which is not."""
        where = f"{self.source.path}: tensor {self.source.name} has values beyond the range of"
        with np.errstate(over="ignore"):
            is_beyond_all = not np.isfinite(as_float32(raw[np.isfinite(as_float64(raw))])).all()
        if is_beyond_all:
            return CheckpointError(f"{where} F32; evaluate another model")
        return CheckpointError(
            f"{where} F16; use --dtype bf16, or BF16 in place of F16 in --quant, or F32"
        )


def outputs(checkpoint: Checkpoint, config: LlamaConfig, dtype: OutputType) -> Iterator[Output]:
    """Yield the GGUF's tensors in the checkpoint's order.

    Raises:
        CheckpointError: If a tensor is missing, unknown, quantized or of the wrong shape.
    """
    require_unquantized(checkpoint)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    expected, found = config.shapes(), dict[str, Tensor]()
    for tensor in checkpoint.tensors.values():
        name = names.get_name(tensor.name, try_suffixes=(".weight", ".bias"))
        if name is None or name not in expected:
            if is_left_out(tensor):
                continue
            raise stray(tensor, name, config)
        if name in found:
            raise CheckpointError(
                f"{checkpoint.directory} has {name} twice, as {found[name].name} and as "
                f"{tensor.name}; take out the one that does not belong to the model"
            )
        found[name] = tensor
        yield _output(name, tensor, expected[name], config, dtype)
    if config.tie_word_embeddings:
        expected.pop("output.weight", None)
        _check_tied(found)
    if missing := [name for name in expected if name not in found]:
        raise _missing(checkpoint, missing)


def _output(
    name: str, tensor: Tensor, shape: tuple[int, ...], config: LlamaConfig, dtype: OutputType
) -> Output:
    """Return what becomes of a tensor.

    Raises:
        CheckpointError: If it is of another shape than config.json means, or its values are no
            weights.
    """
    if shape != tensor.shape:
        raise _of_another_shape(tensor, shape, config)
    if tensor.dtype not in WEIGHT_DTYPES:
        raise unusable(tensor.path, tensor.name, tensor.dtype)
    heads = None
    if ".attn_q." in name:
        heads = config.num_attention_heads
    elif ".attn_k." in name:
        heads = config.n_kv_heads
    is_matrix = len(tensor.shape) > 1 and name.endswith(".weight")
    return Output(name, tensor, heads, _tensor_type(tensor, dtype if is_matrix else "f32"))


def _of_another_shape(
    tensor: Tensor, shape: tuple[int, ...], config: LlamaConfig
) -> CheckpointError:
    where = f"{tensor.path}: tensor {tensor.name} has shape {list(tensor.shape)}"
    is_table = shape[:1] == (config.vocab_size,) and tensor.shape[1:] == shape[1:]
    if is_table:
        return CheckpointError(
            f"{where}, and config.json says vocab_size: {config.vocab_size}; tokens were added to "
            "one of them only, so correct the number there if the tokenizer has as many"
        )
    return CheckpointError(
        f"{where} where config.json means {list(shape)}; they are of different models, so take "
        "both from the same one"
    )


def _missing(checkpoint: Checkpoint, missing: Sequence[str]) -> CheckpointError:
    if list(missing) == ["output.weight"]:
        return CheckpointError(
            f"{checkpoint.directory} has no lm_head.weight, and config.json says no "
            "tie_word_embeddings: transformers would fill it at random, and llama.cpp take the "
            'embeddings; write "tie_word_embeddings": true there if the model was trained so, and '
            "otherwise download the file that has it"
        )
    return CheckpointError(
        f"{checkpoint.directory} lacks {len(missing)} tensors that config.json means, the first "
        f"is {missing[0]}; download the other files of weights, or correct config.json if it is of "
        "another model"
    )


def _check_tied(found: Mapping[str, Tensor]) -> None:
    """Refuse an output that config.json ties to embeddings that it differs from.

    lm-evaluation-harness evaluates such a model with the embeddings, llama.cpp with the output.
    """
    embeddings, output = found.get("token_embd.weight"), found.get("output.weight")
    if embeddings is None or output is None:
        return
    step = max(1, _CHUNK_ELEMENTS // embeddings.shape[1])
    for begin in range(0, embeddings.shape[0], step):
        end = min(begin + step, embeddings.shape[0])
        first, second = (as_float32(tensor.rows(begin, end)) for tensor in (embeddings, output))
        if not np.array_equal(first, second, equal_nan=True):
            raise CheckpointError(
                f"config.json says tie_word_embeddings, but {output.name} of {output.path} is "
                f"another matrix than {embeddings.name}, so it is two models; write "
                '"tie_word_embeddings": false there to evaluate the one with this output, or take '
                "the output out of the file"
            )


def _tensor_type(tensor: Tensor, dtype: OutputType) -> Any:
    """Return the type of a tensor; rows that are no whole number of blocks stay F16."""
    wanted = TENSOR_TYPES[dtype]
    block_size, _ = gguf.GGML_QUANT_SIZES[wanted]
    return gguf.GGMLQuantizationType.F16 if tensor.shape[-1] % block_size else wanted


def interleaved(rows: npt.NDArray[Any], heads: int) -> npt.NDArray[Any]:
    """Return the rows of Q or K of some heads in llama.cpp's order, shape as given.

    Hugging Face keeps the two halves of a head's rotary pairs apart, llama.cpp interleaves them.
    """
    halves = rows.reshape(heads, 2, -1, rows.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows.shape)
