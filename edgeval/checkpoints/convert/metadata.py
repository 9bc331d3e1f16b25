"""Metadata that a checkpoint gives a GGUF, ``general.*``: its names, card and sampling.

None of it is needed. What llama.cpp's converter would fail of is left out, and the rest is what it
writes.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert.front_matter import read_front_matter
from edgeval.checkpoints.links import leads_outside
from edgeval.checkpoints.small_files import read_json
from edgeval.errors import CheckpointError

# gguf's remarks on model cards would go to stderr, where no user can act on them.
for _logger in ("gguf", "metadata"):
    logging.getLogger(_logger).addHandler(logging.NullHandler())

_CARD = "README.md"
_NAMES = (
    "name", "author", "version", "organization", "description", "finetune", "basename",
    "size_label", "url", "doi", "uuid", "repo_url",
)  # fmt: skip
_KEYS = frozenset(
    (
        *_NAMES, *(f"model_{name}" for name in _NAMES), "model_creator", "model_type",
        "base_model", "base_models", "base_model_sources", "datasets", "dataset",
        "dataset_sources", "license", "license_name", "license_link", "tags", "pipeline_tag",
        "languages", "language",
    )
)  # fmt: skip
"""What ``gguf.Metadata`` looks for in a model card."""

_SAMPLING = {
    "sequence": "sampling_sequence",
    "top_k": "sampling_top_k",
    "top_p": "sampling_top_p",
    "min_p": "sampling_min_p",
    "xtc_probability": "sampling_xtc_probability",
    "xtc_threshold": "sampling_xtc_threshold",
    "temperature": "sampling_temp",
    "penalty_last_n": "sampling_penalty_last_n",
    "repetition_penalty": "sampling_penalty_repeat",
    "penalty_repeat": "sampling_penalty_repeat",
    "mirostat": "sampling_mirostat",
    "mirostat_tau": "sampling_mirostat_tau",
    "mirostat_eta": "sampling_mirostat_eta",
}
"""The attributes of ``gguf.Metadata`` by the names of generation_config.json. Of the two names of
the penalty the script prefers llama.cpp's, which is the later one here."""

# What gguf raises of a value that is of another kind than it expects.
_ODD = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


def add_general(
    writer: gguf.GGUFWriter, checkpoint: Checkpoint, n_params: int, name: str | None
) -> None:
    """Add what a checkpoint says of itself to a GGUF.

    Args:
        writer: The GGUF.
        checkpoint: The checkpoint.
        n_params: Number of its parameters.
        name: The model's name; by default what the checkpoint calls itself.

    Raises:
        CheckpointError: If generation_config.json is not JSON.
    """
    path = checkpoint.directory / _CARD
    is_own = not leads_outside(checkpoint.directory, path)
    card = read_front_matter(path, _KEYS) if is_own else {}
    sampling = _sampling(checkpoint.directory)
    usable = {key: value for key, value in card.items() if _is_usable(key, value)}
    writer.add_type(gguf.GGUFType.MODEL)
    for key, each in _keys(usable, sampling, checkpoint, n_params, name).items():
        if _is_writable(writer, each):
            writer.add_key_value(key, each.value, each.type, sub_type=each.sub_type)


def remarks(checkpoint: Checkpoint) -> list[str]:
    """Return what a user should know of it, sentences."""
    if leads_outside(checkpoint.directory, checkpoint.directory / _CARD):
        return [f"{_CARD} is a link out of the checkpoint, so nothing of it is in the GGUF"]
    return []


def _sampling(directory: Path) -> dict[str, Any]:
    path = directory / "generation_config.json"
    content = read_json(path) if path.is_file() else {}
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not a JSON object; download it again")
    return {_SAMPLING[key]: content[key] for key in _SAMPLING if content.get(key) is not None}


def _is_usable(key: str, value: Any) -> bool:
    """Whether gguf can write what a key of the card says."""
    scratch = gguf.GGUFWriter(None, "llama")
    try:
        return all(_is_writable(scratch, each) for each in _keys({key: value}).values())
    except _ODD:
        return False


def _keys(
    card: Mapping[str, Any],
    sampling: Mapping[str, Any] | None = None,
    checkpoint: Checkpoint | None = None,
    n_params: int = 0,
    name: str | None = None,
) -> dict[str, Any]:
    """Return the keys of a GGUF that come of it, each with its value and types."""
    scratch = gguf.GGUFWriter(None, "llama")
    before = set(scratch.kv_data[0])
    metadata = _heuristics(card, checkpoint, n_params)
    for attribute, value in (sampling or {}).items():
        setattr(metadata, attribute, value)
    metadata.name = name or metadata.name or _text(checkpoint)
    metadata.size_label = metadata.size_label or gguf.size_label(n_params, 0, 0, 0)
    metadata.set_gguf_meta_model(scratch)
    return {key: each for key, each in scratch.kv_data[0].items() if key not in before}


def _heuristics(card: Mapping[str, Any], checkpoint: Checkpoint | None, n_params: int) -> Any:
    """Return what gguf makes of the card, of config.json and of the folder's name."""
    path = None if checkpoint is None else Path(_text(checkpoint))
    named = None if checkpoint is None else checkpoint.config.get("_name_or_path")
    parameters = {"_name_or_path": named} if isinstance(named, str) else {}
    return gguf.Metadata.apply_metadata_heuristic(
        gguf.Metadata(), dict(card), parameters, path, n_params
    )


def _text(checkpoint: Checkpoint | None) -> str:
    """Return a folder's name as text; not every system keeps them in UTF-8."""
    name = "" if checkpoint is None else checkpoint.directory.name
    return name.encode("utf-8", "replace").decode()


def _is_writable(writer: gguf.GGUFWriter, value: Any) -> bool:
    try:
        writer._pack_val(value.value, value.type, add_vtype=True, sub_type=value.sub_type)
    except _ODD:
        return False
    return True
