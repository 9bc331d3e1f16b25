"""SmolLM2-135M in variants of its tokenizer and config, against lm-evaluation-harness.

The checkpoint is made of its GGUF, the weights expanded to float32::

    python -m scripts.fetch.real_models MODELS
    python -m scripts.check.smollm2 WORK MODELS/SmolLM2-135M-Instruct.Q4_1.gguf items.jsonl

Each variant is evaluated within a thousandth nat of the harness (hf, float32, with its own BOS and
EOS), or refused by name. The harness is made in the work folder, as by scripts.bench.peers.
"""

from __future__ import annotations

import copy
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from edgeval.checkpoints.convert.convert import convert
from edgeval.engine import running
from edgeval.errors import EdgevalError
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.tasks.hellaswag import HELLASWAG
from scripts.lib.paths import INSIDE_PEERS
from scripts.lib.peers.build import Peers
from scripts.lib.peers.process import run
from scripts.lib.smollm2 import Source
from tests.helpers.forms import meanings
from tests.helpers.forms.form import write_safetensors

_TOLERANCE = 1e-3


class Variant:
    """A checkpoint's files besides its weights."""

    def __init__(self, source: Source, *ends: str) -> None:
        self.config = source.config()
        self.tokenizer = copy.deepcopy(source.tokenizer())
        template = meanings.template(ends, source.special("bos"), source.special("eos"))
        self.tokenizer["post_processor"] = template
        self.flags = source.tokenizer_config()

    def with_flags(self, **flags: Any) -> Variant:
        """Change tokenizer_config.json; None takes a key away."""
        self.flags |= flags
        self.flags = {name: value for name, value in self.flags.items() if value is not None}
        return self

    def with_config(self, **config: Any) -> Variant:
        """Change config.json."""
        self.config |= config
        return self

    def with_tokenizer(self, change: Callable[[dict[str, Any]], object]) -> Variant:
        """Change tokenizer.json."""
        change(self.tokenizer)
        return self

    def write(self, folder: Path, weights: Path) -> Path:
        """Write the checkpoint, its weights a link."""
        folder.mkdir()
        os.link(weights, folder / weights.name)
        for name, content in (
            ("config.json", self.config),
            ("tokenizer_config.json", self.flags),
            ("tokenizer.json", self.tokenizer),
        ):
            (folder / name).write_text(json.dumps(content), encoding="utf-8")
        return folder


def variants(source: Source) -> dict[str, Variant]:
    """Return the variants by what is special about them."""

    def pre(content: dict[str, Any], index: int) -> dict[str, Any]:
        steps: list[dict[str, Any]] = content["pre_tokenizer"]["pretokenizers"]
        return steps[index]

    llama3_rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0}
    llama3_rope |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    return {
        "nothing added": Variant(source),
        "BOS": Variant(source, "bos"),
        "EOS": Variant(source, "eos"),
        "BOS and EOS": Variant(source, "bos", "eos"),
        "add_bos_token: true, template adds none": Variant(source).with_flags(add_bos_token=True),
        "add_eos_token: true, template adds none": Variant(source).with_flags(add_eos_token=True),
        "add_bos_token: false, template adds BOS": Variant(source, "bos").with_flags(
            add_bos_token=False
        ),
        "no bos_token, template adds BOS": Variant(source, "bos").with_flags(bos_token=None),
        "words not merged are looked up": Variant(source).with_tokenizer(
            lambda each: each["model"].update(ignore_merges=True)
        ),
        "digits together": Variant(source).with_tokenizer(
            lambda each: pre(each, 0).update(individual_digits=False)
        ),
        "a space in front": Variant(source).with_tokenizer(
            lambda each: pre(each, 1).update(add_prefix_space=True)
        ),
        "NFC": Variant(source).with_tokenizer(lambda each: each.update(normalizer={"type": "NFC"})),
        "lower case": Variant(source).with_tokenizer(
            lambda each: each.update(normalizer={"type": "Lowercase"})
        ),
        "two BOS": Variant(source, "bos").with_tokenizer(
            lambda each: each["post_processor"]["single"].insert(
                0, {"SpecialToken": {"id": source.special("bos")[0], "type_id": 0}}
            )
        ),
        "hidden_act: relu": Variant(source).with_config(hidden_act="relu"),
        "rope_theta: 10000": Variant(source).with_config(rope_theta=10000.0),
        "rope_scaling: llama3": Variant(source).with_config(rope_scaling=llama3_rope),
    }


def difference(
    checkpoint: Path, items: Path, expected: list[float], folder: Path
) -> tuple[float, str]:
    """Return the largest difference of a log-probability, in nats, and the item that has it.

    Raises:
        EdgevalError: If the checkpoint is refused.
    """
    model, samples = folder / "model.gguf", folder / "samples.jsonl"
    for path in (model, samples):
        path.unlink(missing_ok=True)
    convert(checkpoint, model, "f32")
    evaluate([model], Options(data=items, protocol="lm-eval-bos", order="file"), samples=samples)
    rows = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    found = np.array([row["logprobs"] for row in rows])
    apart = np.abs(found - np.reshape(expected, found.shape)).max(axis=1)
    worst = int(apart.argmax())
    return float(apart[worst]), str(rows[worst]["item"])


def main(
    work: Annotated[Path, typer.Argument(help="Folder of the peers.")],
    model: Annotated[Path, typer.Argument(exists=True, help="SmolLM2's GGUF.")],
    data: Annotated[Path, typer.Argument(exists=True, help="Items in the hub's schema.")],
    limit: Annotated[int, typer.Option(help="Items.")] = 6,
    python: Annotated[Path | None, typer.Option(help="A Python with lm_eval.")] = None,
) -> None:
    """Print what comes of each variant; exit with 1 if one is neither right nor refused."""
    source = Source(model)
    peers = Peers(work, None, python)
    lines = data.read_text(encoding="utf-8").splitlines()[:limit]
    with tempfile.TemporaryDirectory() as name, running():
        folder = Path(name)
        items, weights = folder / "items.jsonl", folder / "model.safetensors"
        items.write_text("\n".join(lines) + "\n", encoding="utf-8")
        write_safetensors(weights, source.weights())
        made = {
            title: each.write(folder / f"variant-{number}", weights)
            for number, (title, each) in enumerate(variants(source).items())
        }
        asked = HELLASWAG.load(items).items("lm-eval")
        pairs = [(context, f" {choice}") for each in asked for context, choice in each.pairs]
        job, answers = folder / "job.json", folder / "answers.json"
        checkpoints = {title: str(path) for title, path in made.items()}
        job.write_text(json.dumps({"checkpoints": checkpoints, "pairs": pairs}), encoding="utf-8")
        run([peers.python, "-I", INSIDE_PEERS / "meanings.py", job, answers])
        expected = json.loads(answers.read_text(encoding="utf-8"))
        n_wrong = 0
        for title, path in made.items():
            if isinstance(expected[title], str):
                typer.echo(f"{title}: the harness cannot: {expected[title]}")
                continue
            try:
                apart, item = difference(path, items, expected[title], folder)
            except EdgevalError as error:
                typer.echo(f"{title}: refused: {str(error).replace(name, '')}")
                continue
            n_wrong += apart > _TOLERANCE
            typer.echo(f"{title}: {apart:.1e} nats at most (item {item})")
    versions = ", ".join(f"{name} {value}" for name, value in peers.versions.items() if value)
    typer.echo(f"{len(made)} variants, {len(pairs)} choices each; {versions}")
    raise typer.Exit(int(n_wrong > 0))


if __name__ == "__main__":
    typer.run(main)
