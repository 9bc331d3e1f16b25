"""Weights of a folder: which files hold them, and what a folder is that has none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeval.checkpoints.small_files import read_json
from edgeval.errors import CheckpointError, listed
from edgeval.hub.checkpoint_files import WEIGHTS
from edgeval.system.untrusted import printable

_SHARD = re.compile(
    r"(?:(?P<safe>model)|(?P<torch>pytorch_model))-(?P<number>\d{5})-of-(?P<count>\d{5})"
    r"\.(?(safe)safetensors|bin)"
)
_MOST_NAMED = 3
_MERGE = "merge it into its base model with PEFT's merge_and_unload(), and convert what that saves"
_SAVE = "save the model with save_pretrained() of transformers, as safetensors"
_OTHERS: Sequence[tuple[str, str, str]] = (
    ("adapter_model.*", "an adapter, and not the model that it is of", _MERGE),
    ("adapter_config.json", "an adapter, and not the model that it is of", _MERGE),
    ("*.gguf", "a GGUF", "name that file"),
    (
        "consolidated*.pth",
        "weights in Meta's own layout",
        "convert them with convert_llama_weights_to_hf.py of transformers, or download the "
        "repository of that name with -hf",
    ),
    ("consolidated*.safetensors", "weights in Mistral's own layout", _SAVE),
    ("tf_model*.h5", "weights of TensorFlow", _SAVE),
    ("flax_model*", "weights of JAX", _SAVE),
    ("*.onnx", "a model in ONNX", "download the PyTorch weights of the model"),
    ("*.safetensors", "weights under another name", f"call them {WEIGHTS[0]}, or {_SAVE}"),
    ("*.bin", "weights under another name", f"call them {WEIGHTS[2]}, or {_SAVE}"),
    ("*.pt*", "weights under another name", _SAVE),
)
"""What a folder may hold instead: a pattern, what it is, what helps."""


def index_or_file(directory: Path) -> Path | None:
    """Return the file of the weights, or the index of several; None if there is neither."""
    return next((path for name in WEIGHTS if (path := directory / name).is_file()), None)


def weight_files(directory: Path) -> list[Path]:
    """Return the files that hold the tensors.

    Shards without an index are known by their names.

    Raises:
        CheckpointError: If there are none, or a shard is missing.
    """
    found = index_or_file(directory)
    if found is None:
        return _numbered(directory)
    if found.suffix != ".json":
        return [found]
    return [directory / name for name in _indexed(directory, found)]


def _indexed(directory: Path, index: Path) -> list[str]:
    content = read_json(index)
    weight_map = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(weight_map, Mapping) or not weight_map:
        raise CheckpointError(f"{index} has no weight_map; download it again")
    names = sorted({_name(index, each) for each in weight_map.values()})
    missing = [name for name in names if not (directory / name).is_file()]
    if missing:
        raise _lacking(directory, missing, f"which {index.name} names")
    return names


def _name(index: Path, value: Any) -> str:
    name = Path(str(value)).name
    if Path(name).suffix not in (".safetensors", ".bin"):
        raise CheckpointError(
            f"{index} names {printable(name, 100)!r} as weights; download it again"
        )
    return name


def _numbered(directory: Path) -> list[Path]:
    shards = [match for each in directory.iterdir() if (match := _SHARD.fullmatch(each.name))]
    safe = [shard for shard in shards if shard["safe"]]
    chosen = safe or shards
    if not chosen:
        raise _without_weights(directory)
    counts = sorted({int(shard["count"]) for shard in chosen})
    if len(counts) > 1:
        raise CheckpointError(
            f"{directory} holds shards of {listed([str(each) for each in counts])} and no index "
            f"that says which count; download {WEIGHTS[1 if safe else 3]}, or remove the others"
        )
    names = {shard.string for shard in chosen}
    stem, suffix = ("model", "safetensors") if safe else ("pytorch_model", "bin")
    wanted = [f"{stem}-{n + 1:05}-of-{counts[0]:05}.{suffix}" for n in range(counts[0])]
    missing = [name for name in wanted if name not in names]
    if missing or not wanted:
        raise _lacking(directory, missing or wanted, "as the names of the others say")
    return [directory / name for name in wanted]


def _lacking(directory: Path, missing: Sequence[str], why: str) -> CheckpointError:
    more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    named = listed([printable(name, 100) for name in missing[:_MOST_NAMED]])
    return CheckpointError(f"{directory} has no {named}{more}, {why}; download it")


def without_config(directory: Path) -> CheckpointError:
    """Return what a folder is that has no config.json."""
    if (found := _holds(directory)) is not None:
        return CheckpointError(f"{directory} is no checkpoint: it has no config.json, and {found}")
    return CheckpointError(
        f"{directory} has no config.json, so it is not a Hugging Face checkpoint; "
        "give the folder that holds config.json and the weights"
    )


def _holds(directory: Path) -> str | None:
    """Return what a folder holds instead, and what helps, as the end of a sentence."""
    for pattern, what, remedy in _OTHERS:
        if found := sorted(directory.glob(pattern)):
            return f"holds {what} ({printable(found[0].name, 100)}); {remedy}"
    return None


def _without_weights(directory: Path) -> CheckpointError:
    if (found := _holds(directory)) is not None:
        return CheckpointError(f"{directory} has no {WEIGHTS[0]} and no {WEIGHTS[2]}, and {found}")
    return CheckpointError(
        f"{directory} has no weights ({', '.join(WEIGHTS)}); download them, or bring a GGUF made "
        "by llama.cpp"
    )
