"""Measure a checkpoint with the real lm-evaluation-harness, with and without BOS.

This is where the demo model card's claim comes from, and where reference log-likelihoods for
any file in HellaSwag's schema come from::

    python -m scripts.demo.claim
    python -m scripts.demo.claim --checkpoint DIR --data FILE --limit 200 --out golden.json
    python -m scripts.demo.claim --checkpoint DIR --gguf NAME.gguf --policy default --data FILE

The ``hf`` backend runs in float32 on the CPU; of a GGUF transformers expands the weights. Whether
BOS is added by default has changed between versions of the harness, so each policy is asked for by
name and checked on actual token ids.

Needs lm_eval[hf] and typer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.lib.paths import DEMO, DEMO_ITEMS, LM_EVAL_TASK

if TYPE_CHECKING:
    from lm_eval.models.huggingface import HFLM

POLICIES = {"without_bos": False, "with_bos": True, "default": None}
PACKAGES = ("lm_eval", "transformers", "torch", "tokenizers", "datasets", "numpy")


@dataclass(frozen=True)
class ItemLogprobs:
    """One item as the harness scored it.

    Attributes:
        ind: the record's ``ind``.
        gold: index of the right choice.
        logprobs: each choice's summed logprob, in nats.
    """

    ind: int
    gold: int
    logprobs: list[float]


@dataclass(frozen=True)
class Measurement:
    """What the harness reports under one BOS policy; scores and errors are in [0, 1].

    ``add_bos_token`` is None where the harness was left its own default.
    """

    add_bos_token: bool | None
    first_token_ids: list[int]
    acc: float
    acc_stderr: float
    acc_norm: float
    acc_norm_stderr: float
    items: list[ItemLogprobs]


def load_model(
    checkpoint: Path, gguf: str | None, add_bos_token: bool | None, batch_size: int
) -> HFLM:
    """Loads a checkpoint in float32 on the CPU under an explicit BOS policy."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(
        pretrained=str(checkpoint),
        gguf_file=gguf,
        dtype="float32",
        device="cpu",
        batch_size=batch_size,
        add_bos_token=add_bos_token,
    )


def check_policy(model: HFLM, add_bos_token: bool | None) -> list[int]:
    """Encodes a text as the harness encodes a context.

    Returns:
        Its token ids.

    Raises:
        RuntimeError: if BOS is there and should not be, or the reverse.
    """
    ids = [int(token) for token in model.tok_encode("Painting a garden bench: She")]
    has_bos = ids[0] == model.tokenizer.bos_token_id
    if add_bos_token is not None and has_bos != add_bos_token:
        raise RuntimeError(
            f"asked lm_eval {version('lm_eval')} for add_bos_token={add_bos_token}, "
            f"but it encodes a context as {ids}"
        )
    return ids


def write_task(data: Path, folder: Path) -> Path:
    """Writes the task of ``lm_eval_tasks/demo_hellaswag.yaml`` over another data file.

    Returns:
        The task file. JSON is YAML, so no YAML library is needed.
    """
    config = {
        "include": str(LM_EVAL_TASK),
        "task": f"{LM_EVAL_TASK.stem}_file",
        "dataset_kwargs": {"data_files": {"validation": str(data.resolve())}},
    }
    path = folder / f"{LM_EVAL_TASK.stem}_file.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def measure(
    checkpoint: Path,
    data: Path,
    *,
    gguf: str | None = None,
    add_bos_token: bool | None,
    limit: int | None,
    batch_size: int,
) -> Measurement:
    """Runs the harness under one BOS policy.

    Args:
        checkpoint: folder of a Hugging Face checkpoint.
        data: JSON-lines file in the schema of ``Rowan/hellaswag``.
        gguf: name of a GGUF in that folder, which is the model; None for a checkpoint.
        add_bos_token: the policy; None for the harness's own default.
        limit: evaluate this many items from the start; all of them if None.
        batch_size: requests in a forward pass.

    Returns:
        Scores with their standard errors, and every choice's logprob.
    """
    import lm_eval

    model = load_model(checkpoint, gguf, add_bos_token, batch_size)
    first_ids = check_policy(model, add_bos_token)
    with TemporaryDirectory() as folder:
        task = str(write_task(data, Path(folder)))
        output = lm_eval.simple_evaluate(
            model=model, tasks=[task], num_fewshot=0, limit=limit, log_samples=True
        )
    if output is None:
        raise RuntimeError("lm_eval returned no results")
    (name,) = output["results"]
    scores = output["results"][name]
    return Measurement(
        add_bos_token=add_bos_token,
        first_token_ids=first_ids,
        acc=scores["acc,none"],
        acc_stderr=scores["acc_stderr,none"],
        acc_norm=scores["acc_norm,none"],
        acc_norm_stderr=scores["acc_norm_stderr,none"],
        items=item_logprobs(output["samples"][name]),
    )


def item_logprobs(samples: Sequence[dict[str, Any]]) -> list[ItemLogprobs]:
    """Reads the choices' logprobs from the harness's samples, in the order of the file."""
    ordered = sorted(samples, key=lambda sample: sample["doc_id"])
    return [
        ItemLogprobs(
            ind=int(sample["doc"]["ind"]),
            gold=int(sample["doc"]["gold"]),
            logprobs=[float(logprob) for logprob, _ in sample["filtered_resps"]],
        )
        for sample in ordered
    ]


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def provenance(checkpoint: Path, gguf: str | None, data: Path) -> dict[str, Any]:
    """What was measured, and with which versions."""
    weights = sorted(checkpoint.glob("*.safetensors")) if gguf is None else [checkpoint / gguf]
    return {
        "versions": {name: version(name) for name in PACKAGES},
        "checkpoint_sha256": {path.name: sha256(path) for path in weights},
        "data_file": data.name,
        "data_sha256": sha256(data),
        "dtype": "float32",
        "device": "cpu",
    }


def show(name: str, result: Measurement) -> None:
    """Prints one policy's scores."""
    typer.echo(
        f"{name:12} items {len(result.items)}  "
        f"acc {result.acc:.4f} ± {result.acc_stderr:.4f}  "
        f"acc_norm {result.acc_norm:.4f} ± {result.acc_norm_stderr:.4f}  "
        f"(a context begins with token ids {result.first_token_ids[:3]})"
    )


def main(
    checkpoint: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Hugging Face checkpoint.")
    ] = DEMO,
    gguf: Annotated[
        str | None, typer.Option(help="A GGUF in that folder, which is the model.")
    ] = None,
    policy: Annotated[
        list[str], typer.Option(help=f"What is said of BOS, several times: {', '.join(POLICIES)}.")
    ] = ["without_bos", "with_bos"],  # noqa: B006 - typer reads it
    data: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Items; default: the demo's own."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N items.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Requests in a forward pass.")] = 32,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="JSON file for every logprob.")
    ] = None,
) -> None:
    """Prints acc and acc_norm under each BOS policy."""
    if out is not None and out.exists():
        raise typer.BadParameter(f"{out} exists already; name another file")
    if unknown := set(policy) - set(POLICIES):
        raise typer.BadParameter(f"{', '.join(unknown)} is none of {', '.join(POLICIES)}")
    items = data or DEMO_ITEMS
    record = provenance(checkpoint, gguf, items)
    typer.echo("  ".join(f"{name} {number}" for name, number in record["versions"].items()))
    policies: dict[str, Any] = {}
    for name in policy:
        result = measure(
            checkpoint,
            items,
            gguf=gguf,
            add_bos_token=POLICIES[name],
            limit=limit,
            batch_size=batch_size,
        )
        show(name, result)
        policies[name] = asdict(result)
    if out is not None:
        content = json.dumps({**record, "limit": limit, "policies": policies}, indent=1)
        out.write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
