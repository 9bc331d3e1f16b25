"""Checkpoints that are quantized already: known by the names and types of their tensors.

The names are those that each library's own code saves; its ``config.json`` may have lost its
``quantization_config``, or never had one.
"""

from __future__ import annotations

from collections.abc import Iterable

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.tensor import WEIGHT_DTYPES, Tensor
from edgeval.errors import CheckpointError
from edgeval.system.untrusted import printable

_BITSANDBYTES = "bitsandbytes"
_MAKERS: tuple[tuple[str, str], ...] = (
    (".g_idx", "GPTQ"),
    (".qzeros", "GPTQ or AWQ"),
    (".qweight", "GPTQ or AWQ"),
    (".weight_packed", "compressed-tensors (llm-compressor)"),
    (".weight_global_scale", "compressed-tensors (llm-compressor), to NVFP4"),
    (".weight_scale_inv", "blocks of FP8, as DeepSeek's are"),
    (".weight_scale_2", "NVIDIA ModelOpt, to NVFP4"),
    (".absmax", f"{_BITSANDBYTES}, to 4 bits"),
    (".quant_map", f"{_BITSANDBYTES}, to 4 bits"),
    (".quant_state.bitsandbytes__nf4", f"{_BITSANDBYTES}, to 4 bits"),
    (".quant_state.bitsandbytes__fp4", f"{_BITSANDBYTES}, to 4 bits"),
    (".SCB", f"{_BITSANDBYTES}, to 8 bits"),
    (".weight_format", f"{_BITSANDBYTES}, to 8 bits"),
    (".W_q", "HQQ"),
    (".codebooks", "AQLM"),
    (".Qidxs", "QuIP#"),
    (".trellis", "ExLlamaV3"),
    (".q_weight", "ExLlamaV2"),
    (".q_groups", "ExLlamaV2"),
    (".weight._data", "quanto"),
    (".weight_scales", "EETQ"),
    (".scales", "MLX, or a library that names its factors alike"),
    (".input_scale", "NVIDIA ModelOpt or compressed-tensors, to FP8 or INT8"),
    (".weight_scale", "NVIDIA ModelOpt or compressed-tensors, to FP8 or INT8"),
    (".weight_scale_1", "NVIDIA ModelOpt or compressed-tensors, to FP8 or INT8"),
)
"""Ends of names, those of one maker alone first."""

_MODELOPT = "hf_quant_config.json"
_KV_FACTORS = ("k_scale", "v_scale", "kv_scale")


def require_unquantized(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint whose weights are quantized.

    Raises:
        CheckpointError: If they are.
    """
    tensors = checkpoint.tensors.values()
    found = _by_names(tensors) or _by_types(tensors)
    if found is None:
        return
    tensor, maker = found
    if (checkpoint.directory / _MODELOPT).is_file():
        maker = f"NVIDIA ModelOpt ({_MODELOPT})"
    raise CheckpointError(
        f"{tensor.path} holds weights that are quantized already, by {maker}: it has "
        f"{printable(tensor.name, 100)} ({tensor.dtype}); edgeval converts unquantized ones, so "
        "use the checkpoint that it was made of"
    )


def is_kv_factor(name: str) -> bool:
    """Return whether a tensor is a factor of a quantized KV cache, which weights do without.

    vLLM reads them where it is told to keep the cache in FP8; transformers leaves them out.
    """
    return name.rpartition(".")[2] in _KV_FACTORS


def _by_names(tensors: Iterable[Tensor]) -> tuple[Tensor, str] | None:
    by_end = {f".{each.name.rpartition('.')[2]}": each for each in tensors}
    by_end |= {f".{'.'.join(each.name.split('.')[-2:])}": each for each in tensors}
    return next(((by_end[end], maker) for end, maker in _MAKERS if end in by_end), None)


def _by_types(tensors: Iterable[Tensor]) -> tuple[Tensor, str] | None:
    for tensor in tensors:
        is_matrix = len(tensor.shape) > 1 and tensor.name.endswith(".weight")
        if is_matrix and tensor.dtype not in WEIGHT_DTYPES:
            return tensor, f"a library that saves {tensor.dtype}"
    return None
