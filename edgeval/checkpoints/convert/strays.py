"""Tensors that a Llama model does not have: which of them are left out, and what the others are."""

from __future__ import annotations

import re
from collections.abc import Iterable

from edgeval.checkpoints.convert.config import LlamaConfig
from edgeval.checkpoints.convert.quantized import is_kv_factor
from edgeval.checkpoints.tensor import WEIGHT_DTYPES, Tensor
from edgeval.errors import CheckpointError
from edgeval.system.untrusted import printable

_UNUSED_SUFFIXES = (
    ".attention.masked_bias",
    ".attention.bias",
    ".rotary_emb.inv_freq",
    ".rotary_emb.cos_cached",
    ".rotary_emb.sin_cached",
)
"""Buffers that code before transformers 4.40 saved, and that config.json says anew."""

_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")
_TAKE_OUT = "take such tensors out of the file if the model computes the same without them"
_PREFIXES = (
    ("base_model.model.", "PEFT", "save what merge_and_unload() returns"),
    ("_orig_mod.", "torch.compile", "save the model that was compiled, its _orig_mod"),
    ("module.", "DataParallel", "save the model inside, its module"),
    ("_fsdp_wrapped_module.", "FSDP", "save the model inside, or gather its full state_dict"),
)
_PARTS = (
    ("v_head.", "the value head of a model for reinforcement learning (TRL)", _TAKE_OUT),
    ("score.", "the head of a classifier", "evaluate a model that predicts the next token"),
    ("classifier.", "the head of a classifier", "evaluate a model that predicts the next token"),
    (".lora_A.", "a part of an adapter (LoRA)", "save what PEFT's merge_and_unload() returns"),
    (".lora_B.", "a part of an adapter (LoRA)", "save what PEFT's merge_and_unload() returns"),
    ("vision_", "a part that reads images", "evaluate a model of text alone"),
    (".experts.", "an expert, of a model that has several", "evaluate another model"),
)


def is_left_out(tensor: Tensor) -> bool:
    """Return whether a tensor changes nothing of what a Llama model computes.

    Buffers, whether of rotations or of integers, factors of a quantized cache, and what has no
    elements; transformers leaves them out too.
    """
    return (
        tensor.name.endswith(_UNUSED_SUFFIXES)
        or is_kv_factor(tensor.name)
        or tensor.dtype not in WEIGHT_DTYPES
        or tensor.size == 0
    )


def remarks(tensors: Iterable[Tensor]) -> list[str]:
    """Return what is left out of a GGUF and no buffer of rotations, as a sentence, if anything is.

    Args:
        tensors: All of a checkpoint whose model has been found to be complete.
    """
    found = [
        printable(each.name, 100)
        for each in tensors
        if is_left_out(each) and not each.name.endswith(_UNUSED_SUFFIXES)
    ]
    if not found:
        return []
    count = f"{len(found):,} tensors are" if len(found) > 1 else "1 tensor is"
    more = " and others" if len(found) > 1 else ""
    return [f"{count} left out, as transformers leaves them out: {found[0]}{more}"]


def stray(tensor: Tensor, name: str | None, config: LlamaConfig) -> CheckpointError:
    """Return what a tensor is that the model has no place for.

    Args:
        tensor: The tensor.
        name: Its name in a GGUF, if it has one.
        config: The model's configuration.
    """
    where, shown = tensor.path, printable(tensor.name, 100)
    for prefix, maker, remedy in _PREFIXES:
        if tensor.name.startswith(prefix):
            return CheckpointError(
                f"{where} names its tensors as {maker} does ({shown}), and transformers would find "
                f"none of them; {remedy}"
            )
    layer = _LAYER.search(tensor.name)
    if layer and int(layer[1]) >= config.num_hidden_layers:
        return CheckpointError(
            f"{where} has {shown}, and config.json says num_hidden_layers: "
            f"{config.num_hidden_layers}, counted from 0; correct the number there if the model "
            "has more, or take the other layers out of the file"
        )
    if name is not None and name.endswith(".bias"):
        return _bias(tensor, name)
    for part, what, remedy in _PARTS:
        if part in tensor.name:
            return CheckpointError(f"{where} has {shown}, {what}; {remedy}")
    return CheckpointError(
        f"{where} has a tensor {shown} that the Llama architecture does not: transformers leaves "
        f"it out, and llama.cpp's convert_hf_to_gguf.py fails of it; {_TAKE_OUT}, and evaluate "
        "another model if it does not"
    )


def _bias(tensor: Tensor, name: str) -> CheckpointError:
    """Return that transformers would leave out what llama.cpp would add, or not load."""
    shown = printable(tensor.name, 100)
    field = "mlp_bias" if ".ffn_" in name else "attention_bias" if ".attn_" in name else None
    if field is None or "_norm." in name:
        return CheckpointError(
            f"{tensor.path} has {shown}, and a Llama model has no bias there: transformers leaves "
            f"it out, and llama.cpp would not load it; {_TAKE_OUT}, and evaluate another model if "
            "it does not"
        )
    return CheckpointError(
        f"{tensor.path} has {shown}, and config.json says no {field}: transformers leaves it "
        f'out, and llama.cpp would add it; write "{field}": true there if the model was trained '
        "with it, or take such tensors out of the file"
    )
