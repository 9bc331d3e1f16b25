"""Find out what the smallest GGUF of each architecture holds.

Example::

    python -m scripts.golden.tiny_architectures FOLDER > tests/golden/tiny_architectures.json

The installed llama.cpp is asked: it names the first key and the first tensor that it misses, and
the shape that a tensor should have. Each attempt has a process of its own, since llama.cpp ends it
where it takes for granted what was guessed wrong; what is never found out is left out. It takes a
quarter of an hour.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from edgeval.gguf.architectures import PREDICTING
from edgeval.llama import Model, Session, SessionSettings
from edgeval.llama.library import engine, llama_cpp
from edgeval.scoring.plan import plan
from edgeval.system.engine_version import binding_version
from edgeval.tasks.requests import Request
from tests.helpers.tiny_architectures import write_spec, write_vocabulary
from tests.helpers.tiny_weights import VOCABULARY

_MOST_ATTEMPTS = 1500
_EXPERTS: dict[str, Any] = {
    "expert_count": 4,
    "expert_used_count": 2,
    "expert_feed_forward_length": 64,
    "attention.head_count_kv": 1,
}
_LATENT: dict[str, Any] = {
    "attention.key_length": 48,
    "attention.value_length": 32,
    "rope.dimension_count": 16,
    "attention.key_length_mla": 48,
    "attention.value_length_mla": 32,
    "attention.kv_lora_rank": 32,
    "attention.q_lora_rank": 32,
}
_WINDOWS: dict[str, Any] = {"attention.sliding_window_pattern": [True, False]}
_HYBRID: dict[str, Any] = {"attention.head_count_kv": [0, 1]}
_DELTA: dict[str, Any] = {
    "full_attention_interval": 2,
    "ssm.state_size": 32,
    "ssm.group_count": 2,
    "ssm.time_step_rank": 4,
    "ssm.inner_size": 128,
    "attention.key_length": 32,
    "attention.value_length": 32,
}
_VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    _HYBRID,
    _EXPERTS,
    _EXPERTS | _HYBRID,
    _DELTA,
    _EXPERTS | _DELTA,
    _EXPERTS | _LATENT,
    _WINDOWS,
    _EXPERTS | _WINDOWS,
    _EXPERTS | _LATENT | {"attention.key_length": 64},
    {"rope.dimension_sections": [8, 4, 4, 0]},
    _EXPERTS | {"expert_gating_func": 2},
    {"token_shift_count": 1},
    _EXPERTS | {"attention.head_count_kv": 2},
    {"attention.sliding_window": 64},
    _EXPERTS | {"attention.chunk_size": 64},
)
"""What is tried first: keys that llama.cpp asserts, and does not ask for."""
_VALUES: dict[str, Any] = {
    "vocab_size": VOCABULARY, "expert_count": 4, "expert_used_count": 2,
    "expert_feed_forward_length": 64, "expert_shared_feed_forward_length": 64,
    "expert_shared_count": 1, "leading_dense_block_count": 0, "expert_weights_scale": 1.0,
    "expert_gating_func": 2, "interleave_moe_layer_step": 1, "rope.dimension_count": 32,
    "rope.dimension_sections": [8, 4, 4, 0], "attention.sliding_window": 64,
    "attention.q_lora_rank": 32, "attention.kv_lora_rank": 32, "attention.group_norm_groups": 2,
    "attention.group_norm_epsilon": 1e-5, "ssm.conv_kernel": 4, "ssm.inner_size": 128,
    "ssm.state_size": 16, "ssm.time_step_rank": 4, "ssm.group_count": 1, "shortconv.l_cache": 3,
    "wkv.head_size": 32, "time_mix_extra_dim": 8, "time_decay_extra_dim": 16,
    "rescale_every_n_layers": 6, "attention.decay_lora_rank": 8, "attention.iclr_lora_rank": 8,
    "attention.value_residual_mix_lora_rank": 8, "attention.gate_lora_rank": 8,
    "logit_scale": 1.0, "embedding_scale": 1.0, "residual_scale": 1.0, "attention.scale": 0.2,
    "attention.clamp_kqv": 8.0, "attention.max_alibi_bias": 8.0, "kda.head_dim": 32,
    "attention.key_length_mla": 48, "attention.value_length_mla": 32,
    "hrm.layers_per_stack": 1, "hrm.h_cycles": 1, "hrm.l_cycles": 1,
}  # fmt: skip


def main(
    folder: Annotated[Path, typer.Argument(help="Where the files are tried.")],
    name: Annotated[str | None, typer.Argument(help="Only this architecture.")] = None,
    variant: Annotated[int, typer.Argument(help="What is guessed at first, by number.")] = 0,
) -> None:
    """Print what the files hold, as JSON; on stderr what could not be made, and why."""
    if name is not None:
        typer.echo(json.dumps(found_out(name, folder, _VARIANTS[variant])))
        return
    made: dict[str, Any] = {}
    for architecture in sorted(PREDICTING):
        for number in range(len(_VARIANTS)):
            module = [sys.executable, "-m", "scripts.golden.tiny_architectures"]
            command = [*module, str(folder), architecture, str(number)]
            done = subprocess.run(command, capture_output=True, text=True)
            try:
                facts = json.loads(done.stdout)
                layers = _layers_in_one(facts["shapes"])
                made[architecture] = {"keys": facts["keys"], "shapes": layers}
                break
            except ValueError:
                lines = [line for line in done.stderr.splitlines() if line.strip()]
                last = lines[-1] if lines else done.returncode
                typer.echo(f"{architecture}: {last}", err=True)
    record = {"version": binding_version(), "architectures": made}
    typer.echo(json.dumps(record, indent=None, separators=(",", ":"), sort_keys=True))


def _layers_in_one(shapes: dict[str, list[int]]) -> dict[str, list[int]]:
    """Return the shapes with those of a block once, as ``blk.*``, where both blocks are alike."""
    blocks = [
        {name[6:]: each for name, each in shapes.items() if name.startswith(f"blk.{layer}.")}
        for layer in range(2)
    ]
    if blocks[0] != blocks[1]:
        return shapes
    rest = {name: each for name, each in shapes.items() if not name.startswith("blk.")}
    return rest | {f"blk.*.{name}": each for name, each in blocks[0].items()}


def found_out(name: str, folder: Path, variant: dict[str, Any]) -> dict[str, Any]:
    """Return the keys and the shapes of the tensors of an architecture's smallest file."""
    log = engine()
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = write_vocabulary(folder / "vocabulary.gguf")
    keys: dict[str, Any] = dict(variant)
    shapes: dict[str, list[int]] = {}
    for _ in range(_MOST_ATTEMPTS):
        path = write_spec(folder / f"{name}.gguf", name, vocabulary, keys, shapes)
        log.errors.clear()
        model = llama_cpp.llama_model_load_from_file(
            str(path).encode(), llama_cpp.llama_model_default_params()
        )
        if model:
            llama_cpp.llama_model_free(model)
            _decode(path)
            return {"keys": keys, "shapes": shapes}
        if not _learn(name, " ".join(log.errors), keys, shapes):
            raise SystemExit(" ".join(log.errors))
    raise SystemExit("no end")


def _decode(path: Path) -> None:
    """Decode a text: what llama.cpp takes for granted of other keys ends the process here."""
    planned = plan([Request(np.array([1, 5, 9, 13, 7], np.int32), 2)], 64, shares=False)
    settings = SessionSettings(64, 64, 2, 1, "f32", False)
    with Model(path) as loaded, Session(loaded, settings) as session:
        for batch in planned:
            assert np.isfinite(session.decode(batch)).all()


def _learn(name: str, reason: str, keys: dict[str, Any], shapes: dict[str, list[int]]) -> bool:
    """Add what is missing; return whether it is known."""
    if found := re.search(r"key not found in model: [\w-]+\.([\w.]+)", reason):
        value = _VALUES.get(found[1], _guess(found[1]))
        known = found[1] not in keys
        keys[found[1]] = value
        return known
    wrong = r"key [\w-]+\.([\w.]+) has wrong type \w+ but expected type (f32|bool)"
    if found := re.search(wrong, reason):
        value = keys[found[1]]
        keys[found[1]] = 1.0 if found[2] == "f32" else True
        return value != keys[found[1]] or type(value) is not type(keys[found[1]])
    if found := re.search(r"tensor '([^']+)' not found", reason):
        same = re.sub(r"(?<=blk\.)\d+", "0", found[1])
        shapes[found[1]] = shapes.get(same, [1])
        return True
    shape = r"tensor '([^']+)' has wrong shape; expected ([\d, ]+), got"
    if found := re.search(shape, reason):
        expected = [int(each) for each in found[2].split(",")]
        while len(expected) > 1 and expected[-1] == 1:
            expected.pop()
        known = shapes.get(found[1]) != expected[::-1]
        shapes[found[1]] = expected[::-1]
        return known
    return False


def _guess(key: str) -> Any:
    """Return a value for a key, by its name."""
    last = re.split(r"[._]", key)[-1]
    if last in ("norm", "residual", "gate") or "interleaved" in key:
        return True
    if last in ("scale", "limit", "bound", "factor", "epsilon", "eps", "n", "p", "beta", "clamp"):
        return 1.0
    if last in ("count", "k", "interval", "step", "iterations", "cycles", "layers", "used"):
        return 2
    return 32


if __name__ == "__main__":
    typer.run(main)
