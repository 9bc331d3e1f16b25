r"""Record what other tools say of real models: lm-evaluation-harness and llama-perplexity.

The tests hold edgeval to it, on the first items of a file in the hub's schema, and on the same
items in llama.cpp's text format::

    python -m scripts.fetch.real_models MODELS
    python -m scripts.golden.real_models WORK MODELS hellaswag_val_fifth.jsonl \\
        hellaswag_val_fifth.txt tests/golden/real_models.json

The tools are made in the work folder, as by scripts.bench.peers. The harness runs in float32 on the
CPU; it expands the weights of Gemma's GGUF itself, by transformers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from edgeval.gguf.contents import sha256_of
from scripts.lib.paths import ROOT
from scripts.lib.peers.build import Peers
from scripts.lib.peers.process import PeerError, run
from scripts.lib.real_models import GEMMA3, SMOLLM2_CHECKPOINT

_TEXT_LINES = 6
_ROW = re.compile(r"^(\d+)\t([\d.]+)%", re.MULTILINE)
_BATCH = ("--batch-size", "4")
"""Gemma's vocabulary is large: a batch of four has logits of half a gigabyte."""


@dataclass(frozen=True)
class Asked:
    """What the harness is asked.

    Attributes:
        checkpoint: Where the model is, below the folder of models.
        gguf: Its GGUF in there; None for a checkpoint.
        n_items: How many of the first items.
        policies: What is said of BOS, as in ``scripts.demo.claim``.
    """

    checkpoint: str
    gguf: str | None
    n_items: int
    policies: tuple[str, ...]


ASKED = {
    "smollm2": Asked(SMOLLM2_CHECKPOINT, None, 100, ("default",)),
    "gemma3": Asked(".", GEMMA3.file.name, 48, ("default", "without_bos")),
}


def harness(peers: Peers, models: Path, data: Path, asked: Asked) -> dict[str, Any]:
    """Return what lm-evaluation-harness says, by the policy of BOS."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "record.json"
        words = ["--checkpoint", models.absolute() / asked.checkpoint, "--data", data.absolute()]
        words += ["--limit", asked.n_items, "--out", out, *_BATCH]
        words += [] if asked.gguf is None else ["--gguf", asked.gguf]
        words += [word for name in asked.policies for word in ("--policy", name)]
        offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": folder}
        run([peers.python, "-m", "scripts.demo.claim", *words], cwd=ROOT, env=offline)
        record = json.loads(out.read_text(encoding="utf-8"))
    return {
        "sha256": record["checkpoint_sha256"],
        "policies": {name: _brief(found) for name, found in record["policies"].items()},
    }


def _brief(policy: dict[str, Any]) -> dict[str, Any]:
    brief = {name: policy[name] for name in ("first_token_ids", "acc", "acc_norm")}
    rows = [[round(each, 5) for each in item["logprobs"]] for item in policy["items"]]
    return brief | {"items": [item["ind"] for item in policy["items"]], "logprobs": rows}


def perplexity(tool: Path, gguf: Path, text: Path, n_items: int) -> int:
    """Return how many of the first items llama-perplexity --hellaswag has right.

    Raises:
        PeerError: If it scores another number of items.
    """
    lines = text.read_text(encoding="utf-8").split("\n")[: n_items * _TEXT_LINES]
    with TemporaryDirectory() as folder:
        # Of a file with more items it takes some at random.
        first = Path(folder) / "items.txt"
        first.write_bytes(("\n".join(lines) + "\n").encode())
        asked = ("--hellaswag", "--hellaswag-tasks", n_items, "-c", 2048, "-b", 2048)
        said = run([tool, "-m", gguf, "-f", first, *asked]).stdout
    rows = _ROW.findall(said)
    if not rows or int(rows[-1][0]) != n_items:
        raise PeerError(f"{tool.name} did not score {n_items} items:\n{said[-1000:]}")
    return round(float(rows[-1][1]) / 100 * n_items)


def main(
    work: Annotated[Path, typer.Argument(help="Folder of the peers.")],
    models: Annotated[Path, typer.Argument(exists=True, help="Folder of the models.")],
    data: Annotated[Path, typer.Argument(exists=True, help="Items in the hub's schema.")],
    text: Annotated[Path, typer.Argument(exists=True, help="The same in llama.cpp's format.")],
    out: Annotated[Path, typer.Argument(help="JSON file to write.")],
    tools: Annotated[Path | None, typer.Option(help="Folder of llama-perplexity.")] = None,
    python: Annotated[Path | None, typer.Option(help="A Python with lm_eval.")] = None,
) -> None:
    """Record the harness's log-probabilities, and how many items llama-perplexity has right."""
    peers = Peers(work, tools, python, programs=("llama-perplexity",))
    gguf, n_items = models / GEMMA3.file.name, ASKED["gemma3"].n_items
    right = perplexity(peers.tools["llama-perplexity"], gguf, text, n_items)
    record = {
        "llama-cpp-python": peers.binding_version,
        **{name: value for name, value in peers.versions.items() if value is not None},
        "data_sha256": {path.suffix: sha256_of(path) for path in (data, text)},
        "llama-perplexity": {"gemma3": {"items": n_items, "right": right}},
        "harness": {name: harness(peers, models, data, each) for name, each in ASKED.items()},
    }
    content = json.dumps(record, indent=1)
    # One line an item.
    content = re.sub(r"\[\s+([^\[\]]+?)\s+\]", lambda found: f"[{_joined(found[1])}]", content)
    out.write_text(content + "\n", encoding="utf-8")
    typer.echo(f"{len(ASKED)} models recorded in {out}")


def _joined(lines: str) -> str:
    return " ".join(lines.split())


if __name__ == "__main__":
    typer.run(main)
