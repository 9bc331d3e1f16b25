"""Record the samples that the real lm-evaluation-harness logs of two models.

Four tasks, one of each kind of output, run over items of the demo: its checkpoint, and the same
with its weights rounded to a few steps a row. What the harness wrote is kept in an archive, but for
what it says of the machine; the tests compare the two models with it::

    python -m scripts.golden.lm_eval_samples tests/golden/lm_eval_samples.zip

Needs lm_eval[hf] and typer.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import torch
import typer
from safetensors.torch import load_file, save_file

from scripts.lib.paths import DEMO, DEMO_ITEMS

N_ITEMS, N_TEXTS = 60, 12
STEPS = 5
"""Steps on either side of zero that a weight is rounded to."""

OUTPUTS = """
from lm_eval.tasks.hellaswag.utils import process_docs


def words(doc, results):
    wanted, found = doc["gold_ending"].split(), results[0].split()
    same = sum(min(wanted.count(word), found.count(word)) for word in set(wanted))
    return {
        "exact_match": float(wanted[0] == (found or [""])[0]),
        "word_f1": 2 * same / (len(wanted) + len(found)),
    }
"""
MEAN = "aggregation: mean\n    higher_is_better: true"
TASKS = {
    "demo_choices": f"""
output_type: multiple_choice
process_docs: !function outputs.process_docs
doc_to_text: "{{{{query}}}}"
doc_to_target: "{{{{label}}}}"
doc_to_choice: choices
metric_list:
  - metric: acc
    {MEAN}
  - metric: acc_norm
    {MEAN}
""",
    "demo_words": f"""
output_type: generate_until
doc_to_text: "{{{{ctx}}}}"
doc_to_target: "{{{{gold_ending}}}}"
process_results: !function outputs.words
generation_kwargs:
  until: ["."]
  max_gen_toks: 12
  do_sample: false
filter_list:
  - name: whole
    filter:
      - function: take_first
  - name: one_word
    filter:
      - function: regex
        regex_pattern: "([a-z]+)"
      - function: take_first
metric_list:
  - metric: exact_match
    {MEAN}
  - metric: word_f1
    {MEAN}
""",
    "demo_endings": """
output_type: loglikelihood
doc_to_text: "{{ctx}}"
doc_to_target: " {{gold_ending}}"
metric_list:
  - metric: perplexity
    aggregation: perplexity
    higher_is_better: false
  - metric: acc
    aggregation: mean
    higher_is_better: true
""",
    "demo_texts": """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list:
  - metric: word_perplexity
  - metric: byte_perplexity
  - metric: bits_per_byte
""",
}


def write_tasks(folder: Path) -> None:
    """Write the four tasks and their data."""
    lines = DEMO_ITEMS.read_text(encoding="utf-8").splitlines()
    items: list[dict[str, Any]] = [json.loads(line) for line in lines]
    for item in items:
        item["gold_ending"] = item["endings"][int(item["label"])]
    texts = [
        {"text": " ".join(f"{each['ctx']} {each['gold_ending']}" for each in items[at : at + 5])}
        for at in range(N_ITEMS, N_ITEMS + 5 * N_TEXTS, 5)
    ]
    rows = {"items": items[:N_ITEMS], "texts": texts}
    for name, content in rows.items():
        written = "".join(f"{json.dumps(each)}\n" for each in content)
        (folder / f"{name}.jsonl").write_text(written, encoding="utf-8")
    (folder / "outputs.py").write_text(OUTPUTS, encoding="utf-8")
    for name, task in TASKS.items():
        data = "texts.jsonl" if name == "demo_texts" else "items.jsonl"
        source = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"validation": data}},
            "validation_split": "validation",
            "metadata": {"version": 1.0},
        }
        begin = "".join(f"{key}: {json.dumps(value)}\n" for key, value in source.items())
        (folder / f"{name}.yaml").write_text(begin + task, encoding="utf-8")


def coarse(weights: torch.Tensor) -> torch.Tensor:
    """Return a matrix whose rows have few values each; what is no matrix stays."""
    if weights.ndim != 2:
        return weights
    scale = weights.abs().amax(dim=1, keepdim=True).float() / STEPS
    return (torch.round(weights / scale) * scale).to(weights.dtype)


def write_models(folder: Path) -> dict[str, Path]:
    """Return the checkpoint and its coarse copy, by name."""
    models = {"demo": folder / "demo", "demo-coarse": folder / "demo-coarse"}
    for path in models.values():
        shutil.copytree(DEMO, path)
    weights = models["demo-coarse"] / "model.safetensors"
    tensors = {name: coarse(each) for name, each in load_file(weights).items()}
    save_file(tensors, weights, metadata={"format": "pt"})
    return models


def without_machine(path: Path, folder: Path) -> str:
    """Return a file without what the results say of the machine."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return content
    results = json.loads(content.replace(f"{folder}/", ""))
    del results["pretty_env_info"]
    return json.dumps(results, indent=2)


def main(
    out: Annotated[Path, typer.Argument(dir_okay=False, help="Archive to write.")],
) -> None:
    """Write what the harness logs of both models."""
    if out.exists():
        raise typer.BadParameter(f"{out} exists already; name another file")
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_tasks(folder)
        for path in write_models(folder).values():
            arguments = {
                "--model": "hf",
                "--model_args": f"pretrained={path.name},dtype=float32",
                "--tasks": ",".join(TASKS),
                "--include_path": str(folder),
                "--device": "cpu",
                "--batch_size": "8",
                "--output_path": "logged",
            }
            given = [part for pair in arguments.items() for part in pair]
            command = [sys.executable, "-m", "lm_eval", *given, "--log_samples"]
            subprocess.run(command, cwd=folder, check=True)
        logged = folder / "logged"
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for path in sorted(each for each in logged.rglob("*") if each.is_file()):
                info = zipfile.ZipInfo(path.relative_to(logged).as_posix())
                text = without_machine(path, folder)
                archive.writestr(info, text, zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    typer.run(main)
